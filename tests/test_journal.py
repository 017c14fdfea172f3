"""What every journal must do; SQLite's now, PostgreSQL's by the same cases."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from wallboard.journal import Delivery, Entry, JournalError, JournalUnavailable
from wallboard.journal.rows import to_row
from wallboard.journal.sqlite import SqliteJournal, check

REFUSE = "CREATE TRIGGER refuse BEFORE INSERT ON deliveries BEGIN SELECT RAISE(ABORT, 'refused'); END"
NOW = datetime(2026, 11, 24, 1, 2, 3, 456789, tzinfo=UTC)


def delivery(body: bytes, **more: Any) -> Delivery:
    return Delivery(received_at=NOW, body=body, **more)


def with_journal(path: Path, use: Callable[[SqliteJournal, list[Entry]], Awaitable[None]]) -> list[Entry]:
    """Opens a journal, lets `use` work with it, and returns every entry that was applied."""
    applied: list[Entry] = []

    def apply(entry: Entry) -> int:
        applied.append(entry)
        return entry.sequence * 10

    async def run() -> None:
        journal = SqliteJournal(path)
        await journal.open(apply)
        try:
            await use(journal, applied)
        finally:
            await journal.close()

    asyncio.run(run())
    return applied


async def nothing(journal: SqliteJournal, applied: list[Entry]) -> None:
    return None


def test_what_was_appended_is_replayed_in_order_byte_for_byte(tmp_path: Path) -> None:
    bodies = [bytes([n, 0, 255]) for n in range(200)]

    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        results = await asyncio.gather(*(journal.append(delivery(body, meaning="m", refusal="r")) for body in bodies))
        assert results == [10 * n for n in range(1, 201)], "append returns what apply made of its entry"
        assert journal.head == 200

    first = with_journal(tmp_path / "j.db", use)
    again = with_journal(tmp_path / "j.db", nothing)
    assert first == again
    assert [entry.delivery.body for entry in again] == bodies
    assert again[0].delivery == delivery(bodies[0], meaning="m", refusal="r")


def test_nothing_is_applied_before_it_is_committed(tmp_path: Path) -> None:
    path = tmp_path / "j.db"

    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        blocker = sqlite3.connect(path, isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalUnavailable):
            await journal.append(delivery(b"{}"))
        assert applied == []
        assert journal.trouble
        blocker.execute("ROLLBACK")
        blocker.close()
        await journal.append(delivery(b"[]"))
        assert journal.trouble is None

    with_journal(path, use)


def test_a_failed_write_leaves_no_gap_and_the_next_one_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "j.db"

    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"1"))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute(REFUSE)
        with pytest.raises(JournalUnavailable):
            await journal.append(delivery(b"2"))
        other.execute("DROP TRIGGER refuse")
        other.close()
        await journal.append(delivery(b"3"))
        assert journal.trouble is None

    with_journal(path, use)
    assert [(entry.sequence, entry.delivery.body) for entry in with_journal(path, nothing)] == [(1, b"1"), (2, b"3")]


def test_a_commit_that_failed_but_stands_is_applied_and_the_next_one_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "j.db"

    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"1"))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute(REFUSE)
        with pytest.raises(JournalUnavailable):
            await journal.append(delivery(b"2"))
        other.execute("DROP TRIGGER refuse")
        other.execute(
            "INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", to_row(2, delivery(b"2"))
        )
        other.close()
        assert await journal.append(delivery(b"3")) == 30
        assert [entry.sequence for entry in applied] == [1, 2, 3]

    first = with_journal(path, use)
    assert [entry.sequence for entry in first] == [entry.sequence for entry in with_journal(path, nothing)]


def test_it_can_be_followed_from_a_sequence_number(tmp_path: Path) -> None:
    async def write(journal: SqliteJournal, applied: list[Entry]) -> None:
        for body in (b"1", b"2", b"3"):
            await journal.append(delivery(body))

    with_journal(tmp_path / "j.db", write)
    followed: list[bytes] = []

    async def follow() -> None:
        journal = SqliteJournal(tmp_path / "j.db")
        await journal.open(lambda entry: followed.append(entry.delivery.body), after=2)
        await journal.append(delivery(b"4"))
        await journal.close()

    asyncio.run(follow())
    assert followed == [b"3", b"4"]
    assert len(with_journal(tmp_path / "j.db", nothing)) == 4


def test_notes_are_kept(tmp_path: Path) -> None:
    async def write(journal: SqliteJournal, applied: list[Entry]) -> None:
        await journal.note("refused", "1")
        await journal.note("refused", "2")

    async def read(journal: SqliteJournal, applied: list[Entry]) -> None:
        assert journal.noted("refused") == "2"

    with_journal(tmp_path / "j.db", write)
    with_journal(tmp_path / "j.db", read)


def test_a_closed_journal_takes_nothing(tmp_path: Path) -> None:
    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        await journal.close()
        with pytest.raises(JournalUnavailable):
            await journal.append(delivery(b"{}"))

    with_journal(tmp_path / "j.db", use)


def test_only_one_may_hold_the_journal(tmp_path: Path) -> None:
    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        with pytest.raises(JournalError, match="another wallboard"):
            check(tmp_path / "j.db")

    with_journal(tmp_path / "j.db", use)
    check(tmp_path / "j.db")


def test_the_database_is_in_wal_mode_with_full_synchronisation(tmp_path: Path) -> None:
    with_journal(tmp_path / "j.db", nothing)
    connection = sqlite3.connect(tmp_path / "j.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
