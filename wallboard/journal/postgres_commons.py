"""The commons in one unlogged table of PostgreSQL; see `wallboard.commons`.

Its changes are numbered in the order of their commits, and each process looks twice a second for those it has not seen.
The database keeps none of it in its log: after a crash of the database it is empty, and is told anew by and by.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

import msgspec
import psycopg
import structlog
from psycopg import AsyncConnection

from wallboard.commons import Commons, Take
from wallboard.journal.postgres_link import Link
from wallboard.journal.postgres_words import words
from wallboard.logs import traced

LOOK_EVERY_SECONDS = 0.5
_ANSWER_SECONDS = 1.5
_TIDY_EVERY_SECONDS = 60.0
_MOST_TOLD = 10_000
_TELLING = 7_262_412_013
_ROWS = "unnest(%s::text[], %s::text[], %b::bytea[], %s::float8[], %s::float8[]) AS t(kind, key, value, ago, lasts)"
_LOCK = f"SELECT pg_advisory_xact_lock({_TELLING})".encode()
_TELL = f"""INSERT INTO commons (kind, key, value, version, told_by, told_at, ends_at)
    SELECT kind, key, value, nextval('commons_version'), %s, clock_timestamp() - ago * interval '1 second',
           clock_timestamp() + lasts * interval '1 second' FROM {_ROWS}
    ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value, version = excluded.version,
        told_by = excluded.told_by, told_at = excluded.told_at, ends_at = excluded.ends_at""".encode()
_LOOK = b"""SELECT kind, key, value, extract(epoch FROM clock_timestamp() - told_at)::float8, version, told_by
    FROM commons WHERE version > %s AND ends_at > clock_timestamp() ORDER BY version"""
_TIDY = b"DELETE FROM commons WHERE ends_at < clock_timestamp() - interval '1 minute'"
log = structlog.get_logger()


class _Told(msgspec.Struct, frozen=True):
    value: bytes | None
    lasts_seconds: float
    told_at: float


class PostgresCommons(Commons):
    """See `Commons`. All methods belong to the event loop's thread."""

    def __init__(self, url: str) -> None:
        self._link = Link(url)
        self._me = secrets.token_hex(8)
        self._takers: dict[str, Take] = {}
        self._told: dict[tuple[str, str], _Told] = {}
        self._wakes = asyncio.Event()
        self._turn = asyncio.Lock()
        self._began = self._tidied_at = -1.0
        self._seen = 0
        self._trouble: str | None = None

    def hear(self, kind: str, take: Take) -> None:
        self._takers[kind] = take

    def tell(self, kind: str, key: str, value: bytes | None, seconds: float) -> None:
        self._told.pop((kind, key), None)
        self._told[kind, key] = _Told(value, seconds, time.monotonic())
        while len(self._told) > _MOST_TOLD:
            del self._told[next(iter(self._told))]
        self._wakes.set()

    async def settle(self) -> bool:
        return await self._exchanged()

    async def refresh(self) -> bool:
        return await self._exchanged()

    async def run(self) -> None:
        while True:
            await self._exchanged()
            try:
                await asyncio.wait_for(self._wakes.wait(), LOOK_EVERY_SECONDS)
            except TimeoutError:
                continue

    async def close(self) -> None:
        await self._link.close()

    async def _exchanged(self) -> bool:
        """Whoever asks while another one waits for its turn shares that one's."""
        asked = time.monotonic()
        async with self._turn:
            if self._began > asked:
                return True
            began = time.monotonic()
            try:
                await self._exchange()
            except (psycopg.Error, OSError) as error:
                self._link.drop()
                self._seen = 0  # another server may answer next, with numbers of its own
                if words(error) != self._trouble:  # it looks twice a second, and a database may be away for hours
                    self._trouble = words(error)
                    log.warning("other processes cannot be told", reason=words(error))
                return False
            if self._trouble is not None:
                self._trouble = None
                log.info("other processes are told again")
            self._began = began
            return True

    async def _exchange(self) -> None:
        self._wakes.clear()
        connection = await self._link.connection()
        async with self._link.patience(_ANSWER_SECONDS):
            if self._told:
                await self._tell_all(connection)
            found = await (await connection.execute(_LOOK, (self._seen,), binary=True)).fetchall()
            if time.monotonic() - self._tidied_at > _TIDY_EVERY_SECONDS:
                await connection.execute(_TIDY)
                self._tidied_at = time.monotonic()
        for kind, key, value, ago, version, told_by in found:
            self._seen = version
            if told_by != self._me and (kind, key) not in self._told:
                self._take(kind, key, value, ago)

    async def _tell_all(self, connection: AsyncConnection[Any]) -> None:
        told, now = dict(self._told), time.monotonic()
        columns: list[list[Any]] = [[], [], [], [], []]
        for (kind, key), one in told.items():
            for column, item in zip(columns, (kind, key, one.value, now - one.told_at, one.lasts_seconds), strict=True):
                column.append(item)
        async with connection.transaction():
            await connection.execute(_LOCK)
            await connection.execute(_TELL, (self._me, *columns))
        for place, one in told.items():
            if self._told.get(place) is one:
                del self._told[place]

    def _take(self, kind: str, key: str, value: bytes | None, ago: float) -> None:
        take = self._takers.get(kind)
        if take is None:
            return
        try:
            take(key, value, ago)
        except Exception as error:  # noqa: BLE001 - another build may tell it otherwise
            log.error("what another process told is not understood", kind=kind, **traced(error))
