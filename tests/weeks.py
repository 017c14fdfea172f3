"""Simulated weeks of a call centre's events, and how its silences are judged; `python -m tests.weeks` has a year."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from wallboard.events import Answered, AnyEvent, Completed, Rang
from wallboard.usual import Pbx

SYDNEY = ZoneInfo("Australia/Sydney")
MONDAY = date(2026, 3, 2)
SHAPE = {8: 0.6, 9: 1.0, 10: 1.2, 11: 1.2, 12: 0.8, 13: 0.8, 14: 1.1, 15: 1.0, 16: 0.9, 17: 0.4}
"""Calls by local hour on a weekday, as a share of the busy rate; nothing at other hours or on weekends."""


class Centre:
    """Calls come at random by the hour's rate; each brings four events over some minutes, as the PBX sends them."""

    def __init__(self, calls_per_hour: float, seed: int = 1, zone: ZoneInfo = SYDNEY, closed: tuple[date, ...] = (),
                 weekend: float = 0.0) -> None:  # fmt: skip
        self.rng = Random(seed)
        self.calls_per_hour = calls_per_hour
        self.zone = zone
        self.closed = closed
        self.weekend = weekend

    def events(self, first: date, days: int) -> list[AnyEvent]:
        found = [event for n in range(days) for event in self.day(first + timedelta(days=n))]
        return sorted(found, key=lambda event: event.received_at)

    def day(self, day: date) -> Iterator[AnyEvent]:
        share = 0.0 if day in self.closed else 1.0 if day.weekday() < 5 else self.weekend
        for hour, weight in SHAPE.items():
            starts_at = datetime(day.year, day.month, day.day, hour, tzinfo=self.zone).astimezone(UTC)
            for n in range(self.poisson(self.calls_per_hour * weight * share)):
                yield from self.call(f"{day}-{hour}-{n}", starts_at + timedelta(seconds=self.rng.random() * 3600))

    def call(self, call_id: str, at: datetime) -> Iterator[AnyEvent]:
        answered_at = at + timedelta(seconds=self.rng.uniform(3, 40))
        ended_at = answered_at + timedelta(seconds=self.rng.expovariate(1 / 180))
        yield rang(call_id, at)
        yield answered(call_id, answered_at, answered_at)
        yield completed(call_id, ended_at)
        yield completed(call_id, ended_at + timedelta(milliseconds=200))

    def poisson(self, mean: float) -> int:
        limit, count, product = math.exp(-mean), 0, self.rng.random()
        while product > limit:
            count, product = count + 1, product * self.rng.random()
        return count


def rang(call_id: str, at: datetime) -> Rang:
    return Rang(call_id=call_id, received_at=at, fingerprint=0, direction="inbound", agent="1001", agent_name=None)


def answered(call_id: str, at: datetime, connected_at: datetime | None) -> Answered:
    return Answered(call_id=call_id, received_at=at, fingerprint=1, direction="inbound", agent="1001",
                    agent_name=None, connected_at=connected_at)  # fmt: skip


def completed(call_id: str, at: datetime) -> Completed:
    return Completed(call_id=call_id, received_at=at, fingerprint=2, direction="inbound", agent="1001",
                     agent_name=None, connected_at=None, call_duration_ms=None, talk_ms=None)  # fmt: skip


class Watched:
    """A PBX that is listened to, with all that `health` needs."""

    def __init__(self, zone: ZoneInfo = SYDNEY, events: Iterable[AnyEvent] = ()) -> None:
        self.pbx = Pbx(zone)
        self.last_at: datetime | None = None
        self._calls: set[str] = set()
        for event in events:
            self.hear(event)

    def hear(self, event: AnyEvent) -> None:
        self.pbx.hear(event, begins_call=event.call_id not in self._calls)
        self._calls.add(event.call_id)
        self.last_at = event.received_at

    def state(self, now: datetime) -> str:
        return self.pbx.health(self.last_at, now).state

    def silences(self, events: Iterable[AnyEvent]) -> Iterator[datetime]:
        """Hears `events` on a good link; gives the start of each silence that the lamp took for unusual."""
        for event in events:
            if self.last_at is not None and self.state(event.received_at) == "quiet":
                yield self.last_at
            self.hear(event)

    def found_after(self, dead_at: datetime) -> timedelta | None:
        """How long after the link died the lamp says so; `None` if not within a day. To the half minute."""
        for minutes in range(2 * 60 * 24):
            if self.state(dead_at + timedelta(minutes=minutes / 2)) == "quiet":
                return timedelta(minutes=minutes / 2)
        return None


def main() -> None:
    print("calls an hour | false alarms in a year | of them in its first four weeks | found after, Tuesday 10:00")
    for rate in (2, 6, 20, 60):
        began = time.process_time()
        events = Centre(rate).events(MONDAY, 365)
        found = list(Watched().silences(events))
        learning = MONDAY + timedelta(weeks=4)
        early = sum(at.astimezone(SYDNEY).date() < learning for at in found)
        dead_at = datetime(2026, 4, 7, 10, tzinfo=SYDNEY)
        until = Watched(events=[event for event in events if event.received_at < dead_at]).found_after(dead_at)
        took = (time.process_time() - began) / len(events) * 1e6
        print(f"{rate:13} | {len(found):22} | {early:32} | {until} ({len(events)} events, {took:.0f} µs each)")


if __name__ == "__main__":
    main()
