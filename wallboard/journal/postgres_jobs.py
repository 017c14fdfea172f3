"""What is to be written and who waits for it; knows no connection and no row."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection

from wallboard.journal import Decide, Delivery, JournalUnavailable

_MOST, _MOST_BYTES = 500, 4 << 20
Work = Callable[[AsyncConnection[Any]], Awaitable[tuple[Any, Sequence[Delivery]]]]
Note = tuple[str, str]


@dataclass(eq=False, slots=True)
class Job:
    """One of the four. `decide` and `work` are asked under the lock, when everything before has been applied."""

    future: asyncio.Future[Any]
    delivery: Delivery | None = None
    note: Note | None = None
    decide: Decide | None = None
    work: Work | None = None
    result: Any = None

    @property
    def is_single(self) -> bool:
        return self.decide is not None or self.work is not None

    async def deliveries(self, connection: AsyncConnection[Any]) -> Sequence[Delivery]:
        """What it appends."""
        if self.work is not None:
            self.result, deliveries = await self.work(connection)
            return deliveries
        delivery = self.decide() if self.decide is not None else self.delivery
        return [] if delivery is None else [delivery]

    def answer(self) -> None:
        if not self.future.done():
            self.future.set_result(self.result)

    def refuse(self, reason: str) -> None:
        if not self.future.done():
            self.future.set_exception(JournalUnavailable(reason))


def next_batch(queue: deque[Job]) -> list[Job]:
    """What is queued, as it is; work and decisions each by themselves. Nothing that nobody waits for any more."""
    batch: list[Job] = []
    size = 0
    while queue and len(batch) < _MOST and size < _MOST_BYTES:
        if batch and (batch[0].is_single or queue[0].is_single):
            break
        job = queue.popleft()
        size += len(job.delivery.body) if job.delivery else 0
        if not job.future.done():
            batch.append(job)
    return batch
