"""A call's way so far reads as it went."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.samples import Body, abandoned, answered, answered_call, body, completed, missed, rang, summary
from tests.test_board import NOON, Floor
from wallboard.way import Step, in_one_line, way

NAMES = {"1001": "Amy", "1002": "Ben", "1003": "Cem", "1004": "Dee"}
Told = list[tuple[float, Body]]


def steps(told: Told) -> tuple[Step, ...]:
    """The way of the call of which each body came so many seconds after its start."""
    floor = Floor()
    for second, one in told:
        floor.now = NOON + timedelta(seconds=second - 1)
        floor.feed(one)
    return way(floor.board.calls["1001"], lambda key: NAMES.get(key, key))


def dialled() -> Body:
    return body("user_outbound", user_number="1002", user_name="Ben")


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ([(0, rang("1001"))], "Rings Amy"),
        ([(0, rang("1001")), (12, missed("1001"))], "Rang Amy 12 s"),
        ([(0, rang("1001")), (12, missed("1001")), (13, rang("1002"))], "Rang Amy 12 s → rings Ben"),
        (
            [(0, rang("1001")), (12, missed("1001")), (13, rang("1002")), (14, answered("1002"))],
            "Rang Amy 12 s → rang Ben 1 s → answered by Ben",
        ),
        ([(1, rang(agent)) for agent in NAMES], "Rings Amy, Ben, Cem and 1 more"),
        (
            [*[(1, rang(agent)) for agent in NAMES], (14, answered("1003"))],
            "Rang Amy, Ben, Cem and 1 more 13 s → answered by Cem",
        ),
        ([(0, rang("1001")), (12, missed("1001")), (20, rang("1001"))], "Rang Amy 12 s → rings Amy"),
        ([(201, summary())], ""),
        ([(0, dialled())], "Ben dials"),
        ([(0, dialled()), (9, dialled() | {"type": "user_outbound_answered"})], "Ben dialled → answered"),
        ([(21, abandoned())], ""),
    ],
)
def test_a_way_fits_into_one_line(told: Told, line: str) -> None:
    assert in_one_line(steps(told)) == line


def test_the_steps_tell_when_and_for_how_long() -> None:
    told: Told = [(second, one) for second, one in zip((3, 14, 201, 202), answered_call(), strict=True)]
    assert [(step.text, (step.at - NOON).total_seconds(), step.lasted_ms) for step in steps(told)] == [
        ("Waited in queue Sales", 0, 14_000),
        ("Rang Ben", 3, 11_000),
        ("Answered by Ben", 14, 187_000),
    ]


def test_what_lasts_still_ticks() -> None:
    waiting = steps([(0, rang("1001")), (12, missed("1001"))])
    assert [(step.text, step.since) for step in waiting] == [("Waits in queue Sales", NOON), ("Rang Amy", None)]
    talking = steps([(0, rang("1002")), (14, answered("1002"))])
    assert talking[-1].since == NOON + timedelta(seconds=14)


def test_a_transfer_and_a_second_queue_come_in_their_order() -> None:
    told: Told = [
        (0, rang("1001")),
        (12, missed("1001")),
        (30, rang("1002", queue="Support")),
        (40, answered("1002", queue="Support", after=40)),
        (90, completed("1002", queue="Support", after=40, lasted=90, talk=50)),
        (91, rang("1003", queue="Support")),
    ]
    assert [step.text for step in steps(told)] == [
        "Waited in queue Sales", "Rang Amy", "Waited in queue Support", "Rang Ben", "Answered by Ben",
    ]  # fmt: skip


def test_a_clock_ahead_makes_no_length_negative() -> None:
    late = steps([(60, rang("1001")), (61, missed("1001", lasted=12))])
    assert all(step.lasted_ms is None or step.lasted_ms >= 0 for step in late)
