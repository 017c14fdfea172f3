"""Applies whatever any process has committed to PostgreSQL; knows not who waits for it.

A doorbell tells that there is more. It may be lost, so it is looked each second regardless, which also tells whether
the database is still there, whether it can be written to, and what time it is.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection

from wallboard.clock import steady_seconds
from wallboard.journal import postgres_rows as sql
from wallboard.journal.postgres_applied import BEHIND, Applied
from wallboard.journal.postgres_link import ANSWER_SECONDS, Link
from wallboard.journal.postgres_time import DatabaseTime
from wallboard.journal.postgres_words import READ_ONLY, words
from wallboard.logs import traced

CHUNK = 1_000
_LOOK_EVERY_SECONDS = 1.0
_AT_ONCE_SECONDS, _AGAIN_SECONDS = 0.1, 0.4
log = structlog.get_logger()


class Behind(psycopg.OperationalError):
    """What was applied last does not stand where we read: another server, or an older state of this one."""


class Follower:
    """Runs until its link is closed. `trouble` is why it could not read, or why nothing could be written."""

    def __init__(self, link: Link, applied: Applied, time: DatabaseTime) -> None:
        self._link = link
        self._applied = applied
        self._time = time
        self.trouble: str | None = None

    async def run(self) -> None:
        while not self._link.is_closed:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - without it this process would show a board that stands still
                self._link.drop()
                if not self._link.is_closed:
                    self.trouble = words(error)
                if not isinstance(error, psycopg.Error | OSError):
                    log.error("following the journal was broken off", **traced(error))
            await asyncio.sleep(_AT_ONCE_SECONDS if self.trouble is None else _AGAIN_SECONDS)

    async def _listen(self) -> None:
        connection = await self._link.connection()
        async with self._link.patience(ANSWER_SECONDS):
            await connection.execute(sql.HEAR)
        looked_at = -math.inf
        while not self._link.is_closed:
            async with self._link.patience(ANSWER_SECONDS):
                found = await self._look(connection)
                if steady_seconds() - looked_at >= _LOOK_EVERY_SECONDS:
                    self.trouble = None if await self._time.ask(connection) else READ_ONLY
                    looked_at = steady_seconds()
            if found < CHUNK:
                await self._doorbell(connection)

    async def _look(self, connection: AsyncConnection[Any]) -> int:
        """Applies what is new; how many rows there were, with the one that was applied last."""
        head, head_at = self._applied.head, self._applied.head_at
        found = await (await connection.execute(sql.FOLLOW, (head, CHUNK), binary=True)).fetchall()
        if head and (not found or found[0][:2] != (head, head_at)):
            raise Behind(BEHIND)
        self._applied.take(found)
        return len(found)

    async def _doorbell(self, connection: AsyncConnection[Any]) -> None:
        """Waits until there is more than what has been applied, a second at most."""
        async for ring in connection.notifies(timeout=_LOOK_EVERY_SECONDS):
            with suppress(ValueError):  # somebody else may ring too
                if int(ring.payload) <= self._applied.head:
                    continue
            return
