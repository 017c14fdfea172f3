"""Deletes what is older than the operator wants kept, once its figures are written down; knows no SQL and no page."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import structlog

from wallboard.clock import Clock
from wallboard.day.days import Days
from wallboard.day.kept import DAY_KEPT, has_anything, record_of
from wallboard.day.shelf import Shelf
from wallboard.intake import Intake
from wallboard.journal import EVENTS_PURGED, Journal
from wallboard.journal.base import Base
from wallboard.journal.upkeep import Upkeep
from wallboard.logs import traced
from wallboard.remarks import Heed
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
        self._waiting: Base | None = None

    @property
    def remarks(self) -> dict[str, Heed]:
        """What the intake is to hand over, by name."""
        return {EVENTS_PURGED: self._hear_purged}

    async def run(self) -> None:
        if self._waiting is not None:
            self._forget(self._waiting)
        while True:
            today = self._days.today
            if today != self._tended:
                try:
                    self._tended = today if await self.tend() else self._tended
                except Exception as error:  # noqa: BLE001 - the ticker's guard
                    log.error("old entries could not be deleted; it is tried again", **traced(error))
            await asyncio.sleep(_LOOKED_SECONDS)

    async def tend(self) -> bool:
        """Deletes all that is older than the retention; whatever is raised, it can be called again.

        False if another process does so just now: what it deletes is heard of as everything is.
        """
        async with self._upkeep.alone() as is_ours:
            if is_ours:
                await self._tend(self._days.oldest_with_calls)
            return is_ours

    async def _tend(self, first: date) -> None:
        await self._upkeep.sweep()
        await self._upkeep.forget_aside(self._intake.board.rules.starts_at(first))
        if self._up_to(first)[0] <= self._journal.begins_after:
            return
        if self._intake.turns.before(first) is None:  # nothing has come since, so that no page has been turned
            self._intake.board.forget_before(first, self._clock.now())
        for day in self._to_write_down(first):
            await self._write_down(day)
        sequence, remains = self._up_to(first)
        await self._upkeep.purge(sequence, remains, self._clock.now(), first)

    def _hear_purged(self, value: dict[str, Any], at: datetime) -> None:
        """In whatever process it was done, this one holds nothing of it any more either."""
        base = msgspec.convert(value, Base)
        if base.before is None or not self._intake.turns.reach_before(base.sequence):
            return
        if not self._intake.ready:
            self._waiting = base
            return
        self._forget(base)

    def _forget(self, base: Base) -> None:
        if base.before is not None:
            self._intake.forget_before(base.before, base.sequence)
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
