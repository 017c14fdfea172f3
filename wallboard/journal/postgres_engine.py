"""PostgreSQL as an engine: everything of it in one place, see `wallboard.journal.engines`; any number of processes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection

from wallboard.clock import Clock
from wallboard.commons import Commons
from wallboard.journal import Delivery, Journal
from wallboard.journal.archive import Archive, ArchiveUnreadable
from wallboard.journal.base import FIRST, UNCLEAN, base_of
from wallboard.journal.beginnings import Beginnings
from wallboard.journal.postgres import PostgresJournal
from wallboard.journal.postgres_archive import PostgresArchive
from wallboard.journal.postgres_beginnings import PostgresBeginnings
from wallboard.journal.postgres_check import check, migrated
from wallboard.journal.postgres_commons import PostgresCommons
from wallboard.journal.postgres_rows import NOTE, NOTED
from wallboard.journal.postgres_upkeep import PostgresUpkeep
from wallboard.journal.rows import sealed_note
from wallboard.journal.spool import Spool
from wallboard.journal.spooling import Spooling
from wallboard.journal.upkeep import Upkeep


class PostgresEngine:
    """See `Engine`."""

    name = "PostgreSQL"
    path: Path | None = None

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self.url = url
        self._archive = PostgresArchive(url)
        journal = PostgresJournal(url, clock)
        self.journal: Journal = journal
        self.archive: Archive = self._archive
        self.upkeep: Upkeep = PostgresUpkeep(url, journal)
        self.commons: Commons = PostgresCommons(url)
        self.beginnings: Beginnings = PostgresBeginnings(url)
        self._journal = journal

    def check(self) -> None:
        check(self.url)

    def migrated(self) -> str:
        return f"PostgreSQL's tables are at version {migrated(self.url)}"

    def deleted(self) -> tuple[int, bool]:
        with suppress(ArchiveUnreadable):
            notes = self._archive.notes()
            return (base_of(notes) or FIRST).sequence, notes.get(UNCLEAN) != "yes"
        return 0, True

    def end(self) -> int:
        return max(0, self._archive.head())

    def spooling(self, folder: Path) -> Spooling:
        return Spooling(self._journal, Spool(folder))

    async def add_up(self, name: str, by: int) -> int:
        async def add(connection: AsyncConnection[Any]) -> tuple[int, Sequence[Delivery]]:
            row = await (await connection.execute(NOTED, (name,))).fetchone()
            total = by + (int(row[0]) if row else 0)
            await connection.execute(NOTE, sealed_note(name, str(total)))
            return total, []

        return await self._journal.work(add)
