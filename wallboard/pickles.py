"""A fold's values as a pickle, and made from it again; knows no file, and not whose attributes they are.

A pickle, because the same call stands in many places and must be the same one afterwards. It is read by an unpickler
that makes nothing but what is named here: whoever has changed the bytes can make a wrong board, and run nothing.
docs/decisions/2026-11-24-snapshot.md
"""

from __future__ import annotations

import gc
import pickle
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from functools import cache
from typing import Any, BinaryIO

from wallboard import events, ledger, offers, totals, usual, waits
from wallboard.access.visitors import Role
from wallboard.agents import Agent
from wallboard.arrivals import SeenType, SetAside
from wallboard.boards import definitions
from wallboard.boards import kept as boards
from wallboard.callbacks import lines, marks
from wallboard.calls import AtRest, Call
from wallboard.people import accounts, audit, keys, sessions
from wallboard.turns import Turn
from wallboard.tv.paired import PairedTv

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


def dump(value: object, put: Callable[[bytes | memoryview], object]) -> None:
    """Hands the pickle to `put`, piece by piece; nothing is copied first."""
    pickler = pickle.Pickler(_Sink(put), 5)
    pickler.dispatch_table = {AtRest: _reduce_at_rest}
    pickler.dump(value)


def load(source: BinaryIO, looked_at: deque[Call]) -> Any:
    """The value again, its calls at rest of the board whose `looked_at` is given; damaged bytes may raise anything."""
    with _uncollected():
        return _Unpickler(source, looked_at).load()


class _Sink:
    """What a pickler writes to."""

    def __init__(self, write: Callable[[bytes | memoryview], object]) -> None:
        self.write = write


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
def _kept_at_rest() -> tuple[Any, ...]:
    """The slots that a call at rest has not laid off: by these they are read and written without waking it."""
    laid_off = {*AtRest.laid_off(), "_looked_at"}
    return tuple(getattr(AtRest, name) for name in _SLOTS if name not in laid_off)


def _reduce_at_rest(call: AtRest) -> tuple[Any, tuple[Any, ...]]:
    return _at_rest, tuple(slot.__get__(call) for slot in _kept_at_rest())


def _at_rest(*values: Any) -> None:
    """Stands in a pickle for what makes a call at rest again; whoever reads knows whose it is to be."""
    raise NotImplementedError


class _Unpickler(pickle.Unpickler):
    """Makes what is known, and calls at rest of the board whose `looked_at` it was given."""

    def __init__(self, source: BinaryIO, looked_at: deque[Call]) -> None:
        super().__init__(source)
        setters = [slot.__set__ for slot in _kept_at_rest()]
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
