"""The board against an independent model that recomputes everything, on random floors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests import floors, reference
from wallboard.board import Board, Rules
from wallboard.parse import Reader, Unrecognised
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
