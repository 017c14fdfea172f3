"""Snapshots of the fold kept in a file beside the database; see `wallboard.journal.beginnings`."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from wallboard.journal import CALLER_ERASED, EVENTS_PURGED
from wallboard.journal.base import FIRST, Base, base_of
from wallboard.journal.beginnings import Mark
from wallboard.journal.custody import Custody
from wallboard.journal.files import SNAPSHOTS, beside, forget_snapshots
from wallboard.journal.rows import NOTES, NOTHING, SELECT, Row, is_sealed, sound_notes
from wallboard.journal.soundness import Waymark
from wallboard.journal.sqlite import SqliteJournal
from wallboard.journal.store import untouched

WORD, UNFINISHED = SNAPSHOTS
_CHUNK = 2_000
_SEAL = "SELECT hash FROM deliveries WHERE sequence = ?"
_DELETED_SINCE = "SELECT 1 FROM deliveries WHERE sequence > ? AND remark IN (?, ?) LIMIT 1"


class SqliteBeginnings:
    """See `Beginnings`. One server's alone."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self._path = journal.path
        self._begun_at = Waymark(0, NOTHING)

    def opened(self, version: str) -> BinaryIO | None:
        try:
            return beside(self._path, WORD).open("rb")
        except OSError:
            return None

    def latest(self, version: str) -> int:
        return 0

    def stands(self, mark: Mark) -> bool:
        """None does that ends before what the journal has examined begins."""
        return mark.sequence >= self._journal.unexamined and _stands(self._path, mark)

    def seal(self, sequence: int) -> bytes:
        with suppress(sqlite3.Error), closing(untouched(self._path)) as connection:
            found = connection.execute(_SEAL, (sequence,)).fetchone()
            return bytes(found[0]) if found else b""
        return b""

    def entries(self, after: int) -> Iterator[Row]:
        """In pieces, so that no reader keeps the writer from emptying its WAL; sqlite3.Error for a changed row."""
        with closing(untouched(self._path)) as connection:
            base = base_of(_notes(connection)) or FIRST
            while rows := connection.execute(f"{SELECT} LIMIT {_CHUNK}", (after,)).fetchall():
                if not all(map(is_sealed, rows)):
                    raise sqlite3.DatabaseError("a row has changed")
                yield from (row for row in rows if not base.drops(row))
                after = rows[-1][0]

    def epoch(self) -> str | None:
        with closing(untouched(self._path)) as connection:
            return _notes(connection).get("epoch")

    def base(self) -> Base:
        with closing(untouched(self._path)) as connection:
            return base_of(_notes(connection)) or FIRST

    @asynccontextmanager
    async def making(self) -> AsyncIterator[BinaryIO | None]:
        """Beside the database, from where an erasing takes it away. None is made of a journal that is damaged."""
        if self._journal.has_parted:
            yield None
            return
        self._begun_at = await self._journal.work(lambda custody: (custody.waymark, []))
        path = beside(self._path, UNFINISHED)
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b") as file:
            try:
                yield file
            finally:
                path.unlink(missing_ok=True)

    async def keep(self, file: BinaryIO, mark: Mark) -> bool:
        """The journal's writer does it, between two commits."""
        file.flush()
        os.fsync(file.fileno())
        return await self._journal.work(partial(_keep, mark=mark, begun_at=self._begun_at))

    def forget(self, version: str) -> None:
        with suppress(OSError):
            forget_snapshots(self._path)


def _keep(custody: Custody, mark: Mark, begun_at: Waymark) -> tuple[bool, list[Row]]:
    if not _stands(custody.path, mark):
        beside(custody.path, UNFINISHED).unlink(missing_ok=True)
        return False, []
    with suppress(FileNotFoundError):  # an erasing has taken it away
        os.replace(beside(custody.path, UNFINISHED), beside(custody.path, WORD))
        custody.set_waymark(begun_at)
        return True, []
    return False, []


def _stands(path: Path, mark: Mark) -> bool:
    with suppress(sqlite3.Error), closing(untouched(path)) as connection:
        return _notes(connection).get("epoch") == mark.epoch and _continues(connection, mark)
    return False


def _continues(connection: sqlite3.Connection, mark: Mark) -> bool:
    found = connection.execute(_SEAL, (mark.sequence,)).fetchone()
    if found is None or not mark.seal or bytes(found[0]) != mark.seal:
        return False
    return connection.execute(_DELETED_SINCE, (mark.sequence, CALLER_ERASED, EVENTS_PURGED)).fetchone() is None


def _notes(connection: sqlite3.Connection) -> dict[str, str]:
    return sound_notes(connection.execute(NOTES).fetchall())
