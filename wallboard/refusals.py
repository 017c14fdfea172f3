"""Answers that are given without asking the application, and the limits that they name; knows no connection."""

from __future__ import annotations

import json
from typing import NamedTuple

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

REQUEST_SECONDS = 10
"""From a request's first byte to its last."""
LARGEST_HEAD = 32 * 1024
MOST_HEADERS = 100


class Refusal(NamedTuple):
    """An answer that is given without asking the application."""

    status: int
    code: str
    detail: str


UNREADABLE = Refusal(400, "unreadable", "This is not an HTTP request.")
TOO_LATE = Refusal(408, "timeout", f"The request did not arrive whole within {REQUEST_SECONDS} seconds.")
TOO_LARGE = Refusal(431, "head_too_large", f"The head is over {LARGEST_HEAD} bytes or {MOST_HEADERS} headers.")
STOPPING = Refusal(503, "unavailable", "The board is stopping.")


def written(refusal: Refusal) -> bytes:
    """The whole answer; the connection ends with it."""
    body = json.dumps({"error": refusal.code, "detail": refusal.detail}).encode()
    head = (
        b"content-type: application/json",
        b"content-length: %d" % len(body),
        b"connection: close",
        b"cache-control: no-store",
        b"x-content-type-options: nosniff",
        b"content-security-policy: default-src 'none'; frame-ancestors 'none'",
        *([b"retry-after: 1"] if refusal.status == 503 else []),
    )
    return STATUS_LINE[refusal.status] + b"\r\n".join(head) + b"\r\n\r\n" + body
