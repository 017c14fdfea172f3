"""An open stream, in the place of the request that asked for it; knows no limit, no deadline and no board.

uvicorn keeps a request's task until its answer is complete, and with it all the coroutines, closures and dicts between
the socket and the route: 11 kB for each screen. A stream that has begun needs none of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from wallboard.feed import Feed, Viewer

_LAST_CHUNK = b"0\r\n\r\n"


class _Nobody:
    """Waits for no message of this request any more."""

    def set(self) -> None:
        return


class Watching(Viewer):
    """The viewer, and what the connection asks of a request that it answers. `ended` is called after the last byte."""

    __slots__ = ("_ended", "_transport", "disconnected", "keep_alive", "response_complete")
    response_started = True
    message_event = _Nobody()

    def __init__(
        self, feed: Feed, transport: asyncio.Transport, *, keep_alive: bool, ended: Callable[[], None]
    ) -> None:
        super().__init__(feed, transport.write)
        self._transport = transport
        self._ended = ended
        self.keep_alive = keep_alive
        self.response_complete = self.disconnected = False

    def end(self, farewell: bytes) -> None:
        self.leave()
        self.write(farewell + _LAST_CHUNK)
        self.response_complete = True
        if not self.keep_alive:
            self._transport.close()
        self._ended()
