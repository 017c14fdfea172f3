"""The running screens: draws the board when it has changed and hands the frame to the feed; knows no HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import structlog

from wallboard import __version__, views
from wallboard.board import Board
from wallboard.clock import Clock
from wallboard.feed import Feed, message
from wallboard.journal import Journal
from wallboard.render import Renderer
from wallboard.tiles import Look, compose

HEARTBEAT_SECONDS = 2.0
COALESCE_SECONDS = 0.05
log = structlog.get_logger()


def build_of(*folders: Path) -> str:
    """A short name of what the browser was given: another build reloads the page."""
    digest = hashlib.sha256(__version__.encode())
    for folder in folders:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:12]


class Screens:
    """The one board `main` and its viewers."""

    def __init__(
        self, board: Board, journal: Journal, clock: Clock, renderer: Renderer, look: Look, build: str
    ) -> None:
        self._board = board
        self._clock = clock
        self._journal = journal
        self._renderer = renderer
        self._look = look
        self._dirty = asyncio.Event()
        self._steps = 0
        self._is_stuck = False
        self._shown: views.Board | None = None
        self._snapshot: tuple[views.Board, bytes] | None = None
        self.boot = secrets.token_hex(6)
        self.build = build
        self.feed = Feed(self._snapshot_message)

    @property
    def viewers(self) -> int:
        return len(self.feed)

    @property
    def slug(self) -> str:
        return self._look.slug

    def changed(self) -> None:
        """Tells that an event was applied; the next frame follows within 50 ms."""
        self._dirty.set()

    def page(self) -> bytes:
        now = self._clock.now()
        return self._renderer.page(
            self._compose(now), boot=self.boot, build=self.build, now_ms=int(now.timestamp() * 1000)
        )

    def polled(self) -> dict[str, Any]:
        """What a screen fetches where a middlebox swallows the stream."""
        board = self._compose(self._clock.now())
        return {**self.pulse(), "sequence": board.sequence, "html": self._renderer.snapshot(board).decode()}

    async def tell(self, slug: str, said: bytes) -> None:
        """Sends one message, as it is, to all who watch the board `slug`."""
        if slug == self.slug:
            await self.feed.beat(said)

    def farewell(self) -> None:
        self.feed.close(message("farewell", b"{}"))

    async def run(self, every: Callable[[], Any]) -> None:
        """Publishes changes at once (at most every 50 ms), time's own changes each second, heartbeats each 2 s."""
        await asyncio.gather(self._publishing(), self._ticking(), _each_second(every), self._beating())

    async def _publishing(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            await self._publish_or_fall_silent()
            await asyncio.sleep(COALESCE_SECONDS)

    async def _ticking(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._dirty.set()

    async def _beating(self) -> None:
        while True:
            await self._beat()
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _publish_or_fall_silent(self) -> None:
        """A board that cannot be drawn is tried again each second; without heartbeats its screens say it is old."""
        try:
            await self._publish()
        except Exception as error:  # noqa: BLE001 - the ticker's guard
            self._shown, self._is_stuck = None, True
            log.error("the board could not be drawn", error=type(error).__name__)
        else:
            self._is_stuck = False

    async def _publish(self) -> None:
        if not self.viewers:
            self._shown = None
            return
        after = self._compose(self._clock.now())
        before, self._shown = self._shown, after  # before it is handed out: whoever comes meanwhile is shown `after`
        if fragments := self._renderer.changes(before, after):
            await self.feed.publish(self._tiles(after, fragments))
        if self._steps != self._clock.steps:
            self._steps = self._clock.steps
            await self._beat()

    async def _beat(self) -> None:
        if self._is_stuck:
            return
        await self.feed.beat(message("heartbeat", msgspec.json.encode(self.pulse())))

    def _snapshot_message(self) -> bytes:
        """The board that the others see, whole; so that the next frame's changes fit for everybody."""
        if self._shown is None:
            self._shown = self._compose(self._clock.now())
        if self._snapshot is None or self._snapshot[0] is not self._shown:
            self._snapshot = (self._shown, self._tiles(self._shown, self._renderer.snapshot(self._shown)))
        return self._snapshot[1]

    def _compose(self, now: datetime) -> views.Board:
        return compose(self._board, now, self._look, sequence=self._journal.head, trouble=self._journal.trouble)

    def _tiles(self, board: views.Board, html: bytes) -> bytes:
        return message("tiles", html, id=f"{self.boot}:{board.sequence}")

    def pulse(self) -> dict[str, Any]:
        """What a heartbeat says."""
        now = self._clock.now().isoformat(timespec="milliseconds")
        sequence = self._shown.sequence if self._shown is not None else self._journal.head
        return {
            "server_now": now,
            "clock_steps": self._clock.steps,
            "boot": self.boot,
            "build": self.build,
            "sequence": sequence,
        }


async def _each_second(every: Callable[[], Any]) -> None:
    """Apart from the ticks: it may hang on a disk that does not answer, and that is what the screens must show."""
    while True:
        await asyncio.sleep(1)
        await every()
