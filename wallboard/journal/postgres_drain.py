"""Puts what has waited in a spool into PostgreSQL's journal, a file at a time and each once; knows no file.

The commit that appends a file's deliveries notes its number, so one that comes again is known to stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection

from wallboard.journal import Delivery
from wallboard.journal.postgres import PostgresJournal
from wallboard.journal.postgres_rows import NOTE, NOTED
from wallboard.journal.rows import sealed_note
from wallboard.journal.spool_records import Kept

_FORGET = b"DELETE FROM notes WHERE name = %s"
_STANDING = b"SELECT body FROM deliveries WHERE sequence > %s AND remark IS NULL AND body = ANY(%b::bytea[])"


async def put_once(journal: PostgresJournal, series: str, number: int, kept: Sequence[Kept]) -> None:
    """Appends them in one commit, unless that was done already; JournalUnavailable."""

    async def put(connection: AsyncConnection[Any]) -> tuple[None, Sequence[Delivery]]:
        row = await (await connection.execute(NOTED, (_name(series),))).fetchone()
        if row is not None and int(row[0]) >= number:
            return None, []
        fresh = await _not_standing(connection, kept)
        await connection.execute(NOTE, sealed_note(_name(series), str(number)))
        return None, [each.delivery for each in fresh]

    await journal.work(put)


async def forget(journal: PostgresJournal, series: str) -> None:
    """Nothing of the series is left that could come again."""

    async def remove(connection: AsyncConnection[Any]) -> tuple[None, Sequence[Delivery]]:
        await connection.execute(_FORGET, (_name(series),))
        return None, []

    await journal.work(remove)


async def _not_standing(connection: AsyncConnection[Any], kept: Sequence[Kept]) -> list[Kept]:
    """Without those that were spooled because the commit's answer did not come, and that stand all the same."""
    tried = [each for each in kept if each.tried_after is not None]
    if not tried:
        return list(kept)
    after = min(each.tried_after for each in tried if each.tried_after is not None)
    found = await connection.execute(_STANDING, (after, [each.body for each in tried]), binary=True)
    standing = {bytes(body) for (body,) in await found.fetchall()}
    return [each for each in kept if each.tried_after is None or each.body not in standing]


def _name(series: str) -> str:
    return f"spooled {series}"
