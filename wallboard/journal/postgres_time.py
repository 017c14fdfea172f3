"""The database's time of day as told by our own steady clock; knows not who goes by it.

Every process goes by it, so that what several of them write has one order of time, however their own clocks are set.
"""

from __future__ import annotations

import math
import time
from typing import Any

from psycopg import AsyncConnection

from wallboard.clock import steady_seconds
from wallboard.journal.postgres_rows import STATE


class DatabaseTime:
    """Each answer that holds the database's time says between which bounds the difference lies: it was read after the
    question had left and before the answer came. The difference is moved only as far as the bounds demand.
    """

    def __init__(self) -> None:
        self._ahead: float | None = None
        self._asked_at = -math.inf

    def asked_at(self) -> float:
        """When it was asked for last, by `steady_seconds`."""
        return self._asked_at

    def hear(self, database: float, asked: float, answered: float) -> None:
        """`database` in seconds since the epoch; the other two by `steady_seconds`."""
        least, most = database - answered, database - asked
        if self._ahead is None:
            self._ahead = (least + most) / 2
        self._ahead = min(max(self._ahead, least), most)
        self._asked_at = max(self._asked_at, asked)

    async def ask(self, connection: AsyncConnection[Any]) -> bool:
        """Hears it; whether the database can be written to. Raises psycopg.Error."""
        asked = steady_seconds()
        row = await (await connection.execute(STATE)).fetchone()
        assert row is not None
        self.hear(row[0], asked, steady_seconds())
        return bool(row[1] == "off")

    def now(self) -> float:
        """Seconds since the epoch; by this machine's clock as long as the database's is not known."""
        return time.time() if self._ahead is None else steady_seconds() + self._ahead
