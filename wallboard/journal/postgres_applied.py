"""What has been applied of PostgreSQL's journal, and in which history; knows no connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from wallboard.journal import EVENTS_LOST, EVENTS_PURGED, Apply, Delivery
from wallboard.journal import base as bases
from wallboard.journal.base import FIRST, Base
from wallboard.journal.postgres_jobs import Job
from wallboard.journal.rows import Row, seal_of, to_entry
from wallboard.journal.soundness import Loss

BEHIND = "the database has not what was written last"


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

    def take(self, rows: Sequence[Row]) -> None:
        """Applies what comes after the head. The rows are all that there are from their first to their last."""
        for row in rows:
            if row[0] <= self.head:
                continue
            entry = to_entry(row)
            result = self.apply(entry)
            self.head, self.head_at = entry.sequence, row[1]
            self._heed(entry.delivery)
            job = self.awaited.pop(seal_of(row), None)
            if job is not None:
                job.result = result

    def _heed(self, delivery: Delivery) -> None:
        """What another process has done to the history is told in the history."""
        if delivery.remark == EVENTS_PURGED:
            self.base = bases.read(delivery.body.decode())
        if delivery.remark == EVENTS_LOST:
            self.epoch = msgspec.json.decode(delivery.body, type=Loss).epoch


def _unopened(entry: Any) -> Any:
    raise AssertionError("the journal is not open")
