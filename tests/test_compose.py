"""A board made anew where something was touched is the board made from nothing, whatever comes and whenever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import floors
from tests.samples import START, abandoned, answered, answered_call, rang
from wallboard import views
from wallboard.board import Board
from wallboard.boards.definitions import Definition, PlaceTargets, Targets
from wallboard.events import Place
from wallboard.look import Look
from wallboard.parse import Reader, Unrecognised
from wallboard.rules import Rules
from wallboard.settings import parse_meaning
from wallboard.standing import standings
from wallboard.tiles import Composers, compose
from wallboard.touched import Touched, Touches

NUMBERS = [number for number, _ in floors.AGENTS if number]
BY_NAME = Targets(wait_warn_seconds=7, wait_alarm_seconds=5, abandon_warn=0.1, abandon_alarm=0.5)
LOOKS = tuple(
    Look(definition=definition)
    for definition in (
        Definition(),
        Definition(masking="none", targets=Targets(wait_warn_seconds=3, service_level_formula="late_abandons")),
        Definition(queues=("Sales", "Nobody's"), places=(PlaceTargets(name="Sales", wait_warn_seconds=2),)),
        Definition(queues=(), ring_groups=("Reception",), masking="hidden", panels=("ended", "waiting", "agents")),
        Definition(agents=("1001", "Priya Shah", "Somebody Else"), targets=BY_NAME),
        Definition(panels=()),
        Definition(slug="another", name="Another", theme="light"),
        Definition(queues=("Sales",), ring_groups=(), agents=("1002",), slug="narrow"),
    )
)


class Floor:
    """A board, and its screens that follow it."""

    def __init__(self) -> None:
        zone = ZoneInfo("UTC")
        meanings = {name: parse_meaning(meaning) for name, meaning in floors.COMPONENTS.items()}
        self.reader, self.board = Reader(zone=zone, components=meanings), Board(Rules(zone=zone))
        composers = Composers(self.board)
        self.composers = [composers.composer(look) for look in LOOKS]

    def hear(self, at: datetime, body: floors.Body) -> None:
        event = self.reader.read(body, at)
        assert not isinstance(event, Unrecognised)
        self.board.apply(event)

    def look(self, now: datetime) -> None:
        for look, composer in zip(LOOKS, self.composers, strict=True):
            shown = composer.compose(now, sequence=1, trouble=None)
            assert shown == compose(self.board, now, look, sequence=1, trouble=None)
        assert self.board.standing == standings(self.board.live_calls())


def renamed(floor: Floor, rng: Random, at: datetime) -> None:
    agent = rng.choice(NUMBERS)
    caller = floors.Caller(rng, "renames", int((at - floors.BASE_AT).total_seconds()))
    floor.hear(at, caller.dial(caller.start, NUMBERS.index(agent)) | {"user_name": rng.choice(["Priya Shah", "Zed"])})


def forgotten(floor: Floor, rng: Random, at: datetime) -> None:
    floor.board.forget_before(at.date() + timedelta(days=rng.randrange(2)), at)


def erased(floor: Floor, rng: Random, at: datetime) -> None:
    ids = {call.id for call in floor.board.calls.values() if rng.random() < 0.3}
    floor.board.erase(frozenset(ids), lambda number: number is not None)


def clock_stepped(floor: Floor, rng: Random, at: datetime) -> None:
    floor.board.step_clock(timedelta(seconds=rng.choice([-90, 5, 4000])))


def journal_damaged(floor: Floor, rng: Random, at: datetime) -> None:
    floor.board.lose(rng.randrange(3), at)


BESIDES: tuple[Callable[[Floor, Random, datetime], None], ...] = (
    renamed, forgotten, erased, clock_stepped, journal_damaged,
)  # fmt: skip


@given(
    stream=floors.streams(max_calls=8),
    seed=st.integers(0, 2**16),
    late=st.booleans(),
    often=st.sampled_from([0.1, 0.5, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_what_is_made_anew_is_what_is_made_from_nothing(
    stream: floors.Stream, seed: int, late: bool, often: float
) -> None:
    rng, floor = Random(seed), Floor()
    told = floors.deliveries(floors.shuffled_with_repetitions(stream, seed) if late else stream)
    for at, body in told:
        floor.hear(at, body)
        if rng.random() < 0.05:
            rng.choice(BESIDES)(floor, rng, at)
        if rng.random() < often:
            floor.look(at + timedelta(seconds=rng.choice([0, 0, 0, 0.2, 3, 30, 200, 2000, 20000, -100])))
    for seconds in (0, 1, 200, 86_400, 40):
        floor.look((told[-1][0] if told else floors.BASE_AT) + timedelta(seconds=seconds))


@pytest.mark.parametrize("seed", range(2))
def test_so_it_is_on_a_busy_floor_second_by_second(seed: int) -> None:
    floor = Floor()
    told = floors.deliveries(floors.floor(seed, 60, over_seconds=300))
    now = told[0][0]
    for at, body in told:
        while now < at - timedelta(seconds=20):
            now += timedelta(seconds=20)
            floor.look(now)
        floor.hear(at, body)
        now = at
        if Random(str(at)).random() < 0.3:
            floor.look(now)


def test_after_many_events_at_once_everything_is_made_anew() -> None:
    floor = Floor()
    first, *others = floors.deliveries(floors.floor(3, 20))
    floor.hear(*first)
    floor.look(first[0])
    with floor.board.in_bulk():
        for at, body in others:
            floor.hear(at, body)
    floor.look(others[-1][0])


def test_what_nothing_touched_is_the_same_value() -> None:
    """So nothing of it is compared field by field, or drawn."""
    floor, now = Floor(), START + timedelta(seconds=14)
    composer = Composers(floor.board).composer(Look())
    for body in (*answered_call("1", "1001"), rang("1002", "2"), rang("1003", "3", "Support")):
        floor.hear(now, body)
    before = composer.compose(now, sequence=1, trouble=None)
    again = composer.compose(now, sequence=2, trouble=None)
    assert same(before.panels, again.panels) == 5
    floor.hear(now, answered("1002", "2"))
    after = composer.compose(now, sequence=3, trouble=None)
    panels = {panel.kind: panel.tiles for panel in before.panels}
    assert {panel.kind: same(panels[panel.kind], panel.tiles) for panel in after.panels} == {
        "queues": 1, "agents": 2, "waiting": 0, "talking": 0, "ended": 1,
    }  # fmt: skip


def tiles(board: views.Board, kind: str) -> tuple[views.View, ...]:
    return next(panel.tiles for panel in board.panels if panel.kind == kind)


def same(before: Sequence[views.View], after: Sequence[views.View]) -> int:
    known = {id(view) for view in before}
    return sum(id(view) in known for view in after)


def test_a_call_that_late_news_brings_to_a_board_is_among_those_that_ended_there() -> None:
    floor, now = Floor(), START + timedelta(minutes=4)
    composer = Composers(floor.board).composer(Look(definition=Definition(queues=("Support",))))
    for body in answered_call("1"):
        floor.hear(now, body)
    assert tiles(composer.compose(now, sequence=1, trouble=None), "ended") == ()
    floor.hear(now, abandoned("1", lasted=9, queue="Support"))
    floor.look(now)
    assert len(tiles(composer.compose(now, sequence=2, trouble=None), "ended")) == 1


def test_a_damage_to_the_journal_is_said_at_once() -> None:
    floor = Floor()
    floor.hear(START, rang("1002"))
    floor.look(START)
    floor.board.lose(3, START)
    floor.look(START)


def test_a_board_that_takes_up_what_was_known_shows_it() -> None:
    known, floor = Floor(), Floor()
    known.hear(START, rang("1002"))
    floor.look(START)
    floor.board.take_up(known.board.told())
    floor.look(START)


def test_a_board_that_could_not_be_made_is_made_from_nothing_the_next_time() -> None:
    floor, now = Floor(), START
    composer = Composers(floor.board).composer(Look())
    floor.hear(now, rang("1002"))
    composer.compose(now, sequence=1, trouble=None)
    floor.hear(now, answered("1002"))
    agent = floor.board.agents.pop("1002")
    with pytest.raises(KeyError):
        composer.compose(now, sequence=2, trouble=None)
    floor.board.agents["1002"] = agent
    shown = composer.compose(now, sequence=2, trouble=None)
    assert shown == compose(floor.board, now, Look(), sequence=2, trouble=None)


# --- what was touched ----------------------------------------------------------------------------------


def test_what_was_touched_since_a_revision_is_told_once() -> None:
    touched = Touched()
    touched.call("1")
    seen = touched.revision
    touched.call("2")
    touched.agent("1001")
    touched.places([Place("queue", "Sales"), Place("queue", "Sales")])
    assert touched.since(seen) == Touches(frozenset({"2"}), frozenset({"1001"}), frozenset({Place("queue", "Sales")}))
    assert touched.since(touched.revision) == Touches(frozenset(), frozenset(), frozenset())


def test_who_has_not_looked_for_long_is_told_that_anything_may_be_different() -> None:
    touched = Touched()
    for number in range(5_000):
        touched.call(str(number))
    assert touched.since(0) is None
    assert touched.since(touched.revision - 1) == Touches(frozenset({"4999"}), frozenset(), frozenset())
    seen = touched.revision
    touched.everything()
    assert touched.since(seen) is None
    with touched.off():
        touched.call("unseen")
    assert touched.since(seen) is None


def test_a_call_that_nobody_answered_shows_how_long_it_waited() -> None:
    floor, now = Floor(), START + timedelta(minutes=4)
    for body in (*answered_call("1", "1001"), rang("1003", "2"), abandoned("2", lasted=21)):
        floor.hear(now, body)
    board = Composers(floor.board).composer(Look()).compose(now, sequence=1, trouble=None)
    lasted = {row.id: row.lasted_seconds for row in tiles(board, "ended") if isinstance(row, views.CallRow)}
    assert lasted == {"1": 187, "2": 21}
