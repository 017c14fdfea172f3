"""The archive in PostgreSQL; see `wallboard.journal.archive`. Each stretch has a connection of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from wallboard.journal.archive import Archive, ArchiveUnreadable, Ask
from wallboard.journal.postgres_link import parameters
from wallboard.journal.postgres_words import words
from wallboard.journal.rows import NOTES, Row, sound_notes


class PostgresArchive(Archive):
    """See `Archive`."""

    is_in_body = "position(?::bytea in body) > 0"

    def __init__(self, url: str) -> None:
        self._url = url

    def notes(self) -> dict[str, str]:
        """Those that have not changed since they were written."""
        with self._opened() as ask:
            return sound_notes(ask(NOTES, ()))

    @contextmanager
    def _opened(self) -> Iterator[Ask]:
        try:
            with psycopg.connect("", autocommit=True, **parameters(self._url)) as connection:
                yield _asking(connection)
        except psycopg.Error as error:
            raise ArchiveUnreadable(words(error)) from None


def _asking(connection: psycopg.Connection[Any]) -> Ask:
    def ask(statement: str, values: Sequence[Any]) -> list[Row]:
        text = statement.replace("?", "%s").encode()
        return connection.execute(text, values, binary=True).fetchall()

    return ask
