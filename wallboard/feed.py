"""Who is watching, and what has changed for whom; knows no call, no HTML, and of HTTP only how a chunk is written.

A frame is drawn once, framed once, and its bytes are shared: a viewer that keeps up costs the write to its socket and
neither a task nor a queue. One that does not take what it is given says so by `hold`, costs nothing while it misses
what comes, and gets the newest snapshot when it is back. So memory per viewer is bounded and nobody slows anybody. A
frame for thousands is handed out some at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from sse_starlette.event import ServerSentEvent

from wallboard.logs import traced

_WRITTEN_A_TURN = 64
log = structlog.get_logger()

Write = Callable[[bytes], None]


def message(event: str, data: bytes, id: str | None = None) -> bytes:
    """One server-sent event, as a chunk of HTTP/1.1."""
    said = ServerSentEvent(data.decode(), event=event, id=id, sep="\n").encode()
    return b"%x\r\n%b\r\n" % (len(said), said)


def unframed(chunk: bytes) -> bytes:
    """What `message` has framed, for whoever frames by himself."""
    return chunk[chunk.index(b"\r\n") + 2 : -2]


class Viewer:
    """One open stream, to which `write` hands over any frame at once.

    Whoever makes it calls `hold` as soon as something has not gone, also in the midst of a write, and `resume` later.
    """

    __slots__ = ("_feed", "shown", "write")

    def __init__(self, feed: Feed, write: Write) -> None:
        self._feed = feed
        self.write = write
        self.shown = -1
        """The last of the feed's frames that it has been given, alone or in a snapshot."""

    def hold(self) -> None:
        self._feed.awake.discard(self)

    def resume(self) -> None:
        self._feed.take_back(self)

    def leave(self) -> None:
        """Nobody is there any more."""
        self._feed.leave(self)

    def end(self, farewell: bytes) -> None:
        """The last frame, or none, and then the end of the stream."""
        self.leave()
        if farewell:
            self.write(farewell)

    def catch_up(self) -> None:
        """A snapshot if a frame was missed, and good-bye if it is time."""
        feed = self._feed
        if self.shown != feed.frames:
            snapshot = feed.snapshot()
            self.shown = feed.frames
            self.write(snapshot)
        if feed.farewell is not None and self in feed.awake:
            self.end(feed.farewell)


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

    def join(self, viewer: Viewer) -> None:
        """A new viewer, which is sent a snapshot, then frames and heartbeats as they come."""
        self._viewers.add(viewer)
        self.awake.add(viewer)
        try:
            viewer.catch_up()
        except Exception:
            self.leave(viewer)
            raise

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        self.awake.discard(viewer)

    def take_back(self, viewer: Viewer) -> None:
        """What it was given has gone; it may have missed something meanwhile."""
        if viewer in self._viewers:
            self.awake.add(viewer)
            self._catch_up(viewer)

    async def publish(self, frame: bytes) -> None:
        """Hands the frame to all who watch now; whoever comes meanwhile gets a snapshot anyway."""
        self.frames += 1
        await self._hand_out(frame, self.frames)

    async def beat(self, heartbeat: bytes) -> None:
        await self._hand_out(heartbeat, None)

    def close(self, farewell: bytes) -> None:
        """Says good-bye to everybody, and to whoever comes later."""
        self.farewell = farewell
        for viewer in tuple(self.awake):
            self._catch_up(viewer)

    async def _hand_out(self, frame: bytes, number: int | None) -> None:
        """The frame of that number goes to nobody whom a snapshot has shown it already."""
        everybody = tuple(self.awake)
        for start in range(0, len(everybody), _WRITTEN_A_TURN):
            if start:
                await asyncio.sleep(0)
            self._hand(frame, number, everybody[start : start + _WRITTEN_A_TURN])

    def _hand(self, frame: bytes, number: int | None, some: tuple[Viewer, ...]) -> None:
        awake = self.awake
        for viewer in some:
            if viewer not in awake or viewer.shown == number:  # has fallen behind or left meanwhile, or joined
                continue
            try:
                if number is not None:
                    viewer.shown = number
                viewer.write(frame)
            except Exception as error:  # noqa: BLE001 - one viewer's connection must not stop the board for all
                self._give_up(viewer, error)

    def _catch_up(self, viewer: Viewer) -> None:
        try:
            viewer.catch_up()
        except Exception as error:  # noqa: BLE001 - as above
            self._give_up(viewer, error)

    def _give_up(self, viewer: Viewer, error: Exception) -> None:
        """The screen sees the end of its stream and comes again."""
        log.error("a viewer could not be written to", **traced(error))
        with suppress(Exception):
            viewer.end(b"")
