"""Who may see and do what; knows no board.

Tokens are compared as bytes, in constant time, against all of them. Whoever sits at the machine may look
without one: a request from loopback, to a loopback name, that no proxy has forwarded. What changes something
must come from a page of ours, or from a program that shows a bearer token.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

_SAFE = ("GET", "HEAD", "OPTIONS")
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def is_token(given: bytes | None, tokens: tuple[str, ...]) -> bool:
    """True if `given` is one of `tokens`; every token is compared, so time does not tell which."""
    matches = [hmac.compare_digest(given or b"", token.encode()) for token in tokens]
    return bool(given) and any(matches)


def bearer(authorization: str | None) -> bytes | None:
    """The token of `Authorization: Bearer`, or the password of `Basic`, which is how a browser can send one."""
    scheme, _, value = (authorization or "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode("latin-1", "replace")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return None


def is_at_the_machine(peer: str | None, headers: Mapping[str, str]) -> bool:
    """From loopback, to a loopback name (no rebound DNS name), and not through a proxy."""
    if peer is None or not _is_loopback(peer) or any(name in headers for name in _FORWARDED):
        return False
    return _is_loopback(urlsplit(f"//{headers.get('host', '')}").hostname or "")


def is_from_our_page(method: str, headers: Mapping[str, str]) -> bool:
    """True unless another site's page may have sent this; browsers say where a request comes from."""
    if method in _SAFE or headers.get("authorization", "").lower().startswith("bearer "):
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    return urlsplit(headers.get("origin", "")).netloc == headers.get("host")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
