"""Who is to be rung back: one caller's line, from the calls and the supervisors' marks; knows no page and no now.

A line is a pure function of one caller's calls and marks. Marks count in the order in which they were made, calls
in any; which of both was heard first does not matter, because a mark carries its own time and what was shown then.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec

from wallboard.callbacks.marks import Mark
from wallboard.calls import Call
from wallboard.events import Place
from wallboard.offers import span_ms


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


class Part(msgspec.Struct, frozen=True):
    """What one call adds to its caller's line. `name` is what the caller was called then, and when."""

    tries: tuple[Try, ...]
    voicemails: tuple[Voicemail, ...]
    contacts: tuple[Closing, ...]
    name: tuple[datetime, str] | None = None


def other_party(call: Call) -> str | None:
    """The number of whoever is not at the PBX."""
    return call.caller_number if is_caller(call) else call.dialled_number


def is_caller(call: Call) -> bool:
    """The other party rang us; a voicemail of which nothing else was heard is from a caller as well."""
    return call.is_inbound or not call.offers


def part_of(call: Call, short_abandon_ms: int) -> Part:
    """A pure function of the call; shorter waits than `short_abandon_ms` are short."""
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
    name = (call.started_at, call.caller_name) if call.caller_name and is_caller(call) else None
    return Part(tuple(_tries(call, short_abandon_ms)), voicemails, tuple(_contacts(call)), name)


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


def line_of(caller: str, name: str | None, parts: list[Part], marks: list[Mark]) -> Line:
    """The line of a caller of whom there is a try or a voicemail; `parts` in any order, `marks` in theirs."""
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


def _closings(parts: list[Part], marks: list[Mark]) -> list[Closing]:
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
