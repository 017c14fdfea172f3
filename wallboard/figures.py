"""Service level by its named formulas, abandon rate and averages, from sums; knows no queue and no HTML.

Formulas: call-model.md, "Numbers". A ratio without a denominator is `None`, never 100 %.
"""

from __future__ import annotations

from wallboard.settings import Formula
from wallboard.totals import VisitSums


def service_level(sums: VisitSums, formula: Formula, seconds: int) -> float | None:
    """The share answered within `seconds`, 0 to 1."""
    closed = sums.answered + sums.abandoned + sums.unanswered
    in_time = sums.answered_waits.within(seconds)
    match formula:
        case "strict":
            return _ratio(in_time, closed)
        case "answered_only":
            return _ratio(in_time, sums.answered)
        case "late_abandons":
            late = sums.abandoned_waits.total - sums.abandoned_waits.within(seconds)
            return _ratio(in_time, sums.answered + sums.unanswered + late)
        case "abandons_credited":
            return _ratio(in_time + sums.abandoned_waits.within(seconds), closed)
        case _:
            return _ratio(in_time, closed - sums.short_abandoned)


def abandon_rate(sums: VisitSums) -> float | None:
    """The share abandoned, 0 to 1; short abandons count on neither side."""
    closed = sums.answered + sums.abandoned + sums.unanswered
    return _ratio(sums.abandoned - sums.short_abandoned, closed - sums.short_abandoned)


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


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None


def _mean_seconds(total_ms: int, count: int) -> float | None:
    return total_ms / count / 1000 if count else None
