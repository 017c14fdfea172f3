"""What is usual of this PBX, and whether its silence is or its clock is wrong; knows no call's meaning and no screen.

Everything is counted from the events' own `received_at`, so a restart learns the same again from the journal.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from statistics import median
from typing import Literal

import msgspec

from wallboard.events import Answered, AnyEvent

PbxState = Literal["normal", "quiet", "learning", "nothing"]

QUIET_CALLS = 12
"""A silence is unusual once so many new calls were to be expected in it. Calls, as they come one by one: of events a
ring-all brings forty at once. A silence of six calls has the chance e^-6, 0.25 %, but a day has hundreds of silences,
and the usual rate is itself an estimate: six were 13 to 64 false alarms in a simulated year, twelve are one at most
(tests/weeks.py), and find a dead link in eleven minutes at 72 calls an hour."""

CLOCKS_DIFFER_SECONDS = 30
_DAYS_KEPT = timedelta(days=35)
_WEEKS_COMPARED = 4
_LONGEST_SILENCE = timedelta(hours=24)
_HOUR, _QUARTER = timedelta(hours=1), timedelta(minutes=15)
_ANSWERS_COMPARED, _ANSWERS_NEEDED = 20, 5
_AGREEMENT_SECONDS = 10


class HoursTold(msgspec.Struct, frozen=True):
    """All that `Hours` knows."""

    days: dict[date, tuple[int, ...]]
    first: tuple[date, int] | None


class PbxTold(msgspec.Struct, frozen=True):
    """All that is known of a PBX."""

    events: HoursTold
    calls: HoursTold
    lags: tuple[float, ...]


class Hours:
    """How often something came, by local date and hour."""

    def __init__(self) -> None:
        self._days: dict[date, list[int]] = {}
        self._first: tuple[date, int] | None = None

    def count(self, day: date, hour: int) -> None:
        counts = self._days.get(day)
        if counts is None:
            counts = self._days[day] = [0] * 24
            self._days = {known: sums for known, sums in self._days.items() if known > day - _DAYS_KEPT}
        counts[hour] += 1
        if self._first is None:
            self._first = (day, hour)

    def told(self) -> HoursTold:
        return HoursTold({day: tuple(counts) for day, counts in self._days.items()}, self._first)

    def take_up(self, told: HoursTold) -> None:
        self._days, self._first = {day: list(counts) for day, counts in told.days.items()}, told.first

    def usual(self, day: date, hour: int) -> float | None:
        """What that hour of that day usually brings; `None` while too little is known of such hours.

        The median of the same weekday forgives one holiday or outage. In the first week the least of the same
        kind of days must do: too low a rate only makes the lamp slower.
        """
        weeks = self._samples((day - timedelta(weeks=n) for n in range(1, _WEEKS_COMPARED + 1)), hour)
        if weeks:
            return median(weeks)
        past = (day - timedelta(days=n) for n in range(1, 7))
        alike = self._samples((known for known in past if _is_weekend(known) == _is_weekend(day)), hour)
        return min(alike) if len(alike) > 1 else None

    def expected(self, since: datetime, until: datetime, zone: tzinfo) -> float:
        """What usually comes between the two, hour by local hour; hours of which nothing is known count nothing.

        Steps are made in UTC, so that a local hour which comes twice, or never, is walked as often as it comes.
        """
        total, at = 0.0, since.astimezone(UTC)
        while at < until:
            local = at.astimezone(zone)
            gone = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
            step = min(_HOUR - gone, until - at)
            total += (self.usual(local.date(), local.hour) or 0) * (step / _HOUR)
            at += step
        return total

    def _samples(self, days: Iterable[date], hour: int) -> list[int]:
        """Counts of whole hours since the first event ever: an hour without any is a sample of 0."""
        if self._first is None:
            return []
        known = (day for day in days if (day, hour) > self._first)
        return [self._days[day][hour] if day in self._days else 0 for day in known]


class Health(msgspec.Struct, frozen=True):
    """How the PBX stands. `expected_events` is what usually comes in a silence as long as the present one."""

    state: PbxState
    expected_events: float | None
    clock_offset_seconds: float | None

    @property
    def clocks_differ(self) -> bool:
        return self.clock_offset_seconds is not None and abs(self.clock_offset_seconds) > CLOCKS_DIFFER_SECONDS


class Pbx:
    """What has been learnt of the PBX that sends the events."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._events = Hours()
        self._calls = Hours()
        self._lags: deque[float] = deque(maxlen=_ANSWERS_COMPARED)
        self._since = self._until = datetime.min.replace(tzinfo=UTC)

    def hear(self, event: AnyEvent, *, begins_call: bool) -> None:
        """Counts one event; `begins_call` if its call was not known before."""
        at = event.received_at
        if not self._since <= at < self._until:
            self._turn_page(at)
        self._events.count(*self._hour)
        if begins_call:
            self._calls.count(*self._hour)
        if isinstance(event, Answered) and event.connected_at is not None:
            self._lags.append((event.received_at - event.connected_at).total_seconds())

    def told(self) -> PbxTold:
        return PbxTold(self._events.told(), self._calls.told(), tuple(self._lags))

    def take_up(self, told: PbxTold) -> None:
        """Goes on from what was known then."""
        self._events.take_up(told.events)
        self._calls.take_up(told.calls)
        self._lags.extend(told.lags)

    def _turn_page(self, at: datetime) -> None:
        """To the quarter of an hour that `at` lies in: no zone changes its hour but where a quarter begins."""
        local = at.astimezone(self._zone)
        self._hour = (local.date(), local.hour)
        at = at.astimezone(UTC)
        self._since = at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)
        self._until = self._since + _QUARTER

    def step_clock(self, by: timedelta) -> None:
        """Restates by our own clock, which was stepped, how far the PBX's is from it."""
        self._lags = deque((lag + by.total_seconds() for lag in self._lags), maxlen=_ANSWERS_COMPARED)

    def health(self, last_event_at: datetime | None, now: datetime) -> Health:
        """What the silence since `last_event_at` means at `now`."""
        offset = self._clock_offset()
        if last_event_at is None:
            return Health("nothing", None, offset)
        since = max(last_event_at, now - _LONGEST_SILENCE)
        events = self._events.expected(since, now, self._zone)
        if self._calls.expected(since, now, self._zone) >= QUIET_CALLS:
            return Health("quiet", events, offset)
        local = now.astimezone(self._zone)
        if self._calls.usual(local.date(), local.hour) is None:
            return Health("learning", None, offset)
        return Health("normal", events, offset)

    def _clock_offset(self) -> float | None:
        """Median lag of the last answered events, in seconds; positive where the PBX's clock is behind.

        `None` where there are too few, or where they disagree: events that come late scatter, a wrong clock
        does not. So a backlog after an outage, or a day posted afterwards, is not taken for one.
        """
        lags = sorted(self._lags)
        if len(lags) < _ANSWERS_NEEDED or lags[len(lags) * 3 // 4] - lags[len(lags) // 4] > _AGREEMENT_SECONDS:
            return None
        return median(lags)


def _is_weekend(day: date) -> bool:
    return day.weekday() >= 5
