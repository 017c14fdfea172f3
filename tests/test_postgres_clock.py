"""Several processes, one clock: the database's. Its steps are told once, whoever notices them and in whatever order."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.faults import Faults
from tests.journals import NOW, delivery, soon
from tests.postgres import Postgres, running
from wallboard.board import Board
from wallboard.clock import Clock
from wallboard.intake import Intake
from wallboard.journal.postgres import PostgresJournal
from wallboard.journal.postgres_rows import not_before
from wallboard.journal.postgres_time import DatabaseTime
from wallboard.parse import Reader
from wallboard.rules import Rules

HOUR = 3600.0


# --- the database's time ---------------------------------------------------------------------------------


def test_it_is_known_as_closely_as_the_quickest_answer() -> None:
    time = DatabaseTime()
    time.hear(1000.0, asked=0.0, answered=2.0)
    time.hear(1010.5, asked=10.9, answered=11.1)
    assert ahead(time) == pytest.approx(999.4)
    time.hear(1020.0, asked=19.0, answered=23.0)
    assert ahead(time) == pytest.approx(999.4), "a slow answer that says nothing new moves nothing"


def ahead(time: DatabaseTime) -> float:
    assert time._ahead is not None
    return time._ahead


class Hands:
    """A steady clock and a shared one, set by hand, and when that was looked at last."""

    def __init__(self) -> None:
        self.steady, self.shared, self.looked, self.seen = 100.0, 5000.0, 100.0, 5000.0

    def look(self) -> None:
        self.looked, self.seen = self.steady, self.shared

    def pass_(self, seconds: float) -> None:
        self.steady += seconds
        self.shared += seconds

    def clock(self) -> Clock:
        clock = Clock(lambda: 0.0, lambda: self.steady)
        clock.go_by(lambda: self.seen + self.steady - self.looked, lambda: self.looked)
        return clock


def test_who_is_told_before_it_has_looked_tells_nothing_again() -> None:
    hands = Hands()
    clock = hands.clock()
    hands.shared += HOUR
    hands.pass_(1)
    clock.adopt(timedelta(hours=1))
    assert clock.step() is None, "what it has seen is older than what it was told"
    hands.pass_(1)
    hands.look()
    assert clock.step() is None
    assert clock.now().timestamp() == hands.shared


def test_who_began_after_the_step_is_put_right_without_a_word() -> None:
    hands = Hands()
    clock = hands.clock()
    hands.pass_(1)
    clock.adopt(timedelta(hours=1))
    hands.pass_(1)
    hands.look()
    assert clock.step() is None
    assert clock.now().timestamp() == pytest.approx(hands.shared)
    hands.shared += HOUR
    hands.look()
    assert clock.step() == timedelta(hours=1), "a step that is its own is told"


def test_an_entry_is_not_received_a_hair_before_the_one_that_stands() -> None:
    stands = int(NOW.timestamp() * 1_000_000)
    early, late = delivery(b""), delivery(b"")
    assert not_before(stands + 500, early).received_at == NOW + timedelta(microseconds=500)
    assert not_before(stands - 500, late) == late
    assert not_before(stands + 7_200_000_000, early) == early, "so far back only a step can be"


# --- two processes ---------------------------------------------------------------------------------------


@pytest.fixture
def stepping(library: Path) -> Iterator[tuple[Postgres, Faults]]:
    """A PostgreSQL whose clock obeys."""
    with running() as own:
        faults = Faults(Path(shutil.copy(library, own.folder)), own.data / "base")
        (own.data / "base.faults").chmod(0o666)
        own.stop()
        own.start(**faults.environment)
        yield own, faults


class Floor:
    def __init__(self, url: str) -> None:
        self.clock = Clock()
        self.board = Board(Rules(zone=ZoneInfo("UTC")))
        self.journal = PostgresJournal(url, self.clock)
        self.intake = Intake(Reader(zone=ZoneInfo("UTC")), self.board, self.journal, self.clock, lambda: None)

    def off(self, there: datetime) -> float:
        return abs((self.clock.now() - there).total_seconds())


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_a_step_of_the_databases_clock_is_told_once(stepping: tuple[Postgres, Faults], seconds: float) -> None:
    own, faults = stepping
    url = own.new_database()

    async def run() -> None:
        floors = [Floor(url), Floor(url)]
        for floor in floors:
            await floor.intake.open()
        faults.step_clock(seconds)
        there = timedelta(seconds=seconds)

        async def ticking(floor: Floor) -> None:
            while True:
                await floor.intake.follow_clock()
                await asyncio.sleep(0.1)

        tickers = [asyncio.create_task(ticking(floor)) for floor in floors]
        await soon(lambda: all(floor.off(datetime.now(UTC) + there) < 1 for floor in floors), within=10)
        late = Floor(url)
        await late.intake.open()
        assert late.off(datetime.now(UTC) + there) < 1
        await asyncio.wait(tickers, timeout=2.5)  # two looks more, in which nobody may tell it again
        assert [floor.journal.head for floor in floors] == [1, 1]
        for ticker in tickers:
            ticker.cancel()
        await asyncio.gather(*tickers, return_exceptions=True)
        for floor in (*floors, late):
            await floor.journal.close()

    asyncio.run(run())
    told = own.do("SELECT remark FROM deliveries", database=url.rpartition("/")[2])
    assert told == [("clock_stepped",)]
