"""How often something may be done by each of many: so many at once, then so many a second; knows not what."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

MOST_KEPT = 5_000


class Allowances:
    """One for each key, at most `MOST_KEPT`; the one that was touched longest ago is forgotten for a new one."""

    def __init__(self, burst: float, per_second: float, steady: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._per_second = per_second
        self._steady = steady
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def has(self, key: str) -> bool:
        return self._now(key) >= 1

    def spend(self, key: str) -> bool:
        """False, and nothing spent, if there is none left."""
        left = self._now(key)
        if left < 1:
            return False
        self._left[key] = (left - 1, self._steady())
        self._left.move_to_end(key)
        while len(self._left) > MOST_KEPT:
            self._left.popitem(last=False)
        return True

    def wait_seconds(self, key: str) -> int:
        """Until there is one again; never less than 1."""
        return max(1, round((1 - self._now(key)) / self._per_second))

    def _now(self, key: str) -> float:
        left, at = self._left.get(key, (self._burst, self._steady()))
        return min(self._burst, left + (self._steady() - at) * self._per_second)
