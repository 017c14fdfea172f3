"""Deliveries kept in files while the database is away, each fsynced; knows no database and no event loop.

Every process has a folder of its own in the spool, which it keeps locked. What a process leaves behind that has died is
whoever's locks it next. Files are small and are taken whole, the oldest first: one is a batch of the journal's, and it
is removed after that has been committed. All of it blocks, and belongs to one thread.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from wallboard.journal import JournalError
from wallboard.journal.files import synchronise
from wallboard.journal.spool_homes import NEW, Home, Segment
from wallboard.journal.spool_records import MAGIC, Kept, read, sealed

MOST_EVENTS, MOST_BYTES = 500_000, 256 << 20
FILE_EVENTS, FILE_BYTES = 500, 4 << 20
_DAMAGED = "damaged"
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
log = structlog.get_logger()


class Batch(msgspec.Struct, frozen=True):
    """One file's: the file `number` of those of `series`."""

    series: str
    number: int
    kept: list[Kept]


class Spool:
    """What is kept in `folder` by this process, and by those that left something behind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._own: Home | None = None
        self._homes: deque[Home] = deque()
        self._open: tuple[Segment, int] | None = None
        self._last = 0
        self.events = self.size = 0

    def adopt(self) -> datetime | None:
        """Takes over what others have left behind; when the oldest of it came, `None` where there is nothing."""
        oldest: list[datetime] = []
        for path in sorted(self._folder.glob("[0-9]*T*-*")):
            if path.suffix or (self._own and path == self._own.path) or any(home.path == path for home in self._homes):
                continue
            home = Home.left_behind(path)
            if home is None:
                continue
            oldest += self._count(home)
            if home.segments:
                self._homes.append(home)
                continue
            home.leave()
        return min(oldest, default=None)

    def _count(self, home: Home) -> Iterator[datetime]:
        for segment in list(home.segments):
            kept, segment.size, _ = read(segment.path, home.path.name, segment.number)
            segment.events = len(kept)
            if not kept:
                home.segments.remove(segment)
                segment.path.unlink(missing_ok=True)
                continue
            self.events += segment.events
            self.size += segment.size
            yield kept[0].received_at

    def keep(self, payloads: Sequence[bytes]) -> None:
        """Durable when it returns; OSError otherwise, and then nothing of it counts as kept."""
        segment, file = self._segment()
        series = segment.path.parent.name
        blob = b"".join(
            sealed(series, segment.number, segment.events + index, payload) for index, payload in enumerate(payloads)
        )
        try:
            _write(file, blob)
            os.fsync(file)
        except OSError:
            self._abandon()
            raise
        segment.events += len(payloads)
        segment.size += len(blob)
        self.events += len(payloads)
        self.size += len(blob)
        if segment.events >= FILE_EVENTS or segment.size >= FILE_BYTES:
            self._finish()

    def oldest(self) -> Batch | None:
        """What is to be taken next; what comes meanwhile goes into another file."""
        while self.events:
            home = self._homes[0] if self._homes else self._own
            if home is None or not home.segments:
                self.events = self.size = 0
                return None
            segment = home.segments[0]
            if self._open and self._open[0] is segment:
                self._finish()
            kept, _, damaged = read(segment.path, home.path.name, segment.number)
            if damaged or len(kept) < segment.events:
                self._set_aside(home, segment, segment.events - len(kept) or damaged)
            if kept:
                return Batch(home.path.name, segment.number, kept)
            self._drop(home)
        return None

    def remove(self, batch: Batch) -> bool:
        """After its commit; whether that was the last of its series for now."""
        home = next(home for home in (*self._homes, self._own) if home and home.path.name == batch.series)
        self._drop(home)
        return not home.segments

    def close(self) -> None:
        """Leaves what there is to the next start."""
        self._finish()
        for home in (*self._homes, self._own):
            if home is not None:
                home.leave()
        self._homes.clear()
        self._own = None

    def _segment(self) -> tuple[Segment, int]:
        if self._own is not None and not self._own.path.is_dir():  # somebody has deleted it
            self._finish()
            self._forget(self._own)
            self._own = None
        if self._own is None:
            self._own, self._last = Home.make(self._folder), 0
        if self._open is None:
            self._last += 1
            segment = Segment(self._own.path / f"{self._last:08}")
            file = os.open(segment.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._own.segments.append(segment)
            self._open = segment, file
            try:
                _write(file, MAGIC)
                synchronise(self._own.path)
            except OSError:
                self._abandon()
                raise
            segment.size = len(MAGIC)
            self.size += segment.size
        return self._open

    def _forget(self, home: Home) -> None:
        lost = sum(segment.events for segment in home.segments)
        self.events -= lost
        self.size -= sum(segment.size for segment in home.segments)
        os.close(home.lock)
        log.error("the spool was deleted", lost=lost)

    def _finish(self) -> None:
        if self._open is not None:
            os.close(self._open[1])
            self._open = None

    def _abandon(self) -> None:
        """Nothing more is written behind what may be half a record, or after an fsync that has failed."""
        assert self._open is not None
        segment, file = self._open
        with suppress(OSError):
            os.ftruncate(file, segment.size)
        self._finish()
        if not segment.events and self._own is not None:
            self._own.segments.remove(segment)
            self.size -= segment.size
            segment.path.unlink(missing_ok=True)

    def _drop(self, home: Home) -> None:
        segment = home.segments[0]
        segment.path.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            synchronise(home.path)
        home.segments.popleft()
        self.events -= segment.events
        self.size -= segment.size
        if not home.segments and home in self._homes:
            self._homes.remove(home)
            home.leave()

    def _set_aside(self, home: Home, segment: Segment, lost: int) -> None:
        aside = self._folder / f"{home.path.name}-{segment.number:08}.{_DAMAGED}"
        with suppress(OSError):
            shutil.copyfile(segment.path, aside)
        log.error("a file of the spool was damaged, and is kept beside it", lost=lost)


def check(folder: Path) -> None:
    """Tries whether files can be made and synchronised there; JournalError says what is wrong."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        tried = folder / f"{NEW}{secrets.token_hex(4)}"
        try:
            with tried.open("xb") as file:
                file.write(MAGIC)
                file.flush()
                os.fsync(file.fileno())
        finally:
            tried.unlink(missing_ok=True)
    except OSError as error:
        text = f"WALLBOARD_SPOOL: {folder} cannot be written: {error.strerror or error}."
        remedy = "Let the server's user write to it, or name another folder."
        raise JournalError(f"{text}\n  {remedy}", is_passing=error.errno in _PASSING) from None


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
