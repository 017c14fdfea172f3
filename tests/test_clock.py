"""Steps of the clock: noticed, journaled, and the board moved with them, so that nothing wrong is shown."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.samples import Body, abandoned, answered, at, body, rang
from wallboard.board import Board
from wallboard.clock import Clock
from wallboard.intake import Intake
from wallboard.journal.sqlite import SqliteJournal
from wallboard.parse import Reader
from wallboard.rules import Rules
from wallboard.settings import Formula
from wallboard.state import state

HOUR = timedelta(hours=1)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FORMULA: Formula = "default"


@dataclass
class Readings:
    """What a clock reads, in seconds."""

    wall: float = NOON.timestamp()
    steady: float = 500.0

    def pass_(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def clock(self) -> Clock:
        return Clock(lambda: self.wall, lambda: self.steady)


@pytest.fixture
def readings() -> Readings:
    return Readings()


# --- the clock -------------------------------------------------------------------------------------------


def test_it_goes_on_with_the_steady_clock(readings: Readings) -> None:
    clock = readings.clock()
    readings.pass_(90)
    assert (clock.now(), clock.step()) == (NOON + timedelta(seconds=90), None)


@pytest.mark.parametrize("seconds", [3600.0, -3600.0, 2.0, -2.5])
def test_a_step_is_told_and_not_passed_on_before_it_is_adopted(readings: Readings, seconds: float) -> None:
    clock = readings.clock()
    readings.wall += seconds
    by = timedelta(seconds=seconds)
    assert (clock.step(), clock.step(), clock.now()) == (by, by, NOON)
    clock.adopt(by)
    assert (clock.step(), clock.now(), clock.steps) == (None, NOON + by, 1)


def test_drift_is_followed_without_a_word_however_far_it_adds_up(readings: Readings) -> None:
    clock = readings.clock()
    for _ in range(100):
        readings.pass_(1)
        readings.wall += 0.5
        assert clock.step() is None
    assert clock.now() == NOON + timedelta(seconds=150)


# --- the board -------------------------------------------------------------------------------------------


class Floor:
    """An intake on a real journal and a clock that is set by hand."""

    def __init__(self, path: Path, readings: Readings) -> None:
        self.readings = readings
        self.clock = readings.clock()
        self.board = Board(Rules(zone=ZoneInfo("UTC")))
        self.journal = SqliteJournal(path)
        reader = Reader(zone=ZoneInfo("UTC"), components={"In": ("queue_entered", "Sales")})
        self.intake = Intake(reader, self.board, self.journal, self.clock, lambda: None)

    async def post(self, *bodies: Body) -> None:
        for each in bodies:
            await self.intake.accept(json.dumps(each).encode(), None)

    def state(self) -> dict[str, Any]:
        now, head = self.clock.now(), self.journal.head
        return state(self.board, now, sequence=head, webhooks={}, journal={}, formula=FORMULA)

    def live(self) -> dict[str, str]:
        self.board.settle(self.clock.now())
        return {call.id: call.state() for call in self.board.live_calls()}

    def ages(self) -> dict[str, float]:
        """How many seconds each agent has been as it is, and the call `waits` has waited."""
        now = self.clock.now()
        found = {key: (now - agent.since).total_seconds() for key, agent in self.board.agents.items() if agent.since}
        waits = self.board.calls["waits"]
        return found | {"waits": (now - waits.visit_since(next(iter(waits.visits.values())))).total_seconds()}


def untold(event: Body) -> Body:
    """The body without the PBX's times, so that our own clock is all there is."""
    return event | {"call_start_at": None, "connected_at": None}


BODIES = [
    untold(rang("1", "rings")),
    untold(answered("2", "talks")),
    untold(body("webhook_component_event", "waits", component_name="In")),
    untold(abandoned("over", lasted=21)),
]


async def opened(path: Path, readings: Readings) -> Floor:
    floor = Floor(path, readings)
    await floor.intake.open()
    return floor


async def stepped(path: Path, readings: Readings, seconds: float) -> Floor:
    """A floor with live calls, 20 s old, on which the clock was stepped."""
    floor = await opened(path, readings)
    await floor.post(*BODIES)
    readings.pass_(20)
    assert floor.ages() == {"1": 20, "2": 20, "waits": 20}
    readings.wall += seconds
    await floor.intake.follow_clock()
    return floor


STEPS = pytest.mark.parametrize("seconds", [3600, -3600, 86_400 * 3, -86_400 * 3])


@STEPS
def test_live_calls_stay_and_keep_their_age(tmp_path: Path, readings: Readings, seconds: float) -> None:
    async def run() -> None:
        floor = await stepped(tmp_path / "j.db", readings, seconds)
        assert floor.live() == {"rings": "ringing", "talks": "talking", "waits": "waiting"}
        assert floor.ages() == {"1": 20, "2": 20, "waits": 20}
        assert floor.clock.now().timestamp() == readings.wall
        readings.pass_(181)
        assert "rings" not in floor.live(), "silence is still counted"
        assert "waits" in floor.live()
        await floor.journal.close()

    asyncio.run(run())


@STEPS
def test_the_same_journal_gives_the_same_board(tmp_path: Path, readings: Readings, seconds: float) -> None:
    async def run() -> None:
        floor = await stepped(tmp_path / "j.db", readings, seconds)
        readings.pass_(5)
        await floor.post(untold(rang("3", "later")), untold(abandoned("rings")))
        before = floor.state()
        await floor.journal.close()
        again = await opened(tmp_path / "j.db", readings)
        assert again.state() == before
        assert again.ages() == floor.ages()
        await again.journal.close()

    asyncio.run(run())


def test_calls_of_before_and_after_a_step_back_are_presumed_ended_in_turn(tmp_path: Path, readings: Readings) -> None:
    async def run() -> None:
        floor = await stepped(tmp_path / "j.db", readings, -3600)
        readings.pass_(60)
        await floor.post(untold(rang("3", "later")))
        readings.pass_(101)
        assert ("rings" in floor.live(), "later" in floor.live()) == (False, True)
        readings.pass_(80)
        assert "later" not in floor.live()
        await floor.journal.close()

    asyncio.run(run())


def test_no_webhook_slips_in_before_its_step_is_in_the_journal(tmp_path: Path, readings: Readings) -> None:
    async def run() -> None:
        floor = await stepped(tmp_path / "j.db", readings, 0)
        readings.wall += 3600
        await asyncio.gather(*(floor.post(untold(rang(str(n), f"later {n}"))) for n in range(10, 20)))
        assert floor.journal.head == len(BODIES) + 1 + 10
        assert set(floor.live()) == {"rings", "talks", "waits", *(f"later {n}" for n in range(10, 20))}
        assert set(floor.ages().values()) == {20, 0}
        await floor.journal.close()

    asyncio.run(run())


def test_a_step_told_twice_is_set_right_by_the_next_tick(tmp_path: Path, readings: Readings) -> None:
    async def run() -> None:
        floor = await stepped(tmp_path / "j.db", readings, 3600)
        await floor.intake.remark("clock_stepped", {"by_ms": 3_600_000})
        assert floor.ages() == {"1": 20, "2": 20, "waits": 20}, "board and clock are wrong together"
        await floor.intake.follow_clock()
        assert floor.ages() == {"1": 20, "2": 20, "waits": 20}
        assert floor.clock.now().timestamp() == readings.wall
        await floor.journal.close()

    asyncio.run(run())


def test_a_clock_set_back_while_no_server_ran_leaves_the_order_true(tmp_path: Path, readings: Readings) -> None:
    async def run() -> None:
        floor = await stepped(tmp_path / "j.db", readings, 0)
        await floor.journal.close()
        readings.wall -= 3600
        again = await opened(tmp_path / "j.db", readings)
        assert set(again.live()) == {"rings", "talks", "waits"}
        readings.pass_(181)
        assert "rings" not in again.live()
        await again.journal.close()
        third = await opened(tmp_path / "j.db", readings)
        assert third.state() == again.state()
        await third.journal.close()

    asyncio.run(run())


@STEPS
def test_a_call_presumed_ended_is_counted_once_on_its_new_day(
    tmp_path: Path, readings: Readings, seconds: float
) -> None:
    async def run() -> None:
        floor = await stepped(tmp_path / "j.db", readings, 0)
        readings.pass_(200)
        assert floor.state()["totals"]["inbound"]["presumed_ended"] == 1
        readings.wall += seconds
        await floor.intake.follow_clock()
        inbound = floor.state()["totals"]["inbound"]
        assert (inbound["offered"], inbound["presumed_ended"]) == (4, 1)
        await floor.post(untold(rang("1", "rings", caller_name="News")))
        inbound = floor.state()["totals"]["inbound"]
        assert (inbound["offered"], inbound["presumed_ended"]) == (4, 0)
        assert sum(day.presumed_ended for day in floor.board.days.values()) == 0
        await floor.journal.close()

    asyncio.run(run())


def test_what_is_known_of_the_pbxs_clock_is_right_at_once(tmp_path: Path, readings: Readings) -> None:
    async def run() -> None:
        readings.wall -= 3600
        floor = await opened(tmp_path / "j.db", readings)
        connected_at = (NOON - timedelta(seconds=1)).isoformat()
        await floor.post(*(answered(str(n), str(n)) | {"connected_at": connected_at} for n in range(10)))
        assert floor.state()["pbx"]["clock_offset_seconds"] == pytest.approx(-3599)
        readings.wall += 3600
        await floor.intake.follow_clock()
        assert floor.state()["pbx"]["clock_offset_seconds"] == pytest.approx(1)
        await floor.journal.close()

    asyncio.run(run())


def test_what_the_pbx_told_stays_as_it_is(tmp_path: Path, readings: Readings) -> None:
    async def run() -> None:
        floor = await opened(tmp_path / "j.db", readings)
        start, connected = at(-20, NOON), at(-6, NOON)
        bodies = (rang("1", "a"), answered("2", "b") | {"connected_at": connected}, abandoned("c"))
        await floor.post(*(body | {"call_start_at": start} for body in bodies))
        told = [(call["started_at"], call["answered_at"], call["ended_at"]) for call in floor.state()["calls"]]
        readings.wall += 3600
        await floor.intake.follow_clock()
        after = [(call["started_at"], call["answered_at"], call["ended_at"]) for call in floor.state()["calls"]]
        assert after == told
        await floor.journal.close()

    asyncio.run(run())
