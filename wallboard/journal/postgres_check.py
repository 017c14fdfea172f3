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
from wallboard.journal.postgres_words import Unfit, explain, is_passing

_SECONDS = 5
_LOOKS = 5
_BACKEND = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
_DIRECT = "Write the database's direct address, or set the pooler to pool_mode = session"
_MIGRATION_SECONDS = 600
T = TypeVar("T")


def check(url: str) -> None:
    """Connects, and tries whether the tables can be made and written to; nothing is left of it. JournalError."""

    async def tried(connection: AsyncConnection[Any]) -> None:
        await _try(connection)
        await _with_link(url, _SECONDS, lambda other: _refuse_shared(connection, other))

    _apart(_with_link(url, _SECONDS, tried))


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


async def _refuse_shared(one: AsyncConnection[Any], other: AsyncConnection[Any]) -> None:
    """Two connections of one process of the database: somebody between hands it on after each transaction, so that
    neither LISTEN nor a lock of a session holds. Where others use it as well, it may take more than one look.
    """
    for _ in range(_LOOKS):
        if await _backend(one) == await _backend(other):
            raise Unfit("a pooler in transaction mode stands before it", _DIRECT)


async def _backend(connection: AsyncConnection[Any]) -> Any:
    return await (await connection.execute(_BACKEND)).fetchone()


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
