"""Answers that are made once and given many times, walls and all, in one piece where that can be; knows no route."""

from __future__ import annotations

from typing import Any, Protocol, cast

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from wallboard.walls import RawHeaders, around, is_through_tls

Named = dict[bytes, bytes]


class Line(Protocol):
    """A connection that can be handed a whole answer."""

    def answer(self, status_line: bytes, headers: bytes, body: bytes) -> bool:
        """Sends all with its own headers in between; False where the answer has to go the usual way."""


class Ready(JSONResponse):
    """JSON for a program. uvicorn would look through ten headers of each answer anew: a fifth of a webhook's way."""

    def __init__(self, content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(content, status, headers)
        self._walled = {is_secret: _walled(self.raw_headers, is_secret) for is_secret in (False, True)}
        self._written = {is_secret: _written(walled) for is_secret, walled in self._walled.items()}
        self._ends = "connection" in self.headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_secret = is_through_tls(scope)
        line = cast(Line | None, scope.get("state", {}).get("connection"))
        if line is not None and not self._ends and self.hand_over(line, is_secret=is_secret):
            scope["state"]["status"] = self.status_code
            return
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": list(self._walled[is_secret])}
        )
        await send({"type": "http.response.body", "body": self.body})

    def hand_over(self, line: Line, *, is_secret: bool) -> bool:
        """See `Line.answer`; not for an answer that ends the connection."""
        return line.answer(STATUS_LINE[self.status_code], self._written[is_secret], bytes(self.body))


def _walled(own: RawHeaders, is_secret: bool) -> RawHeaders:
    return (*own, *around(is_secret=is_secret))


def _written(headers: RawHeaders) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)


def named(headers: RawHeaders) -> Named:
    """By name; of two with the same name the first counts."""
    return dict(reversed(headers))
