"""Where a request comes from: the machine itself, a page of ours, another site's; knows no token and no account.

Whoever sits at the machine is told by a request from loopback, to a loopback name, that no proxy has forwarded.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

_SAFE = ("GET", "HEAD", "OPTIONS")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def is_at_the_machine(peer: str | None, headers: Mapping[str, str]) -> bool:
    """From loopback, to a loopback name (no rebound DNS name), and not through a proxy."""
    if peer is None or not is_loopback(peer) or any(name in headers for name in _FORWARDED):
        return False
    return is_loopback(urlsplit(f"//{headers.get('host', '')}").hostname or "")


def is_from_our_page(method: str, headers: Mapping[str, str]) -> bool:
    """True unless another site's page may have sent this; browsers say where a request comes from."""
    if method in _SAFE or headers.get("authorization", "").lower().startswith("bearer "):
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return urlsplit(headers.get("origin", "")).netloc == headers.get("host")


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
