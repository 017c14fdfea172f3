"""A board that catches up now and then, as it does live and in a start, is the same as one that follows every event."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tests import floors
from tests.samples import START, rang
from tests.test_against_reference import ORDERS, reused_ids
from wallboard import board as boards
from wallboard import tally
from wallboard.board import Board
from wallboard.calls import Call
from wallboard.clock import Clock
from wallboard.events import AnyEvent
from wallboard.intake import Intake
from wallboard.journal import SCHEMA, Delivery, Entry
from wallboard.journal.sqlite import SqliteJournal
from wallboard.parse import Reader, Unrecognised
from wallboard.rules import Rules
from wallboard.settings import parse_meaning
from wallboard.state import state
from wallboard.totals import AgentSums, Contribution, VisitSums, contribution

ZONE = ZoneInfo("Australia/Sydney")
STEP = timedelta(hours=-3, minutes=-20)


def events_of(seed: int, order: str) -> list[AnyEvent]:
    """A floor, with ids used again on the next day."""
    meanings = {name: parse_meaning(meaning) for name, meaning in floors.COMPONENTS.items()}
    reader = Reader(zone=ZONE, components=meanings)
    stream = floors.by_time([*floors.floor(seed, 25), *reused_ids(seed)])
    read = [reader.read(body, at) for at, body in floors.deliveries(ORDERS[order](stream, seed))]
    return [event for event in read if not isinstance(event, Unrecognised)]


def days_of(seed: int, order: str, days: int) -> list[AnyEvent]:
    """As many floors, each on the day after the one before."""
    told = [_later(event, timedelta(days=n)) for n in range(days) for event in events_of(10 * seed + n, order)]
    return sorted(told, key=lambda event: event.received_at)


def _later(event: AnyEvent, by: timedelta) -> AnyEvent:
    told = {name: getattr(event, name) for name in event.__struct_fields__}
    return msgspec.structs.replace(event, **{n: its + by for n, its in told.items() if isinstance(its, datetime)})


def folded(events: list[AnyEvent], step_after: int | None, looks: list[int], way: str, now: Any = None) -> Board:
    board = Board(Rules(zone=ZONE))
    with board.in_bulk(now) if way == "in bulk" else nullcontext():
        for n, event in enumerate(events):
            board.apply(event)
            if way == "eager":
                board.catch_up()
            if n in looks:
                board.settle(event.received_at)
            if n == step_after:
                board.step_clock(STEP)
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


@pytest.fixture(params=(2, 5, 1_000))
def most_behind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """So few that some are followed because of others, and so many that nobody but who looks has them followed."""
    monkeypatch.setattr(boards, "_MOST_BEHIND", request.param)
    monkeypatch.setattr(boards, "_MOST_BEHIND_IN_BULK", request.param)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.usefixtures("most_behind")
def test_catching_up_now_and_then_gives_the_same(seed: int, order: str) -> None:
    events, rng = events_of(seed, order), Random(seed)
    now = events[-1].received_at + timedelta(seconds=1)
    looks = rng.sample(range(len(events)), 3)
    for step_after in (None, rng.randrange(len(events))):
        eager = all_of(folded(events, step_after, looks, "eager"), now)
        for way in ("live", "in bulk"):
            hasty = all_of(folded(events, step_after, looks, way), now)
            for ours, theirs in zip(hasty, eager, strict=True):
                assert ours == theirs


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.usefixtures("most_behind")
def test_days_that_are_forgotten_before_anybody_looks(seed: int, order: str) -> None:
    """As long as the last of them are looked at, it does not matter how late that is."""
    events, rng = days_of(seed, order, 5), Random(seed)
    last = events[-1].received_at
    now = last + timedelta(seconds=1)
    for looks in ([], rng.sample(range(len(events)), 2)):
        eager = all_of(folded(events, None, looks, "eager"), now)
        for late in (0, 1, 30):
            hasty = all_of(folded(events, None, looks, "in bulk", last + timedelta(days=late)), now)
            for ours, theirs in zip(hasty, eager, strict=True):
                assert ours == theirs


def test_whoever_looks_sees_what_was_heard() -> None:
    """Without asking for anything first."""
    events = events_of(1, "whole")
    eager, board = folded(events, None, [], "eager"), folded(events, None, [], "live")
    assert board._behind or board._unread
    day = max(eager.days)
    for look in (
        lambda board: [(day, sums.offered, sums.ended) for day, sums in sorted(board.days.items())],
        lambda board: sorted(board.callers.lines(), key=lambda line: line.caller),
        lambda board: vars(board.book.ledger(day, events[-1].received_at)),
        lambda board: board.new_voicemails(),
        lambda board: [call.key for call in board.ended_calls(day, 200)],
        lambda board: board.day(day).visits.keys(),
    ):
        assert look(folded(events, None, [], "live")) == look(eager)


@pytest.mark.parametrize("seed", range(3))
def test_a_journal_replayed_gives_the_bytes_of_one_followed(seed: int) -> None:
    """The way of every delivery of a floor: bodies, not events, duplicates and disorder with them."""
    stream = ORDERS["shuffled"](floors.by_time(floors.floor(seed, 25)), seed)
    told = [
        Entry(sequence=n, schema=SCHEMA, delivery=Delivery(received_at=at, body=msgspec.json.encode(body)))
        for n, (at, body) in enumerate(floors.deliveries(stream), 1)
    ]
    now = max(entry.delivery.received_at for entry in told) + timedelta(seconds=1)
    eager, hasty = _replayed(told, now, follows=True), _replayed(told, now, follows=False)
    assert hasty == eager


def _replayed(told: list[Entry], now: datetime, *, follows: bool) -> bytes:
    board = Board(Rules(zone=ZONE))
    meanings = {name: parse_meaning(meaning) for name, meaning in floors.COMPONENTS.items()}
    reader = Reader(zone=ZONE, components=meanings)
    intake = Intake(reader, board, SqliteJournal(Path("never-opened.db")), Clock(), lambda: None)
    with nullcontext() if follows else board.in_bulk():
        for entry in told:
            intake.apply(entry)
            if follows:
                board.catch_up()
    assert intake.accepted
    assert not intake.poisoned
    document = state(board, now, sequence=len(told), webhooks=intake.counts(), journal={}, formula="default")
    return msgspec.json.encode(document)


def test_a_call_that_nobody_will_look_at_is_never_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A start spares itself the calls of days that it forgets on its way."""
    events, counted = days_of(1, "whole", 5), set[date]()

    def counting(call: Call) -> Contribution:
        counted.add(call.started_at.astimezone(ZONE).date())
        return contribution(call)

    monkeypatch.setattr(tally, "contribution", counting)
    board = folded(events, None, [], "in bulk", events[-1].received_at)
    board.catch_up()
    assert counted == board.days.keys()


def test_a_call_that_cannot_be_counted_is_told_of_once_and_stops_nobody_who_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(call: Call) -> Contribution:
        if call.id == "poison":
            raise KeyError("a defect")
        return contribution(call)

    monkeypatch.setattr(tally, "contribution", broken)
    board = Board(Rules(zone=ZONE))
    intake = Intake(Reader(zone=ZONE), board, SqliteJournal(Path("never-opened.db")), Clock(), lambda: None)
    for sequence, call in enumerate(("1", "poison", "2"), 1):
        body = msgspec.json.encode(rang(call=call))
        intake.apply(Entry(sequence=sequence, schema=SCHEMA, delivery=Delivery(received_at=START, body=body)))
    for _ in range(2):
        assert sum(day.offered for day in board.days.values()) == 2
    assert (intake.poisoned, intake.counts()["set_aside"]) == (1, 1)
