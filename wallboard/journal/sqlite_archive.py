"""The archive in a SQLite file; see `wallboard.journal.archive`.

Each stretch has a connection of its own, for the file may be put back or mended meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from wallboard.journal import Entry, archive
from wallboard.journal.archive import ArchiveUnreadable, Ask
from wallboard.journal.store import untouched


class SqliteArchive:
    """See `Archive`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def head(self) -> int:
        with self._opened() as ask:
            return archive.head(ask)

    def body_of(self, sequence: int) -> bytes | None:
        with self._opened() as ask:
            return archive.body_of(ask, sequence)

    def remarks(self, names: Iterable[str]) -> Iterator[Entry]:
        with self._opened() as ask:
            yield from archive.remarks(ask, tuple(names))

    def between(self, since: datetime, until: datetime, containing: Sequence[bytes] = ()) -> Iterator[Entry]:
        with self._opened() as ask:
            yield from archive.between(ask, since, until, containing, "instr(body, ?)")

    @contextmanager
    def _opened(self) -> Iterator[Ask]:
        try:
            with closing(untouched(self.path)) as connection:
                yield lambda statement, values: connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise ArchiveUnreadable(str(error)) from None
