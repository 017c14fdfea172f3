"""Deletes what is older than the operator wants kept, once its figures are written down; knows no SQL and no page."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import msgspec
import structlog

from wallboard.clock import Clock
from wallboard.day.days import Days
from wallboard.day.kept import DAY_KEPT, has_anything, record_of
from wallboard.day.shelf import Shelf
from wallboard.intake import Intake
from wallboard.journal import Journal
from wallboard.journal.upkeep import Upkeep
from wallboard.logs import traced
from wallboard.turns import written

_LOOKED_SECONDS = 5
_DAY = timedelta(days=1)
log = structlog.get_logger()


class Retention:
    """Tends the journal after the start and at each turn of the day. Days are business days."""

    def __init__(
        self, intake: Intake, journal: Journal, upkeep: Upkeep, days: Days, shelf: Shelf, clock: Clock
    ) -> None:
        self._intake = intake
        self._journal = journal
        self._upkeep = upkeep
        self._days = days
        self._shelf = shelf
        self._clock = clock
        self._tended: date | None = None

    async def run(self) -> None:
        while True:
            today = self._days.today
            if today != self._tended:
                try:
                    await self.tend()
                    self._tended = today
                except Exception as error:  # noqa: BLE001 - the ticker's guard
                    log.error("old entries could not be deleted; it is tried again", **traced(error))
            await asyncio.sleep(_LOOKED_SECONDS)

    async def tend(self) -> None:
        """Deletes all that is older than the retention; whatever is raised, it can be called again."""
        first = self._days.oldest_with_calls
        await self._upkeep.sweep()
        await self._upkeep.forget_aside(self._intake.board.rules.starts_at(first))
        if self._up_to(first)[0] <= self._journal.begins_after:
            return
        if self._intake.turns.before(first) is None:  # nothing has come since, so that no page has been turned
            self._intake.board.forget_before(first, self._clock.now())
        for day in self._to_write_down(first):
            await self._write_down(day)
        sequence, remains = self._up_to(first)
        if await self._upkeep.purge(sequence, remains, self._clock.now(), first):
            self._intake.forget_before(first, sequence)
            self._days.forget_counted()

    def _up_to(self, first: date) -> tuple[int, str]:
        """The last entry before the day `first`, and what remains of all up to it."""
        turn = self._intake.turns.before(first)
        if turn is None:
            return self._journal.head, written(self._intake.remains())
        return turn.sequence, turn.remains

    def _to_write_down(self, first: date) -> list[date]:
        """The days that go, each with the one before it, of which news may have come late."""
        gone = {day for known in self._intake.turns.days(first) for day in (known - _DAY, known)}
        return sorted(day for day in gone if day not in self._shelf)

    async def _write_down(self, day: date) -> None:
        sheet = await self._days.counted(day)
        if has_anything(sheet):
            await self._intake.remark(DAY_KEPT, msgspec.to_builtins(record_of(sheet)))
