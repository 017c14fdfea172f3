"""The tables in PostgreSQL, brought up to date in numbered steps; knows no row and no queue.

Every step only adds, and can be met half done: while a new build is rolled out the one before it goes on writing to
the same tables. Databases that a newer build has moved on are left as they are.
"""

from __future__ import annotations

from typing import Any

import structlog
from psycopg import AsyncConnection

LOCK = 7_262_412_011
"""The advisory lock of whoever changes the tables; another one than that of whoever appends."""
_VERSION = "SELECT coalesce(max(version), 0) FROM wallboard_schema"
STEPS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE IF NOT EXISTS deliveries (
            sequence    bigint  PRIMARY KEY,
            received_at bigint  NOT NULL,  -- microseconds since the epoch, UTC
            schema      integer NOT NULL,
            hash        bytea   NOT NULL,  -- the seal: SHA-256 of all else in the row
            meaning     text,
            refusal     text,
            body        bytea   NOT NULL,
            remark      text
        )
        """,
        "CREATE TABLE IF NOT EXISTS notes (name text PRIMARY KEY, value text NOT NULL, seal bytea)",
    ),
    (
        "CREATE SEQUENCE IF NOT EXISTS commons_version",  # logged, unlike the table: it must never begin anew
        """
        CREATE UNLOGGED TABLE IF NOT EXISTS commons (
            kind    text        NOT NULL,
            key     text        NOT NULL,
            value   bytea,
            version bigint      NOT NULL,
            told_by text        NOT NULL,
            told_at timestamptz NOT NULL,
            ends_at timestamptz NOT NULL,
            PRIMARY KEY (kind, key)
        )
        """,
    ),
    (
        """
        CREATE TABLE IF NOT EXISTS snapshots (
            id       text        PRIMARY KEY,
            version  text        NOT NULL,  -- which build and which settings it is for
            sequence bigint      NOT NULL,  -- its last entry
            epoch    text        NOT NULL,
            seal     bytea       NOT NULL,
            made_at  timestamptz NOT NULL DEFAULT now()
        )
        """,
        """
        CREATE TABLE IF NOT EXISTS snapshot_pieces (
            id     text    NOT NULL,
            number integer NOT NULL,
            data   bytea   NOT NULL,
            PRIMARY KEY (id, number)
        )
        """,
        "ALTER TABLE snapshot_pieces ALTER data SET STORAGE EXTERNAL",  # it is compressed already
    ),
)
"""Version 1, 2, and so on: append, never change one that was released."""
log = structlog.get_logger()


async def version_of(connection: AsyncConnection[Any]) -> int:
    """Which step the tables stand at; 0 where there are none."""
    found = await connection.execute("SELECT to_regclass('wallboard_schema')")
    if (await found.fetchone()) == (None,):
        return 0
    return await _version(connection)


async def migrate(connection: AsyncConnection[Any]) -> int:
    """Brings the tables up to date, all or nothing, one process at a time; the version. Raises psycopg.Error."""
    if await version_of(connection) >= len(STEPS):  # the usual case, for which nothing needs a right to create
        return await version_of(connection)
    async with connection.transaction():
        await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})".encode())
        await connection.execute("CREATE TABLE IF NOT EXISTS wallboard_schema (version integer NOT NULL)")
        before = await _version(connection)
        for number in range(before + 1, len(STEPS) + 1):
            for statement in STEPS[number - 1]:
                await connection.execute(statement.encode())
            await connection.execute("INSERT INTO wallboard_schema (version) VALUES (%s)", (number,))
    if before < len(STEPS):
        log.info("the tables were brought up to date", version=len(STEPS), was=before)
    return max(before, len(STEPS))


async def _version(connection: AsyncConnection[Any]) -> int:
    row = await (await connection.execute(_VERSION)).fetchone()
    return int(row[0]) if row else 0
