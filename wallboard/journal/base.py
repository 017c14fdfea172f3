"""Where the journal begins since old entries were deleted on purpose, and which are kept; knows no file and no event.

Everything up to the base is gone but for those of the server's own remarks that outlive calls. It is said three
times: in a sealed note, in a remark that the chain covers, and its two numbers by the witness, so that no single
damage makes a deletion look like a loss.
"""

from __future__ import annotations

from datetime import date, timedelta

import msgspec

from wallboard.journal import ERASED, EVENTS_LOST, EVENTS_PURGED
from wallboard.journal.rows import NOTHING, Row, chained, is_sealed, seal_of
from wallboard.journal.witness import Testimony

WITH_THE_CALLS = ("caller_marked", "clock_stepped", EVENTS_LOST, EVENTS_PURGED, ERASED)
"""The one place that names the remarks which are deleted with the calls; every other is kept: a board is older than
any call, and a build that does not know a remark must not delete it."""
AGING = ("audit_", "session_")
AGED = timedelta(days=400)
"""Remarks whose names begin so are deleted when they are older than this, and than the calls that are kept."""
BASE = "purged"
"""The note's name."""
UNCLEAN = "unclean"
"""The note that says `yes` while something of what was deleted may still stand in a file."""


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """`sequence` and `chain` where the journal begins; `kept` is how many older remarks stand, with their own chain.

    `goes` is WITH_THE_CALLS of the build that deleted: another build must count the same. `remains` is the fold's: what
    it needs to know of what was deleted; `before` is the first day of which calls are kept.
    """

    sequence: int = 0
    chain: bytes = NOTHING
    kept: int = 0
    kept_chain: bytes = NOTHING
    goes: tuple[str, ...] = WITH_THE_CALLS
    remains: str = ""
    before: date | None = None

    def lasts(self, remark: object) -> bool:
        """Whether an entry at or before the base is one of those that are kept."""
        return remark is not None and remark not in self.goes

    def drops(self, row: Row) -> bool:
        """Whether the row was deleted on purpose, though it may still stand in the file."""
        return bool(row[0] <= self.sequence) and not self.lasts(row[7])


FIRST = Base()
"""Nothing has ever been deleted."""


def written(base: Base) -> str:
    return msgspec.json.encode(base).decode()


def read(text: str) -> Base:
    return msgspec.json.decode(text, type=Base)


def base_of(notes: dict[str, str]) -> Base | None:
    """The base that the sound notes tell; `None` where they tell none."""
    return read(notes[BASE]) if BASE in notes else None


def told_by(rows: list[Row]) -> Base | None:
    """The latest base that the journal's own remarks tell."""
    told = [read(row[6].decode()) for row in rows if row[7] == EVENTS_PURGED and is_sealed(row)]
    return max(told, key=lambda base: base.sequence, default=None)


def witnessed(testimony: Testimony | None) -> Base | None:
    """What the witness alone can say of it."""
    if testimony is None or not testimony.base:
        return None
    return Base(sequence=testimony.base, kept=testimony.kept)


class Kept:
    """Counts the kept remarks at or before a base, in their order."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self.count = 0
        self.chain = NOTHING

    def hear(self, row: Row) -> None:
        """A row at or before the base; one that has changed is no longer there."""
        if self._base.lasts(row[7]) and is_sealed(row):
            self.count += 1
            self.chain = chained(self.chain, seal_of(row))
