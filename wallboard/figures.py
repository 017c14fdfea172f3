"""Service level by its named formulas, abandon rate and averages, from sums; knows no queue and no HTML.

Formulas: call-model.md, "Numbers". Each is written once, as the counts that stand in it: what computes it, here and
for the desk, and what says it in words (day/explain.py) read the same. A ratio without a denominator is `None`,
never 100 %.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec
from msgspec.structs import astuple

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


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of some visits, their waits cut at so many seconds; of several places they are added."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    unanswered: int = 0
    short_abandoned: int = 0
    answered_in_time: int = 0
    abandoned_in_time: int = 0
    abandoned_late: int = 0

    @classmethod
    def of(cls, sums: VisitSums, seconds: int) -> Timed:
        abandoned_in_time = sums.abandoned_waits.within(seconds)
        return cls(
            offered=sums.offered,
            answered=sums.answered,
            abandoned=sums.abandoned,
            unanswered=sums.unanswered,
            short_abandoned=sums.short_abandoned,
            answered_in_time=sums.answered_waits.within(seconds),
            abandoned_in_time=abandoned_in_time,
            abandoned_late=sums.abandoned_waits.total - abandoned_in_time,
        )

    @classmethod
    def sum(cls, counts: Iterable[Timed]) -> Timed:
        columns = zip(*map(astuple, counts), strict=True)
        return cls(**dict(zip(cls.__struct_fields__, map(sum, columns), strict=False)))


def service_level(sums: VisitSums, formula: Formula, seconds: int) -> float | None:
    """The share answered within `seconds`, 0 to 1."""
    return level(Timed.of(sums, seconds), formula)


def level(counts: Timed, formula: Formula) -> float | None:
    """The same of waits that are cut already."""
    return share(LEVELS[formula], counts)


def abandon_rate(sums: VisitSums | Timed) -> float | None:
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
