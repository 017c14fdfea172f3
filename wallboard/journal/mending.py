"""A journal made whole from what is left of it; knows no event and no fold.

Whatever an examination finds, the rows that are sound are kept, the file is replaced by a sound one, the damaged
one stays beside it, and the new journal's first word says how much was lost.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import msgspec
import structlog

from wallboard.journal import EVENTS_LOST, EVENTS_PURGED, Delivery
from wallboard.journal.base import BASE, FIRST, UNCLEAN, Base, Kept, told_by, witnessed, written
from wallboard.journal.carve import Record, records
from wallboard.journal.files import adopt, beside, complete, contents, remove, size, wal_path
from wallboard.journal.rows import ALL, COLUMNS, INSERT, NOTE, TABLES, Row, is_sealed, sealed_note, to_row
from wallboard.journal.soundness import WAYMARK, Findings, Loss, Range, count, examine, excuses, is_damage, without
from wallboard.journal.store import Store, is_up_to_date, untouched
from wallboard.journal.witness import Testimony, Witness
from wallboard.logs import reason

log = structlog.get_logger()


def open_sound(path: Path, witness: Witness, whole: bool = True) -> tuple[Store, Testimony, int]:
    """The journal at `path`, whole or made whole, and what the witness now says of it.

    If not `whole`, what stands up to the entry that comes third may be damaged all the same: it is to be examined yet.
    Raises sqlite3.Error or OSError where it cannot be read for another reason than damage, and for a file that
    is no database and of which no witness says that it ever was.
    """
    told = witness.testimony
    adopt(path, told.sequence if told else 0)
    wal = contents(wal_path(path))  # as it is before SQLite drops what it does not like
    store, findings = _look_at(path, told, whole)
    if findings.reasons and findings.since:  # part of a journal tells neither how much is gone nor whether anything is
        if store is not None:
            store.close()
        store, findings = _look_at(path, told)
    if findings.reasons:
        if store is not None:
            store.close()
        log.error("the journal is damaged", reasons=findings.reasons)
        _replace(path, wal, findings, told)
        store, findings = _look_at(path, None)
    if store is None:
        raise sqlite3.DatabaseError(findings.reasons[0])
    return store, _agree(store, findings, witness), findings.since


def _look_at(path: Path, told: Testimony | None, whole: bool = True) -> tuple[Store | None, Findings]:
    """A WAL is examined before anything may change it, for opening the store empties it.

    Were its sound end dropped behind a damaged frame, a mending that is cut short could not be begun again.
    """
    store = None
    try:
        findings = _look_untouched(path, told, whole) if size(wal_path(path)) else None
        if findings is not None and findings.reasons:
            return None, findings
        store = Store(path)
        return store, findings or examine(store.connection, told, whole)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if store is not None:
            store.close()
        if not is_damage(path, error, told is not None):
            raise
        return None, Findings(reasons=[f"unreadable: {reason(error)}"])


def _look_untouched(path: Path, told: Testimony | None, whole: bool) -> Findings | None:
    """`None` where there is nothing to compare yet: tables of an older version, or none."""
    if not size(path):
        return Findings(reasons=["the WAL stands without its file"]) if told is not None else None
    with closing(untouched(path)) as connection:
        return examine(connection, told, whole) if is_up_to_date(connection) else None


def _agree(store: Store, findings: Findings, witness: Witness) -> Testimony:
    """Brings the witness up to what stands, and gives a new journal its name."""
    epoch = findings.epoch
    if epoch is None:
        epoch = secrets.token_hex(8)
        store.write([], [("epoch", epoch)])
    testimony = Testimony(epoch, findings.head, findings.chain, findings.base.sequence, findings.base.kept)
    if witness.testimony is None or witness.testimony.epoch != epoch:
        witness.begin(testimony)
    elif witness.testimony != testimony:
        witness.testify(testimony)
    return testimony


def _replace(path: Path, wal: bytes, findings: Findings, told: Testimony | None) -> None:
    """Writes a new journal from every sound row that can still be read, and puts the old one aside."""
    unfinished = beside(path, "unfinished")
    remove(unfinished)
    target = sqlite3.connect(unfinished, isolation_level=None)
    try:
        target.execute("PRAGMA synchronous=FULL")
        target.executescript(TABLES)
        target.execute("BEGIN")
        base = _base(path, wal, findings, told)
        dropped = _rescue(path, wal, target, base)
        _tell(target, findings, told, base)
        if dropped:  # the damaged file holds what was deleted on purpose, and is not kept for long
            target.execute(NOTE, sealed_note(UNCLEAN, "yes"))
        target.execute("COMMIT")
    finally:
        target.close()
    try:
        _keep_aside(path, wal)
    except OSError as error:
        log.warning("the damaged journal cannot be kept", reason=reason(error))
    complete(path)
    adopt(path, told.sequence if told else 0)


def _keep_aside(path: Path, wal: bytes) -> None:
    """The damaged file for whoever wants to look, the last one only; first, for a crash may come between."""
    damaged = beside(path, "damaged")
    remove(damaged)
    if path.exists():
        os.link(path, damaged)
    wal_path(damaged).write_bytes(wal)


def _base(path: Path, wal: bytes, findings: Findings, told: Testimony | None) -> Base:
    """Where the journal began, by whoever knows it last. A copy from before a deletion must not undo that."""
    if findings.foreign:
        return findings.base
    known = [findings.base, witnessed(told) or FIRST]
    if findings.base is FIRST:
        remarks = [row for row in _found(path, wal) if len(row) == 8 and row[7] == EVENTS_PURGED]
        known.append(told_by(remarks) or FIRST)
    return max(known, key=lambda base: (base.sequence, len(base.remains)))


def _tell(target: sqlite3.Connection, findings: Findings, told: Testimony | None, base: Base) -> None:
    """The first word of the mended journal: what is gone."""
    present = [row[0] for row in target.execute("SELECT sequence FROM deliveries ORDER BY sequence")]
    after = [number for number in present if number > base.sequence]
    head = max([told.sequence if told else 0, base.sequence, *after[-1:]])
    excused = [
        gap
        for row in target.execute(f"SELECT {COLUMNS} FROM deliveries WHERE remark = ?", (EVENTS_LOST,)).fetchall()
        for gap in excuses(row)
    ]
    missing = without(_gaps(after, base.sequence, head), excused)
    epoch = secrets.token_hex(8)
    was = told.epoch if told else findings.epoch
    lost = count(missing) + max(0, base.kept - (len(present) - len(after)))
    if told and findings.foreign:
        lost = told.sequence - told.base + told.kept
    loss = Loss(lost, missing, epoch, was, findings.reasons)
    now = datetime.now(UTC)
    remark = Delivery(received_at=now, body=msgspec.json.encode(loss), remark=EVENTS_LOST)
    target.execute(INSERT, to_row(head + 1, remark))
    notes = [note for note in findings.notes if note[0] not in (BASE, WAYMARK)]
    if base.sequence:
        base = _as_it_stands(target, base)
        again = Delivery(received_at=now, body=written(base).encode(), remark=EVENTS_PURGED)
        target.execute(INSERT, to_row(head + 2, again))
        notes.append((BASE, written(base)))
    notes += [("epoch", epoch), *([("follows", was)] if was else [])]
    target.executemany(NOTE, [sealed_note(*note) for note in notes])
    log.error("the journal was mended", kept=len(present), lost=loss.lost, epoch=epoch)


def _as_it_stands(target: sqlite3.Connection, base: Base) -> Base:
    """The same base with those of its kept remarks that are left."""
    kept = Kept(base)
    for row in target.execute(f"SELECT {COLUMNS} FROM deliveries WHERE sequence <= ? ORDER BY sequence",
                              (base.sequence,)):  # fmt: skip
        kept.hear(row)
    return msgspec.structs.replace(base, kept=kept.count, kept_chain=kept.chain)


def _gaps(present: list[int], base: int, head: int) -> list[Range]:
    gaps, expected = [], base + 1
    for number in [*present, head + 1]:
        if number > expected:
            gaps.append((expected, number - 1))
        expected = number + 1
    return gaps


def _rescue(path: Path, wal: bytes, target: sqlite3.Connection, base: Base) -> bool:
    """Copies every row whose seal holds, but for those that were deleted on purpose; True if there were such."""
    dropped = False
    for row in _found(path, wal):
        if len(row) != 8 or not is_sealed(row):
            continue
        if base.drops(row):
            dropped = True
            continue
        target.execute(INSERT.replace("INSERT", "INSERT OR IGNORE"), row)
    return dropped


def _found(path: Path, wal: bytes) -> Iterator[Row]:
    """Every row that can be had: first as SQLite reads them, then what only the raw pages still show."""
    return chain(_readable(path), map(_as_row, records(path, wal)))


def _readable(path: Path) -> Iterator[Row]:
    """The rows that SQLite gives up to the first that it cannot."""
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError), closing(untouched(path)) as connection:
        yield from connection.execute(ALL)


def _as_row(record: Record) -> Row:
    """The sequence is the table's rowid, which stands empty in its column; schema 1 had a column less."""
    rowid, _, *columns = record if len(record) > 1 else (*record, None)
    return (rowid, *columns, None) if len(columns) == 6 else (rowid, *columns)
