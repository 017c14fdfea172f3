"""The sheet of any day: of today and yesterday kept beside the live board, of older days counted anew once.

Knows no page, and not how a sheet is brought up to date.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import aclosing
from datetime import date, datetime, timedelta

import msgspec
import structlog

from wallboard.board import Board
from wallboard.clock import Clock
from wallboard.day.explain import Standards
from wallboard.day.history import Head, Question
from wallboard.day.intervals import Cuts
from wallboard.day.kept import Kept
from wallboard.day.live import Live
from wallboard.day.recount import RecountFailed, recount
from wallboard.day.seen import Seen
from wallboard.day.sheet import Sheet
from wallboard.day.shelf import Shelf
from wallboard.journal import Journal
from wallboard.journal.archive import Archive, ArchiveUnreadable
from wallboard.parse import Reader
from wallboard.rules import Rules
from wallboard.scope import Sight

MOST_ROWS = 100_000
MOST_SEEN = 12
log = structlog.get_logger()


_Known = tuple[date, str | None, int, tuple[int, datetime | None]]


class Counting(msgspec.Struct, frozen=True):
    """A past day that is being counted, or was."""

    sheet: Sheet
    task: asyncio.Task[None]


class Days:
    """Sheets by day. All methods belong to the event loop's thread."""

    def __init__(
        self,
        board: Board,
        journal: Journal,
        archive: Archive,
        clock: Clock,
        reader: Reader,
        standards: Callable[[], Standards],
        *,
        retention_days: int,
        shelf: Shelf,
    ) -> None:
        self._board = board
        self._journal = journal
        self._archive = archive
        self._clock = clock
        self._reader = reader
        self._standards = standards
        self.retention_days = retention_days
        self._shelf = shelf
        self._versions = 0
        self._live: dict[date, Live] = {}
        self._past: OrderedDict[_Known, Counting] = OrderedDict()
        self._seen: OrderedDict[tuple[Sheet, Sight], Seen] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    @property
    def rules(self) -> Rules:
        return self._board.rules

    @property
    def today(self) -> date:
        return self._board.rules.day_of(self._clock.now())

    @property
    def oldest_with_calls(self) -> date:
        """The oldest day of which events are kept."""
        return self.today - timedelta(days=self.retention_days)

    @property
    def first(self) -> date:
        """The oldest day of which anything is kept."""
        return min(self.oldest_with_calls, self._shelf.first or self.today)

    def is_live(self, day: date) -> bool:
        """The live board knows today and yesterday, and keeps both right."""
        return self.today - timedelta(days=1) <= day <= self.today

    async def sheet(self, day: date) -> Sheet | None:
        """The day's sheet, `None` while it is being counted; RecountFailed once if it could not be."""
        sheet = await self._sheet(day)
        if sheet is not None:
            sheet.judge(self._standards())
        return sheet

    async def seen(self, day: date, sight: Sight) -> Sheet | None:
        """The same as the sight lets through."""
        whole = await self.sheet(day)
        if whole is None or sight.is_whole:
            return whole
        if whole.is_kept:
            # It holds no number of a caller, and nothing that could be told apart for a part of the floor.
            return whole if sight.scope.is_all else Kept(day, whole.cuts, whole.standards)
        key = (whole, sight)
        if key not in self._seen:
            self._seen[key] = Seen(whole, sight)
        self._seen.move_to_end(key)
        while len(self._seen) > MOST_SEEN:
            self._seen.popitem(last=False)
        return await self._seen[key].brought_up()

    async def seen_or_none(self, day: date, sight: Sight) -> Sheet | None:
        """The same, `None` also where it could not be counted."""
        try:
            return await self.seen(day, sight)
        except RecountFailed:
            return None

    async def _sheet(self, day: date) -> Sheet | None:
        if self.is_live(day):
            return await self._live_sheet(day)
        if self.is_kept(day):
            return await self._kept_sheet(day)
        key = (day, self._journal.epoch, self._clock.steps, self._late_news(day))
        counting = self._past.get(key)
        if counting is None:
            counting = self._past[key] = self._begin(day)
        if not counting.task.done():
            return None
        if counting.task.cancelled() or (error := counting.task.exception()) is not None:
            del self._past[key]
            raise RecountFailed("the counting was broken off" if counting.task.cancelled() else str(error))
        self._past.move_to_end(key)
        return counting.sheet

    def has(self, day: date) -> bool:
        """Not to come, and not before anything was kept."""
        return self.first <= day <= self.today

    def is_kept(self, day: date) -> bool:
        """Whether only the day's figures are left."""
        return not self.is_live(day) and (day in self._shelf or day < self.oldest_with_calls)

    async def counted(self, day: date) -> Sheet:
        """A past day counted anew, whatever is known of it; RecountFailed."""
        counting = self._begin(day)
        await counting.task
        return counting.sheet

    def forget_counted(self) -> None:
        """Holds no row any more of which a caller may have been deleted or erased."""
        self.farewell()
        self._past.clear()
        self._live.clear()
        self._seen.clear()

    async def _kept_sheet(self, day: date) -> Sheet:
        if day not in self._shelf:
            return Kept(day, Cuts.of(day, self.rules.zone, self.rules.day_starts_at), self._standards())
        try:
            return await self._shelf.sheet(day)
        except ArchiveUnreadable as error:
            raise RecountFailed(str(error)) from None

    def _late_news(self, day: date) -> tuple[int, datetime | None]:
        """What came of a past day lately: the live board keeps it until the day turns, so another value is news."""
        late = self._board.days.get(day)
        calls = [call for key in (late.call_ids if late else ()) if (call := self._board.calls.get(key)) is not None]
        return len(calls), max((call.last_received_at for call in calls), default=None)

    def farewell(self) -> None:
        """Breaks off what is being counted."""
        for counting in self._past.values():
            counting.task.cancel()

    async def _live_sheet(self, day: date) -> Sheet:
        for known in [known for known in self._live if not self.is_live(known)]:
            del self._live[known]
        live = self._live.get(day)
        if live is None:
            live = self._live[day] = Live(day, self._board, self._standards())
            live.sheet.version = self._new_version()
        return await live.brought_up(self._clock.now)

    def _new_version(self) -> int:
        """Another one than that of any sheet before."""
        self._versions += 1_000_000_000
        return self._versions

    def _begin(self, day: date) -> Counting:
        cuts = Cuts.of(day, self.rules.zone, self.rules.day_starts_at)
        sheet = Sheet(day, cuts, self._standards())
        sheet.version = self._new_version()
        return Counting(sheet, asyncio.create_task(self._count(sheet)))

    async def _count(self, sheet: Sheet) -> None:
        async with self._one_at_a_time:
            question = Question(
                archive=self._archive,
                day=sheet.day,
                until=self._clock.now(),
                rules=self.rules,
                reader=self._reader,
            )
            started = time.monotonic()
            await _fill(sheet, question)
            log.info("a past day was counted", day=str(sheet.day), calls=len(sheet.rows), seconds=_since(started))
            self._make_room()

    def _make_room(self) -> None:
        """Forgets the days that were asked for longest ago, as far as they are too many calls together."""
        while len(self._past) > 1 and sum(len(past.sheet.rows) for past in self._past.values()) > MOST_ROWS:
            self._past.popitem(last=False)


async def _fill(sheet: Sheet, question: Question) -> None:
    async with aclosing(recount(question)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Head):
                sheet.agent_names = piece.agent_names
                sheet.tell({row.key: (row, count) for row, count in piece.messages}, piece.losses)
                continue
            for row in piece:
                sheet.put(row)
            await asyncio.sleep(0)


def _since(started: float) -> float:
    return round(time.monotonic() - started, 2)
