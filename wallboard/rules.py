"""What the operator may set about the meaning of things: days, timeouts, thresholds; knows no event and no now."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo

import msgspec

from wallboard.callbacks.phone import HOME
from wallboard.meaning import CallState
from wallboard.totals import Thresholds


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Timeouts are call-model.md's "Lost webhooks"."""

    zone: tzinfo
    day_starts_at: time = time(0)
    thresholds: Thresholds = Thresholds()
    country: str = HOME
    ringing_timeout: timedelta = timedelta(minutes=3)
    waiting_timeout: timedelta = timedelta(minutes=30)
    talking_timeout: timedelta = timedelta(hours=4)

    def day_of(self, moment: datetime) -> date:
        """The local day that `moment` counts in; a 23- or 25-hour day at a clock change is one day."""
        local = moment.astimezone(self.zone).replace(tzinfo=None)
        start = timedelta(hours=self.day_starts_at.hour, minutes=self.day_starts_at.minute)
        return (local - start).date()

    def starts_at(self, day: date) -> datetime:
        """The first instant of a day, in UTC."""
        return datetime.combine(day, self.day_starts_at, self.zone).astimezone(UTC)

    def timeout(self, state: CallState) -> timedelta:
        match state:
            case "ringing":
                return self.ringing_timeout
            case "waiting":
                return self.waiting_timeout
            case _:
                return self.talking_timeout
