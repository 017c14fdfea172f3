"""The archive in a SQLite file; see `wallboard.journal.archive`.

Each stretch has a connection of its own, for the file may be put back or mended meanwhile.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from wallboard.journal.archive import Archive, ArchiveUnreadable, Ask
from wallboard.journal.store import untouched


class SqliteArchive(Archive):
    """See `Archive`."""

    is_in_body = "instr(body, ?)"

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def _opened(self) -> Iterator[Ask]:
        try:
            with closing(untouched(self.path)) as connection:
                yield lambda statement, values: connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise ArchiveUnreadable(str(error)) from None
