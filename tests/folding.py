"""A fold of entries, as a start has it, and all that it holds as plain values that can be compared; knows no server."""

from __future__ import annotations

import io
import json
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tests import floors
from tests.test_against_reference import ORDERS, reused_ids
from wallboard import snapshot
from wallboard.board import Board
from wallboard.boards.kept import Boards
from wallboard.calls import Call
from wallboard.clock import Clock
from wallboard.day.shelf import Shelf
from wallboard.intake import Intake
from wallboard.journal import Delivery, Entry, Journal
from wallboard.journal.sqlite_archive import SqliteArchive
from wallboard.journal.unopened import Unopened
from wallboard.parse import Reader
from wallboard.people.folds import People
from wallboard.remarks import heard_by_all
from wallboard.rules import Rules
from wallboard.settings import parse_meaning
from wallboard.tv.paired import PairedTvs

ZONE = ZoneInfo("Australia/Sydney")
RULES = Rules(zone=ZONE)
READER = Reader(zone=ZONE, components={name: parse_meaning(said) for name, said in floors.COMPONENTS.items()})
_CACHES = frozenset(("_parts", "_heap", "_looked_at", "missed", "_fresh", "ends"))
"""What only saves work, and may be there or not; what only tells that something is another now; and accounts younger
than some seconds, which the state compares."""
_ANY_ORDER = frozenset(("_over",))
"""Whose order only tells which call rests first: when each was followed, not what it is."""
HASH = "0" * 64


def empty(rules: Rules = RULES, reader: Reader = READER, journal: Journal | None = None) -> snapshot.Fold:
    boards, people, paired = Boards(lambda: None), People(Clock(), None, lambda key: None), PairedTvs(lambda id: None)
    shelf = Shelf(SqliteArchive(Path("nowhere")))
    remarks = heard_by_all(boards.remarks, people.remarks, paired.remarks)
    past = journal or Unopened()
    intake = Intake(reader, Board(rules), past, Clock(), lambda: None, remarks, shelf.placed)
    return snapshot.Fold(intake=intake, boards=boards, people=people, paired=paired, shelf=shelf)


def tell(fold: snapshot.Fold, entries: Iterable[Entry]) -> snapshot.Fold:
    """As a replay does."""
    with fold.intake.board.in_bulk():
        for entry in entries:
            fold.intake.apply(entry)
    fold.intake.board.catch_up()
    return fold


def written(fold: snapshot.Fold, sequence: int = 1) -> bytes:
    made = io.BytesIO()
    stamp = snapshot.stamp_for(fold, epoch="e", sequence=sequence, seal=b"seal")
    snapshot.write(fold, stamp, made.write)
    return made.getvalue()


def taken_up(made: bytes, rules: Rules = RULES, reader: Reader = READER) -> snapshot.Fold:
    fold = empty(rules, reader)
    snapshot.take_up(io.BytesIO(made), fold)
    return fold


def entries(seed: int, calls: int = 12, order: str = "whole") -> list[Entry]:
    """A floor's webhooks with everything in between that the server itself may have had to say."""
    rng = Random(seed)
    stream = floors.by_time([*floors.floor(seed, calls), *reused_ids(seed)])
    told = [
        Delivery(received_at=at, body=json.dumps(body).encode())
        for at, body in floors.deliveries(ORDERS[order](stream, seed))
    ]
    told = told or [Delivery(received_at=floors.BASE_AT, body=b"{}")]
    for remark, value in remarks():
        at = rng.randrange(1, len(told) + 1)
        body = json.dumps(value).encode()
        told.insert(at, Delivery(received_at=told[at - 1].received_at, body=body, remark=remark))
    at = rng.randrange(1, len(told))
    told.insert(at, Delivery(received_at=told[at - 1].received_at, body=b"{nonsense", refusal="not JSON"))
    told.insert(at, Delivery(received_at=told[at - 1].received_at, body=b'{"type": "strange"}', meaning="nonsense"))
    return [Entry(sequence=n, schema=2, delivery=delivery) for n, delivery in enumerate(told, 1)]


def remarks() -> Iterator[tuple[str, dict[str, Any]]]:
    """One of each; where they come before what they are of, they mean nothing, and that is kept as well."""
    account = {"name": "ann", "shown": "Ann", "role": "admin", "epoch": "1", "boards": ["main"]}
    tv = {"id": "paired-" + "0" * 12, "board": "sales", "name": "Hall"}
    yield "account_saved", {"account": account, "by": "", "why": "made"}
    yield "account_saved", {"account": account | {"name": "bob", "role": "viewer"}, "by": "Ann", "why": "made"}
    yield "link_made", {"id": "l", "name": "ann", "until": "2030-01-01T00:00:00Z", "by": "Ann"}
    yield "session_opened", {"id": "s", "name": "ann", "epoch": "1", "browser": "Firefox", "by": "Ann"}
    yield "session_closed", {"ids": ["t"], "name": "ann", "by": "Ann"}
    yield "key_made", {"id": "k", "kind": "api", "name": "BI", "hash": HASH, "ends": "abcd", "by": "Ann"}
    yield "secret_made", {"secret": "not one of any server"}
    yield "board_saved", {"board": {"slug": "sales", "name": "Sales"}, "version": "1", "replaces": None}
    yield "board_saved", {"board": {"slug": "main", "name": "All"}, "version": "2", "replaces": "", "from_file": True}
    yield "tv_paired", tv | {"key": HASH}
    yield "tv_renamed", {"id": tv["id"], "name": "Lobby"}
    yield "caller_marked", {"caller": "+61290000001", "mark": "note", "by": "Ann", "text": "rings again"}
    yield "caller_marked", {"caller": "+61290000001", "mark": "take", "by": "Bob"}
    yield "audit_noted", {"who": "Ann", "what": "exported"}
    yield "audit_failed", {"accounts": {"ann": 2}, "strange": 1, "addresses": ["192.0.2.1"]}
    yield "clock_stepped", {"by_ms": -12_000_000}
    yield "events_lost", {"lost": 3, "ranges": [], "epoch": "e", "was": None, "reasons": []}
    yield "day_kept", {"day": "2026-11-01"}
    yield "from_the_future", {"what": 1}


# --- comparing ---------------------------------------------------------------------------------------


def everything(fold: snapshot.Fold) -> Any:
    """All of its state: whatever is added to any part is compared as well."""
    fold.intake.board.lie_down()
    return _plain(snapshot.state(fold))


def _plain(value: Any) -> Any:
    if isinstance(value, (Enum, timedelta)):
        return repr(value)
    if isinstance(value, (set, frozenset)):
        return sorted(map(_plain, value), key=repr)
    if isinstance(value, Counter):
        return sorted(((_plain(key), count) for key, count in value.items() if count), key=repr)
    if isinstance(value, dict) and not isinstance(value, OrderedDict):
        its = {key: dict(its) if key in _ANY_ORDER else its for key, its in value.items() if key not in _CACHES}
        return sorted(((_plain(key), _plain(one)) for key, one in its.items()), key=repr)
    if isinstance(value, OrderedDict):
        return [(_plain(key), _plain(its)) for key, its in value.items() if key not in _CACHES]
    if isinstance(value, msgspec.Struct):
        return type(value).__name__, [_plain(getattr(value, name)) for name in value.__struct_fields__]
    if isinstance(value, (str, bytes, int, float, date, type(None))):
        return value
    if isinstance(value, (list, tuple)) and any(isinstance(item, Call) for item in value):
        return sorted(map(_plain, value), key=repr)
    if isinstance(value, Iterable):
        return [_plain(item) for item in value]
    slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    names = [*slots, *getattr(value, "__dict__", {})]
    is_call = isinstance(value, Call)
    told = {name: getattr(value, name, None) for name in sorted(names) if name not in _CACHES}
    if is_call:  # whether it is folded up just now, and what it has worked out already
        told = {name: its for name, its in told.items() if name not in ("_folded", "_answers", "_has_fresh_answers")}
    return type(value).__name__.replace("AtRest", "Call"), [(name, _plain(its)) for name, its in told.items()]


def calls_everywhere(board: Board) -> Iterator[tuple[str, Call]]:
    """Every place where a call is held, with the name of the place."""
    places: Sequence[tuple[str, Iterable[Call]]] = (
        ("namesakes", (call for calls in board._namesakes._calls.values() for call in calls)),
        ("over", board._over.values()),
        ("callers", (call for calls in board.callers._calls.values() for call in calls)),
        ("live", board._shelves.live),
        ("presumed", board._shelves.presumed),
    )
    for place, calls in places:
        for call in calls:
            yield place, call
