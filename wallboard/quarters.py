"""Which day a moment counts in, worked out once for each quarter of an hour; knows no event and no sum."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from wallboard.rules import Rules

_MOST = 1_000
_LENGTH, _MICROSECOND = timedelta(minutes=15), timedelta(microseconds=1)
_BEGINNING = datetime.min.replace(tzinfo=UTC)
Quarter = tuple[datetime, datetime, date]
"""Since when, until before when, and the day of all in between."""
NEVER: Quarter = (_BEGINNING, _BEGINNING, date.min)


class Quarters:
    """The same as the rules say: no zone changes its offset within a quarter, or that one is not remembered."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._known: dict[int, Quarter] = {}
        self.latest = NEVER
        """The one that was asked for last."""

    def day_of(self, moment: datetime) -> date:
        since, until, day = self.latest
        if since <= moment < until:
            return day
        number = (moment - _BEGINNING) // _LENGTH
        known = self._known.get(number)
        if known is None:
            since = _BEGINNING + number * _LENGTH
            until, day = since + _LENGTH, self._rules.day_of(moment)
            if self._rules.day_of(since) != self._rules.day_of(until - _MICROSECOND):
                return day
            if len(self._known) >= _MOST:
                self._known.clear()
            known = self._known[number] = since, until, day
        self.latest = known
        return known[2]
