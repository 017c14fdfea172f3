"""Service level by its named formulas, abandon rate and averages, from sums; knows no queue and no HTML.

Formulas: call-model.md, "Numbers". Each is written once, as the counts that stand in it: what computes it, here and
for the desk, and what says it in words (day/explain.py) read the same. A ratio without a denominator is `None`,
never 100 %.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from wallboard.settings import Formula
from wallboard.totals import VisitSums


class Ratio(msgspec.Struct, frozen=True):
    """A formula of counts: (the sum of `top` − `top_less`) ÷ (the sum of `bottom` − `less`)."""

    title: str
    top: tuple[str, ...]
    bottom: tuple[str, ...]
    less: tuple[str, ...] = ()
    top_less: tuple[str, ...] = ()


_CLOSED = ("answered", "abandoned", "unanswered")
LEVELS: dict[Formula, Ratio] = {
    "default": Ratio("Service level, short abandons left out", ("answered_in_time",), _CLOSED, ("short_abandoned",)),
    "strict": Ratio("Service level, strict", ("answered_in_time",), _CLOSED),
    "answered_only": Ratio("Service level, of the answered only", ("answered_in_time",), ("answered",)),
    "late_abandons": Ratio(
        "Service level, late abandons only", ("answered_in_time",), ("answered", "unanswered", "abandoned_late")
    ),
    "abandons_credited": Ratio(
        "Service level, early abandons credited", ("answered_in_time", "abandoned_in_time"), _CLOSED
    ),
}
ABANDON_RATE = Ratio("Abandon rate", ("abandoned",), _CLOSED, ("short_abandoned",), ("short_abandoned",))


class Counts(Protocol):
    """Whatever has the counts of the formulas as attributes."""

    @property
    def answered(self) -> int: ...


def share(ratio: Ratio, counts: Counts) -> float | None:
    """The ratio, 0 to 1; `None` where its denominator is 0, never 100 %."""
    bottom = _sum(ratio.bottom, counts) - _sum(ratio.less, counts)
    return (_sum(ratio.top, counts) - _sum(ratio.top_less, counts)) / bottom if bottom > 0 else None


def _sum(names: tuple[str, ...], counts: Counts) -> int:
    return sum(getattr(counts, name) for name in names)


class _Timed:
    """The sums of some visits, their waits cut at so many seconds."""

    __slots__ = ("_seconds", "_sums", "abandoned", "answered", "short_abandoned", "unanswered")

    def __init__(self, sums: VisitSums, seconds: int) -> None:
        self.answered, self.abandoned, self.unanswered = sums.answered, sums.abandoned, sums.unanswered
        self.short_abandoned = sums.short_abandoned
        self._sums, self._seconds = sums, seconds

    @property
    def answered_in_time(self) -> int:
        return self._sums.answered_waits.within(self._seconds)

    @property
    def abandoned_in_time(self) -> int:
        return self._sums.abandoned_waits.within(self._seconds)

    @property
    def abandoned_late(self) -> int:
        return self._sums.abandoned_waits.total - self.abandoned_in_time


def service_level(sums: VisitSums, formula: Formula, seconds: int) -> float | None:
    """The share answered within `seconds`, 0 to 1."""
    return share(LEVELS[formula], _Timed(sums, seconds))


def abandon_rate(sums: VisitSums) -> float | None:
    """The share abandoned, 0 to 1; short abandons count on neither side."""
    return share(ABANDON_RATE, sums)


def average_speed_of_answer(sums: VisitSums) -> float | None:
    """Mean wait of the answered, in seconds."""
    return _mean_seconds(sums.wait_ms, sums.answered_waits.total)


def average_handle_time(sums: VisitSums) -> float | None:
    """Mean talk of the answered that have ended, in seconds."""
    return _mean_seconds(sums.talk_ms, sums.talks)


def longest_wait_today(sums: VisitSums) -> float | None:
    """The longest wait that has come to its end, in seconds."""
    longest = sums.longest.value
    return None if longest is None else longest / 1000


def _mean_seconds(total_ms: int, count: int) -> float | None:
    return total_ms / count / 1000 if count else None
