"""One connection to PostgreSQL that never waits for ever; knows no table.

Whatever takes too long is ended by closing our side of the socket, which needs no answer from the other: a cut
network gives none, and asking the server to cancel would be waiting for it once more.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict

from wallboard.journal.postgres_words import LEAST_VERSION, UNANSWERED, Unfit

CONNECT_SECONDS = 3
ANSWER_SECONDS = 1.5
_ROLLED_BACK_SECONDS = 0.5
_DEFAULTS: dict[str, str | int] = {
    "application_name": "wallboard",
    "client_encoding": "UTF8",
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}
_SESSION = (
    b"SET synchronous_commit = on; SET lock_timeout = '600ms'; SET statement_timeout = '5s'; "
    b"SET idle_in_transaction_session_timeout = '2s'; SET default_transaction_isolation = 'read committed'; "
    b"SELECT set_config(name, '0', false) FROM pg_settings "
    b"WHERE name IN ('idle_session_timeout', 'transaction_timeout')"
)
"""A process that stops in the middle of a transaction must not keep the others from appending; each statement under the
lock must see what was committed before it. The last two are known from version 14 and 17 on."""


class Silent(psycopg.OperationalError):
    """The database did not answer in time."""


def parameters(url: str) -> dict[str, Any]:
    """What to connect with: the URL's own parameters, and ours where it says nothing. Raises psycopg.Error."""
    return {**_DEFAULTS, **conninfo_to_dict(url)}


class Link:
    """Connects when it is needed. Every method may raise psycopg.Error or OSError."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: AsyncConnection[Any] | None = None
        self.is_closed = False

    @property
    def is_lost(self) -> bool:
        """Whether the connection has ended, so that nothing is known of what it was asked last."""
        return self._connection is None or self._connection.closed

    async def connection(self) -> AsyncConnection[Any]:
        """The connection, made anew where it has ended."""
        if self.is_closed:
            raise psycopg.OperationalError("the journal is closed")
        known = self._connection
        if known is not None and not known.closed:
            return known
        self._connection = None
        try:
            async with asyncio.timeout(CONNECT_SECONDS + 1):
                made = await AsyncConnection.connect("", autocommit=True, prepare_threshold=None,
                                                     **parameters(self._url))  # fmt: skip
        except TimeoutError:
            raise Silent(UNANSWERED) from None
        if (unfit := _unfit(made)) is not None:
            await made.close()
            raise unfit
        async with self.patience(CONNECT_SECONDS, made):
            await made.execute(_SESSION)
        self._connection = made
        return made

    @asynccontextmanager
    async def patience(self, seconds: float, connection: AsyncConnection[Any] | None = None) -> AsyncIterator[None]:
        """Raises Silent if what is done within takes longer; the connection is closed then."""
        used = connection or self._connection
        is_over = False

        def end() -> None:
            nonlocal is_over
            is_over = True
            if used is not None:
                sever(used)

        handle = asyncio.get_running_loop().call_later(seconds, end)
        try:
            yield
        except psycopg.Error:
            if is_over:
                raise Silent(UNANSWERED) from None
            raise
        finally:
            handle.cancel()

    async def roll_back(self) -> None:
        """Undoes what was begun; where that cannot be, the connection goes, and the server does it."""
        if self.is_lost or self._connection is None:
            self.drop()
            return
        try:
            async with self.patience(_ROLLED_BACK_SECONDS):
                await self._connection.execute("ROLLBACK")
        except (psycopg.Error, OSError):
            self.drop()

    def drop(self) -> None:
        """Lets go of the connection, if there is one; what it was about to do is undone by the server."""
        if self._connection is not None:
            sever(self._connection)
            with suppress(psycopg.Error):
                self._connection.pgconn.finish()
        self._connection = None

    def sever(self) -> None:
        """Whoever waits for an answer of the connection is told that there is none, and no other is made."""
        self.is_closed = True
        if self._connection is not None:
            sever(self._connection)

    async def close(self) -> None:
        self.is_closed = True
        if self._connection is not None:
            with suppress(psycopg.Error):
                await self._connection.close()
            self._connection = None


def _unfit(connection: AsyncConnection[Any]) -> Unfit | None:
    """Why this server or database is none for us."""
    version = connection.info.server_version // 10_000
    if version < LEAST_VERSION:
        return Unfit(f"it is version {version}", f"Use version {LEAST_VERSION} or newer")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        return Unfit(f"the database's encoding is {encoding}", "Make one with createdb -E UTF8 -T template0")
    return None


def sever(connection: AsyncConnection[Any]) -> None:
    """Ends the connection under whoever waits for its answer."""
    if connection.closed:
        return
    with suppress(OSError, psycopg.Error):
        ours = socket.socket(fileno=os.dup(connection.pgconn.socket))
        with ours:
            ours.shutdown(socket.SHUT_RDWR)
