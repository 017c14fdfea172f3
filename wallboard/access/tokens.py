"""Secrets that a program shows; knows no request and nothing of who holds one.

Tokens are compared as bytes, in constant time, against all of them.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable


def is_token(given: bytes | None, tokens: Iterable[str]) -> bool:
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
