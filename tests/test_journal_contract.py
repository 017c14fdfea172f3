"""What every journal must do, on SQLite and on a real PostgreSQL by the same cases."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest

from tests.journals import delivery, nothing, soon, with_journal
from wallboard.journal import Delivery, Entry, Journal, JournalUnavailable
from wallboard.journal.engines import journal_at
from wallboard.journal.migrations import STEPS
from wallboard.journal.postgres_rows import APPENDING, INSERT, columns
from wallboard.journal.rows import to_row


class Engine(Protocol):
    """One database, and what somebody else can do to it."""

    url: str

    def hindered(self) -> Any:
        """While it lasts, nobody can append."""

    def refusing(self) -> Any:
        """While it lasts, every insert fails."""

    def insert(self, sequence: int, what: Delivery) -> None:
        """Puts a row there, past the journal."""


class Sqlite:
    REFUSE = "CREATE TRIGGER refuse BEFORE INSERT ON deliveries BEGIN SELECT RAISE(ABORT, 'refused'); END"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"

    def _do(self, statement: str, *parameters: Any) -> None:
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute(statement, *parameters)
        connection.close()

    @contextmanager
    def hindered(self) -> Iterator[None]:
        blocker = sqlite3.connect(self.path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        yield
        blocker.close()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        self._do(self.REFUSE)
        yield
        self._do("DROP TRIGGER refuse")

    def insert(self, sequence: int, what: Delivery) -> None:
        self._do("INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", to_row(sequence, what))


class PostgreSql:
    REFUSE = (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$; "
        "CREATE TRIGGER refuse BEFORE INSERT ON deliveries EXECUTE FUNCTION refuse()"
    )

    def __init__(self, url: str) -> None:
        self.url = url

    def _do(self, statement: bytes, *parameters: Any) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(statement, *parameters)

    @contextmanager
    def hindered(self) -> Iterator[None]:
        with psycopg.connect(self.url) as connection:
            connection.execute(f"SELECT pg_advisory_xact_lock({APPENDING})".encode())
            yield

    @contextmanager
    def refusing(self) -> Iterator[None]:
        self._do(self.REFUSE.encode())
        yield
        self._do(b"DROP FUNCTION refuse CASCADE")

    def insert(self, sequence: int, what: Delivery) -> None:
        self._do(INSERT, columns([to_row(sequence, what)]))


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    if request.param == "sqlite":
        return Sqlite(tmp_path / "j.db")
    return PostgreSql(request.getfixturevalue("database"))


Use = Callable[[Journal, list[Entry]], Awaitable[None]]


def with_engine(engine: Engine, use: Use, after: int = 0) -> list[Entry]:
    """Opens its journal, lets `use` work with it, and returns every entry that was applied."""
    return with_journal(journal_at(engine.url), use, after)


def test_what_was_appended_is_replayed_in_order_byte_for_byte(engine: Engine) -> None:
    bodies = [bytes([n, 0, 255]) for n in range(200)]

    async def use(journal: Journal, applied: list[Entry]) -> None:
        results = await asyncio.gather(*(journal.append(delivery(body, meaning="m", refusal="r")) for body in bodies))
        assert results == [10 * n for n in range(1, 201)], "append returns what apply made of its entry"
        assert journal.head == 200

    first = with_engine(engine, use)
    again = with_engine(engine, nothing)
    assert first == again
    assert [entry.delivery.body for entry in again] == bodies
    assert again[0].delivery == delivery(bodies[0], meaning="m", refusal="r")


def test_nothing_is_applied_before_it_is_committed(engine: Engine) -> None:
    async def use(journal: Journal, applied: list[Entry]) -> None:
        with engine.hindered():
            with pytest.raises(JournalUnavailable):
                await journal.append(delivery(b"{}"))
            assert applied == []
            assert journal.trouble
        await journal.append(delivery(b"[]"))
        assert journal.trouble is None

    with_engine(engine, use)


def test_a_refusal_comes_within_a_second(engine: Engine) -> None:
    async def use(journal: Journal, applied: list[Entry]) -> None:
        with engine.hindered():
            async with asyncio.timeout(0.95):
                with pytest.raises(JournalUnavailable):
                    await journal.append(delivery(b"{}"))

    with_engine(engine, use)


def test_the_trouble_ends_by_itself_though_nothing_comes(engine: Engine) -> None:
    async def use(journal: Journal, applied: list[Entry]) -> None:
        with engine.refusing(), pytest.raises(JournalUnavailable):
            await journal.append(delivery(b"{}"))
        await soon(lambda: journal.trouble is None)

    with_engine(engine, use)


def test_a_failed_write_leaves_no_gap_and_the_next_one_goes_on(engine: Engine) -> None:
    async def use(journal: Journal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"1"))
        with engine.refusing(), pytest.raises(JournalUnavailable):
            await journal.append(delivery(b"2"))
        await journal.append(delivery(b"3"))
        assert journal.trouble is None

    with_engine(engine, use)
    assert [(entry.sequence, entry.delivery.body) for entry in with_engine(engine, nothing)] == [(1, b"1"), (2, b"3")]


def test_a_commit_that_failed_but_stands_is_applied_and_the_next_one_goes_on(engine: Engine) -> None:
    async def use(journal: Journal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"1"))
        with engine.refusing(), pytest.raises(JournalUnavailable):
            await journal.append(delivery(b"2"))
        engine.insert(2, delivery(b"2"))
        assert await journal.append(delivery(b"3")) == 30
        assert [entry.sequence for entry in applied] == [1, 2, 3]

    first = with_engine(engine, use)
    assert [entry.sequence for entry in first] == [entry.sequence for entry in with_engine(engine, nothing)]


def test_what_cannot_be_written_at_all_does_not_end_the_writer(engine: Engine) -> None:
    async def use(journal: Journal, applied: list[Entry]) -> None:
        with pytest.raises(JournalUnavailable, match="surrogates not allowed"):
            await journal.append(delivery(b"1", meaning="\ud800"))
        assert await journal.append(delivery(b"2")) == 10
        assert journal.trouble is None

    with_engine(engine, use)


def test_text_that_no_database_likes_is_taken_and_every_replay_is_told_the_same(engine: Engine) -> None:
    async def use(journal: Journal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"\0\xff'\\", meaning="a\0b", refusal="'\\ \U0001f600"))

    assert with_engine(engine, use) == with_engine(engine, nothing)


def test_large_bodies_are_taken(engine: Engine) -> None:
    bodies = [bytes([n]) * (256 << 10) for n in range(40)]

    async def use(journal: Journal, applied: list[Entry]) -> None:
        for few in range(0, 40, 8):
            await asyncio.gather(*(journal.append(delivery(body)) for body in bodies[few : few + 8]))

    with_engine(engine, use)
    assert [entry.delivery.body for entry in with_engine(engine, nothing)] == bodies


def test_it_can_be_followed_from_a_sequence_number(engine: Engine) -> None:
    async def write(journal: Journal, applied: list[Entry]) -> None:
        for body in (b"1", b"2", b"3"):
            await journal.append(delivery(body))

    async def go_on(journal: Journal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"4"))

    with_engine(engine, write)
    assert [entry.delivery.body for entry in with_engine(engine, go_on, after=2)] == [b"3", b"4"]
    assert len(with_engine(engine, nothing)) == 4


def test_what_is_decided_is_appended_and_a_decision_against_it_appends_nothing(engine: Engine) -> None:
    async def use(journal: Journal, applied: list[Entry]) -> None:
        assert await journal.decide(lambda: None) is None
        assert await journal.decide(lambda: delivery(b"%d" % len(applied))) == 10
        assert [entry.delivery.body for entry in applied] == [b"0"]

    with_engine(engine, use)


def test_notes_are_kept(engine: Engine) -> None:
    async def write(journal: Journal, applied: list[Entry]) -> None:
        await journal.note("refused", "1")
        await journal.note("refused", "2")

    async def read(journal: Journal, applied: list[Entry]) -> None:
        assert journal.noted("refused") == "2"

    with_engine(engine, write)
    with_engine(engine, read)


def test_a_closed_journal_takes_nothing(engine: Engine) -> None:
    async def use(journal: Journal, applied: list[Entry]) -> None:
        await journal.close()
        with pytest.raises(JournalUnavailable):
            await journal.append(delivery(b"{}"))

    with_engine(engine, use)


def test_the_history_keeps_its_name(engine: Engine) -> None:
    names = []

    async def read(journal: Journal, applied: list[Entry]) -> None:
        names.append(journal.epoch)

    with_engine(engine, read)
    with_engine(engine, read)
    assert names[0] is not None
    assert names[0] == names[1]


def test_the_tables_are_of_the_last_version(database: str) -> None:
    with_engine(PostgreSql(database), nothing)
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT max(version) FROM wallboard_schema").fetchone() == (len(STEPS),)
