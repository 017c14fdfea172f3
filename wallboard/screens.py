"""All running screens, one for each board: made and removed as the boards are, drawn in turn; knows no HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from wallboard import __version__
from wallboard.boards.definitions import DRAFT, MAIN
from wallboard.boards.drafts import Drafts
from wallboard.boards.kept import Boards
from wallboard.commons import Commons
from wallboard.screen import Screen, Source

HEARTBEAT_SECONDS = 2.0
COALESCE_SECONDS = 0.05


def build_of(*folders: Path) -> str:
    """A short name of what the browser was given: another build reloads the page."""
    digest = hashlib.sha256(__version__.encode())
    for folder in folders:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(file.relative_to(folder).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()[:12]


class Screens:
    """The screens of every board and of every draft."""

    def __init__(self, source: Source, boards: Boards, commons: Commons | None = None) -> None:
        self._source = source
        self._boards = boards
        self._dirty = asyncio.Event()
        self._steps = 0
        self._screens: dict[str, Screen] = {}
        self.drafts = Drafts(source, commons)
        self.follow()

    @property
    def boot(self) -> str:
        return self._source.boot

    @property
    def build(self) -> str:
        return self._source.build

    @property
    def viewers(self) -> int:
        return sum(len(screen.feed) for screen in self)

    @property
    def main(self) -> Screen:
        return self._screens[MAIN]

    def __iter__(self) -> Iterator[Screen]:
        yield from tuple(self._screens.values())
        yield from self.drafts

    def get(self, slug: str) -> Screen | None:
        """The screen of a board, or of a draft; `None` where there is no such board."""
        return self.drafts.get(slug) if slug.startswith(DRAFT) else self._screens.get(slug)

    async def find(self, slug: str) -> Screen | None:
        """The same, also for a draft that another process was told of a moment ago."""
        return await self.drafts.find(slug) if slug.startswith(DRAFT) else self._screens.get(slug)

    def follow(self) -> None:
        """Makes the screens be those of the boards as they are now."""
        defined = {kept.definition.slug: kept.definition for kept in self._boards.all()}
        for slug in self._screens.keys() - defined:
            self._screens.pop(slug).farewell("removed")
        for slug, definition in defined.items():
            screen = self._screens.get(slug)
            if screen is None:
                self._screens[slug] = Screen(self._source, definition)
            elif screen.definition != definition:
                screen.define(definition)
        self.changed()

    def changed(self) -> None:
        """Tells that an event was applied; the next frame follows within 50 ms."""
        self._dirty.set()

    def pulse(self) -> dict[str, Any]:
        return self._source.pulse()

    async def tell(self, slug: str, said: bytes) -> None:
        """Sends one message, as it is, to all who watch the board `slug`."""
        if (screen := self.get(slug)) is not None:
            await screen.feed.beat(said)

    def farewell(self) -> None:
        for screen in self:
            screen.farewell()

    async def run(self, every: Callable[[], Any]) -> None:
        """Publishes changes at once (every 50 ms at most), time's own changes each second, heartbeats each 2 s."""
        await asyncio.gather(self._publishing(), self._ticking(), _each_second(every), self._beating())

    async def _publishing(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            began = time.monotonic()
            now = self._source.clock.now()
            has_changed = [await screen.publish(now) for screen in self]
            if self._steps != self._source.clock.steps:
                self._steps = self._source.clock.steps
                await self._beat()
            took = time.monotonic() - began
            if any(has_changed):
                await asyncio.sleep(max(COALESCE_SECONDS - took, COALESCE_SECONDS / 2))
            else:  # a second that is over mostly changes nothing, and what comes now need not wait for that
                await asyncio.sleep(min(COALESCE_SECONDS, max(4 * took, COALESCE_SECONDS / 10)))

    async def _ticking(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._dirty.set()

    async def _beating(self) -> None:
        while True:
            await self._beat()
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _beat(self) -> None:
        self.drafts.forget()
        for screen in self:
            await screen.beat()


async def _each_second(every: Callable[[], Any]) -> None:
    """Apart from the ticks: it may hang on a disk that does not answer, and that is what the screens must show."""
    while True:
        await asyncio.sleep(1)
        await every()
