"""Who is watching, and what has changed for whom; knows no call, no HTML and no HTTP.

A frame is drawn once and its bytes are shared. A viewer that has not yet taken the last frame is given no
further one: it gets the newest snapshot when it comes back for more. So memory per viewer is one
reference, nobody slows anybody and nothing is queued. What is sent goes out in pieces, so that of a viewer
that has stopped reading only a piece is held, and a frame for thousands is handed out some viewers at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator

_PIECE = 16 * 1024
_WOKEN_A_TURN = 32


def message(event: str, data: bytes, id: str | None = None) -> bytes:
    """One server-sent event; every line of `data` gets its own field, as the format wants."""
    head = f"event: {event}\n" + (f"id: {id}\n" if id else "")
    lines = b"".join(b"data: " + line + b"\n" for line in data.splitlines() or [b""])
    return head.encode() + lines + b"\n"


class Viewer:
    """One open stream."""

    __slots__ = ("_behind", "_frame", "_heartbeat", "_leaving", "_snapshot", "_wake")

    def __init__(self, snapshot: Callable[[], bytes]) -> None:
        self._snapshot = snapshot
        self._wake = asyncio.Event()
        self._wake.set()
        self._behind = True
        self._frame: bytes | None = None
        self._heartbeat: bytes | None = None
        self._leaving: bytes | None = None

    def offer(self, frame: bytes) -> bool:
        """The next frame; a viewer that still has one is behind, and will be sent a snapshot instead.

        True if the viewer was waiting for it, and will be busy with it now.
        """
        waited = not self._wake.is_set()
        if self._frame is not None:
            self._behind, self._frame = True, None
        elif not self._behind:
            self._frame = frame
        self._wake.set()
        return waited

    def beat(self, heartbeat: bytes) -> bool:
        waited = not self._wake.is_set()
        self._heartbeat = heartbeat
        self._wake.set()
        return waited

    def leave(self, farewell: bytes) -> None:
        self._leaving = farewell
        self._wake.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """What to send, newest first-come, until the farewell."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._leaving is not None:
                yield self._leaving
                return
            frame, self._frame = self._frame, None
            if self._behind:
                self._behind = False
                frame = self._snapshot()
            if frame is not None:
                for piece in _pieces(frame):
                    yield piece
            heartbeat, self._heartbeat = self._heartbeat, None
            if heartbeat is not None:
                yield heartbeat


class Feed:
    """All viewers of one board. `snapshot` gives every tile as one message."""

    def __init__(self, snapshot: Callable[[], bytes]) -> None:
        self._snapshot = snapshot
        self._viewers: set[Viewer] = set()
        self._farewell: bytes | None = None

    def __len__(self) -> int:
        return len(self._viewers)

    async def watch(self) -> AsyncIterator[bytes]:
        """A new viewer's stream: a snapshot, then frames and heartbeats as they come."""
        viewer = Viewer(self._snapshot)
        if self._farewell is not None:
            viewer.leave(self._farewell)
        self._viewers.add(viewer)
        try:
            async for chunk in viewer.chunks():
                yield chunk
        finally:
            self._viewers.discard(viewer)

    async def publish(self, frame: bytes) -> None:
        """Hands the frame to all who watch now; whoever comes meanwhile gets a snapshot anyway."""
        await self._hand_out(lambda viewer: viewer.offer(frame))

    async def beat(self, heartbeat: bytes) -> None:
        await self._hand_out(lambda viewer: viewer.beat(heartbeat))

    def close(self, farewell: bytes) -> None:
        """Says good-bye to everybody, and to whoever comes later."""
        self._farewell = farewell
        for viewer in self._viewers:
            viewer.leave(farewell)

    async def _hand_out(self, hand: Callable[[Viewer], bool]) -> None:
        woken = 0
        for viewer in tuple(self._viewers):
            woken += hand(viewer)
            if woken == _WOKEN_A_TURN:
                woken = 0
                await asyncio.sleep(0)


def _pieces(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]
