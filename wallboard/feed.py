"""Who is watching, and what has changed for whom; knows no call, no HTML and no HTTP.

A frame is drawn once and its bytes are shared. It is handed over by one step of each viewer's own `send`: a
viewer that keeps up costs a write to its socket and neither a task nor a queue. One that does not take what it
is given is parked with that, misses what comes, and gets the newest snapshot when it is back. So memory
per viewer is bounded and nobody slows anybody. What is sent goes out in pieces, so that of a viewer that has
stopped reading only a piece is held, and a frame for thousands is handed out some viewers at a time.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator, Iterator
from typing import Any

import structlog
from sse_starlette.event import ServerSentEvent

_PIECE = 16 * 1024
_WRITTEN_A_TURN = 64
log = structlog.get_logger()

Send = Callable[[bytes, bool], Coroutine[Any, Any, None]]
"""Writes some bytes to one viewer; True if more will follow. It waits as long as the viewer does not read."""


def message(event: str, data: bytes, id: str | None = None) -> bytes:
    """One server-sent event."""
    return ServerSentEvent(data.decode(), event=event, id=id, sep="\n").encode()


class Viewer:
    """One open stream. `snapshot` is the newest board whole, as one message."""

    __slots__ = ("_behind", "_farewell", "_left", "_parked", "_send", "_snapshot")

    def __init__(self, send: Send, snapshot: Callable[[], bytes]) -> None:
        self._send = send
        self._snapshot = snapshot
        self._behind = True
        self._parked: asyncio.Task[None] | None = None
        self._farewell: bytes | None = None
        self._left = False
        self._go_on()

    def offer(self, frame: bytes) -> bool:
        """The next frame; one that is parked will be sent a snapshot instead. True if something was written."""
        if self._parked is not None or self._left:
            self._behind = True
            return False
        self._begin(self._write(frame))
        return True

    def beat(self, heartbeat: bytes) -> bool:
        """One that is parked needs none."""
        if self._parked is not None or self._left:
            return False
        self._begin(self._write(heartbeat))
        return True

    def say_farewell(self, farewell: bytes) -> None:
        """The stream's last words."""
        self._farewell = farewell
        if self._parked is None:
            self._go_on()

    def leave(self) -> None:
        """Nobody is there any more."""
        self._left = True
        if self._parked is not None:
            self._parked.cancel()

    def _go_on(self) -> None:
        if not self._left and (self._behind or self._farewell is not None):
            self._begin(self._write(b""))

    async def _write(self, data: bytes) -> None:
        for piece in _pieces(data):
            await self._send(piece, True)
        while self._behind:
            self._behind = False
            for piece in _pieces(self._snapshot()):
                await self._send(piece, True)
        if self._farewell is not None:
            self._left = True
            await self._send(self._farewell, False)

    def _begin(self, writing: Coroutine[Any, Any, None]) -> None:
        """Steps `writing` here and now; only if that has to wait does it become a task."""
        try:
            blocked = writing.send(None)
        except StopIteration:
            return
        self._parked = asyncio.create_task(_finish(writing, blocked))
        self._parked.add_done_callback(self._unpark)

    def _unpark(self, task: asyncio.Task[None]) -> None:
        self._parked = None
        if not task.cancelled() and task.exception() is None:
            self._go_on()


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
    """All viewers of one board. `snapshot` gives every tile as one message."""

    def __init__(self, snapshot: Callable[[], bytes]) -> None:
        self._snapshot = snapshot
        self._viewers: set[Viewer] = set()
        self._farewell: bytes | None = None

    def __len__(self) -> int:
        return len(self._viewers)

    def join(self, send: Send) -> Viewer:
        """A new viewer, which is sent a snapshot, then frames and heartbeats as they come."""
        viewer = Viewer(send, self._snapshot)
        self._viewers.add(viewer)
        if self._farewell is not None:
            viewer.say_farewell(self._farewell)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        viewer.leave()

    async def publish(self, frame: bytes) -> None:
        """Hands the frame to all who watch now; whoever comes meanwhile gets a snapshot anyway."""
        await self._hand_out(lambda viewer: viewer.offer(frame))

    async def beat(self, heartbeat: bytes) -> None:
        await self._hand_out(lambda viewer: viewer.beat(heartbeat))

    def close(self, farewell: bytes) -> None:
        """Says good-bye to everybody, and to whoever comes later."""
        self._farewell = farewell
        for viewer in tuple(self._viewers):
            viewer.say_farewell(farewell)

    async def _hand_out(self, hand: Callable[[Viewer], bool]) -> None:
        written = 0
        for viewer in tuple(self._viewers):
            try:
                written += hand(viewer)
            except Exception as error:  # noqa: BLE001 - one viewer's connection must not stop the board for all
                log.error("a viewer could not be written to", error=type(error).__name__)
                self.leave(viewer)
            if written == _WRITTEN_A_TURN:
                written = 0
                await asyncio.sleep(0)


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]
