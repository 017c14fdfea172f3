"""A snapshot of the fold kept in a file beside the database, and whether the journal still says the same; knows not
what is in it.

Where something was deleted or erased after a snapshot was made, it is believed no more: it may hold what is gone.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO

from wallboard.journal import CALLER_ERASED, EVENTS_PURGED
from wallboard.journal.base import FIRST, Base, base_of
from wallboard.journal.custody import Custody
from wallboard.journal.files import SNAPSHOTS, beside
from wallboard.journal.rows import NOTES, SELECT, Row, is_note_sealed
from wallboard.journal.store import untouched

WORD, UNFINISHED = SNAPSHOTS
_CHUNK = 2_000
_SEAL = "SELECT hash FROM deliveries WHERE sequence = ?"
_DELETED_SINCE = "SELECT 1 FROM deliveries WHERE sequence > ? AND remark IN (?, ?) LIMIT 1"


class Beginnings:
    """Blocking: call it in a thread or in a process of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def _file(self) -> Path:
        return beside(self._path, WORD)

    def opened(self) -> BinaryIO | None:
        """The snapshot there is, to be closed by whoever asked."""
        try:
            return self._file.open("rb")
        except OSError:
            return None

    def stands(self, epoch: str, sequence: int, seal: bytes) -> bool:
        """Whether the journal has this entry as it was then, and nothing was deleted or erased since."""
        with suppress(sqlite3.Error), closing(untouched(self._path)) as connection:
            return notes_of(connection).get("epoch") == epoch and _continues(connection, sequence, seal)
        return False

    def seal(self, sequence: int) -> bytes:
        """The seal of one entry; nothing where there is none."""
        with suppress(sqlite3.Error), closing(untouched(self._path)) as connection:
            found = connection.execute(_SEAL, (sequence,)).fetchone()
            return bytes(found[0]) if found else b""
        return b""

    def unfinished(self) -> BinaryIO:
        """A file to write the next one to; OSError."""
        path = beside(self._path, UNFINISHED)
        path.unlink(missing_ok=True)
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w+b")

    def adopt(self) -> None:
        """What was written takes the last one's place."""
        os.replace(beside(self._path, UNFINISHED), self._file)

    def forget(self) -> None:
        """Neither a snapshot nor a part of one is left."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)
        self.forget_unfinished()

    def forget_unfinished(self) -> None:
        """What was being written is not wanted any more."""
        with suppress(OSError):
            beside(self._path, UNFINISHED).unlink(missing_ok=True)


def keep(custody: Custody, epoch: str, sequence: int, seal: bytes) -> tuple[bool, list[Row]]:
    """The journal's writer lets what was written take the last one's place, unless it holds what has been deleted
    meanwhile. It is on the disk already.
    """
    beginnings = Beginnings(custody.path)
    if not beginnings.stands(epoch, sequence, seal):
        beside(custody.path, UNFINISHED).unlink(missing_ok=True)
        return False, []
    with suppress(FileNotFoundError):  # an erasing has taken it away
        beginnings.adopt()
        return True, []
    return False, []


def entries(path: Path, after: int) -> Iterator[Row]:
    """What stands after an entry, in pieces, so that no reader keeps the writer from emptying its WAL."""
    with closing(untouched(path)) as connection:
        base = base_of(notes_of(connection)) or FIRST
        while rows := connection.execute(f"{SELECT} LIMIT {_CHUNK}", (after,)).fetchall():
            yield from (row for row in rows if not base.drops(row))
            after = rows[-1][0]


def epoch(path: Path) -> str | None:
    """The name of the history."""
    with closing(untouched(path)) as connection:
        return notes_of(connection).get("epoch")


def base(path: Path) -> Base:
    """Up to where entries were deleted on purpose."""
    with closing(untouched(path)) as connection:
        return base_of(notes_of(connection)) or FIRST


def notes_of(connection: sqlite3.Connection) -> dict[str, str]:
    """The sound ones."""
    notes = connection.execute(NOTES).fetchall()
    return {str(name): str(value) for name, value, seal in notes if is_note_sealed(name, value, seal)}


def _continues(connection: sqlite3.Connection, sequence: int, seal: bytes) -> bool:
    found = connection.execute(_SEAL, (sequence,)).fetchone()
    if found is None or not seal or bytes(found[0]) != seal:
        return False
    return connection.execute(_DELETED_SINCE, (sequence, CALLER_ERASED, EVENTS_PURGED)).fetchone() is None
