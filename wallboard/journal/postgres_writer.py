"""One commit to PostgreSQL, in which nobody else appends; knows not whether it is tried again.

Under the lock the last number is looked for, then the rows are sealed with theirs and put, and what others had put in
between comes back with the commit: two round trips, whatever the batch holds.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
import structlog
from psycopg import AsyncConnection, AsyncCursor
from psycopg.errors import LockNotAvailable

from wallboard.clock import steady_seconds
from wallboard.journal import EVENTS_LOST, Delivery, JournalUnavailable
from wallboard.journal import postgres_rows as sql
from wallboard.journal.postgres_applied import BEHIND, Applied
from wallboard.journal.postgres_jobs import Job, Note
from wallboard.journal.postgres_link import ANSWER_SECONDS, Link
from wallboard.journal.postgres_rows import not_before, storable
from wallboard.journal.postgres_time import DatabaseTime
from wallboard.journal.rows import Row, seal_of, sealed_note, to_row
from wallboard.journal.soundness import Loss

WORK_SECONDS = 30.0
_TRIED_BYTES = 1_900
_BEHIND_AT_MOST = 5_000
log = structlog.get_logger()


class Told(msgspec.Struct, frozen=True):
    """How the journal stands: its last number, when that was received, and when the entry that was asked for was."""

    last: int
    last_at: int | None
    asked_at: int | None
    epoch: str | None


class Writer:
    """Every method may raise psycopg.Error or OSError, and what an unheeded `work` raises."""

    def __init__(self, link: Link, applied: Applied, time: DatabaseTime) -> None:
        self._link = link
        self._applied = applied
        self._time = time
        self._sent: list[Row] = []

    async def commit(self, batch: Sequence[Job]) -> None:
        """Commits what is in the batch, applies and answers it. With an empty one it only tries whether it could.

        After an error it is called again with those of the batch that somebody still waits for: a commit whose answer
        was lost may have been done.
        """
        connection = await self._link.connection()
        async with self._link.patience(WORK_SECONDS if any(job.work for job in batch) else ANSWER_SECONDS):
            known_at = self._applied.head_at
            told = await self._begin(connection)
            if told.asked_at != known_at:
                await self._part(connection, told)
                return
            if told.last - self._applied.head > _BEHIND_AT_MOST:  # the follower reads them, in chunks
                raise JournalUnavailable("this process is still catching up")
            rows, missed = await self._done(connection, batch, told)
        self._applied.take(missed)
        self._applied.take(rows)
        for job in batch:
            job.answer()

    def forget(self) -> None:
        """The batch is over, whatever became of it."""
        self._sent = []
        self._applied.awaited.clear()

    def is_lost(self, error: Exception) -> bool:
        """Whether the connection or the lock is what failed, and not what was asked: the server has not said that."""
        if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | OSError):
            return False
        is_said = isinstance(error, psycopg.Error) and error.diag.severity_nonlocalized == "ERROR"
        return not is_said or isinstance(error, LockNotAvailable) or self._link.is_lost

    async def how_it_stands(self, connection: AsyncConnection[Any], head: int) -> Told:
        """Without the lock."""
        asked = steady_seconds()
        return await self._told(await connection.execute(sql.how_it_stands(head).encode()), asked)

    async def _begin(self, connection: AsyncConnection[Any]) -> Told:
        asked = steady_seconds()
        cursor = await connection.execute((sql.BEGIN + sql.how_it_stands(self._applied.head)).encode())
        cursor.nextset()
        cursor.nextset()
        return await self._told(cursor, asked)

    async def _told(self, cursor: AsyncCursor[Any], asked: float) -> Told:
        row = await cursor.fetchone()
        assert row is not None
        last, now, epoch, asked_at, last_at = row
        self._time.hear(now, asked, steady_seconds())
        return Told(last, last_at, asked_at, epoch)

    async def _done(
        self, connection: AsyncConnection[Any], batch: Sequence[Job], told: Told
    ) -> tuple[list[Row], list[Row]]:
        """The rows that were committed now, and those before them that had not been applied."""
        if await self._stands(connection, told.last):
            # A commit of its own: only with it is it sure that the one before has reached a synchronous standby.
            return [], await self._put(connection, [], [self._tried()], (self._applied.head, told.last))
        if any(job.is_single for job in batch) and told.last > self._applied.head:
            found = await connection.execute(sql.BETWEEN, (self._applied.head, told.last), binary=True)
            self._applied.take(await found.fetchall())
        notes = [job.note for job in batch if job.note is not None]
        if not batch:
            await _try(connection, told.last + 1)
            notes = [self._tried()]
        before = self._applied.head
        self._sent = await self._rows(connection, batch, told)
        return self._sent, await self._put(connection, self._sent, notes, (before, told.last))

    async def _stands(self, connection: AsyncConnection[Any], last: int) -> bool:
        """Whether the commit whose answer was lost was done: under the lock it is over either way."""
        if not self._sent or last < self._sent[0][0]:
            return False
        first = self._sent[0]
        found = await connection.execute(sql.BETWEEN, (first[0] - 1, first[0]), binary=True)
        row = await found.fetchone()
        return row is not None and seal_of(row) == seal_of(first)

    async def _rows(self, connection: AsyncConnection[Any], batch: Sequence[Job], told: Told) -> list[Row]:
        rows: list[Row] = []
        self._applied.awaited.clear()
        at = told.last_at
        for job in batch:
            for delivery in await job.deliveries(connection):
                try:
                    row = to_row(told.last + 1 + len(rows), storable(not_before(at, delivery)))
                except ValueError as error:  # no text that could be stored
                    job.refuse(str(error))
                    continue
                rows.append(row)
                at = row[1]
                if job.work is None:
                    self._applied.awaited[seal_of(row)] = job
        return rows

    async def _put(
        self, connection: AsyncConnection[Any], rows: list[Row], notes: list[Note], missed: tuple[int, int]
    ) -> list[Row]:
        """Commits; what others had appended after the first of `missed` and up to the second."""
        others = None
        async with connection.pipeline():
            if rows:
                await _insert(connection, rows)
                await connection.execute(sql.RING, (str(rows[-1][0]),))
            for note in notes:
                await connection.execute(sql.NOTE, sealed_note(*note))
            await connection.execute(sql.UNHURRIED)
            await connection.execute("COMMIT")
            if missed[1] > missed[0]:
                others = await connection.execute(sql.BETWEEN, missed, binary=True)
        return await others.fetchall() if others is not None else []

    async def _part(self, connection: AsyncConnection[Any], told: Told) -> None:
        """Says that the database has gone back. This process holds what nobody else can know, so it is of no use."""
        lost = max(0, self._applied.head - told.last)
        gone = [(told.last + 1, self._applied.head)] if lost else []
        epoch = secrets.token_hex(8)
        loss = Loss(lost, gone, epoch, told.epoch, [BEHIND])
        now = datetime.fromtimestamp(self._time.now(), UTC)
        remark = Delivery(received_at=now, body=msgspec.json.encode(loss), remark=EVENTS_LOST)
        row = to_row(max(told.last, self._applied.head) + 1, remark)
        await self._put(connection, [row], [("epoch", epoch)], (0, 0))
        log.error("the database has gone back to an older state", lost=lost, epoch=epoch)
        self._applied.has_parted = True

    def _tried(self) -> Note:
        return "tried_at", datetime.fromtimestamp(self._time.now(), UTC).isoformat()


async def _insert(connection: AsyncConnection[Any], rows: Sequence[Row]) -> None:
    if len(rows) == 1:
        await connection.execute(sql.INSERT_ONE, rows[0])
        return
    await connection.execute(sql.INSERT, sql.columns(rows))


async def _try(connection: AsyncConnection[Any], sequence: int) -> None:
    """Finds out whether there is room for an entry, and takes it back: a note is put where there was one before."""
    body = secrets.token_bytes(_TRIED_BYTES)
    row = to_row(sequence, Delivery(received_at=datetime.fromtimestamp(0, UTC), body=body))
    await connection.execute("SAVEPOINT tried")
    await _insert(connection, [row])
    await connection.execute("ROLLBACK TO SAVEPOINT tried")
