"""An open stream, in the place of the request that asked for it; knows no board, no head's limit and no other deadline.

uvicorn keeps a request's task until its answer is complete, and with it all the coroutines, closures and dicts between
the socket and the route: 14 kB for each screen. A stream that has begun needs none of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from wallboard.feed import Feed, Viewer

STALLED_SECONDS = 20
"""Without any reading on the other side; and for what was handed over in one piece to be gone, of a stream's for a
piece of it."""
_LOOK_SECONDS = STALLED_SECONDS / 4
_PIECE = 16 * 1024
_LAST_CHUNK = b"0\r\n\r\n"


class Nobody:
    """Waits for no message of this request any more."""

    def set(self) -> None:
        return


class Watching(Viewer):
    """The viewer, and what the connection asks of a request that it answers. `ended` is called after the last byte."""

    __slots__ = ("_ended", "_transport", "disconnected", "keep_alive", "response_complete")
    response_started = True
    message_event = Nobody()

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


class Watched(HttpToolsProtocol):
    """uvicorn's protocol that can write a feed's frames by itself, and ends whoever does not take what it is sent."""

    # With uvicorn's own these would be too many for Python to share the names among all connections: 1.2 kB each.
    __slots__ = ("_receiving", "_served", "_since", "_stall", "_unsent", "_watching", "_went")

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self._receiving = False  # from a request's first byte to its last
        self._served: RequestResponseCycle | None = None  # `cycle` is the last to have come, others may wait before it
        self._watching: Watching | None = None
        self._went: Callable[[Watched], None] | None = None  # is told when the stream is over
        self._stall: asyncio.TimerHandle | None = None
        self._unsent, self._since = 0, 0.0  # bytes that were left when a piece of them had last gone, and when

    @property
    def stalled(self) -> bool:
        return self.flow.write_paused

    def watch(self, feed: Feed, went: Callable[[Watched], None]) -> bool:
        """Writes the feed's frames from now on and lets go of the request, whose head has been sent.

        False where something else came or is on its way: then the request must stay.
        """
        cycle = self._served
        if cycle is None or cycle is not self.cycle or self._receiving or self.pipeline:
            return False
        if self.stalled or cycle.disconnected or not cycle.chunked_encoding or self.transport.is_closing():
            return False
        cycle.response_complete = True  # for uvicorn, which would miss the end of the answer
        watching = Watching(feed, self.transport, keep_alive=cycle.keep_alive, ended=self.on_response_complete)
        self._watching, self._went = watching, went
        self.cycle = self._served = watching  # type: ignore[assignment]
        self.scope = self.headers = None  # type: ignore[assignment]
        self.flow.resume_reading()  # or nobody would notice that the viewer leaves
        feed.join(watching)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        self._end_stall()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._stop_watching()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unsent, self._since = self.transport.get_write_buffer_size(), self.loop.time()
        self._stall = self.loop.call_later(_LOOK_SECONDS, self._look_for_progress)
        if self._watching is not None:
            self._watching.hold()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_stall()
        if self._watching is not None:
            self._watching.resume()

    def _stop_watching(self) -> None:
        watching, went = self._watching, self._went
        self._watching = self._went = None
        if watching is not None:
            watching.leave()
        if went is not None:
            went(self)

    def _look_for_progress(self) -> None:
        """What a stream's viewer has not taken is shared by many, and may stay as long as pieces of it go."""
        unsent = self.transport.get_write_buffer_size()
        if self._watching is not None and self._unsent - unsent >= _PIECE:
            self._unsent, self._since = unsent, self.loop.time()
        if self.loop.time() - self._since >= STALLED_SECONDS:
            self.transport.abort()
            return
        self._stall = self.loop.call_later(_LOOK_SECONDS, self._look_for_progress)

    def _end_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
