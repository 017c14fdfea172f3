"""A call at rest: folded up, looked at, heard of again, and all the same as one that never rested."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import Any

import pytest

from tests.samples import abandoned, answered_call, body, rang
from tests.test_against_reference import ORDERS
from tests.test_board import NOON, Floor
from tests.test_in_bulk import ZONE, all_of, events_of
from wallboard import board as boards
from wallboard import calls
from wallboard.board import Board
from wallboard.calls import AtRest, Call
from wallboard.rules import Rules
from wallboard.totals import contribution


def ended() -> Call:
    floor = Floor(*answered_call(), body("voicemail", "1001", recorded_at="2026-11-23T10:00:00Z"))
    return floor.board.calls["1001"]


def told(call: Call) -> list[Any]:
    """All that a call says of itself, look by look."""
    facts = [
        getattr(call, name) for name in ("id", "key", "started_at", "ended_at", "answered_at", "heard", "standing")
    ]
    offers = [(o.agent, o.name, o.rings, o.rung_at, o.endings, o.talk_ms(), o.answers) for o in call.offers.values()]
    visits = [(visit.place, visit.summary, visit.entered_at, visit.timed_out) for visit in call.visits.values()]
    return [facts, offers, visits, call.voicemails, call.outcome(), call.phones(), contribution(call)]


def test_a_look_tells_what_was_told_before() -> None:
    call = ended()
    before = told(call)
    call.rest(deque())
    assert isinstance(call, AtRest)
    assert told(call) == before
    assert call.is_at_rest


def test_what_the_board_asks_of_every_call_wakes_none() -> None:
    call = ended()
    call.rest(deque())
    assert (call.key, call.state(), call.started_at) == ("1001", "ended", NOON)
    assert call.last_received_at > call.first_received_at
    assert call.voicemails
    assert isinstance(call, AtRest)


def test_a_misspelt_attribute_is_an_error_at_rest_as_well() -> None:
    call = ended()
    call.rest(deque())
    with pytest.raises(AttributeError):
        call.offerings  # type: ignore[attr-defined]  # noqa: B018


def test_only_those_looked_at_last_stay_unfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_MOST_LOOKED_AT", 2)
    looked_at: deque[Call] = deque()
    three = [ended() for _ in range(3)]
    for call in three:
        call.rest(looked_at)
        assert call.offers
    assert [isinstance(call, AtRest) for call in three] == [True, False, False]


def test_late_news_corrects_a_call_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards, "_AWAKE_WHEN_OVER", 0)
    floor = Floor(rang(), abandoned())
    floor.board.catch_up()
    assert isinstance(floor.board.calls["1001"], AtRest)
    assert floor.inbound["missed"] == 1
    floor.feed(*answered_call())
    assert (floor.inbound["offered"], floor.inbound["answered"], floor.inbound["missed"]) == (1, 1, 0)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(4))
def test_a_board_whose_calls_rest_at_once_is_the_same(monkeypatch: pytest.MonkeyPatch, seed: int, order: str) -> None:
    events = events_of(seed, order)
    now = events[-1].received_at + timedelta(seconds=1)

    def folded(awake: int) -> list[Any]:
        monkeypatch.setattr(boards, "_AWAKE_WHEN_OVER", awake)
        board = Board(Rules(zone=ZONE))
        for n, event in enumerate(events):
            board.apply(event)
            if n == len(events) // 2:
                board.step_clock(timedelta(minutes=7))
            if n % 20 == 0:
                board.settle(event.received_at)
        return all_of(board, now)

    assert folded(0) == folded(10_000)
