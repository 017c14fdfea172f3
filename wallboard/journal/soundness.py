"""Whether a journal is whole; knows no event, changes nothing, and leaves what follows from it to `mending`.

Rows tell by their seals whether they are as they were written, their numbers whether one is missing, and the
witness whether the end is. What was deleted on purpose is no loss: all of this begins at the base, or at a waymark,
where what stands before it is examined later.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from pathlib import Path

import msgspec

from wallboard.journal import EVENTS_LOST, EVENTS_PURGED
from wallboard.journal.base import FIRST, Base, Kept, base_of, told_by, witnessed
from wallboard.journal.rows import ALL, NOTES, NOTHING, SELECT, SHAPE, Row, chained, is_sealed, seal_of, sound_notes
from wallboard.journal.witness import Testimony

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH,
           sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG}  # fmt: skip
_KNOWN_VERSIONS = (1, 2)
Range = tuple[int, int]


class Loss(msgspec.Struct, frozen=True):
    """The journal's own remark after damage. `ranges` are the sequences that are gone, ends included."""

    lost: int
    ranges: list[Range]
    epoch: str
    was: str | None
    reasons: list[str]


class Restated(msgspec.Struct, frozen=True):
    """The note beside rewritten entries: the chain at `sequence`, which the witness has, and what it is now."""

    sequence: int
    before: bytes
    after: bytes


RESTATED = "restated"


class Waymark(msgspec.Struct, frozen=True):
    """The note beside a snapshot: the chain at an entry that is in it. Only what came since is folded by a start."""

    sequence: int
    chain: bytes


WAYMARK = "waymark"


class Findings(msgspec.Struct):
    """What an examination found; sound if there are no `reasons`, `foreign` if it is another history altogether.

    Entries up to `since` were not looked at.
    """

    base: Base = FIRST
    head: int = 0
    chain: bytes = NOTHING
    epoch: str | None = None
    follows: str | None = None
    foreign: bool = False
    gaps: list[Range] = []
    excused: list[Range] = []
    notes: list[tuple[str, str]] = []
    reasons: list[str] = []
    since: int = 0


def examine(connection: sqlite3.Connection, told: Testimony | None, whole: bool = True) -> Findings:
    """Reads everything once. Three microseconds a row; the pages' order is SQLite's own quick_check.

    If not `whole`, rows up to the waymark are left out. It need not be believed: from a wrong chain the rows since do
    not lead to the witness's.
    """
    found = Findings()
    notes = connection.execute(NOTES).fetchall()
    sound = sound_notes(notes)
    if len(sound) < len(notes):
        found.reasons.append("a note has changed")
    found.epoch, found.follows = sound.pop("epoch", None), sound.pop("follows", None)
    found.notes = list(sound.items())
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        found.reasons.append("the file's pages are out of order")
    if any(_shape(connection, table) != shape for table, shape in SHAPE.items()):
        found.reasons.append("a table is not as it was made")
    found.base = base_of(sound) or _base_without_its_note(connection, told)
    found.head, found.chain = found.base.sequence, found.base.chain
    if not whole and (mark := _waymark(found, told, sound)) is not None:
        found.since, found.head, found.chain = mark.sequence, mark.sequence, mark.chain
    chain_then = _walk(connection, found, told)
    if told is not None:
        _hear(found, told, chain_then, sound.get(RESTATED))
    if missing := without(found.gaps, found.excused):
        found.reasons.append(f"{count(missing)} entries are missing or have changed")
    return found


def _base_without_its_note(connection: sqlite3.Connection, told: Testimony | None) -> Base:
    """What the remarks or the witness say. Where nothing was ever deleted, this reads no more than the table once."""
    base = witnessed(told)
    if told is not None and base is None:
        return FIRST
    rows = connection.execute(f"{ALL.replace('ORDER', 'WHERE remark = ? ORDER')}", (EVENTS_PURGED,)).fetchall()
    return told_by(rows) or base or FIRST


def _waymark(found: Findings, told: Testimony | None, sound: dict[str, str]) -> Waymark | None:
    """`None` also where the witness cannot speak for it, and where rows before it have been rewritten since."""
    if WAYMARK not in sound or told is None or told.epoch != found.epoch:
        return None
    mark = msgspec.json.decode(sound[WAYMARK], type=Waymark)
    if RESTATED in sound and msgspec.json.decode(sound[RESTATED], type=Restated).sequence >= mark.sequence:
        return None
    return mark if found.base.sequence <= mark.sequence <= told.sequence else None


def _shape(connection: sqlite3.Connection, table: str) -> list[tuple[str, str, int, int]]:
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    return [(name, kind, required, key) for _, name, kind, required, _, key in columns]


def _walk(connection: sqlite3.Connection, found: Findings, told: Testimony | None) -> bytes | None:
    """Follows the rows to their end; returns the chain as it stood where the witness last looked.

    Of a witness that ends before the base nothing can be checked any more, and it is believed.
    """
    base, kept = found.base, Kept(found.base)
    witnessed_at = told.sequence if told else 0
    chain_then = None
    if witnessed_at <= found.head:
        chain_then = found.chain if told is None or witnessed_at == found.head else told.chain
    for row in connection.execute(SELECT, (found.since,)) if found.since else connection.execute(ALL):
        if not is_sealed(row):
            continue
        if row[0] <= base.sequence:
            kept.hear(row)
        if row[0] <= found.head:
            continue
        if row[0] != found.head + 1:
            found.gaps.append((found.head + 1, row[0] - 1))
        found.head, found.chain = row[0], chained(found.chain, seal_of(row))
        found.excused += excuses(row)
        if row[0] == witnessed_at:
            chain_then = found.chain
    if found.since:
        return chain_then
    if kept.count < base.kept:
        found.reasons.append(f"{base.kept - kept.count} entries that are kept for ever are missing or have changed")
    elif kept.chain != base.kept_chain:
        found.reasons.append("entries that are kept for ever are not those that were")
    return chain_then


def _hear(found: Findings, told: Testimony, chain_then: bytes | None, restated: str | None) -> None:
    """The witness against what stands. A journal that follows the witness's own was mended, but not yet witnessed."""
    if found.follows == told.epoch != found.epoch:
        return
    if found.epoch != told.epoch:
        found.reasons.append("it is not the journal that was acknowledged")
        found.foreign = found.epoch is not None
    if found.head < told.sequence:
        found.gaps.append((found.head + 1, told.sequence))
    elif chain_then != told.chain and not _is_restated(told, chain_then, restated):
        found.reasons.append("entries are not those that were acknowledged")


def _is_restated(told: Testimony, chain_then: bytes | None, restated: str | None) -> bool:
    """Whether a caller was erased, and the server ended before the witness was told of it."""
    if restated is None:
        return False
    said = msgspec.json.decode(restated, type=Restated)
    return (said.sequence, said.before, said.after) == (told.sequence, told.chain, chain_then)


def excuses(row: Row) -> list[Range]:
    """The gaps that an earlier mending has told of already."""
    if row[7] != EVENTS_LOST:
        return []
    return msgspec.json.decode(row[6], type=Loss).ranges


def without(gaps: list[Range], excused: list[Range]) -> list[Range]:
    """What is left of the gaps, which come in their order."""
    left: list[Range] = []
    known = deque(sorted(excused))
    for first, last in gaps:
        while known and known[0][0] <= last and first <= last:
            if known[0][0] > first:
                left.append((first, known[0][0] - 1))
            first = max(first, known[0][1] + 1)
            if first <= last:
                known.popleft()
        if first <= last:
            left.append((first, last))
    return left


def count(ranges: list[Range]) -> int:
    return sum(last - first + 1 for first, last in ranges)


def is_damage(path: Path, error: Exception, was_ours: bool) -> bool:
    """Damage, rather than a full, locked or unwritable disk, or a file that never was a journal."""
    if isinstance(error, UnicodeDecodeError):
        return True
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
    if code == sqlite3.SQLITE_READONLY:
        return any(version not in _KNOWN_VERSIONS for version in _versions(path))
    return code == sqlite3.SQLITE_CORRUPT or (was_ours and code in _DAMAGE)


def _versions(path: Path) -> bytes:
    """The two bytes of the header that make SQLite call a file read-only if it does not know them."""
    with path.open("rb") as file:
        return file.read(20)[18:]
