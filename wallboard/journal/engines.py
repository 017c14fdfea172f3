"""Which database keeps the journal, and all that there is of it: the one place that is asked for it by DATABASE_URL.

PostgreSQL's is imported only where it is named: nobody on SQLite needs libpq.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from wallboard.clock import Clock
from wallboard.commons import Commons
from wallboard.journal import Delivery, Journal
from wallboard.journal.archive import Archive
from wallboard.journal.beginnings import Beginnings
from wallboard.journal.sqlite import SqliteJournal, check
from wallboard.journal.sqlite_archive import SqliteArchive
from wallboard.journal.sqlite_beginnings import SqliteBeginnings
from wallboard.journal.sqlite_upkeep import SqliteUpkeep, deleted
from wallboard.journal.upkeep import Upkeep

_SQLITE = "sqlite:///"
_BEYOND_ALL = 2**62


class Spooling(Protocol):
    """Takes deliveries also while the journal cannot be written; see wallboard/journal/spooling.py."""

    @property
    def is_open(self) -> bool:
        """Whether it takes any, be the journal open or not."""

    @property
    def is_in_use(self) -> bool:
        """Whether what comes now does not go into the journal at once."""

    async def open(self) -> None:
        """Takes over what was left behind."""

    async def append(self, delivery: Delivery) -> Any:
        """What the journal's `append` returns, or `None`: it is durable, and not yet applied. JournalUnavailable."""

    async def run(self) -> None:
        """Drains whenever it can; to be called when the journal is open."""

    async def close(self) -> None:
        """Leaves what there is to the next start."""


class Engine(Protocol):
    """One database. `path` is its file, beside which a running server can be reached; `None` where it is no file, and
    then any number of processes may share it. Nothing is opened before it is asked for.
    """

    url: str
    """By which another process finds the same one."""
    name: str
    """As `check` prints it: never a password."""
    path: Path | None
    journal: Journal
    archive: Archive
    upkeep: Upkeep
    commons: Commons
    beginnings: Beginnings

    def check(self) -> None:
        """Tries what a server needs of it; JournalError says what is wrong. Blocking."""

    def migrated(self) -> str:
        """Brings the tables up to date; says how they stand. JournalError. Blocking."""

    def deleted(self) -> tuple[int, bool]:
        """Up to which entry entries were deleted, and whether nothing of them is left. Blocking; for a command."""

    def end(self) -> int:
        """What to open the journal after, to be told of nothing that stands. Blocking."""

    def spooling(self, folder: Path) -> Spooling | None:
        """What takes deliveries into `folder` while the database is away; `None` where the journal is a file itself."""

    async def add_up(self, name: str, by: int) -> int:
        """Adds to a number that is noted under a name, for all processes together; the sum. JournalUnavailable."""


class SqliteEngine:
    """A file of one server's: `sqlite:///a.db` is relative, `sqlite:////srv/a.db` absolute."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self.url = f"{_SQLITE}{self._path}"
        self.name = str(path)
        self.path: Path | None = self._path
        journal = SqliteJournal(path)
        self.journal: Journal = journal
        self.archive: Archive = SqliteArchive(self._path)
        self.upkeep: Upkeep = SqliteUpkeep(journal)
        self.beginnings: Beginnings = SqliteBeginnings(journal)
        self.commons = Commons()
        self._sums: dict[str, int] = {}

    def check(self) -> None:
        check(self._path)

    def migrated(self) -> str:
        return "SQLite's tables are brought up to date by each start"

    def deleted(self) -> tuple[int, bool]:
        return deleted(self._path)

    def end(self) -> int:
        return _BEYOND_ALL

    def spooling(self, folder: Path) -> None:
        return None

    async def add_up(self, name: str, by: int) -> int:
        known = self._sums.get(name)
        total = by + (int(self.journal.noted(name) or 0) if known is None else known)
        await self.journal.note(name, str(total))
        self._sums[name] = total
        return total


def engine_of(url: str, clock: Clock | None = None) -> Engine:
    """The database of a DATABASE_URL that the settings have accepted. A `clock` is made to go by the database's, where
    several processes share it.
    """
    if url.startswith(_SQLITE):
        return SqliteEngine(Path(url.removeprefix(_SQLITE)))
    from wallboard.journal.postgres_engine import PostgresEngine

    return PostgresEngine(url, clock)


def journal_at(url: str, clock: Clock | None = None) -> Journal:
    """The journal alone."""
    return engine_of(url, clock).journal
