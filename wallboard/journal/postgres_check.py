"""What a start on PostgreSQL would stumble over, and the release step; knows no queue and no fold. Both block."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
from psycopg import AsyncConnection

from wallboard.journal import JournalError
from wallboard.journal.migrations import STEPS, migrate, version_of
from wallboard.journal.postgres_link import Link
from wallboard.journal.postgres_words import explain, is_passing

_SECONDS = 5
_MIGRATION_SECONDS = 600
T = TypeVar("T")


def check(url: str) -> None:
    """Connects, and tries whether the tables can be made and written to; nothing is left of it. JournalError."""
    _apart(_with_link(url, _SECONDS, _try))


def migrated(url: str) -> int:
    """Brings the tables up to date; their version. JournalError."""
    return _apart(_with_link(url, _MIGRATION_SECONDS, migrate))


async def _try(connection: AsyncConnection[Any]) -> None:
    async with connection.transaction(force_rollback=True):
        if await version_of(connection) < len(STEPS):
            await connection.execute("CREATE TABLE wallboard_check (works integer)")
            return
        await connection.execute(
            "INSERT INTO notes (name, value) VALUES ('check', '') ON CONFLICT (name) DO UPDATE SET value = ''"
        )
        for table in ("deliveries", "commons"):
            await connection.execute(f"INSERT INTO {table} SELECT * FROM {table} WHERE false".encode())


async def _with_link(url: str, seconds: float, do: Callable[[AsyncConnection[Any]], Awaitable[T]]) -> T:
    link = Link(url)
    try:
        connection = await link.connection()
        async with link.patience(seconds):
            return await do(connection)
    except (psycopg.Error, OSError) as error:
        raise JournalError(explain(error), is_passing=is_passing(error)) from None
    finally:
        await link.close()


def _apart(work: Coroutine[Any, Any, T]) -> T:
    """In a thread with a loop of its own: whoever asks may already be in one, as `uvicorn app:app` is."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
