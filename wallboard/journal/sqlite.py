"""The journal in one SQLite file: one writer thread, group commit, and the way back after every fault.

The writer commits whatever is queued without waiting for more: a waiting window only added itself when it
was measured. Committed, witnessed, applied, acknowledged: in this order. A lock file beside the database keeps a
second server out, for each would hold a part of the truth.
"""

from __future__ import annotations

import asyncio
import errno
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog

from wallboard.journal import (
    SCHEMA,
    Apply,
    Begin,
    Decide,
    Delivery,
    Entry,
    JournalError,
    JournalUnavailable,
    Spooled,
)
from wallboard.journal import custody as files
from wallboard.journal.base import FIRST, Base
from wallboard.journal.custody import Custody
from wallboard.journal.examination import Examination
from wallboard.journal.files import forget_snapshots
from wallboard.journal.patience import Patience
from wallboard.journal.rows import Row, to_entry

_BATCH = 500
_CHUNK = 2_000
_QUEUED_AT_MOST = 5_000
_ACKNOWLEDGE_WITHIN_SECONDS = 0.75
_TEND_EVERY_SECONDS = 0.5
_CLOSE_WITHIN_SECONDS = 2
_FORGOTTEN_AGAIN_SECONDS = 10

log = structlog.get_logger()

_Note = tuple[str, str]
_Work = Callable[[Custody], "tuple[Any, list[Row]]"]
_Job = tuple[Delivery | _Note | _Work, "asyncio.Future[Any]"]
_T = TypeVar("_T")


class SqliteJournal:
    """See `wallboard.journal.Journal`. All public methods belong to the event loop's thread."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._jobs: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._gathered: list[_Job] = []  # what has come in this turn of the loop
        self._custody: Custody | None = None
        self._examination: Examination | None = None
        self._examined = asyncio.Event()
        self._examined.set()
        self.has_parted = False
        self._writer: threading.Thread | None = None
        self.spooled: Spooled | None = None
        self._queued = 0
        self._notes: dict[str, str] = {}
        self.head = 0
        self.trouble: str | None = None

    @property
    def epoch(self) -> str | None:
        return self._custody.epoch if self._custody is not None else None

    @property
    def path(self) -> Path:
        return self._path

    @property
    def base(self) -> Base:
        """Up to where entries were deleted on purpose."""
        return self._custody.base if self._custody is not None else FIRST

    @property
    def remains(self) -> str:
        return self.base.remains

    @property
    def begins_after(self) -> int:
        return self.base.sequence

    @property
    def unexamined(self) -> int:
        """Up to which entry nothing had been examined when the journal was opened."""
        return self._custody.unexamined if self._custody is not None else 0

    async def examined(self) -> None:
        """Waits until the whole journal has been; JournalUnavailable where it is damaged."""
        await self._examined.wait()
        if self.has_parted:
            raise JournalUnavailable("the journal is damaged")

    async def open(self, apply: Apply, after: int = 0, begin: Begin | None = None) -> None:
        """Opens, locks and replays, yielding to the loop between chunks; JournalError names the setting.

        After an error it may be called again, and goes on after the last entry applied.
        """
        self._apply = apply
        self._loop = asyncio.get_running_loop()
        self._patience = Patience(self._loop, _ACKNOWLEDGE_WITHIN_SECONDS, self._give_up)
        self.head = max(self.head, after)
        try:
            custody = await asyncio.to_thread(self._prepare, begin is None or self.head > 0)
            if begin is not None and not self.head:
                self.head = await begin()
            if self.head < custody.unexamined:
                await asyncio.to_thread(custody.examine)
            while rows := await asyncio.to_thread(custody.read, self.head, _CHUNK):
                self._found([to_entry(row) for row in rows])
                await asyncio.sleep(0)
        except Exception as error:  # noqa: BLE001 - whatever it was, it may be over in a moment
            await self.close()
            self.trouble = str(error) or type(error).__name__
            raise JournalError(_explain(self._path, error)) from None
        self.trouble = None
        self._writer = threading.Thread(target=self._write, args=(custody,), name="journal", daemon=True)
        self._writer.start()
        if custody.unexamined:
            self._examined.clear()
            self._examination = Examination(self._path, lambda: custody.testimony, partial(self._call, self._looked))

    async def append(self, delivery: Delivery) -> Any:
        """Durable and applied when it returns. After 0.75 s: JournalUnavailable, though it may yet be stored."""
        return await self.enqueue(delivery)

    def enqueue(self, delivery: Delivery) -> asyncio.Future[Any]:
        """What `append` waits for."""
        if self._writer is None or self._queued >= _QUEUED_AT_MOST:
            raise JournalUnavailable("the journal is closed" if self._writer is None else "too much is queued")
        future = self._enqueue(delivery)
        self._patience.begin(future)
        return future

    async def decide(self, decide: Decide) -> Any:
        delivery = decide()
        return None if delivery is None else await self.append(delivery)

    async def note(self, name: str, value: str) -> None:
        if self._writer is None:
            raise JournalUnavailable("the journal is closed")
        await self._enqueue((name, value))

    async def work(self, do: Callable[[Custody], tuple[_T, list[Row]]]) -> _T:
        """Has the writer do this between two commits, and applies the entries that it made; JournalUnavailable."""
        if self._writer is None:
            raise JournalUnavailable("the journal is closed")
        done: _T = await self._enqueue(do)
        return done

    def noted(self, name: str) -> str | None:
        return self._notes.get(name)

    async def close(self) -> None:
        if self._examination is not None:
            self._examination.end()
            self._examination = None
            self._examined.set()
        if self._writer is not None:
            self._hand_over()
            self._jobs.put(None)
            await asyncio.to_thread(self._writer.join, _CLOSE_WITHIN_SECONDS)
            if self._writer.is_alive():  # the disk does not answer; whoever waited for it has been told so already
                log.error("the journal is left open", reason="the disk does not answer")
                return
            self._writer = None
        if self._custody is not None:
            self._custody.release()
            self._custody = None

    def _enqueue(self, what: Delivery | _Note | _Work) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        self._queued += 1
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append((what, future))
        return future

    def _hand_over(self) -> None:
        """All at once: the writer is woken once, and would else begin with the first of many that come together."""
        if self._gathered:
            self._jobs.put(self._gathered)
            self._gathered = []

    def _give_up(self, future: asyncio.Future[Any]) -> None:
        self.trouble = "the disk does not answer"
        future.set_exception(JournalUnavailable(self.trouble))

    def _prepare(self, whole: bool) -> Custody:
        # At once, so that whatever comes next `close` lets go of it.
        custody = self._custody = Custody(self._path, whole)
        self._notes = custody.notes()
        return custody

    # --- writing (the writer thread) -----------------------------------------------------------------

    def _write(self, custody: Custody) -> None:
        for batch in self._batches():
            try:
                if batch and callable(batch[0][0]):
                    self._do(custody, *batch[0])
                    continue
                first = self._commit(custody, batch)
            except JournalUnavailable as error:  # what work asks for cannot be done as things stand; nothing is wrong
                self._call(self._refused, batch, str(error))
            except Exception as error:  # noqa: BLE001 - without its writer the server could never answer 200 again
                self._call(self._failed, batch, str(error) or type(error).__name__)
            else:
                self._call(self._committed, batch, first)

    def _batches(self) -> Iterator[list[_Job]]:
        """What is queued, as it is; an empty batch from time to time, to look after the file while nothing comes."""
        jobs: list[_Job] | None = []
        while jobs is not None:
            waiting: list[_Job] = []
            try:
                jobs = self._jobs.get(timeout=_TEND_EVERY_SECONDS)
                while jobs is not None:
                    waiting += jobs
                    jobs = self._jobs.get_nowait()
            except queue.Empty:
                pass
            yield from _in_batches(waiting) or [[]]

    def _do(self, custody: Custody, work: Any, future: asyncio.Future[Any]) -> None:
        self._recover(custody)
        result, rows = work(custody)
        self._call(self._done, future, result, [to_entry(row) for row in rows])

    def _recover(self, custody: Custody) -> None:
        if custody.failed:
            if found := custody.recover():
                self._call(self._found, [to_entry(row) for row in found])

    def _commit(self, custody: Custody, batch: Sequence[_Job]) -> int:
        self._recover(custody)
        if not batch and self.trouble is None:
            custody.stay_in_place()
            return 0
        notes = [what for what, _ in batch if isinstance(what, tuple)]
        if not batch:
            notes = [("tried_at", datetime.now(UTC).isoformat())]
        return custody.commit([what for what, _ in batch if isinstance(what, Delivery)], notes)

    def _call(self, function: Any, *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:
            # The loop is gone: nobody waits for this answer any more.
            return

    # --- after the commit (the loop's thread) --------------------------------------------------------

    def _committed(self, batch: Sequence[_Job], first: int) -> None:
        self._queued -= len(batch)
        self.trouble = None
        sequence = first
        for what, future in batch:
            result: object = None
            if isinstance(what, Delivery):
                result = self._apply(Entry(sequence=sequence, schema=SCHEMA, delivery=what))
                self.head = sequence
                sequence += 1
            if not future.done():
                future.set_result(result)
        self._patience.forget()

    def _done(self, future: asyncio.Future[Any], result: object, entries: Sequence[Entry]) -> None:
        self._queued -= 1
        self._found(entries)
        if not future.done():
            future.set_result(result)

    def _looked(self, reasons: list[str]) -> None:
        """All has been examined. Where it is damaged, the next start, without a snapshot, examines and mends it."""
        if reasons:
            log.error("the journal is damaged", reasons=reasons)
            try:
                forget_snapshots(self._path)
            except OSError:  # with one of them the next start would be as this one was, and so on
                self._loop.call_later(_FORGOTTEN_AGAIN_SECONDS, self._looked, reasons)
                return
            self.has_parted = True
        self._examined.set()

    def _found(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._apply(entry)
            self.head = entry.sequence

    def _failed(self, batch: Sequence[_Job], reason: str) -> None:
        self.trouble = reason
        self._refused(batch, reason)

    def _refused(self, batch: Sequence[_Job], reason: str) -> None:
        self._queued -= len(batch)
        for _, future in batch:
            if not future.done():
                future.set_exception(JournalUnavailable(reason))


def _in_batches(jobs: list[_Job]) -> list[list[_Job]]:
    """What is committed together, in order; work stands alone."""
    batches: list[list[_Job]] = []
    for job in jobs:
        if not batches or len(batches[-1]) == _BATCH or callable(job[0]) or callable(batches[-1][0][0]):
            batches.append([])
        batches[-1].append(job)
    return batches


def check(path: Path) -> None:
    """Tries what a server needs of the journal; JournalError says what is wrong."""
    try:
        files.check(path.resolve())
    except (sqlite3.Error, OSError) as error:
        raise JournalError(_explain(path, error), is_passing=_is_passing(error)) from None


def _is_passing(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO)
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def _explain(path: Path, error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (
        f"DATABASE_URL: the journal {path} cannot be used: {reason}.\n"
        "  Let it point to a file in a folder that this user may write to, which no other program holds open."
    )
