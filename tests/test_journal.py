"""What SQLite's journal does with its files; what every journal must do stands in test_journal_contract."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.journals import delivery, nothing, with_journal
from wallboard.journal import EVENTS_LOST, Entry, JournalError, JournalUnavailable, sqlite
from wallboard.journal.custody import Custody
from wallboard.journal.sqlite import SqliteJournal, check

REFUSE = "CREATE TRIGGER refuse BEFORE INSERT ON deliveries BEGIN SELECT RAISE(ABORT, 'refused'); END"


def test_a_reader_that_stays_for_long_hinders_neither_the_way_back_nor_a_start(tmp_path: Path) -> None:
    path, crashed = tmp_path / "j.db", tmp_path / "crashed.db"

    def reader_of(file: Path) -> sqlite3.Connection:
        reader = sqlite3.connect(file, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM deliveries").fetchone()
        return reader

    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"1"))
        reader = reader_of(path)
        await journal.append(delivery(b"2"))
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalUnavailable):
            await journal.append(delivery(b"3"))
        writer.execute("ROLLBACK")
        writer.close()
        async with asyncio.timeout(5):
            while journal.trouble:
                await asyncio.sleep(0.05)
        await journal.append(delivery(b"4"))
        for suffix in ("", "-wal", ".witness"):
            shutil.copy(f"{path}{suffix}", f"{crashed}{suffix}")
        reader.close()

    first = with_journal(SqliteJournal(path), use)
    reader = reader_of(crashed)
    assert with_journal(SqliteJournal(crashed), nothing) == first
    reader.close()


def test_only_one_may_hold_the_journal(tmp_path: Path) -> None:
    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        with pytest.raises(JournalError, match="another wallboard"):
            check(tmp_path / "j.db")

    with_journal(SqliteJournal(tmp_path / "j.db"), use)
    check(tmp_path / "j.db")


def test_the_database_is_in_wal_mode_with_full_synchronisation(tmp_path: Path) -> None:
    with_journal(SqliteJournal(tmp_path / "j.db"), nothing)
    connection = sqlite3.connect(tmp_path / "j.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


# --- files that are taken away under a running journal ------------------------------------------------------


def taken_away(path: Path, *suffixes: str) -> None:
    for suffix in suffixes:
        Path(f"{path}{suffix}").unlink()


@pytest.mark.parametrize("suffixes", [
    [""], ["-wal"], ["-shm"], ["", "-wal", "-shm"], [".witness"], [".lock"], ["", "-wal", "-shm", ".witness", ".lock"],
])  # fmt: skip
def test_what_is_deleted_under_it_is_put_back_before_the_next_acknowledgement(
    tmp_path: Path, suffixes: list[str]
) -> None:
    path = tmp_path / "j.db"
    bodies = [b"%d" % n for n in range(50)]

    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        for body in bodies[:25]:
            await journal.append(delivery(body))
        taken_away(path, *suffixes)
        for body in bodies[25:]:
            await journal.append(delivery(body))
        assert all(Path(f"{path}{suffix}").exists() for suffix in suffixes if suffix != "-shm")
        with pytest.raises(JournalError, match="another wallboard"):
            check(path)

    with_journal(SqliteJournal(path), use)
    assert [entry.delivery.body for entry in with_journal(SqliteJournal(path), nothing)] == bodies


def test_a_folder_that_is_deleted_under_it_is_put_back_though_nothing_comes(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "j.db"

    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"1"))
        shutil.rmtree(path.parent)
        async with asyncio.timeout(5):
            while not path.exists():
                await asyncio.sleep(0.05)
        await journal.append(delivery(b"2"))

    with_journal(SqliteJournal(path), use)
    assert [entry.delivery.body for entry in with_journal(SqliteJournal(path), nothing)] == [b"1", b"2"]


def test_what_takes_its_place_gives_way(tmp_path: Path) -> None:
    path = tmp_path / "j.db"

    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"1"))
        (tmp_path / "other").write_bytes(b"no database at all" * 1000)
        (tmp_path / "other").replace(path)
        await journal.append(delivery(b"2"))

    with_journal(SqliteJournal(path), use)
    assert [entry.delivery.body for entry in with_journal(SqliteJournal(path), nothing)] == [b"1", b"2"]


def test_no_event_is_acknowledged_while_what_was_deleted_cannot_be_put_back(tmp_path: Path) -> None:
    path = tmp_path / "j.db"

    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"1"))
        taken_away(path, "", "-wal")
        obstacle = tmp_path / "j.db.unfinished"
        obstacle.mkdir()
        with pytest.raises(JournalUnavailable):
            await journal.append(delivery(b"2"))
        assert journal.trouble
        assert [entry.delivery.body for entry in applied] == [b"1"]
        obstacle.rmdir()
        assert await journal.append(delivery(b"3")) == 30
        assert journal.trouble is None
        assert [entry.delivery.body for entry in applied] == [b"1", b"2", b"3"]

    first = with_journal(SqliteJournal(path), use)
    assert with_journal(SqliteJournal(path), nothing) == first


def test_a_lock_that_cannot_be_put_back_for_now_is_put_back_later(tmp_path: Path) -> None:
    path = tmp_path / "j.db"

    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"1"))
        taken_away(path, ".lock")
        obstacle = tmp_path / "j.db.lock"
        obstacle.mkdir()
        with pytest.raises(JournalUnavailable):
            await journal.append(delivery(b"2"))
        obstacle.rmdir()
        assert await journal.append(delivery(b"3")) == 30

    with_journal(SqliteJournal(path), use)


def test_a_witness_that_cannot_be_put_back_costs_no_descriptors(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    descriptors = Path("/proc/self/fd")

    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"1"))
        taken_away(path, ".witness")
        (tmp_path / "j.db.witness").symlink_to("/dev/full")
        before = len(list(descriptors.iterdir()))
        for _ in range(10):
            with pytest.raises(JournalUnavailable, match="No space left"):
                await journal.append(delivery(b"2"))
        assert len(list(descriptors.iterdir())) <= before
        taken_away(path, ".witness")
        await journal.append(delivery(b"3"))

    with_journal(SqliteJournal(path), use)


def test_a_second_server_that_has_taken_the_place_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "j.db"

    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"1"))
        taken_away(path, "", "-wal", "-shm", ".lock", ".witness")
        second = SqliteJournal(path)
        await second.open(lambda entry: None)
        await second.append(delivery(b"theirs"))
        with pytest.raises(JournalUnavailable, match="another wallboard"):
            await journal.append(delivery(b"2"))
        await second.close()

    with_journal(SqliteJournal(path), use)
    assert [entry.delivery.body for entry in with_journal(SqliteJournal(path), nothing)] == [b"theirs"]


def test_a_second_server_that_came_and_went_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "j.db"

    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"1"))
        taken_away(path, "", "-wal", "-shm", ".lock", ".witness")
        second = SqliteJournal(path)
        await second.open(lambda entry: None)
        await second.append(delivery(b"theirs"))
        await second.close()
        for _ in range(2):
            with pytest.raises(JournalUnavailable, match="another wallboard"):
                await journal.append(delivery(b"2"))
            check(path)

    with_journal(SqliteJournal(path), use)
    assert [entry.delivery.body for entry in with_journal(SqliteJournal(path), nothing)] == [b"theirs"]


def test_an_end_that_is_lost_while_it_runs_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "j.db"

    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"1"))
        early = path.read_bytes()
        await journal.append(delivery(b"2"))
        epoch = journal.epoch
        other = sqlite3.connect(path, isolation_level=None)
        other.execute(REFUSE)
        with pytest.raises(JournalUnavailable):
            await journal.append(delivery(b"3"))
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        other.close()
        path.write_bytes(early)
        await journal.append(delivery(b"4"))
        assert [entry.delivery.remark for entry in applied] == [None, None, EVENTS_LOST, None]
        assert journal.epoch != epoch

    with_journal(SqliteJournal(path), use)


def test_a_mended_journal_that_had_not_yet_taken_its_place_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "j.db"

    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"1"))

    with_journal(SqliteJournal(path), use)
    shutil.copy(path, f"{path}.complete")
    path.write_bytes(b"what stood there before")
    Path(f"{path}-wal").write_bytes(b"and its WAL, which must not be replayed into the new file")
    assert [entry.delivery.body for entry in with_journal(SqliteJournal(path), nothing)] == [b"1"]


@pytest.mark.parametrize("copied", [True, False], ids=["a copy", "no database"])
def test_a_copy_left_behind_long_ago_does_not_take_its_place(tmp_path: Path, copied: bool) -> None:
    path = tmp_path / "j.db"

    async def first(journal: SqliteJournal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"1"))

    async def second(journal: SqliteJournal, applied: list[Entry]) -> None:
        if copied:
            shutil.copy(path, f"{path}.complete")
        else:
            Path(f"{path}.complete").write_bytes(b"no database at all")
        await journal.append(delivery(b"2"))

    with_journal(SqliteJournal(path), first)
    with_journal(SqliteJournal(path), second)
    assert [entry.delivery.body for entry in with_journal(SqliteJournal(path), nothing)] == [b"1", b"2"]
    assert Path(f"{path}.outdated").exists()


def test_a_start_that_fails_can_be_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "j.db"

    async def use(journal: SqliteJournal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"1"))

    with_journal(SqliteJournal(path), use)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    applied: list[bytes] = []

    async def start() -> None:
        journal = SqliteJournal(path)
        with pytest.raises(JournalError, match="another program"):
            await journal.open(lambda entry: applied.append(entry.delivery.body))
        assert journal.trouble
        holder.execute("ROLLBACK")
        holder.close()
        await journal.open(lambda entry: applied.append(entry.delivery.body))
        assert journal.trouble is None
        await journal.close()

    asyncio.run(start())
    assert applied == [b"1"]


def test_what_keeps_the_journal_from_being_opened_again_is_logged_once(tmp_path: Path) -> None:
    """Each webhook tries again, so the log grew by some hundred lines a second, on the very disk that was full."""
    custody = Custody(tmp_path / "wallboard.db")
    custody.release()
    custody.path.write_bytes(b"not a journal " * 1_000)
    (tmp_path / "wallboard.db.unfinished").mkdir()  # nor can it be mended
    with capture_logs() as logs:
        for _ in range(5):
            with pytest.raises(OSError, match="unfinished"):
                custody._reopen()
    assert [entry["event"] for entry in logs].count("the journal cannot be opened again") == 1


def test_a_start_that_fails_after_the_lock_was_taken_lets_go_of_it(tmp_path: Path) -> None:
    """The notes cannot be read; a start tried again must not find its own lock."""
    path = tmp_path / "j.db"
    with_journal(SqliteJournal(path), nothing)

    class Blind(Custody):
        def notes(self) -> dict[str, str]:
            if not repaired:
                raise sqlite3.OperationalError("disk I/O error")
            return super().notes()

    repaired: list[bool] = []

    async def start() -> None:
        journal = SqliteJournal(path)
        with pytest.raises(JournalError, match="disk I/O error"):
            await journal.open(lambda entry: None)
        repaired.append(True)
        await journal.open(lambda entry: None)
        await journal.close()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite, "Custody", Blind)
        asyncio.run(start())
