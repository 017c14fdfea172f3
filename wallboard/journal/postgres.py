"""The journal in PostgreSQL, which any number of processes append to and follow; knows no other process.

One connection appends whatever is queued, a batch to a transaction, under a lock that makes the order of commit the
order of the numbers. Another one follows. Whatever either brings is applied in order, and an append is answered when
its entry has been, and its commit is certain.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import ReadOnlySqlTransaction

from wallboard.clock import Clock
from wallboard.journal import Apply, Begin, Decide, Delivery, JournalError, JournalUnavailable, Spooled
from wallboard.journal import base as bases
from wallboard.journal import postgres_rows as sql
from wallboard.journal.base import FIRST, Base
from wallboard.journal.migrations import migrate
from wallboard.journal.patience import Patience
from wallboard.journal.postgres_applied import BEHIND, Applied
from wallboard.journal.postgres_follower import CHUNK, Follower
from wallboard.journal.postgres_jobs import Job, next_batch
from wallboard.journal.postgres_link import ANSWER_SECONDS, Link
from wallboard.journal.postgres_time import DatabaseTime
from wallboard.journal.postgres_words import UNANSWERED, explain, is_passing, words
from wallboard.journal.postgres_writer import WORK_SECONDS, Writer
from wallboard.journal.rows import Row, sealed_note, sound_notes

_QUEUED_AT_MOST = 5_000
_ACKNOWLEDGE_WITHIN_SECONDS = 0.75
_TEND_EVERY_SECONDS = 0.5
_BREATH_SECONDS = 0.1
_CLOSE_WITHIN_SECONDS = 2
_T = TypeVar("_T")


class PostgresJournal:
    """See `wallboard.journal.Journal`. All public methods belong to the event loop's thread."""

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        self._clock = clock
        self._time = DatabaseTime()
        self._applied = Applied()
        self._writing, self._following = Link(url), Link(url)
        self._writer = Writer(self._writing, self._applied, self._time)
        self._follower = Follower(self._following, self._applied, self._time)
        self._jobs: deque[Job] = deque()
        self._tasks: list[asyncio.Task[None]] = []
        self._notes: dict[str, str] = {}
        self._trouble: str | None = None
        self._is_open = False
        self.spooled: Spooled | None = None

    @property
    def head(self) -> int:
        return self._applied.head

    @property
    def trouble(self) -> str | None:
        return BEHIND if self.has_parted else self._trouble or self._follower.trouble

    @property
    def epoch(self) -> str | None:
        return self._applied.epoch

    @property
    def has_parted(self) -> bool:
        return self._applied.has_parted

    @property
    def base(self) -> Base:
        """Up to where entries were deleted on purpose."""
        return self._applied.base

    @property
    def remains(self) -> str:
        return self.base.remains

    @property
    def begins_after(self) -> int:
        return self.base.sequence

    async def open(self, apply: Apply, after: int = 0, begin: Begin | None = None) -> None:
        """Makes the tables where they are missing, and replays. After an error it may be called again, and goes on."""
        self._applied.apply = apply
        self._work_to_do = asyncio.Event()
        self._patience = Patience(asyncio.get_running_loop(), _ACKNOWLEDGE_WITHIN_SECONDS, self._give_up)
        try:
            await self._prepare(max(self.head, after))
            if begin is not None and not self.head:
                await self._go_on_after(await begin())
            await self._replay()
        except (psycopg.Error, OSError) as error:
            self._writing.drop()
            self._trouble = words(error)
            raise JournalError(explain(error), is_passing=is_passing(error)) from None
        self._trouble = None
        self._is_open = True
        self._tasks = [asyncio.create_task(self._write(), name="journal"), asyncio.create_task(self._follower.run())]

    async def append(self, delivery: Delivery) -> Any:
        """Durable and applied when it returns. After 0.75 s: JournalUnavailable, though it may yet be stored."""
        return await self.enqueue(delivery)

    def enqueue(self, delivery: Delivery) -> asyncio.Future[Any]:
        """What `append` waits for."""
        return self._answered(Job(_future(), delivery=delivery))

    async def decide(self, decide: Decide) -> Any:
        """Appends what `decide` returns. It is asked when nobody else can append and everything before is applied; with
        `None` nothing is appended. It must not wait.
        """
        return await self._answered(Job(_future(), decide=decide))

    async def note(self, name: str, value: str) -> None:
        await self._answered(Job(_future(), note=(name, value)))

    async def work(self, do: Callable[[AsyncConnection[Any]], Awaitable[tuple[_T, Sequence[Delivery]]]]) -> _T:
        """Has this done in a transaction in which nobody else can append and everything before is applied, and appends
        the deliveries that it returns in the same commit; JournalUnavailable. What takes long stops every webhook, and
        it may be asked twice.
        """
        try:
            done: _T = await asyncio.wait_for(self._enqueue(Job(_future(), work=do)), WORK_SECONDS)
        except TimeoutError:
            raise JournalUnavailable(self._unanswered()) from None
        return done

    def noted(self, name: str) -> str | None:
        return self._notes.get(name)

    async def close(self) -> None:
        """Writes what is queued, if the database takes it at once."""
        if self._is_open:
            self._is_open = False
            self._work_to_do.set()
            await asyncio.wait(self._tasks[:1], timeout=_CLOSE_WITHIN_SECONDS)
            self._writing.sever()
            self._following.sever()
            await asyncio.wait(self._tasks, timeout=_CLOSE_WITHIN_SECONDS / 4)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            while self._jobs:
                self._jobs.popleft().refuse("the journal is closed")
        await self._writing.close()
        await self._following.close()

    def _answered(self, job: Job) -> asyncio.Future[Any]:
        """It is waited for with patience; JournalUnavailable."""
        future = self._enqueue(job)
        self._patience.begin(future)
        return future

    def _give_up(self, future: asyncio.Future[Any]) -> None:
        future.set_exception(JournalUnavailable(self._unanswered()))

    def _unanswered(self) -> str:
        self._trouble = self._trouble or UNANSWERED
        return self._trouble

    def _enqueue(self, job: Job) -> asyncio.Future[Any]:
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
        async with self._writing.patience(WORK_SECONDS):
            await migrate(connection)
            self._notes = sound_notes(await (await connection.execute(sql.NOTES)).fetchall())
            if "epoch" not in self._notes:
                self._notes["epoch"] = await _name_history(connection)
            told = await self._writer.how_it_stands(connection, after)
        applied = self._applied
        applied.epoch = self._notes["epoch"]
        applied.base = bases.base_of(self._notes) or FIRST
        if after > applied.head or applied.head_at is None:
            is_there = after <= told.last
            applied.head, applied.head_at = (after, told.asked_at) if is_there else (told.last, told.last_at)

    async def _go_on_after(self, sequence: int) -> None:
        """All up to there is applied already."""
        if not sequence:
            return
        self._applied.head = sequence  # at once: should the rest fail, whoever opens again must not apply it twice
        connection = await self._writing.connection()
        async with self._writing.patience(ANSWER_SECONDS):
            row = await (await connection.execute(sql.RECEIVED, (sequence,))).fetchone()
        self._applied.head_at = row[0] if row else None

    async def _replay(self) -> None:
        connection = await self._writing.connection()
        while True:
            async with self._writing.patience(WORK_SECONDS):
                rows = await self._standing(connection)
            if not rows:
                break
            self._applied.take(rows)
            await asyncio.sleep(0)
        await self._time.ask(connection)
        if self._clock is not None:
            self._clock.go_by(self._time.now, self._time.asked_at)

    async def _standing(self, connection: AsyncConnection[Any]) -> list[Row]:
        """The next entries; without those that count as deleted."""
        if self.head >= self.base.sequence:
            found = await connection.execute(sql.REPLAY, (self.head, CHUNK), binary=True)
            return await found.fetchall()
        asked = (self.head, self.base.sequence, list(self.base.goes), CHUNK)
        found = await connection.execute(sql.REPLAY_KEPT, asked, binary=True)
        return await found.fetchall()

    # --- writing -------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while self._is_open or self._jobs:
            if not self._jobs:
                self._work_to_do.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._work_to_do.wait(), _TEND_EVERY_SECONDS)
            batch = next_batch(self._jobs)
            if not self.has_parted and (batch or self.trouble is not None):
                await self._commit(batch)

    async def _commit(self, batch: list[Job]) -> None:
        """Goes on trying as long as somebody waits for it."""
        while True:
            await self._try_once(batch)
            batch = [job for job in batch if not job.future.done()]
            if not batch:
                break
            await asyncio.sleep(_BREATH_SECONDS)
        self._writer.forget()
        self._patience.forget()

    async def _try_once(self, batch: list[Job]) -> None:
        """Whoever is neither answered nor refused is to be tried again."""
        reason = BEHIND
        try:
            await self._writer.commit(batch)
            self._trouble = None
        except JournalUnavailable as error:  # what work asks for cannot be done as things stand; nothing is wrong
            await self._writing.roll_back()
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - without its writer the server could never answer 200 again
            reason = self._trouble = words(error)
            if self._writer.is_lost(error):
                self._writing.drop()
                return
            await self._writing.roll_back()
            if isinstance(error, ReadOnlySqlTransaction):
                self._writing.drop()  # another of the URL's hosts may have become the one to write to
        for job in batch:
            job.refuse(reason)


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


async def _name_history(connection: AsyncConnection[Any]) -> str:
    """The history's name, which the first process gives it."""
    await connection.execute(sql.FIRST_NOTE, sealed_note("epoch", secrets.token_hex(8)))
    row = await (await connection.execute(sql.NOTED, ("epoch",))).fetchone()
    assert row is not None
    return str(row[0])
