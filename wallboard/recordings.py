"""Which links to recordings a reader may be led to: https, and to a host that the operator has listed; opens none.

The link comes from the PBX's body, and whoever can post there could write any. A browser and we must read the same
host out of it, so what the two might read differently is no link at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

_PLAIN = re.compile(r"https://[A-Za-z0-9.-]+(?::443)?(?:[/?#][\x21-\x5b\x5d-\x7e]*)?")
"""No user name, no other port, no backslash, no space, nothing that is not ASCII."""


def playable(link: str | None, hosts: Iterable[str]) -> str | None:
    """The link, if it leads to one of `hosts` (`pbx.example.com`, or `*.example.com` for all below it)."""
    if not link or not _PLAIN.fullmatch(link):
        return None
    host = (urlsplit(link).hostname or "").rstrip(".")
    return link if any(_is_of(host, pattern) for pattern in hosts) else None


def _is_of(host: str, pattern: str) -> bool:
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return host == pattern
