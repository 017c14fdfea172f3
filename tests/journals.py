"""A journal that is opened, used and closed again, with what it has applied; whichever database keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from wallboard.journal import Delivery, Entry, Journal

NOW = datetime(2026, 11, 24, 1, 2, 3, 456789, tzinfo=UTC)
J = TypeVar("J", bound=Journal)


def delivery(body: bytes, **more: Any) -> Delivery:
    return Delivery(received_at=NOW, body=body, **more)


def with_journal(journal: J, use: Callable[[J, list[Entry]], Awaitable[None]], after: int = 0) -> list[Entry]:
    """Opens it, lets `use` work with it, and returns every entry that was applied; append returns its number * 10."""
    applied: list[Entry] = []

    def apply(entry: Entry) -> int:
        applied.append(entry)
        return entry.sequence * 10

    async def run() -> None:
        await journal.open(apply, after)
        try:
            await use(journal, applied)
        finally:
            await journal.close()

    asyncio.run(run())
    return applied


async def nothing(journal: Journal, applied: list[Entry]) -> None:
    return None


async def soon(condition: Callable[[], bool], within: float = 5) -> None:
    """Waits for it; `within` in seconds, then TimeoutError."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)
