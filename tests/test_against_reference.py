"""The board against an independent model that recomputes everything, on random floors."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests import floors, reference
from wallboard.board import Board
from wallboard.parse import Reader, Unrecognised
from wallboard.rules import Rules
from wallboard.settings import parse_meaning
from wallboard.state import state

ORDERS = {"whole": lambda stream, seed: stream, "cut": floors.cut, "shuffled": floors.shuffled_with_repetitions}
CALL = ("direction", "state", "outcome", "presumed_ended", "voicemail")


def ours(deliveries: list[Any], now: Any) -> dict[str, Any]:
    meanings = {name: parse_meaning(meaning) for name, meaning in floors.COMPONENTS.items()}
    reader, board = Reader(zone=ZoneInfo("UTC"), components=meanings), Board(Rules(zone=ZoneInfo("UTC")))
    for at, body in deliveries:
        event = reader.read(body, at)
        if not isinstance(event, Unrecognised):
            board.apply(event)
    return state(board, now, sequence=0, webhooks={}, journal={}, formula="default")


DAY = 86_400


def reused_ids(seed: int) -> list[Any]:
    """Ten ids, each of one call today and of another tomorrow."""
    rng, stream = Random(seed), []
    for number in range(10):
        for start in (rng.randrange(3600), DAY + rng.randrange(3600)):
            stream += floors.one_call(rng.choice(floors.SCENARIOS), rng.randrange(2**32), start, f"77{number}")
    return floors.by_time(stream)


@pytest.mark.parametrize("seed", range(6))
def test_an_id_used_again_the_next_day_is_another_call(seed: int) -> None:
    deliveries = floors.deliveries(reused_ids(seed))
    now = max(at for at, _ in deliveries) + timedelta(seconds=1)
    for until in (now - timedelta(days=1), now):
        heard = [(at, body) for at, body in deliveries if at < until]
        expected = reference.board(heard, reference.Options(components=floors.COMPONENTS), until)
        found = ours(heard, until)
        assert found["totals"] == expected["totals"]
        for queue in found["queues"]:
            assert queue["today"]["offered"] == expected["queues"][queue["name"]]["today"]["offered"]
            assert queue["today"]["answered"] == expected["queues"][queue["name"]]["today"]["answered"]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(8))
def test_the_board_agrees_with_the_reference(seed: int, order: str) -> None:
    deliveries = floors.deliveries(ORDERS[order](floors.floor(seed, 25), seed))
    now = max(at for at, _ in deliveries) + timedelta(seconds=1)
    expected = reference.board(deliveries, reference.Options(components=floors.COMPONENTS), now)
    found = ours(deliveries, now)
    assert found["totals"] == expected["totals"]
    calls = {call["id"]: call for call in found["calls"]}
    for id, call in expected["calls"].items():
        assert {name: calls[id][name] for name in CALL} == {name: call[name] for name in CALL}
    for agent in found["agents"]:
        assert agent["today"] == pytest.approx(expected["agents"][agent["number"]]["today"])
        assert agent["state"] == expected["agents"][agent["number"]]["state"]
    for kind in ("queues", "ring_groups"):
        for queue in found[kind]:
            today = expected[kind][queue["name"]]["today"]
            assert {name: queue["today"][name] for name in today} == pytest.approx(today)
            assert queue["talking"] == expected[kind][queue["name"]]["talking"]
    assert {component["name"]: component["today"] for component in found["components"]} == expected["components"]
