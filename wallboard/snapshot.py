"""The whole fold after one entry as bytes, and taken up again; knows no file, no database and no process.

A pickle, because the same call stands in many places and must be the same one afterwards. It is read by an unpickler
that makes nothing but what is named here: whoever has changed the bytes can make a wrong board, and run nothing.
docs/decisions/2026-11-24-snapshot.md
"""

from __future__ import annotations

import gc
import hashlib
import pickle
import sys
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import phonenumbers

from wallboard import events, ledger, offers, totals, usual, waits
from wallboard.access.visitors import Role
from wallboard.agents import Agent
from wallboard.arrivals import SeenType, SetAside
from wallboard.boards import definitions
from wallboard.boards import kept as boards
from wallboard.callbacks import lines, marks
from wallboard.calls import AtRest, Call
from wallboard.day.shelf import Shelf
from wallboard.intake import Intake
from wallboard.journal.beginnings import Mark
from wallboard.people import accounts, audit, keys, sessions
from wallboard.people.folds import People
from wallboard.turns import Turn
from wallboard.tv.paired import PairedTv, PairedTvs

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
    boards: boards.Boards
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
            "rules", "pbx", "book", "callers", "_names", "_namesakes", "_shelves", "_looked_at", "_most_behind",
            "touched", "_standings", "_stood", "_quarter", "_quarters", "_page",
        ))),
        "pbx": (board.pbx, frozenset(("_zone",))),
        "book": (board.book, frozenset()),
        "callers": (board.callers, frozenset(("_country", "_short_abandon_ms"))),
        "names": (board._names, frozenset()),
        "namesakes": (board._namesakes, frozenset()),
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


# --- classes -----------------------------------------------------------------------------------------

_PLAIN = (set, frozenset, Counter, OrderedDict, deque, datetime, date, timedelta, timezone, bytearray)
_OURS = (
    events.Place, events.Summarised, offers.Ending, offers.Offer, offers.Visit, offers.Message, offers.Answers, Call,
    totals.Thresholds, totals.VisitPart, totals.AgentPart, totals.Contribution, totals.VisitSums, totals.AgentSums,
    totals.Day, waits.Longest, waits.Waits, ledger.Account, ledger.Ledger, usual.Hours, Agent, SeenType, SetAside, Turn,
    lines.Try, lines.Voicemail, lines.Closing, lines.Line, lines.Part, marks.Mark, boards.Kept, accounts.Account,
    accounts.Linked, sessions.Session, keys.Made, keys.Key, audit.Line, PairedTv, Role,
)  # fmt: skip
_STRUCTS_OF = (definitions,)
_REBUILD = ("msgspec._utils", "rebuild")
"""By which msgspec pickles a struct that takes its fields by name alone."""


@cache
def _known() -> dict[tuple[str, str], Any]:
    """Everything that a snapshot may be made of, by the name under which a pickle has it."""
    ours = [kind for module in _STRUCTS_OF for kind in vars(module).values() if isinstance(kind, type)]
    ours = [kind for kind in ours if kind.__module__.startswith("wallboard.")]
    return {(kind.__module__, kind.__qualname__): kind for kind in (*_PLAIN, *_OURS, *ours)} | {_REBUILD: _rebuilt}


def _rebuilt(kind: type[Any], fields: Mapping[str, Any]) -> Any:
    return kind(**fields)


_SLOTS = tuple(
    name for part in AtRest.__mro__ for name in vars(part).get("__slots__", ()) if isinstance(name, str)
)  # fmt: skip


@cache
def _kept_at_rest() -> tuple[tuple[str, Any], ...]:
    """The attributes that a call at rest has not laid off, and how to read them without waking it."""
    laid_off = {*AtRest.laid_off(), "_looked_at"}
    return tuple((name, getattr(AtRest, name)) for name in _SLOTS if name not in laid_off)


def _reduce_at_rest(call: AtRest) -> tuple[Any, tuple[Any, ...]]:
    return _at_rest, tuple(slot.__get__(call) for _, slot in _kept_at_rest())


def _at_rest(*values: Any) -> None:
    """Stands in a pickle for what makes a call at rest again; whoever reads knows whose it is to be."""
    raise NotImplementedError


class _Reader(pickle.Unpickler):
    """Makes what is known, and calls at rest of the board whose `looked_at` it was given."""

    def __init__(self, source: BinaryIO, looked_at: deque[Call]) -> None:
        super().__init__(source)
        setters = [slot.__set__ for _, slot in _kept_at_rest()]
        look, new = AtRest._looked_at.__set__, AtRest.__new__  # type: ignore[misc, attr-defined]

        def at_rest(*values: Any) -> AtRest:
            call = new(AtRest)
            look(call, looked_at)
            for put, value in zip(setters, values, strict=True):
                put(call, value)
            return call

        self._known = _known() | {(__name__, _at_rest.__name__): at_rest}

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._known[(module, name)]
        except KeyError:
            raise pickle.UnpicklingError("it names what no snapshot holds") from None


# --- writing -----------------------------------------------------------------------------------------


def write(fold: Fold, stamp: Stamp, target: Callable[[bytes], object]) -> None:
    """Whole, in pieces. The board is brought up to date and laid to rest first."""
    board = fold.intake.board
    board.lie_down()
    digest = hashlib.sha256()

    def put(piece: bytes | memoryview) -> int:
        data = bytes(piece)
        digest.update(data)
        target(data)
        return len(data)

    put(_MAGIC + msgspec.json.encode(stamp) + b"\n")
    pickler = pickle.Pickler(_Sink(put), 5)
    pickler.dispatch_table = {AtRest: _reduce_at_rest}
    pickler.dump(state(fold))
    target(digest.digest())


class _Sink:
    """What a pickler writes to."""

    def __init__(self, write: Callable[[bytes | memoryview], int]) -> None:
        self.write = write


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
        with _uncollected():
            found = _Reader(source, fold.intake.board._looked_at).load()
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


@contextmanager
def _uncollected() -> Iterator[None]:
    """Nothing that is read can be garbage yet."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


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
