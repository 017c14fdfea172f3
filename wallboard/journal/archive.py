"""Stretches of the journal, read beside its writers; read only, and knows neither what an entry means nor the database.

The journal has no index by time: the first entry of an instant is found by halving. A clock that was set leaves a
stretch that does not ascend, so whoever asks must ask for a margin. Each look is a statement of its own, so that
no reader keeps the database from tidying up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar

from wallboard.journal import Entry
from wallboard.journal.rows import COLUMNS, Row, to_entry, to_microseconds

_CHUNK = 2_000
_SCANNED = 20_000
_ENDS = "SELECT coalesce(min(sequence), 0), coalesce(max(sequence), -1) FROM deliveries"
_NEXT = "SELECT sequence, received_at FROM deliveries WHERE sequence >= ? ORDER BY sequence LIMIT 1"
_ALL = f"SELECT {COLUMNS} FROM deliveries WHERE sequence >= ? AND sequence < ? ORDER BY sequence LIMIT ?"
_SOME = f"""SELECT {COLUMNS} FROM deliveries WHERE sequence >= ? AND sequence < ?
            AND (remark IS NOT NULL{{}}) ORDER BY sequence"""
_BODY = "SELECT body FROM deliveries WHERE sequence = ?"
_REMARKS = f"SELECT {COLUMNS} FROM deliveries WHERE remark IN ({{}}) ORDER BY sequence"

Ask = Callable[[str, Sequence[Any]], list[Row]]
"""Runs one statement, with `?` for each value, and returns all its rows."""


class ArchiveUnreadable(Exception):
    """The journal cannot be read just now; the text says why."""


class Archive(ABC):
    """Blocking: call it in a thread or in a process of its own, to which it can be sent.

    Every method may raise ArchiveUnreadable, also midway.
    """

    is_in_body: ClassVar[str]
    """The database's own way to say that the body has a value in it."""

    @abstractmethod
    def _opened(self) -> AbstractContextManager[Ask]:
        """A connection of its own; ArchiveUnreadable."""

    def head(self) -> int:
        """The sequence of the last entry; -1 where there is none."""
        with self._opened() as ask:
            return int(ask(_ENDS, ())[0][1])

    def body_of(self, sequence: int) -> bytes | None:
        """The body of one entry; `None` where there is none."""
        with self._opened() as ask:
            found = ask(_BODY, (sequence,))
        return bytes(found[0][0]) if found else None

    def remarks(self, names: Iterable[str]) -> Iterator[Entry]:
        """The server's own words of these names, in order."""
        wanted = tuple(names)
        with self._opened() as ask:
            yield from map(to_entry, ask(_REMARKS.format(", ".join("?" * len(wanted))), wanted))

    def between(self, since: datetime, until: datetime, containing: Sequence[bytes] = ()) -> Iterator[Entry]:
        """The entries received in `[since, until)`, in order. With `containing` only remarks and those whose body has
        one of these in it, which is found without reading the others into Python: a second for some 500,000.
        """
        with self._opened() as ask:
            first, end = _position(ask, since), _position(ask, until)
            found = _some(ask, first, end, containing, self.is_in_body) if containing else _rows(ask, first, end)
            yield from map(to_entry, found)

    def rows(self, after: int, until: int) -> Iterator[Row]:
        """The rows of a stretch as they stand, from the one after `after` to `until`."""
        with self._opened() as ask:
            yield from _rows(ask, after + 1, until + 1)


def _position(ask: Ask, at: datetime) -> int:
    """The sequence of the first entry received at `at` or later; past the last where there is none."""
    wanted = to_microseconds(at)
    low, last = ask(_ENDS, ())[0]
    high = last + 1
    while low < high:
        middle = (low + high) // 2
        found = ask(_NEXT, (middle,))
        if not found or found[0][1] >= wanted:
            high = middle
        else:
            low = found[0][0] + 1
    return int(low)


def _rows(ask: Ask, first: int, end: int) -> Iterator[Row]:
    """Those whose sequences are in `[first, end)`, as they stand."""
    while found := ask(_ALL, (first, end, _CHUNK)):
        yield from found
        first = found[-1][0] + 1


def _some(ask: Ask, first: int, end: int, containing: Sequence[bytes], is_in_body: str) -> Iterator[Row]:
    statement = _SOME.format(f" OR {is_in_body}" * len(containing))
    for start in range(first, end, _SCANNED):
        yield from ask(statement, (start, min(end, start + _SCANNED), *containing))
