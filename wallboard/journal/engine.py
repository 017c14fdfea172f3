"""Which database keeps the journal, and all that there is of it: the one place that is asked for it by DATABASE_URL."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from wallboard.journal import Journal
from wallboard.journal.archive import Archive
from wallboard.journal.sqlite import SqliteJournal, check
from wallboard.journal.sqlite_archive import SqliteArchive
from wallboard.journal.sqlite_upkeep import SqliteUpkeep, deleted
from wallboard.journal.upkeep import Upkeep

_SQLITE = "sqlite:///"
_BEYOND_ALL = 2**62


class Engine(Protocol):
    """One database. `path` is its file, beside which a running server can be reached; `None` where it is no file, and
    then any number of processes may share it.
    """

    name: str
    """As `check` prints it: never a password."""
    path: Path | None
    journal: Journal
    archive: Archive
    upkeep: Upkeep

    def check(self) -> None:
        """Tries what a server needs of it; JournalError says what is wrong."""

    def deleted(self) -> tuple[int, bool]:
        """Up to which entry entries were deleted, and whether nothing of them is left; for a command."""

    def end(self) -> int:
        """What to open the journal after, to be told of nothing that stands; blocking."""


class SqliteEngine:
    """A file of one server's."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self.name = str(path)
        self.path: Path | None = self._path
        journal = SqliteJournal(path)
        self.journal: Journal = journal
        self.archive: Archive = SqliteArchive(self._path)
        self.upkeep: Upkeep = SqliteUpkeep(journal)

    def check(self) -> None:
        check(self._path)

    def deleted(self) -> tuple[int, bool]:
        return deleted(self._path)

    def end(self) -> int:
        return _BEYOND_ALL


def engine_of(url: str) -> Engine:
    """The database of a DATABASE_URL that the settings have accepted; nothing is opened yet."""
    return SqliteEngine(Path(url.removeprefix(_SQLITE)))
