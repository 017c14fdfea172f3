"""The journal's files in this process's hands: lock, witness, database, and the way back after a fault; no queue here.

After any error nothing is written before `recover` has looked again: a commit that failed may stand all the
same, a file may have been deleted, replaced or damaged in between.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import reduce
from pathlib import Path

import msgspec
import structlog

from wallboard.journal import EVENTS_PURGED, Delivery, files
from wallboard.journal.base import BASE, UNCLEAN, Base, written
from wallboard.journal.blanking import Blanking
from wallboard.journal.files import ASIDE, adopt, beside, identity, identity_of, remove, size, wal_path
from wallboard.journal.lock import PATIENCE_SECONDS, TAKEN, lock_at
from wallboard.journal.mending import open_sound
from wallboard.journal.rows import NOTHING, Row, chained, seal_of, sound_notes, to_row
from wallboard.journal.soundness import RESTATED, WAYMARK, Restated, Waymark, is_damage
from wallboard.journal.store import Store
from wallboard.journal.witness import Testimony, Witness
from wallboard.logs import reason

_SWEPT_ROWS, _SWEPT_BYTES = 250, 250_000
log = structlog.get_logger()


class Custody:
    """Every method may raise sqlite3.Error or OSError; then `recover` comes before anything else."""

    def __init__(self, path: Path, whole: bool = True) -> None:
        """Takes the lock and opens the journal, mended if need be; if not `whole`, entries may be `unexamined`."""
        self.path = path
        self._store: Store | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as undo:
            self._lock = lock_at(beside(path, "lock"), PATIENCE_SECONDS)
            undo.callback(os.close, self._lock)
            self._witness = Witness(beside(path, "witness"))
            undo.callback(self._witness.close)
            self._store, self._testimony, self.unexamined = open_sound(path, self._witness, whole)
            undo.callback(self._store.close)
            self.written = self._testimony.sequence
            self._last_seal = _seal_at(self._store, self.written)
            undo.pop_all()
        self.failed = False
        self._lock_name, self._witness_name = str(beside(path, "lock")), str(self._witness.path)
        self._base = self._store.base
        self._ousted = False
        self._is_restating = False
        self._complaint: str | None = None  # what kept it from being opened again, as it was logged last

    @property
    def epoch(self) -> str:
        """The name of this history; another one means that something of the one before was lost."""
        return self._testimony.epoch

    @property
    def base(self) -> Base:
        """Up to where entries were deleted on purpose."""
        if self._store is not None:
            self._base = self._store.base
        return self._base

    @property
    def testimony(self) -> Testimony:
        """What the witness says."""
        return self._testimony

    @property
    def chain(self) -> bytes:
        """All seals since the base up to the last entry."""
        return self._testimony.chain

    def examine(self) -> None:
        """Leaves nothing `unexamined`."""
        store, self._store = self._open(), None
        store.close()
        self._store, self._testimony, self.unexamined = open_sound(self.path, self._witness)
        self.written = self._testimony.sequence
        self._last_seal = _seal_at(self._store, self.written)

    def read(self, after: int, most: int) -> list[Row]:
        return self._open().read(after, most)

    def notes(self) -> dict[str, str]:
        """The sound ones."""
        return sound_notes(self._open().notes())

    def commit(self, deliveries: Sequence[Delivery], notes: Sequence[tuple[str, str]]) -> int:
        """Makes them durable and has it witnessed; returns the sequence of the first."""
        first = self.written + 1
        rows = [to_row(first + n, delivery) for n, delivery in enumerate(deliveries)]
        self.failed = True
        self._open().write(rows, notes)
        self.stay_in_place()
        self._testify(rows)
        self.failed = False
        return first

    @property
    def waymark(self) -> Waymark:
        """Where the journal stands."""
        return Waymark(self._testimony.sequence, self._testimony.chain)

    def set_waymark(self, mark: Waymark) -> None:
        """A start may leave out what stands before it, where there is a snapshot that was begun there or later."""
        self.commit([], [(WAYMARK, msgspec.json.encode(mark).decode())])

    def declare(self, base: Base, aged: Sequence[int], at: datetime) -> list[Row]:
        """From here on everything up to `base` counts as deleted; returns the entry that says so."""
        said = Delivery(received_at=at, body=written(base).encode(), remark=EVENTS_PURGED)
        rows = [to_row(self.written + 1, said)]
        self.failed = True
        self._open().declare(base, rows, [(BASE, written(base)), (UNCLEAN, "yes")], aged)
        self.stay_in_place()
        self._testify(rows)
        self.failed = False
        return rows

    def restate(self, changed: Sequence[Row], chain: bytes, said: Delivery) -> list[Row]:
        """Puts `changed` in the place of the entries with their sequences, after which the chain is `chain`.

        The witness is told after the commit; until then a note in the same commit stands for its word.
        """
        rows = [to_row(self.written + 1, said)]
        restated = Restated(self.written, self._testimony.chain, chain)
        self._witness.settle()  # so that no power cut brings back an older word of it, which no note explains
        self.failed = self._is_restating = True
        note = (RESTATED, msgspec.json.encode(restated).decode())
        self._open().replace(changed, rows, [note, (UNCLEAN, "yes")])
        self._testimony = msgspec.structs.replace(self._testimony, chain=chain)
        self._witness.begin(self._testimony)
        self.stay_in_place()
        self._testify(rows)
        self.failed = self._is_restating = False
        return rows

    def sweep(self, after: int) -> int | None:
        """Deletes a few of the entries that count as deleted; where to go on, `None` when none is left."""
        self.failed = True
        following = self._open().sweep(after, _SWEPT_ROWS, _SWEPT_BYTES)
        self.stay_in_place()
        self.failed = False
        return following

    def scrub(self, blanking: Blanking) -> bool:
        """Lets nothing of what was deleted be left in the WAL, in the file's gaps and in files kept aside.

        False while another program reads an older state, and then it is to be tried again.
        """
        self.failed = True
        store = self._open()
        if not store.empty_wal():
            self.failed = False
            return False
        if blanking.pages:
            self._store = None
            store.close()  # its cache holds those gaps as they were
            blanking.do()
            self._store = self._reopen()
        self.forget_aside()
        files.forget_snapshots(self.path)
        self._open().write([], [(UNCLEAN, "")])
        self.failed = False
        return True

    def empty_wal(self) -> bool:
        """See `Store.empty_wal`."""
        return self._open().empty_wal()

    def forget_aside(self) -> None:
        """What mending kept of an older journal."""
        for word in ASIDE:
            remove(beside(self.path, word))

    def is_unclean(self) -> bool:
        """Whether something was deleted and not everything of it has been scrubbed yet."""
        return self.notes().get(UNCLEAN) == "yes"

    def stay_in_place(self) -> None:
        """Puts back what somebody has deleted or replaced."""
        if not self._in_place():
            log.error("the journal's files were taken away and are put back")
            self._put_back()

    def recover(self) -> list[Row]:
        """Trusts nothing since the last success; returns the rows that stand though nobody was told so."""
        if self._store is not None and self._in_place():
            self._store.close()
            self._store = None
        if self._store is None:
            self._store = self._reopen()
        else:
            self._put_back()
        rows = self._store.read(self.written, -1)
        self._testify(rows)
        self.failed = False
        return rows

    def release(self) -> None:
        if self._store is not None:
            self._store.close()
        self._witness.close()
        os.close(self._lock)

    def _open(self) -> Store:
        if self._store is None:
            raise sqlite3.OperationalError("the journal is not open")
        return self._store

    def _testify(self, rows: Sequence[Row]) -> None:
        """Takes rows as written, after they are durable and before anybody is told."""
        if not rows:
            return
        last = rows[-1]
        if self._testimony.sequence < last[0]:
            chain = reduce(chained, map(seal_of, rows), self._testimony.chain)
            base = self._open().base
            self._testimony = Testimony(self._testimony.epoch, last[0], chain, base.sequence, base.kept)
            self._witness.testify(self._testimony)
        self.written, self._last_seal = last[0], seal_of(last)

    def _in_place(self) -> bool:
        return self._open().in_place() and self._has_lock() and self._has_witness()

    def _has_lock(self) -> bool:
        return identity(self._lock_name) == identity_of(self._lock)

    def _has_witness(self) -> bool:
        return identity(self._witness_name) == identity_of(self._witness.descriptor)

    def _put_back(self) -> None:
        if self._ousted:
            raise BlockingIOError(TAKEN)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self._has_lock():
            self._lock_again()
        if not self._has_witness():
            self._witness_again()
        store = self._open()
        if not store.in_place():
            store.write_out()
            self._store = None
            store.close()
            self._store = self._reopen()

    def _lock_again(self) -> None:
        try:
            lock = lock_at(beside(self.path, "lock"))
        except BlockingIOError:
            self._ousted = True  # whoever has the lock may have acknowledged events: they are not written over
            raise
        if self._is_anothers():
            os.close(lock)
            self._ousted = True
            raise BlockingIOError("another wallboard has taken its place, and ended; start this one anew")
        os.close(self._lock)
        self._lock = lock

    def _is_anothers(self) -> bool:
        """True if a server that came and went has left its own history here."""
        if identity(self._witness.path) is None:
            return False
        witness = Witness(self._witness.path)
        witness.close()
        return witness.testimony is not None and witness.testimony.epoch != self.epoch

    def _witness_again(self) -> None:
        witness = Witness(self._witness.path)
        try:
            witness.begin(self._testimony)
        except OSError:
            witness.close()
            raise
        self._witness.close()
        self._witness = witness

    def _reopen(self) -> Store:
        """The same file as before in a moment; one that has lost its end or its head is examined and mended."""
        adopt(self.path, self.written)
        try:
            with ExitStack() as undo:
                store = Store(self.path)
                undo.callback(store.close)
                if self._continues(store):
                    undo.pop_all()
                    self._complaint = None
                    return store
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if self._complaint != str(error):  # each webhook tries: a full disk is not to be filled with the log
                self._complaint = str(error)
                log.error("the journal cannot be opened again", reason=reason(error))
        store, self._testimony, _ = open_sound(self.path, self._witness)
        self._is_restating = False
        return store

    def _continues(self, store: Store) -> bool:
        if self._is_restating:
            return False
        epochs = [value for name, value, _ in store.notes() if name == "epoch"]
        return epochs == [self.epoch] and _seal_at(store, self.written) == self._last_seal


def check(path: Path) -> None:
    """What a start would stumble over: another server, a folder or a file that cannot be written, a foreign file.

    Damage does not count, for a start mends it; and a WAL that is not empty is left as it is, for SQLite would
    drop what it does not like of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = lock_at(beside(path, "lock"), PATIENCE_SECONDS)
    try:
        witness = Witness(beside(path, "witness"))
        witness.close()
        if not size(wal_path(path)):
            Store(path).close()
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if not is_damage(path, error, witness.testimony is not None):
            raise
    finally:
        os.close(lock)


def _seal_at(store: Store, sequence: int) -> bytes:
    """The seal of one row; `NOTHING` where there is none."""
    rows = store.read(sequence - 1, 1)
    return seal_of(rows[0]) if rows and rows[0][0] == sequence else NOTHING
