"""How long waits were: the longest, and how many were within any number of seconds; knows no call and no queue.

Waits come and go as calls are settled anew, in O(1), the longest in O(log n). Memory is bounded by the distinct
lengths in whole seconds.
"""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush


class Longest:
    """The largest of numbers that come and go, in O(log n) each."""

    __slots__ = ("_counts", "_heap")

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._heap: list[int] = []

    def move(self, value: int, by: int) -> None:
        """One more of `value` (by = 1) or one less (by = -1)."""
        if by > 0 and not self._counts[value]:
            heappush(self._heap, -value)
        self._counts[value] += by
        if not self._counts[value]:
            del self._counts[value]

    @property
    def value(self) -> int | None:
        while self._heap and not self._counts.get(-self._heap[0]):
            heappop(self._heap)
        return -self._heap[0] if self._heap else None


class Waits:
    """How many waits there were of each length. A wait of 19.2 s is kept as 20: it is within 20 s, and not within 19.

    So every threshold of whole seconds is exact. One that others were added to follows them: it counts what they hold.
    """

    __slots__ = ("_counts", "_others", "total")

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._others: list[Waits] = []
        self.total = 0

    def move(self, wait_ms: int, by: int) -> None:
        """One more wait (by = 1) or one less (by = -1)."""
        seconds = -(-wait_ms // 1000)
        self.total += by
        count = self._counts.get(seconds, 0) + by
        if count:
            self._counts[seconds] = count
            return
        del self._counts[seconds]

    def add(self, other: Waits) -> None:
        self._others.append(other)
        self.total += other.total

    def within(self, seconds: int) -> int:
        """How many waits were not longer than `seconds`."""
        return self._own_within(seconds) + sum(other.within(seconds) for other in self._others)

    def _own_within(self, seconds: int) -> int:
        counts = self._counts
        if seconds < len(counts):
            return sum(counts.get(length, 0) for length in range(seconds + 1))
        return sum(count for length, count in counts.items() if length <= seconds)
