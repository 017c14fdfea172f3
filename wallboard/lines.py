"""Calls in an order that is kept while they come and go, and waits that become grave by themselves; knows no board."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from wallboard.calls import Call
from wallboard.look import Goals
from wallboard.views import Alarm

_NEVER, _EVER = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Wait(msgspec.Struct, frozen=True):
    """A wait, and after which instants it is grave: by the strictest of the goals that hold for it."""

    since: datetime
    warn_at: datetime
    alarm_at: datetime

    @classmethod
    def of(cls, since: datetime, goals: Iterable[Goals]) -> Wait:
        since, goals = since.astimezone(UTC), tuple(goals)
        warn = min(each.wait_warn_seconds for each in goals)
        alarm = min(each.wait_alarm_seconds for each in goals)
        return cls(since, since + timedelta(seconds=warn), since + timedelta(seconds=alarm))

    def alarm(self, now: datetime) -> Alarm:
        if now > self.alarm_at:
            return "alarm"
        return "warn" if now > self.warn_at else "calm"


def unturned(waits: Iterable[Wait], now: datetime) -> tuple[datetime, datetime]:
    """After which instant, and until which one, all the waits are as grave as they are `now`."""
    turns = [turn for wait in waits for turn in (wait.warn_at, wait.alarm_at)]
    before, after = (turn for turn in turns if turn < now), (turn for turn in turns if turn >= now)
    return max(before, default=_NEVER), min(after, default=_EVER)


class Line:
    """Calls, the oldest first."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[datetime, Call]] = {}
        self._order: list[tuple[datetime, str]] = []

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Call]:
        return (self._calls[key][1] for _, key in self._order)

    def put(self, call: Call, since: datetime) -> None:
        self._calls[call.key] = (since, call)
        insort(self._order, (since, call.key))

    def take(self, key: str) -> None:
        """Out of the line, if it stands in it."""
        known = self._calls.pop(key, None)
        if known is not None:
            del self._order[bisect_left(self._order, (known[0], key))]
