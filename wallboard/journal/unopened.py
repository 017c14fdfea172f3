"""A journal without an entry, for a fold of what somebody else has read; knows no file and no database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from wallboard.journal import Apply, Begin, Delivery, JournalUnavailable, Spooled


class Unopened:
    """See `wallboard.journal.Journal`. Nothing can be written to it."""

    head = 0
    trouble: str | None = None
    spooled: Spooled | None = None
    epoch: str | None = None
    remains = ""
    begins_after = 0
    has_parted = False

    async def open(self, apply: Apply, after: int = 0, begin: Begin | None = None) -> None:
        return

    async def append(self, delivery: Delivery) -> Any:
        raise JournalUnavailable("there is no journal here")

    def enqueue(self, delivery: Delivery) -> asyncio.Future[Any]:
        raise JournalUnavailable("there is no journal here")

    async def decide(self, decide: Callable[[], Delivery | None]) -> Any:
        raise JournalUnavailable("there is no journal here")

    async def note(self, name: str, value: str) -> None:
        raise JournalUnavailable("there is no journal here")

    def noted(self, name: str) -> str | None:
        return None

    async def close(self) -> None:
        return
