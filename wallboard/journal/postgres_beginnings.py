"""Snapshots of the fold kept in PostgreSQL; see `wallboard.journal.beginnings`. Any number of processes share them.

One is put there in pieces, in a transaction of its own that takes the lock of whoever appends only at its end: a
webhook waits for a look at what came meanwhile, and for no upload.
"""

from __future__ import annotations

import asyncio
import io
import secrets
import tempfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, BinaryIO

import psycopg
import structlog

from wallboard.journal import CALLER_ERASED, EVENTS_PURGED, JournalUnavailable
from wallboard.journal import postgres_rows as sql
from wallboard.journal.base import FIRST, Base, base_of
from wallboard.journal.beginnings import Mark
from wallboard.journal.postgres_link import parameters
from wallboard.journal.postgres_words import words
from wallboard.journal.rows import Row, sound_notes

MAKING = 7_262_412_014
"""The advisory lock of the one process that makes a snapshot."""
_MOST = 3
"""Of the newest builds and settings."""
_PIECE = 4 << 20
_CHUNK = 2_000
_SESSION = b"SET statement_timeout = '20s'; SET lock_timeout = '2s'; SET idle_in_transaction_session_timeout = '20s'"
_ID = b"SELECT id FROM snapshots WHERE version = %s ORDER BY sequence DESC LIMIT 1"
_LATEST = b"SELECT coalesce(max(sequence), 0) FROM snapshots WHERE version = %s"
_PIECES = b"SELECT data FROM snapshot_pieces WHERE id = %s ORDER BY number"
_PUT = b"INSERT INTO snapshots (id, version, sequence, epoch, seal) VALUES (%s, %s, %s, %s, %s)"
_PUT_PIECE = b"INSERT INTO snapshot_pieces (id, number, data) VALUES (%s, %s, %s)"
_APPENDING = f"SELECT pg_advisory_xact_lock({sql.APPENDING})".encode()
_STANDS = b"""SELECT EXISTS (SELECT FROM deliveries WHERE sequence = %s AND hash = %s)
    AND EXISTS (SELECT FROM notes WHERE name = 'epoch' AND value = %s)
    AND NOT EXISTS (SELECT FROM deliveries WHERE sequence > %s AND remark IN (%s, %s))"""
_SEAL = b"SELECT hash FROM deliveries WHERE sequence = %s"
_HEAD = b"SELECT coalesce(max(sequence), 0) FROM deliveries"
_FORGET = b"DELETE FROM snapshots WHERE version = %s"
_OLD = b"""DELETE FROM snapshots WHERE id NOT IN (SELECT id FROM (
    SELECT DISTINCT ON (version) id, made_at FROM snapshots ORDER BY version, sequence DESC
    ) AS newest ORDER BY made_at DESC LIMIT %s)"""
_ORPHANS = b"DELETE FROM snapshot_pieces WHERE id NOT IN (SELECT id FROM snapshots)"
FORGET_ALL = (b"DELETE FROM snapshot_pieces", b"DELETE FROM snapshots")
"""Belongs into the transaction that says what is deleted or erased."""
log = structlog.get_logger()
_Connection = psycopg.Connection[Any]


class PostgresBeginnings:
    """See `Beginnings`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._began_at = 0

    def opened(self, version: str) -> BinaryIO | None:
        with suppress(psycopg.Error, zlib.error), self._connected() as connection:
            found = connection.execute(_ID, (version,)).fetchone()
            if found is None:
                return None
            whole = io.BytesIO()
            with connection.transaction(), connection.cursor("pieces", binary=True) as pieces:
                pieces.itersize = 1
                for (piece,) in pieces.execute(_PIECES, (found[0],)):
                    whole.write(zlib.decompress(piece))
            whole.seek(0)
            return whole
        return None

    def latest(self, version: str) -> int:
        with suppress(psycopg.Error), self._connected() as connection:
            return _number(connection, _LATEST, version)
        return 0

    def stands(self, mark: Mark) -> bool:
        with suppress(psycopg.Error), self._connected() as connection:
            return _stands(connection, mark, mark.sequence)
        return False

    def seal(self, sequence: int) -> bytes:
        with suppress(psycopg.Error), self._connected() as connection:
            found = connection.execute(_SEAL, (sequence,)).fetchone()
            return bytes(found[0]) if found else b""
        return b""

    def entries(self, after: int) -> Iterator[Row]:
        base = self.base()
        with self._connected() as connection:
            while rows := connection.execute(sql.REPLAY, (after, _CHUNK), binary=True).fetchall():
                yield from (row for row in rows if not base.drops(row))
                after = rows[-1][0]

    def epoch(self) -> str | None:
        return self._notes().get("epoch")

    def base(self) -> Base:
        return base_of(self._notes()) or FIRST

    @asynccontextmanager
    async def making(self) -> AsyncIterator[BinaryIO | None]:
        """The file has no name: nothing of it outlives this process."""
        turn = _Turn(self._connect)
        try:
            began_at = await asyncio.to_thread(turn.take)
            if began_at is None:
                yield None
                return
            self._began_at = began_at
            with tempfile.TemporaryFile() as file:
                yield file
        except psycopg.Error as error:
            raise JournalUnavailable(words(error)) from None
        finally:
            turn.end()

    async def keep(self, file: BinaryIO, mark: Mark) -> bool:
        try:
            return await asyncio.to_thread(self._keep, file, mark)
        except psycopg.Error as error:
            raise JournalUnavailable(words(error)) from None

    def _keep(self, file: BinaryIO, mark: Mark) -> bool:
        with self._connected() as connection:
            with connection.transaction():
                _put(connection, file, mark)
                connection.execute(_APPENDING)
                kept = _stands(connection, mark, min(self._began_at, mark.sequence))
                if not kept:
                    raise psycopg.Rollback
            connection.execute(_OLD, (_MOST,))
            connection.execute(_ORPHANS)
        return kept

    def forget(self, version: str) -> None:
        with suppress(psycopg.Error), self._connected() as connection, connection.transaction():
            connection.execute(_FORGET, (version,))
            connection.execute(_ORPHANS)

    def _notes(self) -> dict[str, str]:
        with self._connected() as connection:
            return sound_notes(connection.execute(sql.NOTES).fetchall())

    @contextmanager
    def _connected(self) -> Iterator[_Connection]:
        connection = self._connect()
        try:
            yield connection
        finally:
            connection.close()

    def _connect(self) -> _Connection:
        connection = psycopg.connect("", autocommit=True, **parameters(self._url))
        connection.execute(_SESSION)
        return connection


class _Turn:
    """One process's turn to make a snapshot. It may be ended while it is being taken."""

    def __init__(self, connect: Callable[[], _Connection]) -> None:
        self._connect = connect
        self._connection: _Connection | None = None
        self._is_over = False

    def take(self) -> int | None:
        """The last entry now: what is deleted from here on may be in what is made. `None` if another has the turn."""
        connection = self._connection = self._connect()
        if self._is_over:
            connection.close()
        if connection.execute("SELECT pg_try_advisory_lock(%s)", (MAKING,)).fetchone() != (True,):
            return None
        return _number(connection, _HEAD)

    def end(self) -> None:
        self._is_over = True
        if self._connection is not None:
            self._connection.close()


def _put(connection: _Connection, file: BinaryIO, mark: Mark) -> None:
    id, number = secrets.token_hex(8), 0
    connection.execute(_PUT, (id, mark.version, mark.sequence, mark.epoch, mark.seal))
    file.seek(0)
    while piece := file.read(_PIECE):
        connection.execute(_PUT_PIECE, (id, number, zlib.compress(piece, 1)))
        number += 1


def _stands(connection: _Connection, mark: Mark, since: int) -> bool:
    """Nothing was deleted since an entry, and the last one of the snapshot is there as it was."""
    asked = (mark.sequence, mark.seal, mark.epoch, since, CALLER_ERASED, EVENTS_PURGED)
    return connection.execute(_STANDS, asked).fetchone() == (True,)


def _number(connection: _Connection, statement: bytes, *asked: object) -> int:
    found = connection.execute(statement, asked).fetchone()
    return int(found[0]) if found else 0
