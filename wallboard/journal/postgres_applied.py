"""What has been applied of PostgreSQL's journal, and in which history; knows no connection."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog

from wallboard.journal import EVENTS_LOST, EVENTS_PURGED, SCHEMA, Apply, Delivery, Entry
from wallboard.journal import base as bases
from wallboard.journal.base import FIRST, Base
from wallboard.journal.postgres_jobs import Job
from wallboard.journal.rows import Row, from_microseconds, is_sealed, seal_of, to_entry
from wallboard.journal.soundness import Loss

BEHIND = "the database has not what was written last"
_CHANGED = "an entry has changed since it was written"
_EPOCH = from_microseconds(0)
log = structlog.get_logger()


class Applied:
    """`head` is the last entry applied, `head_at` when it was received: an erased entry keeps that, and another one in
    its place has another. `awaited` are jobs by the seals of rows that may have been committed.
    """

    def __init__(self) -> None:
        self.apply: Apply = _unopened
        self.head = 0
        self.head_at: int | None = None
        self.epoch: str | None = None
        self.base: Base = FIRST
        self.has_parted = False
        self.awaited: dict[bytes, Job] = {}
        self._applied_at = _EPOCH

    def take(self, rows: Sequence[Row]) -> None:
        """Applies what comes after the head. The rows are all that there are from their first to their last."""
        for row in rows:
            if row[0] <= self.head:
                continue
            entry = self._entry(row)
            result = self.apply(entry)
            self.head, self.head_at = entry.sequence, row[1]
            self._applied_at = entry.delivery.received_at
            self._heed(entry.delivery)
            job = self.awaited.pop(seal_of(row), None)
            if job is not None:
                job.result = result

    def _entry(self, row: Row) -> Entry:
        """One that is not as it was written is a loss where it stands, of which every process that reads it tells the
        same. A newer build's may be sealed in another way.
        """
        if row[2] > SCHEMA or is_sealed(row):
            return to_entry(row)
        log.error("an entry has changed since it was written", sequence=row[0])
        loss = Loss(1, [(row[0], row[0])], self.epoch or "", self.epoch, [_CHANGED])
        told = Delivery(received_at=self._known_at(), body=msgspec.json.encode(loss), remark=EVENTS_LOST)
        return Entry(sequence=row[0], schema=SCHEMA, delivery=told)

    def _known_at(self) -> datetime:
        """When the last entry that can be believed was received; its own time may be what has changed."""
        if self._applied_at > _EPOCH or self.head_at is None:
            return self._applied_at
        return from_microseconds(self.head_at)

    def _heed(self, delivery: Delivery) -> None:
        """What another process has done to the history is told in the history."""
        if delivery.remark == EVENTS_PURGED:
            self.base = bases.read(delivery.body.decode())
        if delivery.remark == EVENTS_LOST:
            self.epoch = msgspec.json.decode(delivery.body, type=Loss).epoch


def _unopened(entry: Any) -> Any:
    raise AssertionError("the journal is not open")
