"""Old entries deleted and erased callers overwritten in PostgreSQL; see `wallboard.journal.upkeep`.

First a commit says what counts as deleted, from where every process knows it; then it is deleted in small steps. What
the database's own log and its backups keep of it is their keeper's to delete: docs/retention.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import date, datetime
from functools import partial
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection

from wallboard.journal import EVENTS_PURGED, Delivery, JournalUnavailable
from wallboard.journal import postgres_rows as sql
from wallboard.journal.base import AGED, AGING, BASE, UNCLEAN, Base
from wallboard.journal.base import written as base_written
from wallboard.journal.postgres import PostgresJournal
from wallboard.journal.postgres_archive import PostgresArchive
from wallboard.journal.postgres_beginnings import FORGET_ALL
from wallboard.journal.postgres_link import Link
from wallboard.journal.postgres_words import words
from wallboard.journal.rows import COLUMNS, Row, is_sealed, sealed_note, to_entry, to_microseconds, to_row
from wallboard.journal.upkeep import Before, Rewriter, carried_out, nothing, read_apart

KEEPING = 7_262_412_012
"""The advisory lock of whoever deletes or erases."""
HEARD_WITHIN_SECONDS = 2.0
"""Every process that follows has heard by then what is about to go; the entry that it heard last may be among that."""
_BREATH_SECONDS = 0.02
_PATIENCE_SECONDS, _VACUUM_SECONDS = 10.0, 3_600.0
_REWRITTEN_AT_ONCE = 2_000
_LAST = 2**63 - 2
_DROPPED = "(remark IS NULL OR remark = ANY(%s))"
_TO_DROP = f"SELECT count(*) FROM deliveries WHERE sequence > %s AND sequence <= %s AND {_DROPPED}".encode()
_AGED = b"DELETE FROM deliveries WHERE sequence <= %s AND received_at < %s AND remark LIKE ANY(%s)"
_NEXT = f"SELECT sequence FROM deliveries WHERE sequence > %s AND sequence <= %s AND {_DROPPED} ORDER BY 1 LIMIT 1000"
_SWEEP = f"DELETE FROM deliveries WHERE sequence IN ({_NEXT}) RETURNING sequence".encode()
_REWRITE = b"""UPDATE deliveries SET schema = new.schema, hash = new.hash, body = new.body, remark = new.remark
    FROM (SELECT * FROM unnest(%b::bigint[], %b::int[], %b::bytea[], %b::bytea[], %s::text[])
          AS t(sequence, schema, hash, body, remark)) AS new
    WHERE deliveries.sequence = new.sequence"""
_TAIL = f"SELECT {COLUMNS} FROM deliveries WHERE sequence > %s ORDER BY sequence".encode()
log = structlog.get_logger()


class PostgresUpkeep:
    """See `Upkeep`."""

    def __init__(self, url: str, journal: PostgresJournal) -> None:
        self._url = url
        self._journal = journal
        self._archive = PostgresArchive(url)

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[bool]:
        async with self._connected() as connection:
            found = await connection.execute("SELECT pg_try_advisory_lock(%s)", (KEEPING,))
            is_ours = (await found.fetchone()) == (True,)
            if is_ours:
                await self._journal.work(_heard)
            yield is_ours

    async def purge(self, sequence: int, remains: str, now: datetime, before: date | None = None) -> bool:
        base = Base(sequence=sequence, remains=remains, before=before)

        async with self._connected(_PATIENCE_SECONDS) as connection:
            doomed = await _count(connection, self._journal.base.sequence, base)

        async def declare(connection: AsyncConnection[Any]) -> tuple[int, Sequence[Delivery]]:
            if sequence <= self._journal.base.sequence:
                return 0, []
            found = doomed + await _age(connection, base, now)
            if not found:
                return 0, []
            await _forget_snapshots(connection)
            for note in ((BASE, base_written(base)), (UNCLEAN, "yes")):
                await connection.execute(sql.NOTE, sealed_note(*note))
            return found, [Delivery(received_at=now, body=base_written(base).encode(), remark=EVENTS_PURGED)]

        found = await self._journal.work(declare)
        if not found:
            return False
        await asyncio.sleep(HEARD_WITHIN_SECONDS)
        await self._sweep()
        log.info("old entries were deleted", entries=found, up_to=sequence)
        return True

    async def sweep(self) -> None:
        async with self._connected() as connection:
            found = await connection.execute(sql.NOTED, (UNCLEAN,))
            is_unclean = (await found.fetchone()) == ("yes",)
        if is_unclean:
            await self._sweep()

    async def forget_aside(self, before: datetime) -> None:
        """Nothing is ever kept aside here."""

    async def rewrite(
        self,
        rewriter: Rewriter,
        said: Callable[[], Delivery],
        written: Callable[[], None] = lambda: None,
        foretold: Before = nothing,
    ) -> bool:
        if not await carried_out(partial(self._rewrite, rewriter, said, foretold)):
            return False
        written()
        await self._vacuum()
        return True

    async def _rewrite(self, rewriter: Rewriter, said: Callable[[], Delivery], foretold: Before) -> bool | None:
        (head, planned), learnt = await read_apart(_planned, self._archive, self._journal.base.sequence, rewriter)
        rewriter.take_up(learnt)

        async def do(connection: AsyncConnection[Any]) -> tuple[bool | None, Sequence[Delivery]]:
            rows = await (await connection.execute(_TAIL, (head,), binary=True)).fetchall()
            extension = _extended(rows, rewriter)
            if extension is None:
                return None, []
            changed = [*planned, *extension]
            if not changed:
                return False, []
            await foretold()
            await _forget_snapshots(connection)
            for at in range(0, len(changed), _REWRITTEN_AT_ONCE):  # no statement may take longer than five seconds
                await connection.execute(_REWRITE, _columns(changed[at : at + _REWRITTEN_AT_ONCE]))
            return True, [said()]

        return await self._journal.work(do)

    async def _sweep(self) -> None:
        base, after = self._journal.base, 0
        async with self._connected() as connection:
            while True:
                found = await connection.execute(_SWEEP, (after, base.sequence, list(base.goes)))
                gone = [row[0] for row in await found.fetchall()]
                if not gone:
                    break
                after = max(gone)
                await asyncio.sleep(_BREATH_SECONDS)
        await self._vacuum()
        await self._journal.note(UNCLEAN, "")

    async def _vacuum(self) -> None:
        """So that what was deleted does not wait in the table for the database's own turn; best effort."""
        with suppress(JournalUnavailable):
            async with self._connected(_VACUUM_SECONDS) as connection:
                await connection.execute("SET statement_timeout = 0")
                await connection.execute("VACUUM deliveries, snapshots, snapshot_pieces")

    @asynccontextmanager
    async def _connected(self, seconds: float | None = None) -> AsyncIterator[AsyncConnection[Any]]:
        link = Link(self._url)
        try:
            connection = await link.connection()
            if seconds is None:
                yield connection
                return
            async with link.patience(seconds):
                yield connection
        except (psycopg.Error, OSError) as error:
            raise JournalUnavailable(words(error)) from None
        finally:
            await link.close()


_Plan = tuple[int, list[Row]]
"""Up to which entry everything was looked at, and what is to be written instead of what."""


async def _heard(connection: AsyncConnection[Any]) -> tuple[None, Sequence[Delivery]]:
    """Nothing but that everything before has been applied."""
    return None, []


async def _forget_snapshots(connection: AsyncConnection[Any]) -> None:
    """They may hold what goes; in the same commit that says so."""
    for statement in FORGET_ALL:
        await connection.execute(statement)


async def _count(connection: AsyncConnection[Any], after: int, base: Base) -> int:
    goes = [name for name in base.goes if name != EVENTS_PURGED]
    row = await (await connection.execute(_TO_DROP, (after, base.sequence, goes))).fetchone()
    return int(row[0]) if row else 0


async def _age(connection: AsyncConnection[Any], base: Base, now: datetime) -> int:
    """Deletes what is kept for long, but not for ever; how much that was."""
    oldest = to_microseconds(now - AGED)
    names = [f"{name.replace('_', chr(92) + '_')}%" for name in AGING]
    return (await connection.execute(_AGED, (base.sequence, oldest, names))).rowcount


def _planned(archive: PostgresArchive, after: int, rewriter: Rewriter) -> tuple[_Plan, Rewriter]:
    """Some microseconds an entry, twice. Those at or before the base stay as they are."""
    for row in archive.rows(after, _LAST):
        rewriter.find(to_entry(row).delivery)
    rewriter.begin()
    head, changed = after, []
    for row in archive.rows(after, _LAST):
        head = row[0]
        if (rewritten := rewriter.rewrite(to_entry(row).delivery)) is not None:
            changed.append(_instead(row, rewritten))
    return (head, changed), rewriter


def _extended(rows: Sequence[Row], rewriter: Rewriter) -> list[Row] | None:
    """What is to be rewritten of what has come meanwhile; `None` if it calls for another plan."""
    known = rewriter.known
    for row in rows:
        rewriter.find(to_entry(row).delivery)
    if rewriter.known != known:
        return None
    rewritten = ((row, rewriter.rewrite(to_entry(row).delivery)) for row in rows)
    return [_instead(row, delivery) for row, delivery in rewritten if delivery is not None]


def _instead(row: Row, delivery: Delivery) -> Row:
    """One whose seal does not fit must not have one that does afterwards."""
    new = to_row(row[0], delivery)
    return new if is_sealed(row) else (*new[:3], row[3], *new[4:])


def _columns(rows: Sequence[Row]) -> list[list[Any]]:
    return [[row[place] for row in rows] for place in (0, 2, 3, 6, 7)]
