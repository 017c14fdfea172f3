"""A board that catches up now and then, as a start does, is the same as one that follows every event."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tests import floors
from tests.test_against_reference import ORDERS, reused_ids
from wallboard.board import Board
from wallboard.clock import Clock
from wallboard.events import AnyEvent
from wallboard.intake import Intake
from wallboard.journal import SCHEMA, Delivery, Entry
from wallboard.journal.sqlite import SqliteJournal
from wallboard.parse import Reader, Unrecognised
from wallboard.rules import Rules
from wallboard.settings import parse_meaning
from wallboard.state import state
from wallboard.totals import AgentSums, VisitSums

ZONE = ZoneInfo("Australia/Sydney")
STEP = timedelta(hours=-3, minutes=-20)


def events_of(seed: int, order: str) -> list[AnyEvent]:
    """A floor, with ids used again on the next day."""
    meanings = {name: parse_meaning(meaning) for name, meaning in floors.COMPONENTS.items()}
    reader = Reader(zone=ZONE, components=meanings)
    stream = floors.by_time([*floors.floor(seed, 25), *reused_ids(seed)])
    read = [reader.read(body, at) for at, body in floors.deliveries(ORDERS[order](stream, seed))]
    return [event for event in read if not isinstance(event, Unrecognised)]


def folded(events: list[AnyEvent], step_after: int | None, looks: list[int], *, bulk: bool) -> Board:
    board = Board(Rules(zone=ZONE))

    def tell() -> None:
        for n, event in enumerate(events):
            board.apply(event)
            if n in looks:
                board.settle(event.received_at)
            if n == step_after:
                board.step_clock(STEP)

    if not bulk:
        tell()
        return board
    with board.in_bulk():
        tell()
    board.catch_up()
    return board


def vars_of(sums: VisitSums | AgentSums) -> list[Any]:
    return [value for name in sums.__slots__ if isinstance(value := getattr(sums, name), int)]


def all_of(board: Board, now: datetime) -> list[Any]:
    """Everything that any screen is made from, in the order that screens would have it."""
    document = state(board, now, sequence=0, webhooks={}, journal={}, formula="default")
    lines = sorted(board.callers.lines(), key=lambda line: line.caller)
    days = sorted((day for day in board.days.items() if day[1].offered or day[1].placed), key=lambda day: day[0])
    sums: list[Any] = [
        (day, sums.offered, sums.answered, sums.missed, sums.placed, sums.voicemails) for day, sums in days
    ]
    sums += [(day, sums.ended, {place: vars_of(its) for place, its in sums.visits.items()}) for day, sums in days]
    sums += [(day, {agent: vars_of(its) for agent, its in sums.agents.items()}) for day, sums in days]
    offers = {key: [offer.rung_at for offer in call.offers.values()] for key, call in board.calls.items()}
    return [
        document,
        msgspec.json.encode(document),  # what /api/v1/state sends, its order included
        lines,
        sums,
        [call.key for call in board.presumed_calls()],
        offers,
        board.agents.keys(),
        board.places,
    ]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(6))
def test_catching_up_now_and_then_gives_the_same(seed: int, order: str) -> None:
    events, rng = events_of(seed, order), Random(seed)
    now = events[-1].received_at + timedelta(seconds=1)
    looks = rng.sample(range(len(events)), 3)
    for step_after in (None, rng.randrange(len(events))):
        eager = all_of(folded(events, step_after, looks, bulk=False), now)
        hasty = all_of(folded(events, step_after, looks, bulk=True), now)
        for ours, theirs in zip(hasty, eager, strict=True):
            assert ours == theirs


@pytest.mark.parametrize("seed", range(3))
def test_a_journal_replayed_gives_the_bytes_of_one_followed(seed: int) -> None:
    """The way of every delivery of a floor: bodies, not events, duplicates and disorder with them."""
    stream = ORDERS["shuffled"](floors.by_time(floors.floor(seed, 25)), seed)
    told = [
        Entry(sequence=n, schema=SCHEMA, delivery=Delivery(received_at=at, body=msgspec.json.encode(body)))
        for n, (at, body) in enumerate(floors.deliveries(stream), 1)
    ]
    now = max(entry.delivery.received_at for entry in told) + timedelta(seconds=1)
    assert _replayed(told, now, bulk=True) == _replayed(told, now, bulk=False)


def _replayed(told: list[Entry], now: datetime, *, bulk: bool) -> bytes:
    board = Board(Rules(zone=ZONE))
    meanings = {name: parse_meaning(meaning) for name, meaning in floors.COMPONENTS.items()}
    reader = Reader(zone=ZONE, components=meanings)
    intake = Intake(reader, board, SqliteJournal(Path("never-opened.db")), Clock(), lambda: None)
    with board.in_bulk() if bulk else nullcontext():
        for entry in told:
            intake.apply(entry)
    board.catch_up()
    assert intake.accepted
    assert not intake.poisoned
    document = state(board, now, sequence=len(told), webhooks=intake.counts(), journal={}, formula="default")
    return msgspec.json.encode(document)
