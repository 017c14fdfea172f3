"""The time of day, and its steps, for whoever needs the time; the only reader of a clock, knows not who asks.

A step (the machine's clock was set, by hand or by its time service) is not passed on at once: `now` goes on
evenly until `adopt` is told that everything which hangs on the time has been moved as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

LEAST_STEP = timedelta(seconds=2)


def steady_seconds() -> float:
    """Seconds that no setting of the clock changes; a machine's sleep is counted, for calls go on meanwhile."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Clock:
    """Both readings in seconds. `steps` counts those adopted."""

    def __init__(self, wall: Callable[[], float] = time.time, steady: Callable[[], float] = steady_seconds) -> None:
        self._wall = wall
        self._steady = steady
        self._ahead = wall() - steady()
        self.steps = 0

    def go_by(self, wall: Callable[[], float]) -> None:
        """Takes another reading of the time of day for its own, before anything hangs on it."""
        self._wall = wall
        self._ahead = wall() - self._steady()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._ahead + self._steady(), UTC)

    def step(self) -> timedelta | None:
        """How far the time of day has been set from `now`; less than two seconds is drift, and is followed."""
        drift = self._wall() - self._steady() - self._ahead
        if abs(drift) >= LEAST_STEP.total_seconds():
            return timedelta(milliseconds=round(drift * 1000))
        self._ahead += drift
        return None

    def adopt(self, by: timedelta) -> None:
        """From here on `now` is `by` later."""
        self._ahead += by.total_seconds()
        self.steps += 1
