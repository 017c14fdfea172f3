"""The journal in PostgreSQL, which any number of processes append to and follow; knows no other process.

One connection appends whatever is queued, a batch to a transaction, under a lock that makes the order of commit the
order of the numbers. Another one follows: a doorbell tells that there is more, and it looks each second regardless.
Whatever is read or committed is applied in order, and an append is answered when its entry has been.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import psycopg
import structlog
from psycopg import AsyncConnection, AsyncCursor
from psycopg.errors import LockNotAvailable, ReadOnlySqlTransaction

from wallboard.clock import Clock, steady_seconds
from wallboard.journal import (
    EVENTS_LOST,
    EVENTS_PURGED,
    Apply,
    Begin,
    Decide,
    Delivery,
    JournalError,
    JournalUnavailable,
)
from wallboard.journal import base as bases
from wallboard.journal import postgres_rows as sql
from wallboard.journal.base import FIRST, Base
from wallboard.journal.migrations import migrate
from wallboard.journal.postgres_link import Link
from wallboard.journal.postgres_rows import not_before, storable
from wallboard.journal.postgres_time import DatabaseTime
from wallboard.journal.postgres_words import READ_ONLY, UNANSWERED, explain, is_passing, words
from wallboard.journal.rows import Row, is_note_sealed, seal_of, sealed_note, to_entry, to_row
from wallboard.journal.soundness import Loss

_BATCH, _BATCH_BYTES = 500, 4 << 20
_CHUNK = 1_000
_QUEUED_AT_MOST = 5_000
_ACKNOWLEDGE_WITHIN_SECONDS = 0.75
_ANSWER_SECONDS, _WORK_SECONDS = 1.5, 30.0
_TEND_EVERY_SECONDS = 0.5
_LOOK_EVERY_SECONDS = 1.0
_CLOSE_WITHIN_SECONDS = 2
_TRIED_BYTES = 1_900
_BREATH_SECONDS, _AGAIN_SECONDS = 0.1, 0.4
BEHIND = "the database has not what was written last"

log = structlog.get_logger()
_T = TypeVar("_T")
Work = Callable[[AsyncConnection[Any]], Awaitable[tuple[Any, Sequence[Delivery]]]]
_Note = tuple[str, str]


@dataclass(eq=False, slots=True)
class _Job:
    """What is to be written. `decide` and `work` are asked under the lock, when everything before has been applied."""

    future: asyncio.Future[Any]
    delivery: Delivery | None = None
    note: _Note | None = None
    decide: Decide | None = None
    work: Work | None = None
    result: Any = None

    @property
    def is_single(self) -> bool:
        return self.decide is not None or self.work is not None


class _Told(msgspec.Struct, frozen=True):
    """What the database says when the lock is had."""

    last: int
    epoch: str | None
    head_at: int | None
    last_at: int | None


class Behind(psycopg.OperationalError):
    """What was applied last does not stand where we read: another server, or an older state of this one."""


class PostgresJournal:
    """See `wallboard.journal.Journal`. All public methods belong to the event loop's thread."""

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self._url = url
        self._clock = clock
        self._time = DatabaseTime()
        self._writing, self._following = Link(url), Link(url)
        self._jobs: deque[_Job] = deque()
        self._own: dict[bytes, asyncio.Future[Any]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._notes: dict[str, str] = {}
        self._write_trouble: str | None = None
        self._follow_trouble: str | None = None
        self._is_open = False
        self.has_parted = False
        self._head_at: int | None = None
        self.epoch: str | None = None
        self.base: Base = FIRST
        self.head = 0

    @property
    def trouble(self) -> str | None:
        return BEHIND if self.has_parted else self._write_trouble or self._follow_trouble

    @property
    def url(self) -> str:
        return self._url

    @property
    def remains(self) -> str:
        return self.base.remains

    @property
    def begins_after(self) -> int:
        return self.base.sequence

    async def open(self, apply: Apply, after: int = 0, begin: Begin | None = None) -> None:
        """Makes the tables where they are missing, and replays. After an error it may be called again, and goes on."""
        self._apply = apply
        self._work_to_do = asyncio.Event()
        try:
            await self._prepare(max(self.head, after))
            if begin is not None and not self.head:
                await self._go_on_after(await begin())
            await self._replay()
        except (psycopg.Error, OSError) as error:
            self._writing.drop()
            self._write_trouble = words(error)
            raise JournalError(explain(error), is_passing=is_passing(error)) from None
        self._write_trouble = None
        self._is_open = True
        self._tasks = [asyncio.create_task(self._write(), name="journal"), asyncio.create_task(self._follow())]

    async def append(self, delivery: Delivery) -> Any:
        """Durable and applied when it returns. After 0.75 s: JournalUnavailable, though it may yet be stored."""
        return await self._answered(_Job(self._future(), delivery=delivery))

    async def decide(self, decide: Decide) -> Any:
        """Appends what `decide` returns. It is asked when nobody else can append and everything before is applied; with
        `None` nothing is appended. It must not wait.
        """
        return await self._answered(_Job(self._future(), decide=decide))

    async def note(self, name: str, value: str) -> None:
        await self._answered(_Job(self._future(), note=(name, value)))

    async def work(self, do: Callable[[AsyncConnection[Any]], Awaitable[tuple[_T, Sequence[Delivery]]]]) -> _T:
        """Has this done in a transaction in which nobody else can append and everything before is applied, and appends
        the deliveries that it returns in the same commit; JournalUnavailable. What takes long stops every webhook.
        """
        done: _T = await self._answered(_Job(self._future(), work=do), _WORK_SECONDS)
        return done

    def noted(self, name: str) -> str | None:
        return self._notes.get(name)

    async def close(self) -> None:
        """Writes what is queued, if the database takes it at once."""
        if not self._is_open:
            await self._let_go()
            return
        self._is_open = False
        self._work_to_do.set()
        await asyncio.wait(self._tasks[:1], timeout=_CLOSE_WITHIN_SECONDS)
        for link in (self._writing, self._following):
            link.sever()
        await asyncio.wait(self._tasks, timeout=_CLOSE_WITHIN_SECONDS / 4)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._refuse(list(self._jobs), "the journal is closed")
        self._jobs.clear()
        await self._let_go()

    async def _let_go(self) -> None:
        await self._writing.close()
        await self._following.close()

    def _future(self) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()

    async def _answered(self, job: _Job, within_seconds: float = _ACKNOWLEDGE_WITHIN_SECONDS) -> Any:
        try:
            return await asyncio.wait_for(self._enqueue(job), within_seconds)
        except TimeoutError:
            self._write_trouble = self._write_trouble or UNANSWERED
            raise JournalUnavailable(self._write_trouble) from None

    def _enqueue(self, job: _Job) -> asyncio.Future[Any]:
        if self.has_parted:
            raise JournalUnavailable(BEHIND)
        if not self._is_open or len(self._jobs) >= _QUEUED_AT_MOST:
            raise JournalUnavailable("too much is queued" if self._is_open else "the journal is closed")
        self._jobs.append(job)
        self._work_to_do.set()
        return job.future

    # --- opening -------------------------------------------------------------------------------------

    async def _prepare(self, after: int) -> None:
        connection = await self._writing.connection()
        async with self._writing.patience(_WORK_SECONDS):
            await migrate(connection)
            found = await (await connection.execute(sql.NOTES)).fetchall()
            self._notes = {name: value for name, value, seal in found if is_note_sealed(name, value, seal)}
            if "epoch" not in self._notes:
                self._notes["epoch"] = await _name_history(connection)
            asked = steady_seconds()
            told = await self._told(await connection.execute(sql.how_it_stands(after).encode()), asked)
        self.epoch = self._notes["epoch"]
        self.base = bases.base_of(self._notes) or FIRST
        if after > self.head or self._head_at is None:
            self.head, self._head_at = min(after, told.last), told.head_at if after <= told.last else told.last_at

    async def _go_on_after(self, sequence: int) -> None:
        """All up to there is applied already."""
        if not sequence:
            return
        self.head = sequence  # at once: should the rest fail, whoever opens again must not apply it twice
        connection = await self._writing.connection()
        async with self._writing.patience(_ANSWER_SECONDS):
            row = await (await connection.execute(sql.RECEIVED, (sequence,))).fetchone()
        self._head_at = row[0] if row else None

    async def _replay(self) -> None:
        connection = await self._writing.connection()
        while True:
            async with self._writing.patience(_WORK_SECONDS):
                rows = await self._standing(connection)
            if not rows:
                break
            self._take(rows)
            await asyncio.sleep(0)
        await self._ask_time(connection)
        if self._clock is not None:
            self._clock.go_by(self._time.now, self._time.asked_at)

    async def _standing(self, connection: AsyncConnection[Any]) -> list[Row]:
        if self.head >= self.base.sequence:
            found = await connection.execute(sql.REPLAY, (self.head, _CHUNK), binary=True)
            return await found.fetchall()
        asked = (self.head, self.base.sequence, list(self.base.goes), _CHUNK)
        found = await connection.execute(sql.REPLAY_KEPT, asked, binary=True)
        return await found.fetchall()

    async def _ask_time(self, connection: AsyncConnection[Any]) -> bool:
        """Hears the database's time; whether it can be written to."""
        asked = steady_seconds()
        row = await (await connection.execute(sql.STATE)).fetchone()
        assert row is not None
        self._time.hear(row[0], asked, steady_seconds())
        return bool(row[1] == "off")

    # --- applying ------------------------------------------------------------------------------------

    def _take(self, rows: Sequence[Row]) -> None:
        """Applies what comes after the head, and answers whoever waits for it. The rows are all that there are from
        their first to their last.
        """
        for row in rows:
            if row[0] <= self.head:
                continue
            entry = to_entry(row)
            result = self._apply(entry)
            self.head, self._head_at = entry.sequence, row[1]
            self._heed(entry.delivery)
            future = self._own.pop(seal_of(row), None)
            if future is not None:
                self._write_trouble = None
                _answer(future, result)

    def _heed(self, delivery: Delivery) -> None:
        """What another process has done to the history is told in the history."""
        if delivery.remark == EVENTS_PURGED:
            self.base = bases.read(delivery.body.decode())
        if delivery.remark == EVENTS_LOST:
            self.epoch = msgspec.json.decode(delivery.body, type=Loss).epoch

    # --- writing -------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while self._is_open or self._jobs:
            if not self._jobs:
                self._work_to_do.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._work_to_do.wait(), _TEND_EVERY_SECONDS)
            batch = self._batch()
            if not self.has_parted and (batch or self.trouble is not None):
                await self._commit(batch)

    def _batch(self) -> list[_Job]:
        """What is queued, as it is; work and decisions each by themselves."""
        batch: list[_Job] = []
        size = 0
        while self._jobs and len(batch) < _BATCH and size < _BATCH_BYTES:
            if batch and (batch[0].is_single or self._jobs[0].is_single):
                break
            job = self._jobs.popleft()
            size += len(job.delivery.body) if job.delivery else 0
            if not job.future.done():
                batch.append(job)
        return batch

    async def _commit(self, batch: list[_Job]) -> None:
        """Goes on trying as long as somebody waits for it."""
        sent: list[Row] = []
        while True:
            try:
                await self._transact(batch, sent)
                self._write_trouble = None
                self._refuse(batch, BEHIND)  # but for what has been answered, and that is all unless it has parted
                break
            except JournalUnavailable as error:  # what work asks for cannot be done as things stand; nothing is wrong
                await self._writing.roll_back()
                self._refuse(batch, str(error))
                break
            except Exception as error:  # noqa: BLE001 - without its writer the server could never answer 200 again
                self._write_trouble = words(error)
                if self._is_lost(error):
                    self._writing.drop()
                else:
                    await self._writing.roll_back()
                    self._refuse(batch, self._write_trouble)
                if isinstance(error, ReadOnlySqlTransaction):
                    self._writing.drop()  # another of the URL's hosts may have become the one to write to
            batch = [job for job in batch if not job.future.done()]
            if not batch:
                break
            await asyncio.sleep(_BREATH_SECONDS)
        self._own.clear()

    def _is_lost(self, error: Exception) -> bool:
        """Whether the connection or the lock is what failed, and not what was asked: the server has not said that."""
        if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | OSError):
            return False
        is_said = isinstance(error, psycopg.Error) and error.diag.severity_nonlocalized == "ERROR"
        return not is_said or isinstance(error, LockNotAvailable) or self._writing.is_lost

    async def _transact(self, batch: list[_Job], sent: list[Row]) -> None:
        """One commit of what is in the batch. `sent` are the rows of one whose answer was lost, and become those of
        this one as soon as it is asked for.
        """
        connection = await self._writing.connection()
        async with self._writing.patience(_WORK_SECONDS if any(job.work for job in batch) else _ANSWER_SECONDS):
            known_at = self._head_at
            told = await self._begin(connection)
            if told.head_at != known_at:  # an erased entry keeps the time of its receipt
                await self._part(connection, told)
                return
            if await self._stands(connection, sent, told.last):
                await self._catch_up(connection, told.last)
                await connection.execute("ROLLBACK")
                self._settle(batch)
                return
            if any(job.is_single for job in batch):
                await self._catch_up(connection, told.last)
            if not batch:
                await _try(connection, told.last + 1)
            before = self.head
            rows = await self._rows(connection, batch, told)
            sent[:] = rows
            missed = await self._put(connection, rows, _notes_of(batch, self._time), (before, told.last))
        self._take(missed)
        self._take(rows)
        self._settle(batch)

    async def _begin(self, connection: AsyncConnection[Any]) -> _Told:
        asked = steady_seconds()
        cursor = await connection.execute((sql.BEGIN + sql.how_it_stands(self.head)).encode())
        cursor.nextset()
        cursor.nextset()
        return await self._told(cursor, asked)

    async def _told(self, cursor: AsyncCursor[Any], asked: float) -> _Told:
        row = await cursor.fetchone()
        assert row is not None
        last, now, epoch, head_at, last_at = row
        self._time.hear(now, asked, steady_seconds())
        return _Told(last, epoch, head_at, last_at)

    async def _catch_up(self, connection: AsyncConnection[Any], last: int) -> None:
        if last > self.head:
            found = await connection.execute(sql.BETWEEN, (self.head, last), binary=True)
            self._take(await found.fetchall())

    async def _stands(self, connection: AsyncConnection[Any], sent: list[Row], last: int) -> bool:
        """Whether the commit whose answer was lost was done: under the lock it is over either way."""
        if not sent or last < sent[0][0]:
            return False
        found = await connection.execute(sql.BETWEEN, (sent[0][0] - 1, sent[0][0]), binary=True)
        row = await found.fetchone()
        return row is not None and seal_of(row) == seal_of(sent[0])

    async def _rows(self, connection: AsyncConnection[Any], batch: list[_Job], told: _Told) -> list[Row]:
        rows: list[Row] = []
        self._own.clear()
        at = told.last_at
        for job in batch:
            for delivery in await _deliveries(connection, job):
                try:
                    row = to_row(told.last + 1 + len(rows), storable(not_before(at, delivery)))
                except ValueError as error:  # no text that could be stored
                    self._refuse([job], str(error))
                    continue
                rows.append(row)
                at = row[1]
                if job.work is None:
                    self._own[seal_of(row)] = job.future
        return rows

    async def _put(
        self, connection: AsyncConnection[Any], rows: list[Row], notes: list[_Note], missed: tuple[int, int]
    ) -> list[Row]:
        """Commits; what others had appended after the first of `missed` and up to the second."""
        others = None
        async with connection.pipeline():
            if rows:
                await connection.execute(sql.INSERT, sql.columns(rows))
                await connection.execute(sql.RING, (str(rows[-1][0]),))
            for note in notes:
                await connection.execute(sql.NOTE, sealed_note(*note))
            await connection.execute(sql.UNHURRIED)
            await connection.execute("COMMIT")
            if missed[1] > missed[0]:
                others = await connection.execute(sql.BETWEEN, missed, binary=True)
        return await others.fetchall() if others is not None else []

    def _settle(self, batch: list[_Job]) -> None:
        """Answers those that have no entry of their own."""
        for job in batch:
            _answer(job.future, job.result)

    def _refuse(self, batch: Sequence[_Job], reason: str) -> None:
        for job in batch:
            if not job.future.done():
                job.future.set_exception(JournalUnavailable(reason))

    # --- a database that has gone back to an older state -----------------------------------------------

    async def _part(self, connection: AsyncConnection[Any], told: _Told) -> None:
        """Says so in the journal. This process holds what nobody else can know any more, so it is of no use."""
        lost = max(0, self.head - told.last)
        gone = [(told.last + 1, self.head)] if lost else []
        epoch = secrets.token_hex(8)
        loss = Loss(lost, gone, epoch, told.epoch, ["the database has gone back to an older state"])
        now = datetime.fromtimestamp(self._time.now(), UTC)
        remark = Delivery(received_at=now, body=msgspec.json.encode(loss), remark=EVENTS_LOST)
        rows = [to_row(max(told.last, self.head) + 1, remark)]
        await self._put(connection, rows, [("epoch", epoch)], (0, 0))
        log.error("the database has gone back to an older state", lost=lost, epoch=epoch)
        self.has_parted = True

    # --- following -----------------------------------------------------------------------------------

    async def _follow(self) -> None:
        while self._is_open:
            try:
                await self._listen()
            except (psycopg.Error, OSError) as error:
                self._following.drop()
                if self._is_open:
                    self._follow_trouble = words(error)
            await asyncio.sleep(_BREATH_SECONDS if self._follow_trouble is None else _AGAIN_SECONDS)

    async def _listen(self) -> None:
        connection = await self._following.connection()
        async with self._following.patience(_ANSWER_SECONDS):
            await connection.execute(sql.HEAR)
        looked_at = -math.inf
        while self._is_open:
            async with self._following.patience(_ANSWER_SECONDS):
                found = await self._look(connection)
                if steady_seconds() - looked_at >= _LOOK_EVERY_SECONDS:
                    self._follow_trouble = None if await self._ask_time(connection) else READ_ONLY
                    looked_at = steady_seconds()
            if found < _CHUNK:
                await self._doorbell(connection)

    async def _look(self, connection: AsyncConnection[Any]) -> int:
        """Applies what is new; how many rows there were."""
        head, head_at = self.head, self._head_at
        found = await (await connection.execute(sql.FOLLOW, (head, _CHUNK), binary=True)).fetchall()
        if head and (not found or found[0][:2] != (head, head_at)):
            raise Behind(BEHIND)
        self._take(found)
        return len(found)

    async def _doorbell(self, connection: AsyncConnection[Any]) -> None:
        """Waits until there is more than what has been applied, a second at most."""
        async for ring in connection.notifies(timeout=_LOOK_EVERY_SECONDS):
            if int(ring.payload) > self.head:
                return


async def _try(connection: AsyncConnection[Any], sequence: int) -> None:
    """Finds out whether there is room for an entry, and takes it back: a note is put where there was one before."""
    body = secrets.token_bytes(_TRIED_BYTES)
    row = to_row(sequence, Delivery(received_at=datetime.fromtimestamp(0, UTC), body=body))
    await connection.execute("SAVEPOINT tried")
    await connection.execute(sql.INSERT, sql.columns([row]))
    await connection.execute("ROLLBACK TO SAVEPOINT tried")


def _answer(future: asyncio.Future[Any], result: object) -> None:
    if not future.done():
        future.set_result(result)


async def _deliveries(connection: AsyncConnection[Any], job: _Job) -> Sequence[Delivery]:
    if job.work is not None:
        job.result, deliveries = await job.work(connection)
        return deliveries
    delivery = job.decide() if job.decide is not None else job.delivery
    return [] if delivery is None else [delivery]


def _notes_of(batch: list[_Job], time: DatabaseTime) -> list[_Note]:
    """With nothing to write, something is written all the same: only so is it known that it can be."""
    if not batch:
        return [("tried_at", datetime.fromtimestamp(time.now(), UTC).isoformat())]
    return [job.note for job in batch if job.note is not None]


async def _name_history(connection: AsyncConnection[Any]) -> str:
    """The history's name, which the first process gives it."""
    name = sealed_note("epoch", secrets.token_hex(8))
    await connection.execute(sql.FIRST_NOTE, name)
    row = await (await connection.execute("SELECT value FROM notes WHERE name = 'epoch'")).fetchone()
    assert row is not None
    return str(row[0])
