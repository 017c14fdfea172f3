"""The journal in one SQLite file: WAL, synchronous=FULL, one writer thread, group commit.

The writer commits whatever is queued without waiting for more: a waiting window only added itself when it
was measured. A lock file beside the database keeps a second server out, for each would hold a part of the truth.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import queue
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from wallboard.journal import SCHEMA, Apply, Delivery, Entry, JournalError, JournalUnavailable

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BATCH = 500
_CHUNK = 2_000
_QUEUED_AT_MOST = 5_000
_ACKNOWLEDGE_WITHIN_SECONDS = 0.9
_BUSY_SECONDS = 3.0

_TABLES = """
CREATE TABLE IF NOT EXISTS deliveries (
    sequence    INTEGER PRIMARY KEY,
    received_at INTEGER NOT NULL,  -- microseconds since the epoch, UTC
    schema      INTEGER NOT NULL,
    hash        BLOB    NOT NULL,  -- SHA-256 of body
    meaning     TEXT,
    refusal     TEXT,
    body        BLOB    NOT NULL,
    remark      TEXT
);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_INSERT = "INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_SELECT = (
    "SELECT sequence, received_at, schema, meaning, refusal, body, remark FROM deliveries"
    " WHERE sequence > ? ORDER BY sequence LIMIT ?"
)
_NOTE = "INSERT INTO notes VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"

_Job = tuple[Delivery | tuple[str, str], "asyncio.Future[Any]"]


class SqliteJournal:
    """See `wallboard.journal.Journal`. All public methods belong to the event loop's thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._connection: sqlite3.Connection | None = None
        self._lock: int | None = None
        self._writer: threading.Thread | None = None
        self._written = 0
        self._queued = 0
        self._notes: dict[str, str] = {}
        self.head = 0
        self.trouble: str | None = None

    async def open(self, apply: Apply, after: int = 0) -> None:
        """Opens, locks and replays; JournalError names the setting. Replay yields to the loop between chunks."""
        self._apply = apply
        self.head = after
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self._prepare)
        while chunk := await asyncio.to_thread(self._read, self.head):
            for entry in chunk:
                apply(entry)
                self.head = entry.sequence
            await asyncio.sleep(0)
        self._written = self.head
        self._writer = threading.Thread(target=self._write, name="journal", daemon=True)
        self._writer.start()

    async def append(self, delivery: Delivery) -> Any:
        """Durable and applied when it returns. After 0.9 s: JournalUnavailable, though it may yet be stored."""
        if self._writer is None or self._queued >= _QUEUED_AT_MOST:
            raise JournalUnavailable("the journal is closed" if self._writer is None else "too much is queued")
        future: asyncio.Future[Any] = self._loop.create_future()
        self._queued += 1
        self._jobs.put((delivery, future))
        try:
            return await asyncio.wait_for(future, _ACKNOWLEDGE_WITHIN_SECONDS)
        except TimeoutError:
            self.trouble = "the disk does not answer"
            raise JournalUnavailable(self.trouble) from None

    async def probe(self) -> None:
        try:
            await self.note("probed_at", datetime.now(UTC).isoformat())
        except JournalUnavailable:
            return

    async def note(self, name: str, value: str) -> None:
        if self._writer is None:
            raise JournalUnavailable("the journal is closed")
        future: asyncio.Future[Any] = self._loop.create_future()
        self._queued += 1
        self._jobs.put(((name, value), future))
        await future

    def noted(self, name: str) -> str | None:
        return self._notes.get(name)

    async def close(self) -> None:
        if self._writer is not None:
            self._jobs.put(None)
            await asyncio.to_thread(self._writer.join)
            self._writer = None
        self._let_go()

    # --- opening -------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(self._path)
            self._connection = _connect(self._path)
            self._connection.executescript(_TABLES)
            _bring_up_to_date(self._connection)
            self._connection.execute(_NOTE, ("opened_at", datetime.now(UTC).isoformat()))
            self._connection.commit()
            self._notes = dict(self._connection.execute("SELECT name, value FROM notes"))
        except (sqlite3.Error, OSError) as error:
            self._let_go()
            raise JournalError(_explain(self._path, error)) from None

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _read(self, after: int) -> list[Entry]:
        assert self._connection is not None
        try:
            rows = self._connection.execute(_SELECT, (after, _CHUNK)).fetchall()
        except sqlite3.Error as error:
            raise JournalError(_explain(self._path, error)) from None
        return [_entry(row) for row in rows]

    # --- writing (the writer thread) -----------------------------------------------------------------

    def _write(self) -> None:
        for batch in self._batches():
            deliveries = [job for job in batch if isinstance(job[0], Delivery)]
            try:
                self._commit(batch, deliveries)
            except (sqlite3.Error, OSError) as error:
                self._roll_back()
                self._call(self._failed, batch, str(error))
            else:
                first = self._written - len(deliveries) + 1
                self._call(self._committed, batch, first)

    def _batches(self) -> Iterator[list[_Job]]:
        while (job := self._jobs.get()) is not None:
            batch = [job]
            while len(batch) < _BATCH:
                try:
                    more = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    yield batch
                    return
                batch.append(more)
            yield batch

    def _commit(self, batch: Sequence[_Job], deliveries: Sequence[_Job]) -> None:
        if self._connection is None:
            self._connection = _connect(self._path)
            self._catch_up(self._connection)
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        rows = (_row(self._written + 1 + n, job[0]) for n, job in enumerate(deliveries))
        connection.executemany(_INSERT, rows)
        connection.executemany(_NOTE, (job[0] for job in batch if isinstance(job[0], tuple)))
        connection.execute("COMMIT")
        self._written += len(deliveries)

    def _catch_up(self, connection: sqlite3.Connection) -> None:
        """A commit whose fsync failed may stand all the same: its rows are taken as they are, and applied."""
        while rows := connection.execute(_SELECT, (self._written, _CHUNK)).fetchall():
            entries = [_entry(row) for row in rows]
            self._written = entries[-1].sequence
            self._call(self._found, entries)

    def _roll_back(self) -> None:
        """A connection that failed is not trusted again: the next write opens a new one."""
        if self._connection is None:
            return
        try:
            self._connection.close()
        except sqlite3.Error as error:
            self._call(self._say, str(error))
        self._connection = None

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

    def _found(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._apply(entry)
            self.head = entry.sequence

    def _failed(self, batch: Sequence[_Job], reason: str) -> None:
        self._queued -= len(batch)
        self._say(reason)
        for _, future in batch:
            if not future.done():
                future.set_exception(JournalUnavailable(reason))

    def _say(self, reason: str) -> None:
        self.trouble = reason


def check(path: Path) -> None:
    """Opens, locks and writes once, as a server would; JournalError says what is wrong."""
    journal = SqliteJournal(path)
    journal._prepare()
    journal._let_go()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA busy_timeout=3000")
    return connection


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Schema 1 had no remarks."""
    columns = {row[1] for row in connection.execute("PRAGMA table_info(deliveries)")}
    if "remark" not in columns:
        connection.execute("ALTER TABLE deliveries ADD COLUMN remark TEXT")


def _lock(path: Path) -> int:
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise BlockingIOError("another wallboard is running on it; stop that one first") from None
    return descriptor


def _explain(path: Path, error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (
        f"DATABASE_URL: the journal {path} cannot be used: {reason}.\n"
        "  Let it point to a file in a folder that this user may write to, which no other program holds open."
    )


def _row(sequence: int, delivery: Any) -> tuple[object, ...]:
    return (
        sequence,
        (delivery.received_at - _EPOCH) // _MICROSECOND,
        SCHEMA,
        hashlib.sha256(delivery.body).digest(),
        delivery.meaning,
        delivery.refusal,
        delivery.body,
        delivery.remark,
    )


def _entry(row: Sequence[Any]) -> Entry:
    sequence, received_at, schema, meaning, refusal, body, remark = row
    delivery = Delivery(
        received_at=_EPOCH + timedelta(microseconds=received_at),
        body=body,
        meaning=meaning,
        refusal=refusal,
        remark=remark,
    )
    return Entry(sequence=sequence, schema=schema, delivery=delivery)
