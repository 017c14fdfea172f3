"""Who is watching, and what has changed for whom; knows no call, no HTML and no HTTP.

A frame is drawn once and its bytes are shared. It is handed over by one step of each viewer's own `send`: a
viewer that keeps up costs a write to its socket and neither a task nor a queue. One that does not take what it
is given is parked with that, costs nothing while it misses what comes, and gets the newest snapshot when it is
back. So memory per viewer is bounded and nobody slows anybody. What is sent goes out in pieces, so that of a
viewer that has stopped reading only a piece is held, and a frame for thousands is handed out some at a time.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator, Iterator
from typing import Any

import structlog
from sse_starlette.event import ServerSentEvent

from wallboard.logs import traced

_PIECE = 16 * 1024
_WRITTEN_A_TURN = 64
log = structlog.get_logger()

Send = Callable[[bytes, bool], Coroutine[Any, Any, None]]
"""Writes some bytes to one viewer; True if more will follow. It waits as long as the viewer does not read."""


def message(event: str, data: bytes, id: str | None = None) -> bytes:
    """One server-sent event."""
    return ServerSentEvent(data.decode(), event=event, id=id, sep="\n").encode()


class Viewer:
    """One open stream."""

    __slots__ = ("_feed", "_left", "_parked", "_send", "_shown")

    def __init__(self, send: Send, feed: Feed) -> None:
        self._send = send
        self._feed = feed
        self._shown = -1  # the last of the feed's frames that it has been given, alone or in a snapshot
        self._parked: asyncio.Task[None] | None = None
        self._left = False

    def offer(self, frame: bytes) -> None:
        """The newest frame, unless a snapshot has shown it already."""
        if self._shown != self._feed.frames:
            self._shown = self._feed.frames
            self.write(frame)

    def write(self, data: bytes) -> None:
        """Steps the writing here and now; only if that has to wait does it become a task."""
        writing = self._write(data)
        try:
            blocked = writing.send(None)
        except StopIteration:
            return
        self._feed.awake.discard(self)
        self._parked = asyncio.create_task(_finish(writing, blocked))
        self._parked.add_done_callback(self._unpark)

    def catch_up(self) -> None:
        """A snapshot if a frame was missed, and good-bye if it is time."""
        if self._shown != self._feed.frames or self._feed.farewell is not None:
            self.write(b"")

    def leave(self) -> None:
        """Nobody is there any more."""
        self._left = True
        if self._parked is not None:
            self._parked.cancel()

    async def _write(self, data: bytes) -> None:
        for piece in _pieces(data):
            await self._send(piece, True)
        while self._shown != self._feed.frames:
            self._shown = self._feed.frames
            for piece in _pieces(self._feed.snapshot()):
                await self._send(piece, True)
        if self._feed.farewell is not None:
            self._left = True
            self._feed.awake.discard(self)
            await self._send(self._feed.farewell, False)

    def _unpark(self, task: asyncio.Task[None]) -> None:
        self._parked = None
        if self._left or task.cancelled():
            return
        self._feed.awake.add(self)
        if task.exception() is None:
            self.catch_up()


async def _finish(writing: Coroutine[Any, Any, None], blocked: object) -> None:
    await _resumed(writing, blocked)


@types.coroutine
def _resumed(writing: Coroutine[Any, Any, None], blocked: object) -> Generator[Any, Any, None]:
    """Goes on with a coroutine that was begun outside of any task and waits for the future `blocked`."""
    try:
        while True:
            try:
                value = yield blocked
            except BaseException as error:  # noqa: BLE001 - a cancellation belongs to what is resumed
                blocked = writing.throw(error)
            else:
                blocked = writing.send(value)
    except StopIteration:
        return


class Feed:
    """All viewers of one board. `snapshot` gives every tile as one message; `awake` are the viewers that keep up."""

    def __init__(self, snapshot: Callable[[], bytes]) -> None:
        self.snapshot = snapshot
        self.frames = 0
        self.farewell: bytes | None = None
        self.awake: set[Viewer] = set()
        self._viewers: set[Viewer] = set()

    def __len__(self) -> int:
        return len(self._viewers)

    def join(self, send: Send) -> Viewer:
        """A new viewer, which is sent a snapshot, then frames and heartbeats as they come."""
        viewer = Viewer(send, self)
        self._viewers.add(viewer)
        self.awake.add(viewer)
        viewer.catch_up()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        self.awake.discard(viewer)
        viewer.leave()

    async def publish(self, frame: bytes) -> None:
        """Hands the frame to all who watch now; whoever comes meanwhile gets a snapshot anyway."""
        self.frames += 1
        await self._hand_out(lambda viewer: viewer.offer(frame))

    async def beat(self, heartbeat: bytes) -> None:
        await self._hand_out(lambda viewer: viewer.write(heartbeat))

    def close(self, farewell: bytes) -> None:
        """Says good-bye to everybody, and to whoever comes later."""
        self.farewell = farewell
        for viewer in tuple(self.awake):
            viewer.catch_up()

    async def _hand_out(self, hand: Callable[[Viewer], None]) -> None:
        for number, viewer in enumerate(tuple(self.awake), 1):
            if viewer in self.awake:  # and has not fallen behind or left meanwhile
                try:
                    hand(viewer)
                except Exception as error:  # noqa: BLE001 - one viewer's connection must not stop the board for all
                    log.error("a viewer could not be written to", **traced(error))
                    self.leave(viewer)
            if number % _WRITTEN_A_TURN == 0:
                await asyncio.sleep(0)


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]
