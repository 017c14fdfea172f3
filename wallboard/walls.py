"""What stands around every request and answer: security headers, and no errands for other sites; knows no route.

The PBX's door is let through, for it has its own token, and so is the operator's, which no browser finds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wallboard.access.origins import is_from_our_page
from wallboard.control import is_operator

POLICY = "content-security-policy"
_NOBODY = "'none'"
_CACHED = ("/static/", "/healthz", "/readyz")
"""What tells nothing of anybody; all else is kept by no browser and no proxy."""


def policy(*, frames: str = _NOBODY, ancestors: str = _NOBODY) -> dict[str, str]:
    """What a page may do: `frames` it may show in it, and in whose pages (`ancestors`) it may be shown itself."""
    return {
        POLICY: "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-src {frames}; frame-ancestors {ancestors}"
    }


_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "accelerometer=(), camera=(), display-capture=(), geolocation=(), "
    "gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()",
}
_HSTS = "max-age=31536000"
"""Not for other names of the domain: what else stands there is not ours to decide."""
_FRAMING = {_NOBODY: "DENY", "'self'": "SAMEORIGIN"}
"""The older header has no word for a list of origins."""

RawHeaders = Sequence[tuple[bytes, bytes]]


class Walls:
    """Adds the security headers to every answer; one that has a policy of its own keeps it.

    `ancestors` are the origins whose pages may frame what only shows: the boards, and the page of a new screen.
    """

    def __init__(self, app: ASGIApp, ancestors: Iterable[str] = ()) -> None:
        self._app = app
        self._framed = " ".join(ancestors) or _NOBODY

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def walled(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(scope, message)
            await send(message)

        await self._app(scope, receive, walled if scope["type"] == "http" else send)

    def _add(self, scope: Scope, message: Message) -> None:
        path: str = scope["path"]
        own: RawHeaders = message.get("headers", ())
        said = {name.lower(): value for name, value in own}
        ancestors = self._framed if _only_shows(path) else _NOBODY
        if POLICY.encode() in said:
            ancestors = said[POLICY.encode()].decode("latin-1").rpartition("frame-ancestors ")[2]
        walls = around(ancestors, is_kept=path.startswith(_CACHED), is_secret=is_through_tls(scope))
        message["headers"] = [*own, *(header for header in walls if header[0] not in said)]


@lru_cache(maxsize=64)
def around(ancestors: str = _NOBODY, *, is_kept: bool = False, is_secret: bool = False) -> RawHeaders:
    """The headers of an answer that pages of `ancestors` may frame. `is_kept`: browsers and proxies may keep it;
    `is_secret`: it goes through TLS.
    """
    headers = _HEADERS | policy(ancestors=ancestors)
    if (framing := _FRAMING.get(ancestors)) is not None:  # for browsers that know the older header only
        headers["x-frame-options"] = framing
    if not is_kept:
        headers["cache-control"] = "no-store"
    if is_secret:
        headers["strict-transport-security"] = _HSTS
    return tuple((name.encode(), value.encode("latin-1")) for name, value in headers.items())


def is_through_tls(scope: Scope) -> bool:
    """As whoever is in front of us says, or as we see ourselves."""
    forwarded = next((value for name, value in scope["headers"] if name == b"x-forwarded-proto"), b"")
    return is_secret(scope.get("scheme"), forwarded)


def is_secret(scheme: str | None, forwarded: bytes) -> bool:
    """The same of a connection's own scheme and the header X-Forwarded-Proto."""
    return scheme == "https" or forwarded.split(b",")[0].strip().lower() == b"https"


def _only_shows(path: str) -> bool:
    return path == "/tv" or path.startswith("/boards/")


class OwnPagesOnly:
    """403 for what another site's page would have a reader's browser do here; the PBX's door has its token."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and not scope["path"].startswith("/webhooks/") and not is_operator(scope):
            if not is_from_our_page(scope["method"], Headers(scope=scope)):
                app = PlainTextResponse("This can only be asked for from a page of this wallboard.\n", 403)
        await app(scope, receive, send)
