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
        self._read_at: Callable[[], float] | None = None
        self._ahead = wall() - steady()
        self._adopted, self._adopted_at = 0.0, 0.0
        self.steps = 0

    def go_by(self, wall: Callable[[], float], read_at: Callable[[], float]) -> None:
        """Takes another reading of the time of day for its own, before anything hangs on it: one that others share, and
        of which it is known when, by our steady clock, it was asked for last.
        """
        self._wall, self._read_at = wall, read_at
        self._ahead = wall() - self._steady()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._ahead + self._steady(), UTC)

    def step(self) -> timedelta | None:
        """How far the time of day has been set from `now`; less than two seconds is drift, and is followed."""
        if self._read_at is not None and self._read_at() < self._adopted_at:
            return None  # told by somebody who has looked since
        drift = self._wall() - self._steady() - self._ahead
        if abs(drift) >= LEAST_STEP.total_seconds() and not self._was_there_before(drift):
            return timedelta(milliseconds=round(drift * 1000))
        self._ahead += drift
        self._adopted = 0.0
        return None

    def _was_there_before(self, drift: float) -> bool:
        """Whether what was adopted on another's word had been heeded already, for we began to look after the step."""
        return self._read_at is not None and abs(drift + self._adopted) < LEAST_STEP.total_seconds() / 2

    def adopt(self, by: timedelta) -> None:
        """From here on `now` is `by` later."""
        self._ahead += by.total_seconds()
        self._adopted, self._adopted_at = by.total_seconds(), self._steady()
        self.steps += 1
