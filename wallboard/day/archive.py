"""Stretches of the journal's file, read beside its writer; read only, and knows nothing of what an entry means.

The file has no index by time: the first entry of an instant is found by halving. A clock that was set leaves a
stretch that does not ascend, so whoever asks must ask for a margin. Each look is a statement of its own, so that
no reader keeps the writer from emptying its WAL, and each stretch has a connection of its own, for the file may be
put back or mended meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from wallboard.journal import Entry
from wallboard.journal.rows import to_entry
from wallboard.journal.store import untouched

CHUNK = 2_000
_SCANNED = 20_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NEXT = "SELECT sequence, received_at FROM deliveries WHERE sequence >= ? ORDER BY sequence LIMIT 1"
_ENDS = "SELECT coalesce(min(sequence), 0), coalesce(max(sequence), -1) FROM deliveries"
_ALL = "SELECT * FROM deliveries WHERE sequence >= ? AND sequence < ? ORDER BY sequence LIMIT ?"
_SOME = "SELECT * FROM deliveries WHERE sequence >= ? AND sequence < ? AND (remark IS NOT NULL{}) ORDER BY sequence"
_CONTAINS = " OR instr(body, ?)"


class ArchiveUnreadable(Exception):
    """The journal's file cannot be read just now; the text says why."""


class Archive:
    """Blocking: call it in a thread or in a process of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def body_of(self, sequence: int) -> bytes | None:
        """The body of one entry; `None` where there is none. Raises ArchiveUnreadable."""
        with self._opened() as connection:
            found = connection.execute("SELECT body FROM deliveries WHERE sequence = ?", (sequence,)).fetchone()
            return bytes(found[0]) if found else None

    def between(self, since: datetime, until: datetime, containing: Sequence[bytes] = ()) -> Iterator[Entry]:
        """The entries received in `[since, until)`, in order. With `containing` only remarks and those whose body has
        one of these in it, which is found without reading the others into Python: a second for some 500,000.

        Raises ArchiveUnreadable, also midway.
        """
        with self._opened() as connection:
            first, end = _position(connection, since), _position(connection, until)
            rows = _some(connection, first, end, containing) if containing else _all(connection, first, end)
            yield from map(to_entry, rows)

    def _opened(self) -> _Opened:
        return _Opened(self.path)


class _Opened:
    """A connection for as long as the block lasts; whatever SQLite raises in it is ArchiveUnreadable."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> sqlite3.Connection:
        try:
            self._connection = untouched(self._path)
        except sqlite3.Error as error:
            raise ArchiveUnreadable(str(error)) from None
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        with closing(self._connection):
            if isinstance(error, sqlite3.Error):
                raise ArchiveUnreadable(str(error)) from None


def _position(connection: sqlite3.Connection, at: datetime) -> int:
    """The sequence of the first entry received at `at` or later; past the last where there is none."""
    wanted = (at - _EPOCH) // _MICROSECOND
    low, last = connection.execute(_ENDS).fetchone()
    high = last + 1
    while low < high:
        middle = (low + high) // 2
        sequence, received_at = connection.execute(_NEXT, (middle,)).fetchone()
        if received_at >= wanted:
            high = middle
        else:
            low = sequence + 1
    return int(low)


def _all(connection: sqlite3.Connection, first: int, end: int) -> Iterator[tuple[object, ...]]:
    while rows := connection.execute(_ALL, (first, end, CHUNK)).fetchall():
        yield from rows
        first = rows[-1][0] + 1


def _some(
    connection: sqlite3.Connection, first: int, end: int, containing: Sequence[bytes]
) -> Iterator[tuple[object, ...]]:
    statement = _SOME.format(_CONTAINS * len(containing))
    for start in range(first, end, _SCANNED):
        yield from connection.execute(statement, (start, min(end, start + _SCANNED), *containing)).fetchall()
