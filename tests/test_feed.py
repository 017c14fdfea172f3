"""The feed and the running screens, when one viewer or one drawing fails: the others must not notice."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, time
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest

from wallboard import views
from wallboard.application import TEMPLATES
from wallboard.board import Board
from wallboard.boards.definitions import Targets
from wallboard.boards.kept import Boards
from wallboard.clock import Clock
from wallboard.feed import Feed, Viewer
from wallboard.journal import Journal
from wallboard.render import Renderer
from wallboard.rules import Rules
from wallboard.screen import Screen, Source
from wallboard.screens import Screens


class Ear:
    """A viewer's connection: what it was sent, until it is `broken`."""

    def __init__(self) -> None:
        self.heard = b""
        self.broken = False

    def hear(self, data: bytes) -> None:
        if self.broken:
            raise RuntimeError
        self.heard += data


class Pen(Renderer):
    """A renderer that cannot draw while it is `dry`."""

    dry = False

    def changes(self, before: views.Board | None, after: views.Board) -> bytes:
        if self.dry:
            raise ZeroDivisionError
        return super().changes(before, after)


def test_a_viewer_that_cannot_be_written_to_leaves_and_the_others_go_on() -> None:
    async def work() -> None:
        feed, ears = Feed(lambda: b"snapshot "), [Ear() for _ in range(9)]
        for ear in ears:
            feed.join(Viewer(feed, ear.hear))
        ears[4].broken = True
        await feed.publish(b"frame ")
        await feed.beat(b"beat")
        assert len(feed) == 8
        assert {ear.heard for ear in ears if not ear.broken} == {b"snapshot frame beat"}

    asyncio.run(work())


def test_a_board_that_cannot_be_drawn_falls_silent_and_comes_back() -> None:
    """It stopped for good while the heartbeats went on: an old board that looked alive."""

    async def until(condition: Any) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.02)

    async def nothing() -> None: ...

    async def work() -> None:
        board, pen, ear = Board(Rules(zone=UTC, day_starts_at=time(0))), Pen(TEMPLATES), Ear()
        journal = cast(Journal, SimpleNamespace(head=0, trouble=None, spooled=None))
        source = Source(board, journal, Clock(), pen, Targets(), "build")
        screens = Screens(source, Boards(lambda: None))
        running = asyncio.create_task(screens.run(nothing))
        feed = screens.main.feed
        feed.join(Viewer(feed, ear.hear))
        await until(lambda: ear.heard.count(b"event: heartbeat") >= 1)
        pen.dry = True
        await until(lambda: screens.main.is_stuck)
        silent_since = ear.heard.count(b"event: heartbeat")
        await asyncio.sleep(2.5)
        assert ear.heard.count(b"event: heartbeat") == silent_since
        pen.dry = False
        missed = len(ear.heard)
        await until(lambda: ear.heard.count(b"event: heartbeat") > silent_since)
        assert b"event: tiles" in ear.heard[missed:], "what changed meanwhile was never shown"
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running

    asyncio.run(work())


@pytest.mark.parametrize(
    ("takes", "has_changed", "least"),
    [(0.03, True, 0.05), (0.08, True, 0.105), (0.001, False, 0.006), (0.03, False, 0.08)],
    ids=["a while", "too long", "for nothing", "a while for nothing"],
)
def test_frames_follow_every_50_ms_and_leave_time_for_others(
    monkeypatch: pytest.MonkeyPatch, takes: float, has_changed: bool, least: float
) -> None:
    """Counted from start to start; of a crowd that takes longer the half of that remains. Whoever looked for nothing
    is soon there again.
    """
    began: list[float] = []

    async def work() -> None:
        loop = asyncio.get_running_loop()
        journal = cast(Journal, SimpleNamespace(head=0, trouble=None, spooled=None))
        source = Source(Board(Rules(zone=UTC, day_starts_at=time(0))), journal, Clock(), Pen(TEMPLATES), Targets(), "")
        screens = Screens(source, Boards(lambda: None))

        async def publish(screen: Screen, now: object) -> bool:
            began.append(loop.time())
            screens.changed()
            await asyncio.sleep(takes)
            return has_changed

        monkeypatch.setattr(Screen, "publish", publish)
        publishing = asyncio.create_task(screens._publishing())
        async with asyncio.timeout(10):
            while len(began) < 20:
                await asyncio.sleep(0.01)
        publishing.cancel()

    asyncio.run(work())
    apart = [after - before for before, after in pairwise(began)]
    assert least - 0.002 <= min(apart) < least + 0.02
