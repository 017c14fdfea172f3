"""Which days' figures are kept in the journal, and where; knows no live board and no page."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from datetime import date

import msgspec

from wallboard.day.kept import DAY_KEPT, Kept, sheet_of
from wallboard.journal import Entry
from wallboard.journal.archive import Archive
from wallboard.remarks import Locate

_HELD = 16


class _Day(msgspec.Struct, frozen=True):
    day: date


class Shelf:
    """The days of which figures are kept; they are read when somebody asks."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._sequences: dict[date, int] = {}
        self._held: OrderedDict[int, Kept] = OrderedDict()

    @property
    def placed(self) -> dict[str, Locate]:
        """What the intake is to hand over, by name."""
        return {DAY_KEPT: self._note}

    def __contains__(self, day: date) -> bool:
        return day in self._sequences

    @property
    def first(self) -> date | None:
        return min(self._sequences, default=None)

    async def sheet(self, day: date) -> Kept:
        """The figures of a day that is kept; ArchiveUnreadable."""
        sequence = self._sequences[day]
        if sequence not in self._held:
            body = await asyncio.to_thread(self._archive.body_of, sequence)
            self._held[sequence] = sheet_of(body or b"")
            while len(self._held) > _HELD:
                self._held.popitem(last=False)
        return self._held[sequence]

    def _note(self, entry: Entry) -> None:
        self._sequences[msgspec.json.decode(entry.delivery.body, type=_Day).day] = entry.sequence
