"""The whole fold after one entry as bytes, and taken up again; knows no file, no database and no process.

Only by the same build and settings, and only whole. docs/decisions/2026-11-24-snapshot.md
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import phonenumbers

from wallboard import pickles
from wallboard.boards.kept import Boards
from wallboard.day.shelf import Shelf
from wallboard.intake import Intake
from wallboard.journal.beginnings import Mark
from wallboard.people.folds import People
from wallboard.tv.paired import PairedTvs

_MAGIC = b"wallboard snapshot "
_DIGEST, _PIECE, _LONGEST_STAMP = 32, 1 << 20, 4_096


class Unusable(Exception):
    """The snapshot is not of this build, of these settings, or not whole; the text says which."""


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot is of. `seal` is that of its last entry; `build` and `rules` are fingerprints."""

    build: str
    rules: str
    epoch: str
    sequence: int
    seal: bytes

    @property
    def mark(self) -> Mark:
        return Mark(version=version(self.build, self.rules), epoch=self.epoch, sequence=self.sequence, seal=self.seal)


class Fold(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the journal's entries make. `took_up` is called when a snapshot has taken its place."""

    intake: Intake
    boards: Boards
    people: People
    paired: PairedTvs
    shelf: Shelf
    took_up: Callable[[], None] = lambda: None

    @property
    def rules(self) -> str:
        """A fingerprint of what the operator has set, as far as it shapes the fold."""
        rules, reader = self.intake.board.rules, self.intake.reader
        weeks = (datetime(2000, 1, 1, tzinfo=UTC) + timedelta(weeks=n) for n in range(2_600))
        offsets = [week.astimezone(rules.zone).utcoffset() for week in weeks]  # a zone's rules change as well
        return hashlib.sha256(repr((rules, reader, offsets)).encode()).hexdigest()

    @property
    def version(self) -> str:
        """Of the snapshots that can be taken up into it."""
        return version(build(), self.rules)


def version(build: str, rules: str) -> str:
    """By which one of the same build and settings is found."""
    return hashlib.sha256(f"{build} {rules}".encode()).hexdigest()


def _parts(fold: Fold) -> dict[str, tuple[object, frozenset[str]]]:
    """Whose attributes make the state, each with those that are wiring, or that only this process knows."""
    intake, board, people = fold.intake, fold.intake.board, fold.people
    return {
        "intake": (intake, frozenset((
            "reader", "_journal", "_spool", "_append", "_clock", "_changed", "board", "arrivals", "turns", "ready",
            "closing", "start", "has_erased", "refused", "refused_at", "refused_untold", "_remarks", "_placed",
            "_telling",
        ))),
        "arrivals": (intake.arrivals, frozenset()),
        "turns": (intake.turns, frozenset(("_rules",))),
        "board": (board, frozenset((
            "rules", "pbx", "_book", "_callers", "_names", "_namesakes", "_shelves", "_looked_at", "_most_behind",
            "_unread_before", "leave", "touched", "_standings", "_stood", "_quarters", "_tally", "_page",
        ))),
        "pbx": (board.pbx, frozenset(("_zone",))),
        "book": (board.book, frozenset()),
        "callers": (board.callers, frozenset(("_country", "_short_abandon_ms"))),
        "names": (board._names, frozenset()),
        "namesakes": (board._namesakes, frozenset()),
        "tally": (board._tally, frozenset(("_thresholds", "_quarters", "_touched"))),
        "shelves": (board._shelves, frozenset(("_timeout",))),
        "boards": (fold.boards, frozenset(("_changed",))),
        "accounts": (people.accounts, frozenset()),
        "sessions": (people.sessions, frozenset(("_accounts", "_ended", "seen_at"))),
        "keys": (people.keys, frozenset(("_ended", "used_at"))),
        "secret": (people.secret, frozenset(("_given",))),
        "audit": (people.audit, frozenset((
            "_pending", "_failed", "_failed_from", "_strange", "_failures_told_at", "_wakes",
        ))),
        "paired": (fold.paired, frozenset(("_changed",))),
        "shelf": (fold.shelf, frozenset(("_archive", "_held"))),
    }  # fmt: skip


def state(fold: Fold) -> dict[str, dict[str, Any]]:
    """All of it, as it stands; nothing is copied."""
    return {
        name: {key: value for key, value in vars(part).items() if key not in apart}
        for name, (part, apart) in _parts(fold).items()
    }


# --- writing -----------------------------------------------------------------------------------------


def write(fold: Fold, stamp: Stamp, target: Callable[[bytes], object]) -> None:
    """Whole, in pieces. The board is brought up to date and laid to rest first."""
    board = fold.intake.board
    board.lie_down()
    digest = hashlib.sha256()

    def put(piece: bytes | memoryview) -> None:
        data = bytes(piece)
        digest.update(data)
        target(data)

    put(_MAGIC + msgspec.json.encode(stamp) + b"\n")
    pickles.dump(state(fold), put)
    target(digest.digest())


# --- reading -----------------------------------------------------------------------------------------


def stamp_of(source: BinaryIO) -> Stamp:
    """What it says of itself; the source stands behind it then. Unusable."""
    line = source.readline(_LONGEST_STAMP)
    if not line.startswith(_MAGIC):
        raise Unusable("it is no snapshot")
    try:
        return msgspec.json.decode(line[len(_MAGIC) :], type=Stamp)
    except msgspec.DecodeError:
        raise Unusable("it is damaged") from None


def check(stamp: Stamp, fold: Fold) -> None:
    """Unusable, where it is another build's or of other settings."""
    if stamp.build != build():
        raise Unusable("another build has made it")
    if stamp.rules != fold.rules:
        raise Unusable("the settings were others")


def take_up(source: BinaryIO, fold: Fold) -> Stamp:
    """The fold as it stood then; of one that is Unusable nothing is taken up."""
    _require_whole(source)
    stamp = stamp_of(source)
    check(stamp, fold)
    parts = _parts(fold)
    try:
        found = pickles.load(source, fold.intake.board._looked_at)
        if found.keys() != parts.keys() or not all(isinstance(its, dict) for its in found.values()):
            raise Unusable("it is made otherwise")
    except Unusable:
        raise
    except Exception as error:  # noqa: BLE001 - damaged bytes may raise anything, and the journal has it all
        raise Unusable(f"it cannot be read ({type(error).__name__})") from None
    for name, (part, _) in parts.items():
        vars(part).update(found[name])
    fold.intake.board.touched.everything()
    fold.took_up()
    return stamp


def _require_whole(source: BinaryIO) -> None:
    length = source.seek(0, 2) - _DIGEST
    source.seek(0)
    digest, left = hashlib.sha256(), max(0, length)
    while left and (piece := source.read(min(_PIECE, left))):
        digest.update(piece)
        left -= len(piece)
    if length < 0 or source.read() != digest.digest():
        raise Unusable("it is damaged")
    source.seek(0)


@cache
def build() -> str:
    """A fingerprint of all that decides what a snapshot means: this code, to the last line, and what reads it."""
    digest = hashlib.sha256(repr((sys.version, msgspec.__version__, phonenumbers.__version__)).encode())
    folder = Path(__file__).parent
    for file in sorted(folder.rglob("*.py")):
        digest.update(file.relative_to(folder).as_posix().encode() + b"\n" + file.read_bytes())
    return digest.hexdigest()


def stamp_for(fold: Fold, *, epoch: str, sequence: int, seal: bytes) -> Stamp:
    """What a snapshot of the fold as it stands now is of."""
    return Stamp(build=build(), rules=fold.rules, epoch=epoch, sequence=sequence, seal=seal)
