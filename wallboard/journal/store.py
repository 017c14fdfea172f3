"""The SQLite file: opened, written, read, and put back where it was; knows no queue, no thread and no fold.

WAL, synchronous=FULL, one connection. SQLite goes on writing happily into a file that somebody has deleted; so
the file's place is looked at after every commit, and as long as the connection is open nothing is lost: the
whole of it is written out anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

from wallboard.journal.base import FIRST, Base, base_of
from wallboard.journal.files import beside, complete, identity, remove, wal_path, write_again
from wallboard.journal.rows import INSERT, NOTE, NOTES, SELECT, TABLES, Row, insert_of, sealed_note, sound_notes

BUSY_SECONDS = 0.6
_AT_ONCE = 64


class Held(sqlite3.OperationalError):
    """Another program holds the file, for now."""

    sqlite_errorcode = sqlite3.SQLITE_BUSY


class Foreign(sqlite3.DatabaseError):
    """A SQLite file, but no journal."""

    sqlite_errorcode = sqlite3.SQLITE_NOTADB


class Store:
    """One open database. Every method may raise sqlite3.Error or OSError, after which it is not to be trusted."""

    def __init__(self, path: Path) -> None:
        """Opens the file, makes the tables where they are missing, and empties the WAL into it.

        Emptying it matters after an fsync that failed: the kernel may have forgotten what it did not write, and
        only what is written again is certain to be on the disk. While another program reads, it cannot be emptied.
        """
        self.path = path
        self.connection = connect(path)
        try:
            _bring_up_to_date(self.connection)
            is_empty = self.empty_wal()
            self._begin_alone()
            if not is_empty:
                write_again(wal_path(path))
            self.connection.execute("ROLLBACK")
        except BaseException:
            self.connection.close()
            raise
        self._places = {str(each): identity(each) for each in (path, wal_path(path))}
        self.base = base_of(sound_notes(self.notes())) or FIRST

    def _begin_alone(self) -> None:
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise Held("another program holds the file") from None
            raise

    def write(self, rows: Sequence[Row], notes: Sequence[tuple[str, str]]) -> None:
        """One commit; durable when it returns, if the file is still `in_place`.

        A few rows are one statement, which is a commit by itself: between statements and rows the writer would have to
        ask a busy loop for the interpreter each time.
        """
        if not notes and 0 < len(rows) <= _AT_ONCE:
            self.connection.execute(insert_of(len(rows)), tuple(chain.from_iterable(rows)))
            return
        with self._commit(notes):
            self.connection.executemany(INSERT, rows)

    def declare(self, base: Base, rows: Sequence[Row], notes: Iterable[tuple[str, str]], aged: Iterable[int]) -> None:
        """A commit after which everything up to `base` counts as deleted; it is deleted in fact by `sweep`."""
        with self._commit(notes):
            self.connection.executemany("DELETE FROM deliveries WHERE sequence = ?", ((number,) for number in aged))
            self.connection.executemany(INSERT, rows)
        self.base = base

    def replace(self, rows: Sequence[Row], appended: Sequence[Row], notes: Iterable[tuple[str, str]]) -> None:
        """A commit that puts `rows` in the place of those with the same sequences."""
        with self._commit(notes):
            self.connection.executemany(INSERT.replace("INSERT", "INSERT OR REPLACE"), rows)
            self.connection.executemany(INSERT, appended)

    @contextmanager
    def _commit(self, notes: Iterable[tuple[str, str]]) -> Iterator[None]:
        """One commit of what is done within, and of `notes`; all of it or nothing."""
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            yield
            self.connection.executemany(NOTE, (sealed_note(*note) for note in notes))
            self.connection.execute("COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                self.connection.rollback()
            raise

    def sweep(self, after: int, most_rows: int, most_bytes: int) -> int | None:
        """Deletes the next few entries after `after` that count as deleted; where to go on, `None` at the end."""
        doomed = self._doomed(after, most_rows)
        if not doomed:
            return None
        size, last = 0, doomed[0][0]
        for sequence, length in doomed:
            size += length
            if size > most_bytes and sequence != doomed[0][0]:
                break
            last = sequence
        rest, names = self._dropped()
        self.connection.execute(
            f"DELETE FROM deliveries WHERE sequence > ? AND sequence <= ? AND {rest}", (after, last, *names)
        )
        return last

    def _doomed(self, after: int, most: int) -> list[tuple[int, int]]:
        rest, names = self._dropped()
        return self.connection.execute(
            f"SELECT sequence, length(body) FROM deliveries WHERE sequence > ? AND sequence <= ? AND {rest} "
            f"ORDER BY sequence LIMIT {most}", (after, self.base.sequence, *names),
        ).fetchall()  # fmt: skip

    def _dropped(self) -> tuple[str, tuple[str, ...]]:
        """Which entries up to the base count as deleted, in SQL."""
        return f"(remark IS NULL OR remark IN ({', '.join('?' * len(self.base.goes))}))", self.base.goes

    def empty_wal(self) -> bool:
        """True once nothing of any commit is left in the WAL; False while another program reads an older state."""
        busy, _, _ = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def read(self, after: int, most: int) -> list[Row]:
        """The next entries; without those that count as deleted."""
        if after >= self.base.sequence:
            return self.connection.execute(f"{SELECT} LIMIT {most}", (after,)).fetchall()
        rest, names = self._dropped()
        wanted = f"AND (sequence > ? OR NOT {rest}) ORDER"
        return self.connection.execute(
            f"{SELECT.replace('ORDER', wanted)} LIMIT {most}", (after, self.base.sequence, *names)
        ).fetchall()

    def notes(self) -> list[tuple[object, object, object]]:
        """All notes with their seals, as they stand."""
        return self.connection.execute(NOTES).fetchall()

    def in_place(self) -> bool:
        """True while the database and its WAL stand under their names."""
        return all(identity(path) == known for path, known in self._places.items())

    def write_out(self) -> None:
        """Writes all that the connection holds into a copy, complete and on the disk, ready to `adopt`."""
        unfinished = beside(self.path, "unfinished")
        remove(unfinished)
        copy = sqlite3.connect(unfinished, isolation_level=None)
        try:
            copy.execute("PRAGMA synchronous=FULL")
            self.connection.backup(copy)
        finally:
            copy.close()
        complete(self.path)

    def close(self) -> None:
        self.connection.close()


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.text_factory = _lenient
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")
    except BaseException:
        connection.close()
        raise
    return connection


def untouched(path: Path) -> sqlite3.Connection:
    """A connection that changes neither the file nor its WAL, not even when it is closed."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
    connection.text_factory = _lenient
    return connection


def _lenient(text: bytes) -> str:
    """A byte that has changed may make text that is no UTF-8; its seal tells, so it need not raise."""
    return text.decode("utf-8", "replace")


def is_up_to_date(connection: sqlite3.Connection) -> bool:
    """True if the tables are there as this version makes them."""
    return _columns(connection, "deliveries") >= {"remark"} and _columns(connection, "notes") >= {"seal"}


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Makes the tables, all or nothing. Schema 1 had neither remarks nor seals on its notes."""
    if is_up_to_date(connection):
        return
    connection.executescript(f"BEGIN IMMEDIATE; {TABLES}")
    if not _columns(connection, "deliveries") >= {"sequence", "hash", "body"}:
        raise Foreign("its table named deliveries is none of ours")
    if "remark" not in _columns(connection, "deliveries"):
        connection.execute("ALTER TABLE deliveries ADD COLUMN remark TEXT")
    if "seal" not in _columns(connection, "notes"):
        connection.execute("ALTER TABLE notes ADD COLUMN seal BLOB")
        notes = connection.execute("SELECT name, value FROM notes").fetchall()
        connection.executemany(NOTE, (sealed_note(*note) for note in notes))
    connection.execute("COMMIT")


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
