"""A day cut into quarters of an hour, in the board's zone; knows no call.

Cuts are made in UTC from the day's first instant on, so a day of 23 or 25 hours has 92 or 100 quarters and an hour
that comes twice is told twice.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal

import msgspec

Width = Literal[15, 30, 60]
WIDTHS: tuple[Width, ...] = (15, 30, 60)
QUARTER = timedelta(minutes=15)


class Cuts(msgspec.Struct, frozen=True):
    """The quarters of one day: `[start, end)` in UTC."""

    start: datetime
    end: datetime
    zone: tzinfo

    @classmethod
    def of(cls, day: date, zone: tzinfo, day_starts_at: time) -> Cuts:
        start, end = (_instant(on, day_starts_at, zone) for on in (day, day + timedelta(days=1)))
        return cls(start, end, zone)

    @property
    def quarters(self) -> int:
        return -((self.start - self.end) // QUARTER)

    @property
    def is_odd(self) -> bool:
        """The clocks change on this day."""
        return self.end - self.start != timedelta(days=1)

    def quarter(self, at: datetime) -> int:
        """The quarter of `at`. What began outside the day (a second queue after midnight) is in the nearest one."""
        return min(max((at - self.start) // QUARTER, 0), self.quarters - 1)

    def label(self, quarter: int) -> str:
        """The local clock time at which a quarter begins; with the zone's name where the clocks change."""
        local = (self.start + quarter * QUARTER).astimezone(self.zone)
        return f"{local:%H:%M}" + (f" {local.tzname()}" if self.is_odd else "")


def _instant(day: date, at: time, zone: tzinfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)
