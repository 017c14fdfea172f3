"""Who is to be rung back: the callers nobody answered, and what supervisors have marked; knows no page and no now.

A line is a pure function of one caller's calls and marks. Marks count in the order in which they were made, calls
in any; which of both was heard first does not matter, because a mark carries its own time and what was shown then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import msgspec

from wallboard.calls import Call
from wallboard.events import Place
from wallboard.offers import span_ms
from wallboard.phone import key_of

LONGEST_NOTE, LONGEST_NAME = 500, 60
_KEPT_MARKS = 100
_REMEMBERED = timedelta(days=2)

MarkKind = Literal["take", "release", "done", "reopen", "note"]


class Marked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A supervisor's mark as the journal keeps it (`caller_marked`); milliseconds since the epoch.

    `until_ms` is the latest and `since_ms` the earliest that the line showed, so that a mark means what was seen,
    also where the PBX's clock is ahead of ours.
    """

    caller: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    mark: MarkKind
    by: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]
    text: Annotated[str, msgspec.Meta(max_length=LONGEST_NOTE)] = ""
    until_ms: int | None = None
    since_ms: int | None = None


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    kind: MarkKind
    at: datetime
    by: str
    text: str
    until: datetime | None
    since: datetime | None

    @property
    def covers_until(self) -> datetime:
        return max(self.at, self.until) if self.until else self.at


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One inbound call that ended without an answer, however many phones it rang."""

    started_at: datetime
    ended_at: datetime
    wait_ms: int | None
    is_short: bool
    abandoned: bool
    places: tuple[Place, ...]
    dialled_number: str | None


class Voicemail(msgspec.Struct, frozen=True, kw_only=True):
    call: str
    recorded_at: datetime | None
    left_at: datetime
    box: str | None
    link: str | None


class Closing(msgspec.Struct, frozen=True, kw_only=True):
    """What settles a line: an answered call with the caller, or a supervisor's word. `by` is an agent or a name."""

    how: Literal["rung_back", "answered", "done"]
    at: datetime
    covers_until: datetime
    by: str | None

    def settles(self, begun_at: datetime, over_at: datetime) -> bool:
        return self.covers_until >= (over_at if self.how == "done" else begun_at)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One caller. `number` is `None` where nobody can ring back; tries and voicemails are those of the last round.

    `is_short` says that the caller hung up at once, every time, and left no word.
    """

    caller: str
    number: str | None
    name: str | None
    tries: tuple[Try, ...]
    voicemails: tuple[Voicemail, ...]
    closed: Closing | None
    owner: str | None
    owned_since: datetime | None
    note: Mark | None
    first_at: datetime
    last_at: datetime
    is_short: bool

    @property
    def until(self) -> datetime:
        """The latest instant that is known of it."""
        ends = [*(one.ended_at for one in self.tries), *(left.left_at for left in self.voicemails)]
        return max([*ends, *([self.closed.covers_until] if self.closed else [])])


class _Part(msgspec.Struct, frozen=True):
    """What one call adds to its caller's line."""

    tries: tuple[Try, ...]
    voicemails: tuple[Voicemail, ...]
    contacts: tuple[Closing, ...]


class Callers:
    """Every caller of the calls in memory. `country` reads numbers without a country's prefix."""

    def __init__(self, country: str, short_abandon_ms: int) -> None:
        self._country = country
        self._short_abandon_ms = short_abandon_ms
        self._calls: dict[str, dict[str, Call]] = {}
        self._caller_of: dict[str, str] = {}
        self._parts: dict[str, _Part] = {}
        self._marks: dict[str, list[Mark]] = {}
        self._lines: dict[str, Line] = {}
        self._stale: set[str] = set()
        # New voicemails by box, and what each caller adds to them: drawn on every frame of the wall.
        self._boxes: dict[tuple[str, datetime | None], str | None] = {}
        self._new: Counter[str | None] = Counter()
        self._new_of: dict[str, tuple[str | None, ...]] = {}
        self._uncounted: set[str] = set()

    # --- hearing -------------------------------------------------------------------------------------

    def hold(self, call: Call) -> None:
        """The call has changed, or is new."""
        caller, before = self._caller(call), self._caller_of.get(call.key)
        if before is not None and before != caller:
            self._let_go(call, before)
        self._caller_of[call.key] = caller
        self._calls.setdefault(caller, {})[call.key] = call
        self._parts.pop(call.key, None)
        self._touch(caller)

    def forget(self, call: Call) -> None:
        caller = self._caller_of.pop(call.key, None)
        if caller is None:
            return
        self._let_go(call, caller)
        for recorded_at in call.voicemails:
            self._boxes.pop((call.key, recorded_at), None)

    def forget_marks(self, now: datetime) -> None:
        """Those of callers of whom no call is remembered any more."""
        for caller in [known for known in self._marks if known not in self._calls]:
            if self._marks[caller][-1].at < now - _REMEMBERED:
                del self._marks[caller]

    def file_voicemail(self, call: Call, recorded_at: datetime | None, box: str | None) -> None:
        """The box under which a voicemail is counted."""
        self._boxes[(call.key, recorded_at)] = box
        self._touch(self._caller_of[call.key])

    def mark(self, value: dict[str, Any], at: datetime) -> None:
        """Takes a supervisor's mark from the journal; msgspec.ValidationError if it is none."""
        marked = msgspec.convert(value, Marked)
        marks = self._marks.setdefault(marked.caller, [])
        marks.append(
            Mark(
                kind=marked.mark,
                at=at,
                by=marked.by,
                text=marked.text,
                until=_instant(marked.until_ms),
                since=_instant(marked.since_ms),
            )
        )
        del marks[:-_KEPT_MARKS]
        self._touch(marked.caller)

    def step_clock(self, by: timedelta) -> None:
        """Restates what our own clock told; what was shown of the PBX's times stays."""
        for caller, marks in self._marks.items():
            self._marks[caller] = [msgspec.structs.replace(mark, at=mark.at + by) for mark in marks]
        self._parts.clear()
        for caller in [*self._calls, *self._marks]:
            self._touch(caller)

    def _touch(self, caller: str) -> None:
        self._stale.add(caller)
        self._uncounted.add(caller)

    def _let_go(self, call: Call, caller: str) -> None:
        self._parts.pop(call.key, None)
        calls = self._calls[caller]
        del calls[call.key]
        if not calls:
            del self._calls[caller]
        self._touch(caller)

    def _caller(self, call: Call) -> str:
        number = key_of(other_party(call), self._country)
        return number if number is not None else f"call:{call.key}"

    # --- reading -------------------------------------------------------------------------------------

    def lines(self) -> Iterable[Line]:
        """Every caller who was not answered or left word, settled or not, in no order."""
        for caller in self._stale:
            self._lines.pop(caller, None)
            if (line := self._line(caller)) is not None:
                self._lines[caller] = line
        self._stale.clear()
        return self._lines.values()

    def line(self, caller: str) -> Line | None:
        return self._line(caller)

    def open(self) -> int:
        """How many callers wait to be rung back."""
        return sum(line.closed is None for line in self.lines())

    def calls_of(self, caller: str) -> Iterable[Call]:
        return self._calls.get(caller, {}).values()

    def new_voicemails(self) -> Counter[str | None]:
        """Voicemails that nobody has dealt with, by box: neither marked done nor left before the caller was reached."""
        for caller in self._uncounted:
            before, after = self._new_of.pop(caller, ()), tuple(self._new_boxes(caller))
            if after:
                self._new_of[caller] = after
            self._new.subtract(before)
            self._new.update(after)
        self._uncounted.clear()
        return +self._new

    def _new_boxes(self, caller: str) -> Iterator[str | None]:
        if not any(call.voicemails for call in self.calls_of(caller)):
            return
        line = self._line(caller)
        if line is None or line.closed is not None:
            return
        for left in line.voicemails:
            key = (left.call, left.recorded_at)
            if key in self._boxes:
                yield self._boxes[key]

    def _line(self, caller: str) -> Line | None:
        calls = self._calls.get(caller)
        if not calls:
            return None
        parts = [self._part(call) for call in calls.values()]
        if not any(part.tries or part.voicemails for part in parts):
            return None
        names = [(call.started_at, call.caller_name) for call in calls.values() if call.caller_name and is_caller(call)]
        return _line(caller, max(names)[1] if names else None, parts, self._marks.get(caller, []))

    def _part(self, call: Call) -> _Part:
        part = self._parts.get(call.key)
        if part is None:
            part = self._parts[call.key] = _part(call, self._short_abandon_ms)
        return part


def other_party(call: Call) -> str | None:
    """The number of whoever is not at the PBX."""
    return call.caller_number if is_caller(call) else call.dialled_number


def is_caller(call: Call) -> bool:
    """The other party rang us; a voicemail of which nothing else was heard is from a caller as well."""
    return call.is_inbound or not call.offers


def _part(call: Call, short_abandon_ms: int) -> _Part:
    voicemails = tuple(
        Voicemail(
            call=call.key,
            recorded_at=at,
            left_at=at or message.received_at,
            box=message.box,
            link=message.link,
        )
        for at, message in call.voicemails.items()
    )
    return _Part(tuple(_tries(call, short_abandon_ms)), voicemails, tuple(_contacts(call)))


def _tries(call: Call, short_abandon_ms: int) -> Iterator[Try]:
    if not call.is_inbound or call.is_call_answered or call.state() != "ended":
        return
    ended_at = call.ended_at or call.last_received_at
    waits = [wait for visit in call.visits.values() if (wait := call.visit_wait_ms(visit)) is not None]
    wait_ms = max(waits, default=span_ms(call.started_at, ended_at))
    yield Try(
        started_at=call.started_at,
        ended_at=ended_at,
        wait_ms=wait_ms,
        is_short=wait_ms is not None and wait_ms < short_abandon_ms,
        abandoned=call.outcome() == "abandoned",
        places=tuple(sorted(call.visits)),
        dialled_number=call.dialled_number,
    )


def _contacts(call: Call) -> Iterator[Closing]:
    if not call.is_call_answered:
        return
    at = call.answered_at or call.started_at
    agents = [offer.agent for offer in call.offers.values() if call.is_offer_answered(offer)]
    yield Closing(
        how="answered" if call.is_inbound else "rung_back",
        at=at,
        covers_until=at,
        by=min(agents, default=None),
    )


def _line(caller: str, name: str | None, parts: list[_Part], marks: list[Mark]) -> Line:
    closings = sorted(_closings(parts, marks), key=lambda closing: (closing.covers_until, closing.at, closing.how))
    tries = [(one, _closing(closings, one.started_at, one.ended_at)) for part in parts for one in part.tries]
    left = [(one, _closing(closings, one.left_at, one.left_at)) for part in parts for one in part.voicemails]
    closed = _last([closing for _, closing in [*tries, *left]])
    of_round = sorted((one for one, closing in tries if closing is closed), key=lambda one: one.started_at)
    words = sorted((one for one, closing in left if closing is closed), key=lambda one: one.left_at)
    begun = [*(one.started_at for one in of_round), *(one.left_at for one in words)]
    owner = _owner(closings, marks)
    notes = [mark for mark in marks if mark.kind == "note"]
    return Line(
        caller=caller,
        number=None if caller.startswith("call:") else caller,
        name=name,
        tries=tuple(of_round),
        voicemails=tuple(words),
        closed=closed,
        owner=owner.by if owner else None,
        owned_since=owner.at if owner else None,
        note=notes[-1] if notes and notes[-1].text else None,
        first_at=min(begun),
        last_at=max(begun),
        is_short=not words and all(one.is_short for one in of_round),
    )


def _closings(parts: list[_Part], marks: list[Mark]) -> list[Closing]:
    """All that settled anything, but for what a supervisor has taken back."""
    closings = [closing for part in parts for closing in part.contacts]
    for mark in marks:
        if mark.kind == "done":
            closings.append(Closing(how="done", at=mark.at, covers_until=mark.covers_until, by=mark.by))
        elif mark.kind == "reopen":
            closings = [closing for closing in closings if not _takes_back(mark, closing)]
    return closings


def _takes_back(mark: Mark, closing: Closing) -> bool:
    return closing.covers_until <= mark.covers_until and (mark.since is None or closing.covers_until >= mark.since)


def _closing(closings: list[Closing], begun_at: datetime, over_at: datetime) -> Closing | None:
    """The first that settled it."""
    return next((closing for closing in closings if closing.settles(begun_at, over_at)), None)


def _last(closings: list[Closing | None]) -> Closing | None:
    """`None` while anything is open, else the last of what settled the rest."""
    known = [closing for closing in closings if closing is not None]
    if len(known) < len(closings):
        return None
    return max(known, key=lambda closing: (closing.covers_until, closing.at, closing.how))


def _owner(closings: list[Closing], marks: list[Mark]) -> Mark | None:
    """Who took it first and has it still: what settles a line also takes it off its owner's hands."""
    owner: Mark | None = None
    for mark in marks:
        if mark.kind == "take" and not _has(owner, closings, mark.at):
            owner = mark
        elif mark.kind == "release":
            owner = None
    return owner if _has(owner, closings, None) else None


def _has(owner: Mark | None, closings: list[Closing], at: datetime | None) -> bool:
    if owner is None:
        return False
    return not any(owner.at <= closing.at and (at is None or closing.at <= at) for closing in closings)


def _instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
