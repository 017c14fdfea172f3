"""The order of things: read, journal, apply, then say that it changed; knows no vendor field and no HTTP.

Everything here but `refused` is a function of the journal, so a restart counts the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any, Literal

import msgspec
import structlog

from wallboard.arrivals import Arrivals, sample
from wallboard.board import Board
from wallboard.bodies import Body, Unreadable, decode
from wallboard.clock import LEAST_STEP, Clock
from wallboard.erasing import Eraser
from wallboard.journal import (
    CALLER_ERASED,
    ERASED,
    EVENTS_LOST,
    EVENTS_PURGED,
    Begin,
    Delivery,
    Entry,
    Journal,
    JournalUnavailable,
    Spooled,
)
from wallboard.journal.engines import Spooling
from wallboard.logs import traced
from wallboard.parse import Reader, Unrecognised, type_of
from wallboard.remarks import Heed, Locate, heard_by_all
from wallboard.settings import parse_meaning
from wallboard.turns import Remains, Turns, read

_MILLISECOND = timedelta(milliseconds=1)
_SMALL = 4_096
_OF_THE_JOURNAL = frozenset({EVENTS_PURGED, ERASED, CALLER_ERASED})
log = structlog.get_logger()


class Receipt(msgspec.Struct, frozen=True):
    """What became of one body's events; every event is in exactly one of the three."""

    accepted: int = 0
    duplicates: int = 0
    unrecognised: int = 0


_Outcome = Literal["accepted", "duplicates", "unrecognised"]
_RECEIPTS: dict[_Outcome, Receipt] = {
    "accepted": Receipt(accepted=1),
    "duplicates": Receipt(duplicates=1),
    "unrecognised": Receipt(unrecognised=1),
}


def _receipt(outcomes: list[_Outcome]) -> Receipt:
    return Receipt(**{outcome: outcomes.count(outcome) for outcome in _RECEIPTS})


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """How the start was made: from a snapshot of the entry `snapshot`, 0 if from none, and so many entries since."""

    snapshot: int
    tail: int
    seconds: float
    processor_seconds: float

    @property
    def words(self) -> str:
        if not self.snapshot and not self.tail:
            return "Started with an empty journal."
        if not self.snapshot:
            return f"Started from all {self.tail:,} entries of the journal in {self.seconds:.1f} s."
        return f"Started from a snapshot of entry {self.snapshot:,} and {self.tail:,} since, in {self.seconds:.1f} s."


class Intake:
    """Takes bodies in. `changed` is called after every entry that was applied; `remarks` hear the server's own."""

    def __init__(
        self,
        reader: Reader,
        board: Board,
        journal: Journal,
        clock: Clock,
        changed: Callable[[], None],
        remarks: Mapping[str, Heed] | None = None,
        placed: Mapping[str, Locate] | None = None,
        spool: Spooling | None = None,
    ) -> None:
        self.reader = reader
        self._journal = journal
        self._spool = spool
        self._append = journal.append if spool is None else spool.append
        self._clock = clock
        self._changed = changed
        self.board = board
        board.leave = self._leave_behind
        self.ready = False
        self.closing = False
        self.has_erased = False
        self.start: Start | None = None
        self.accepted = self.duplicates = self.unrecognised = 0
        self.quarantined = self.poisoned = self.refused = 0
        self.refused_at: datetime | None = None
        self.refused_untold = 0
        self.arrivals = Arrivals()
        own: dict[str, Heed] = {
            EVENTS_LOST: lambda said, at: board.lose(said["lost"], at),
            "clock_stepped": self._step_clock,
            "caller_marked": board.callers.mark,
        }
        self._remarks = heard_by_all(own, remarks or {})
        self._placed = placed or {}
        self.turns = Turns(board.rules)
        self._has_begun = False
        self._telling: asyncio.Task[Any] | None = None

    async def open(self, begin: Begin | None = None) -> None:
        """Replays the journal, from where `begin` has taken it; JournalError if it cannot be opened."""
        with self.board.in_bulk(self._clock.now()):
            await self._journal.open(self.apply, begin=begin)
        self.board.catch_up()
        self.refused = int(self._journal.noted("refused") or 0)
        noted = self._journal.noted("refused_at")
        self.refused_at = datetime.fromisoformat(noted) if noted else None
        with suppress(JournalUnavailable):
            await self._journal.decide(self._step_back)
        self.ready = True

    @property
    def takes(self) -> bool:
        """Whether `accept` may be called."""
        return not self.closing and (self.ready or (self._spool is not None and self._spool.is_open))

    @property
    def trouble(self) -> str | None:
        """Why the journal cannot be written."""
        return self._journal.trouble

    @property
    def spooled(self) -> Spooled | None:
        """What was accepted and is not on the board yet, for the database is away."""
        return self._journal.spooled

    async def accept(self, raw: bytes, meaning: str | None) -> Receipt:
        """Durable when it returns, and on the board unless it is in the spool: then it is not known yet whether it is a
        redelivery. Unreadable once it is in quarantine; JournalUnavailable.
        """
        refusal: str | None = None  # not the error itself: its traceback leads back to this frame
        bodies: list[Body] | None = None
        try:
            bodies = decode(raw)
        except Unreadable as error:
            refusal = str(error)
        events = len(bodies or ())
        if self._spool is None or not self._spool.is_in_use:
            await self.follow_clock()
        receipt: Receipt | None = await self._append(self._delivery(raw, meaning, bodies, refusal))
        if refusal is not None:
            raise Unreadable(refusal)
        return Receipt(accepted=events) if receipt is None else receipt

    def accept_at_once(self, raw: bytes, meaning: str | None) -> asyncio.Future[Receipt] | None:
        """`accept` of a body that can be read while nothing but the journal is to be waited for: nearly all are such.
        `None` of any other, and nothing was done. JournalUnavailable, at once or in the future.
        """
        if self._spool is not None or self._clock.step() is not None:
            return None
        try:
            bodies = decode(raw)
        except Unreadable:
            return None
        return self._journal.enqueue(self._delivery(raw, meaning, bodies))

    def _delivery(
        self, raw: bytes, meaning: str | None, bodies: list[Body] | None, refusal: str | None = None
    ) -> Delivery:
        decoded = bodies if len(raw) <= _SMALL else None  # five thousand may be queued: they are not to be held twice
        return Delivery(received_at=self._clock.now(), body=raw, meaning=meaning, refusal=refusal, decoded=decoded)

    async def remark(self, name: str, value: dict[str, Any]) -> None:
        """Puts the server's own word into the journal, where the fold hears it; JournalUnavailable."""
        body = msgspec.json.encode(value)
        await self._journal.append(Delivery(received_at=self._clock.now(), body=body, remark=name))

    async def follow_clock(self) -> None:
        """Has every step of the clock in the journal before anything else is, and once only; JournalUnavailable."""
        if self._clock.step() is None:
            return
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._journal.decide(self._step))
        await asyncio.shield(self._telling)

    def _step(self) -> Delivery | None:
        """The step to be told of; `None` where another process has done so meanwhile."""
        by = self._clock.step()
        return None if by is None else self._stepped(by)

    def _step_back(self) -> Delivery | None:
        """The same of one while no server ran: then the last event lies ahead."""
        last, now = self.board.last_event_at, self._clock.now()
        return self._stepped(now - last) if last is not None and last - now >= LEAST_STEP else None

    def _stepped(self, by: timedelta) -> Delivery:
        log.warning("the clock was stepped", by_seconds=by.total_seconds())
        said = msgspec.json.encode({"by_ms": by // _MILLISECOND})
        return Delivery(received_at=self._clock.now(), body=said, remark="clock_stepped")

    def _step_clock(self, value: dict[str, Any], at: datetime) -> None:
        """Board and clock move together, so that a remark told twice is set right by the next."""
        by = value["by_ms"] * _MILLISECOND
        self.board.step_clock(by)
        if self.ready:
            self._clock.adopt(by)

    def refuse(self) -> None:
        """Counts a body that came without a valid token."""
        self.refused += 1
        self.refused_untold += 1
        self.refused_at = self._clock.now()

    def apply(self, entry: Entry) -> Receipt:
        """Folds one entry in; never raises, for a poisoned event must not stop the fold or the next start."""
        delivery = entry.delivery
        if not self._has_begun:
            self._begin()
        if self.turns.is_over(delivery.received_at) and entry.sequence > self._journal.begins_after:
            self.turns.begin(delivery.received_at, entry.sequence - 1, self.remains())
        if delivery.remark is not None:
            self._heed(entry, delivery.remark)
            return Receipt()
        if delivery.refusal is not None:
            self.quarantined += 1
            self.arrivals.put_aside(entry, delivery.refusal)
            return Receipt()
        meaning = self._meaning(entry)
        try:
            bodies = decode(delivery.body) if delivery.decoded is None else delivery.decoded
        except Unreadable as error:
            bodies = []
            self._poison(entry, error)
        outcomes = [self._fold(entry, body, meaning) for body in bodies]
        receipt = _RECEIPTS[outcomes[0]] if len(outcomes) == 1 else _receipt(outcomes)
        self.accepted += receipt.accepted
        self.duplicates += receipt.duplicates
        self.unrecognised += receipt.unrecognised
        self._changed()
        return receipt

    def _heed(self, entry: Entry, remark: str) -> None:
        """The server's own words, by their names; one that this build does not know is set aside."""
        self.has_erased = self.has_erased or remark == CALLER_ERASED
        try:
            if remark in self._placed:
                self._placed[remark](entry)
                return
            if remark in _OF_THE_JOURNAL and remark not in self._remarks:
                return
            self._remarks[remark](msgspec.json.decode(entry.delivery.body), entry.delivery.received_at)
        except Exception as error:  # noqa: BLE001 - the per-event guard
            self._poison(entry, error)
        self._changed()

    def _fold(self, entry: Entry, body: Body, meaning: tuple[str, str] | None) -> _Outcome:
        small = body if len(entry.delivery.body) <= _SMALL else sample(body)
        self.arrivals.see(type_of(body), small, entry.delivery.received_at)
        try:
            event = self.reader.read(body, entry.delivery.received_at, meaning)
            if isinstance(event, Unrecognised):
                return "unrecognised"
            return "accepted" if self.board.apply(event) else "duplicates"
        except Exception as error:  # noqa: BLE001 - the per-event guard
            self._poison(entry, error)
            return "accepted"

    def _poison(self, entry: Entry, error: Exception) -> None:
        self.poisoned += 1
        self.arrivals.put_aside(entry, f"could not be folded ({type(error).__name__})")
        log.error("event set aside", sequence=entry.sequence, **traced(error))

    def _leave_behind(self, error: Exception) -> None:
        self.poisoned += 1
        log.error("call left behind", **traced(error))

    def _meaning(self, entry: Entry) -> tuple[str, str] | None:
        if entry.delivery.meaning is None:
            return None
        try:
            return parse_meaning(entry.delivery.meaning)
        except ValueError as error:
            self.arrivals.put_aside(entry, f"X-Wallboard-Meaning: {error}")
            return None

    # --- outliving the events ------------------------------------------------------------------------

    def remains(self) -> Remains:
        """What is to be known of everything so far when its events are gone."""
        return Remains(
            accepted=self.accepted,
            duplicates=self.duplicates,
            unrecognised=self.unrecognised,
            quarantined=self.quarantined,
            poisoned=self.poisoned,
            types=self.arrivals.counts(),
            types_beyond=self.arrivals.types_beyond,
            board=self.board.told(),
        )

    def _begin(self) -> None:
        """Before the first entry: goes on from what remains of those that are deleted."""
        self._has_begun = True
        if not self._journal.remains:
            return
        known = read(self._journal.remains)
        self.accepted, self.duplicates, self.unrecognised = known.accepted, known.duplicates, known.unrecognised
        self.quarantined, self.poisoned = known.quarantined, known.poisoned
        self.arrivals.take_up(known.types, known.types_beyond)
        self.board.take_up(known.board)

    def forget_before(self, day: date, sequence: int) -> None:
        """Holds nothing of a caller any more that came before `day`, up to the entry `sequence`."""
        self.arrivals.forget_before(self.board.rules.starts_at(day), sequence)
        self.board.forget_before(day, self._clock.now())
        self.turns.forget(day)
        self._changed()

    def erase(self, eraser: Eraser) -> None:
        """Holds nothing of a caller any more who has been erased from the journal."""
        self.has_erased = True
        self.board.erase(eraser.ids, eraser.is_number)
        self.board.callers.erase(eraser.is_marked, eraser.number_in)
        self.arrivals.erase(eraser)
        self._changed()

    def counts(self) -> dict[str, Any]:
        """The counters by the names of interface.md's `webhooks`."""
        return {
            "accepted": self.accepted,
            "duplicates": self.duplicates,
            "unrecognised": self.unrecognised,
            "quarantined": self.quarantined,
            "refused": self.refused,
            "set_aside": self.poisoned,
        }
