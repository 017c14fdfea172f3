"""A board's event stream as an ASGI answer; knows no board and no other route.

Why not sse-starlette's answer: docs/decisions/2026-11-24-slow-and-greedy-clients.md has the figures.
"""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from wallboard.feed import Feed

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
]


class Stream:
    """200, then all that the feed has for a viewer, until the viewer leaves or the feed says farewell."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def write(data: bytes, more: bool) -> None:
            await send({"type": "http.response.body", "body": data, "more_body": more})

        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        if scope["method"] == "HEAD":
            await write(b"", False)
            return
        viewer = self._feed.join(write)
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self._feed.leave(viewer)
