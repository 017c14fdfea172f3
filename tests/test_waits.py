"""How many waits were within any number of seconds, however they come and go."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from wallboard import figures
from wallboard.events import Place
from wallboard.settings import Formula
from wallboard.totals import Thresholds, VisitPart, VisitSums
from wallboard.waits import Waits

WAITS_MS = st.integers(0, 90_000) | st.integers(0, 90).map(lambda seconds: seconds * 1000)
SALES = Place("queue", "Sales")


@settings(deadline=None)
@given(st.lists(WAITS_MS), st.lists(WAITS_MS), st.integers(1, 100))
def test_a_count_is_exact_at_every_threshold(kept: list[int], taken_out: list[int], seconds: int) -> None:
    waits = Waits()
    for wait in (*kept, *taken_out):
        waits.move(wait, 1)
    for wait in taken_out:
        waits.move(wait, -1)
    assert waits.within(seconds) == sum(wait <= seconds * 1000 for wait in kept)
    assert waits.total == len(kept)


@settings(deadline=None)
@given(st.lists(st.lists(WAITS_MS)), st.integers(1, 100))
def test_what_was_added_counts_too(parts: list[list[int]], seconds: int) -> None:
    total = Waits()
    for part in parts:
        waits = Waits()
        for wait in part:
            waits.move(wait, 1)
        total.add(waits)
    assert total.within(seconds) == sum(wait <= seconds * 1000 for part in parts for wait in part)
    assert total.total == sum(map(len, parts))


def test_nothing_is_left_of_what_was_taken_out() -> None:
    waits = Waits()
    for wait in range(0, 60_000, 250):
        waits.move(wait, 1)
        waits.move(wait, -1)
    assert waits._counts == {}


PARTS = st.lists(
    st.builds(
        VisitPart,
        st.just(SALES),
        st.sampled_from(["answered", "abandoned", "unanswered"]),
        st.none() | WAITS_MS,
        st.none(),
    )
)


def by_hand(parts: list[VisitPart], formula: Formula, seconds: int) -> float | None:
    """call-model.md's table, literally."""
    within = [part for part in parts if part.wait_ms is not None and part.wait_ms <= seconds * 1000]
    in_time = sum(part.outcome == "answered" for part in within)
    credited = sum(part.outcome == "abandoned" for part in within)
    short = sum(part.outcome == "abandoned" and part.wait_ms is not None and part.wait_ms < 5000 for part in parts)
    late = sum(
        part.outcome == "abandoned" and part.wait_ms is not None and part.wait_ms > seconds * 1000 for part in parts
    )
    answered = sum(part.outcome == "answered" for part in parts)
    unanswered = sum(part.outcome == "unanswered" for part in parts)
    above, below = {
        "default": (in_time, len(parts) - short),
        "strict": (in_time, len(parts)),
        "answered_only": (in_time, answered),
        "late_abandons": (in_time, answered + unanswered + late),
        "abandons_credited": (in_time + credited, len(parts)),
    }[formula]
    return above / below if below else None


@settings(deadline=None)
@given(
    PARTS,
    st.sampled_from(["default", "strict", "answered_only", "late_abandons", "abandons_credited"]),
    st.integers(1, 100),
)
def test_every_formula_at_every_threshold(parts: list[VisitPart], formula: Formula, seconds: int) -> None:
    sums = VisitSums()
    for part in parts:
        sums.move(part, 1, Thresholds())
    assert figures.service_level(sums, formula, seconds) == by_hand(parts, formula, seconds)
