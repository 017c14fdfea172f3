"""Which journal a DATABASE_URL names; knows nothing of how either works.

PostgreSQL's is imported only where it is named: nobody on SQLite needs libpq.
"""

from __future__ import annotations

from pathlib import Path

from wallboard.clock import Clock
from wallboard.journal import Journal, sqlite

_SQLITE = "sqlite:///"


def is_sqlite(url: str) -> bool:
    return url.startswith(_SQLITE)


def path_of(url: str) -> Path:
    """The file of SQLite's journal: `sqlite:///a.db` is relative, `sqlite:////srv/a.db` absolute."""
    return Path(url.removeprefix(_SQLITE))


def journal_at(url: str, clock: Clock | None = None) -> Journal:
    """Not opened yet. A `clock` is made to go by the database's, where several processes share it."""
    if is_sqlite(url):
        return sqlite.SqliteJournal(path_of(url))
    from wallboard.journal.postgres import PostgresJournal

    return PostgresJournal(url, clock)


def check(url: str) -> None:
    """Tries what a server needs of the journal; JournalError says what is wrong."""
    if is_sqlite(url):
        sqlite.check(path_of(url))
        return
    from wallboard.journal import postgres_check

    postgres_check.check(url)


def migrated(url: str) -> str:
    """Brings the tables up to date; says how they stand. JournalError."""
    if is_sqlite(url):
        return "SQLite's tables are brought up to date by each start"
    from wallboard.journal import postgres_check

    return f"PostgreSQL's tables are at version {postgres_check.migrated(url)}"
