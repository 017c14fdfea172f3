"""Tells the log what was asked and answered, for who looks for a fault; never an address, a query or a body."""

from __future__ import annotations

import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Answers:
    """A line at the end of an answer: the route as the code has it, such as /boards/{slug}, the status, how long."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        statuses: list[int] = []
        started = time.monotonic()

        async def heard(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            await send(message)

        method = scope["method"] if scope["method"] in _METHODS else "other"
        try:
            await self._app(scope, receive, heard)
        finally:
            route = getattr(scope.get("route"), "path", None)
            status = next(iter(statuses), scope.get("state", {}).get("status"))  # a `Ready` one passes nobody
            tell(method, route, status, started)


def tell(method: str, route: str | None, status: int | None, started: float) -> None:
    """One line of the debug log; `started` is `time.monotonic()` in seconds, the line says milliseconds."""
    took = round((time.monotonic() - started) * 1000, 1)
    log.debug("answered", method=method, route=route, status=status, ms=took)
