"""Whether a journal is whole, and a new one from what is left where it is not; knows no event and no fold.

Rows tell by their seals whether they are as they were written, their numbers whether one is missing, and the
witness whether the end is. Whatever is found, the rows that are sound are kept, the file is replaced by a sound
one, the damaged one stays beside it, and the new journal's first word says how much was lost.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import msgspec
import structlog

from wallboard.journal import EVENTS_LOST, Delivery
from wallboard.journal.carve import Record, records
from wallboard.journal.rows import (
    INSERT,
    NOTE,
    NOTES,
    NOTHING,
    TABLES,
    Row,
    chained,
    is_note_sealed,
    is_sealed,
    seal_of,
    sealed_note,
    to_row,
)
from wallboard.journal.store import (
    Store,
    adopt,
    beside,
    complete,
    contents,
    is_up_to_date,
    remove,
    size,
    untouched,
    wal_path,
)
from wallboard.journal.witness import Testimony, Witness

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH,
           sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG}  # fmt: skip
_KNOWN_VERSIONS = (1, 2)
log = structlog.get_logger()

Range = tuple[int, int]


class Loss(msgspec.Struct, frozen=True):
    """The journal's own remark after damage. `ranges` are the sequences that are gone, ends included."""

    lost: int
    ranges: list[Range]
    epoch: str
    was: str | None
    reasons: list[str]


class Findings(msgspec.Struct):
    """What an examination found; sound if there are no `reasons`, `foreign` if it is another history altogether."""

    head: int = 0
    chain: bytes = NOTHING
    epoch: str | None = None
    follows: str | None = None
    foreign: bool = False
    gaps: list[Range] = []
    excused: list[Range] = []
    notes: list[tuple[str, str]] = []
    reasons: list[str] = []


def open_sound(path: Path, witness: Witness) -> tuple[Store, Testimony]:
    """The journal at `path`, whole or made whole, and what the witness now says of it.

    Raises sqlite3.Error or OSError where it cannot be read for another reason than damage, and for a file that
    is no database and of which no witness says that it ever was.
    """
    told = witness.testimony
    adopt(path, told.sequence if told else 0)
    wal = contents(wal_path(path))  # as it is before SQLite drops what it does not like
    store, findings = _look_at(path, told)
    if findings.reasons:
        if store is not None:
            store.close()
        log.error("the journal is damaged", reasons=findings.reasons)
        _replace(path, wal, findings, told)
        store, findings = _look_at(path, None)
    if store is None:
        raise sqlite3.DatabaseError(findings.reasons[0])
    return store, _agree(store, findings, witness)


def _look_at(path: Path, told: Testimony | None) -> tuple[Store | None, Findings]:
    """A WAL is examined before anything may change it, for opening the store empties it.

    Were its sound end dropped behind a damaged frame, a mending that is cut short could not be begun again.
    """
    store = None
    try:
        findings = _look_untouched(path, told) if size(wal_path(path)) else None
        if findings is not None and findings.reasons:
            return None, findings
        store = Store(path)
        return store, findings or examine(store.connection, told)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if store is not None:
            store.close()
        if not is_damage(path, error, told is not None):
            raise
        return None, Findings(reasons=[f"unreadable: {error}"])


def _look_untouched(path: Path, told: Testimony | None) -> Findings | None:
    """`None` where there is nothing to compare yet: tables of an older version, or none."""
    if not size(path):
        return Findings(reasons=["the WAL stands without its file"]) if told is not None else None
    with closing(untouched(path)) as connection:
        return examine(connection, told) if is_up_to_date(connection) else None


def _agree(store: Store, findings: Findings, witness: Witness) -> Testimony:
    """Brings the witness up to what stands, and gives a new journal its name."""
    epoch = findings.epoch
    if epoch is None:
        epoch = secrets.token_hex(8)
        store.write([], [("epoch", epoch)])
    testimony = Testimony(epoch, findings.head, findings.chain)
    if witness.testimony is None or witness.testimony.epoch != epoch:
        witness.begin(testimony)
    elif witness.testimony != testimony:
        witness.testify(testimony)
    return testimony


def examine(connection: sqlite3.Connection, told: Testimony | None) -> Findings:
    """Reads everything once. Three microseconds a row; the pages' order is SQLite's own quick_check."""
    found = Findings()
    notes = connection.execute(NOTES).fetchall()
    sound = {str(name): str(value) for name, value, seal in notes if is_note_sealed(name, value, seal)}
    if len(sound) < len(notes):
        found.reasons.append("a note has changed")
    found.epoch, found.follows = sound.pop("epoch", None), sound.pop("follows", None)
    found.notes = list(sound.items())
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        found.reasons.append("the file's pages are out of order")
    chain_then = _walk(connection, found, told.sequence if told else 0)
    if told is not None:
        _hear(found, told, chain_then)
    if missing := _without(found.gaps, found.excused):
        found.reasons.append(f"{_count(missing)} entries are missing or have changed")
    return found


def _walk(connection: sqlite3.Connection, found: Findings, witnessed: int) -> bytes | None:
    """Follows the rows to their end; returns the chain as it stood at the sequence `witnessed`."""
    chain_then = found.chain if witnessed == 0 else None
    for row in connection.execute("SELECT * FROM deliveries ORDER BY sequence"):
        if not is_sealed(row) or row[0] <= found.head:
            continue
        if row[0] != found.head + 1:
            found.gaps.append((found.head + 1, row[0] - 1))
        found.head, found.chain = row[0], chained(found.chain, seal_of(row))
        found.excused += _excuses(row)
        if row[0] == witnessed:
            chain_then = found.chain
    return chain_then


def _hear(found: Findings, told: Testimony, chain_then: bytes | None) -> None:
    """The witness against what stands. A journal that follows the witness's own was mended, but not yet witnessed."""
    if found.follows == told.epoch != found.epoch:
        return
    if found.epoch != told.epoch:
        found.reasons.append("it is not the journal that was acknowledged")
        found.foreign = found.epoch is not None
    if found.head < told.sequence:
        found.gaps.append((found.head + 1, told.sequence))
    elif chain_then != told.chain:
        found.reasons.append("entries are not those that were acknowledged")


def _excuses(row: Row) -> list[Range]:
    """The gaps that an earlier mending has told of already."""
    if row[7] != EVENTS_LOST:
        return []
    return msgspec.json.decode(row[6], type=Loss).ranges


def _without(gaps: list[Range], excused: list[Range]) -> list[Range]:
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


def _count(ranges: list[Range]) -> int:
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


# --- mending ---------------------------------------------------------------------------------------------


def _replace(path: Path, wal: bytes, findings: Findings, told: Testimony | None) -> None:
    """Writes a new journal from every sound row that can still be read, and puts the old one aside."""
    unfinished = beside(path, "unfinished")
    remove(unfinished)
    target = sqlite3.connect(unfinished, isolation_level=None)
    try:
        target.execute("PRAGMA synchronous=FULL")
        target.executescript(TABLES)
        target.execute("BEGIN")
        _rescue(path, wal, target)
        _tell(target, findings, told)
        target.execute("COMMIT")
    finally:
        target.close()
    try:
        _keep_aside(path, wal)
    except OSError as error:
        log.warning("the damaged journal cannot be kept", reason=str(error))
    complete(path)
    adopt(path, told.sequence if told else 0)


def _keep_aside(path: Path, wal: bytes) -> None:
    """The damaged file for whoever wants to look, the last one only; first, for a crash may come between."""
    damaged = beside(path, "damaged")
    remove(damaged)
    if path.exists():
        os.link(path, damaged)
    wal_path(damaged).write_bytes(wal)


def _tell(target: sqlite3.Connection, findings: Findings, told: Testimony | None) -> None:
    """The first word of the mended journal: what is gone."""
    present = [row[0] for row in target.execute("SELECT sequence FROM deliveries ORDER BY sequence")]
    head = max([told.sequence if told else 0, *present[-1:]])
    excused = [
        gap
        for row in target.execute("SELECT * FROM deliveries WHERE remark = ?", (EVENTS_LOST,)).fetchall()
        for gap in _excuses(row)
    ]
    missing = _without(_gaps(present, head), excused)
    epoch = secrets.token_hex(8)
    was = told.epoch if told else findings.epoch
    lost = told.sequence if told and findings.foreign else _count(missing)
    loss = Loss(lost, missing, epoch, was, findings.reasons)
    remark = Delivery(received_at=datetime.now(UTC), body=msgspec.json.encode(loss), remark=EVENTS_LOST)
    target.execute(INSERT, to_row(head + 1, remark))
    notes = [*findings.notes, ("epoch", epoch), *([("follows", was)] if was else [])]
    target.executemany(NOTE, [sealed_note(*note) for note in notes])
    log.error("the journal was mended", kept=len(present), lost=loss.lost, epoch=epoch)


def _gaps(present: list[int], head: int) -> list[Range]:
    gaps, expected = [], 1
    for number in [*present, head + 1]:
        if number > expected:
            gaps.append((expected, number - 1))
        expected = number + 1
    return gaps


def _rescue(path: Path, wal: bytes, target: sqlite3.Connection) -> None:
    """Copies every row whose seal holds: first as SQLite reads them, then what only its raw pages still show."""
    for row in chain(_readable(path), map(_as_row, records(path, wal))):
        if len(row) == 8 and is_sealed(row):
            target.execute(INSERT.replace("INSERT", "INSERT OR IGNORE"), row)


def _readable(path: Path) -> Iterator[Row]:
    """The rows that SQLite gives up to the first that it cannot."""
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError), closing(untouched(path)) as connection:
        yield from connection.execute("SELECT * FROM deliveries ORDER BY sequence")


def _as_row(record: Record) -> Row:
    """The sequence is the table's rowid, which stands empty in its column; schema 1 had a column less."""
    rowid, _, *columns = record if len(record) > 1 else (*record, None)
    return (rowid, *columns, None) if len(columns) == 6 else (rowid, *columns)
