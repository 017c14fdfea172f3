"""How often something may be done by each of many: so many times at once, then so many a second; knows not what."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

MOST_KEPT = 10_000


class Allowances:
    """One for each key. Of more than `most` keys, the one that was touched longest ago has its whole burst again."""

    def __init__(
        self,
        burst: float,
        per_second: float,
        steady: Callable[[], float] = time.monotonic,
        most: int = MOST_KEPT,
    ) -> None:
        self._refill_seconds = 1 / per_second
        self._burst_seconds = burst * self._refill_seconds
        self._steady = steady
        self._most = most
        self._empty_at: OrderedDict[str, float] = OrderedDict()  # when it was or will be empty, had nothing been added

    def __len__(self) -> int:
        return len(self._empty_at)

    def has(self, key: str) -> bool:
        return self.wait_seconds(key) == 0

    def wait_seconds(self, key: str) -> float:
        """Until it may be done; 0 is now."""
        return max(0.0, self._refill_seconds - (self._steady() - self._level(key)))

    def spend(self, key: str) -> bool:
        """False, and nothing spent, if there is none left."""
        if not self.has(key):
            return False
        self.take(key)
        return True

    def take(self, key: str) -> None:
        """Spends one, also where there is none left."""
        self._keep(key, self._level(key) + self._refill_seconds)

    def give_back(self, key: str) -> None:
        if key in self._empty_at:
            self._keep(key, self._empty_at[key] - self._refill_seconds)

    def forget(self, key: str) -> None:
        self._empty_at.pop(key, None)

    def _level(self, key: str) -> float:
        full = self._steady() - self._burst_seconds
        return max(full, self._empty_at.get(key, full))

    def _keep(self, key: str, level: float) -> None:
        self._empty_at[key] = level
        self._empty_at.move_to_end(key)
        while len(self._empty_at) > self._most:
            self._empty_at.popitem(last=False)
