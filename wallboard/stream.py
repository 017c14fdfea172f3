"""A board's event stream as an ASGI answer; knows no board and no other route.

Why not sse-starlette's answer: docs/decisions/2026-11-24-slow-and-greedy-clients.md has the figures. A connection of
ours is handed the stream after its head and the request ends there (docs/decisions/2026-11-24-fanout.md); under any
other server, and where more was sent behind the request, the request stays and relays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.types import Receive, Scope, Send

from wallboard.feed import Feed, Viewer, unframed

_PIECE = 16 * 1024
"""What a server copies to frame it is held by each viewer that has stopped reading."""
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
]


def _ignore(_: Any) -> None:
    return


class Stream:
    """200, then all that the feed has for a viewer, until the viewer leaves or the feed says farewell."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.came: Callable[[Any], None] = _ignore
        self.went: Callable[[Any], None] = _ignore
        """Are told the request's connection, `None` where it is none of ours."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        connection = scope.get("state", {}).get("connection")
        self.came(connection)
        if connection is not None and connection.watch(self._feed, self.went):
            return
        try:
            await self._relay(receive, send)
        finally:
            self.went(connection)

    async def _relay(self, receive: Receive, send: Send) -> None:
        relay = _Relay(self._feed, send)
        tasks = [asyncio.create_task(relay.run()), asyncio.create_task(_left(receive))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            relay.leave()
            relay.write = _ignore  # it leads back to the relay
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class _Relay(Viewer):
    """Hands on one frame at a time; as long as that takes the viewer is held."""

    def __init__(self, feed: Feed, send: Send) -> None:
        super().__init__(feed, self._take)
        self._send = send
        self._given = asyncio.Event()
        self._frame = b""
        self._is_last = False
        feed.join(self)

    async def run(self) -> None:
        while not self._is_last or self._given.is_set():
            await self._given.wait()
            self._given.clear()
            for start in range(0, len(self._frame), _PIECE):
                await self._body(self._frame[start : start + _PIECE], True)
            if not self._is_last:
                self.resume()
        await self._body(b"", False)

    def end(self, farewell: bytes) -> None:
        self.leave()
        self._is_last = True
        self._take(farewell)

    def _take(self, frame: bytes) -> None:
        self.hold()
        self._frame = unframed(frame) if frame else frame
        self._given.set()

    async def _body(self, data: bytes, more: bool) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": more})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
