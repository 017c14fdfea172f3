"""What stands around every request and answer: security headers, and no errands for other sites; knows no route.

The PBX's door is let through, for it has its own token, and so is the operator's, which no browser finds.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wallboard.access.origins import is_from_our_page
from wallboard.control import is_operator

POLICY = "content-security-policy"


def policy(*, frames: str = "'none'", ancestors: str = "'none'") -> dict[str, str]:
    """What a page may do: `frames` it may show in it, and in whose pages (`ancestors`) it may be shown itself."""
    return {
        POLICY: "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-src {frames}; frame-ancestors {ancestors}"
    }


_HEADERS = {**policy(), "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}


class Walls:
    """Adds the security headers to every answer; one that has a policy of its own keeps it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def walled(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, walled if scope["type"] == "http" else send)


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
