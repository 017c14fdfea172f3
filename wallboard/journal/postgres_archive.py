"""The archive in PostgreSQL; see `wallboard.journal.archive`. Each stretch has a connection of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg

from wallboard.journal import Entry, archive
from wallboard.journal.archive import ArchiveUnreadable, Ask
from wallboard.journal.postgres_link import parameters
from wallboard.journal.postgres_words import words
from wallboard.journal.rows import NOTES, Row, sound_notes


class PostgresArchive:
    """See `Archive`."""

    def __init__(self, url: str) -> None:
        self._url = url

    def head(self) -> int:
        with self._opened() as ask:
            return archive.head(ask)

    def body_of(self, sequence: int) -> bytes | None:
        with self._opened() as ask:
            return archive.body_of(ask, sequence)

    def remarks(self, names: Iterable[str]) -> Iterator[Entry]:
        with self._opened() as ask:
            yield from archive.remarks(ask, tuple(names))

    def between(self, since: datetime, until: datetime, containing: Sequence[bytes] = ()) -> Iterator[Entry]:
        with self._opened() as ask:
            yield from archive.between(ask, since, until, containing, "position(?::bytea in body) > 0")

    def rows(self, after: int, until: int) -> Iterator[Row]:
        """The rows of a stretch as they stand, from the one after `after` to `until`."""
        with self._opened() as ask:
            yield from archive.rows(ask, after + 1, until + 1)

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
