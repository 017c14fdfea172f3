"""A past day, folded anew from the journal by the rules of today; knows no page and not what is live.

Folded is everything from some hours before the day to its end, and whatever came later and tells of that day: of the
day after, all that does; afterwards, when the live board has forgotten the day, every body in which one of its dates
is written. So the numbers are those that the live board showed last, and what is posted a week late still counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec

from wallboard.board import Board
from wallboard.bodies import Unreadable, decode
from wallboard.clock import Clock
from wallboard.day.intervals import Cuts
from wallboard.day.rows import CallRow, row_of
from wallboard.events import AnyEvent
from wallboard.intake import Intake
from wallboard.journal import EVENTS_LOST, Entry
from wallboard.journal.archive import Archive
from wallboard.journal.unopened import Unopened
from wallboard.parse import Reader, Unrecognised
from wallboard.rules import Rules

_DAY = timedelta(days=1)
_HEEDED = (EVENTS_LOST, "clock_stepped")
LEAD = timedelta(hours=6)
"""Folded before the day: an event without its call's start is still one of a call of the evening before, and a clock
that was set by less than this hides nothing."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which day, by which rules, from which archive, and what came `until` when."""

    archive: Archive
    day: date
    until: datetime
    rules: Rules
    reader: Reader


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to tell of a day beside its calls."""

    calls: int
    agent_names: dict[str, str]
    messages: list[tuple[CallRow, int]]
    losses: tuple[int, ...]


class _Remembering(Board):
    """Goes by one day alone: what comes later turns no page."""

    def _turn_day(self, received_at: datetime) -> None:
        return


def fold(question: Question) -> tuple[Head, Iterator[CallRow]]:
    """The day's rows; ArchiveUnreadable if the journal cannot be read."""
    board = _folded(question)
    board.settle(question.until)
    day = board.day(question.day)
    calls = [call for key in day.call_ids if (call := board.calls.get(key)) is not None and call.counts]
    calls = [call for call in calls if board.rules.day_of(call.started_at) == question.day]
    calls.sort(key=lambda call: (call.started_at, call.key))
    head = Head(
        calls=len(calls),
        agent_names={agent.key: agent.name for agent in board.agents.values() if agent.name},
        messages=[(row_of(board, board.calls[key]), n) for key, n in board.voicemails_of(question.day).items()],
        losses=tuple(day.losses),
    )
    return head, (row_of(board, call) for call in calls)


def _folded(question: Question) -> Board:
    rules = question.rules
    cuts = Cuts.of(question.day, rules.zone, rules.day_starts_at)
    board = _Remembering(rules)
    intake = Intake(question.reader, board, Unopened(), Clock(), lambda: None)
    with board.in_bulk():
        for entry in _entries(question.archive, cuts, question.until):
            if _is_to_be_heard(entry, cuts, question, board):
                intake.apply(entry)
    return board


def _is_to_be_heard(entry: Entry, cuts: Cuts, question: Question, board: Board) -> bool:
    delivery = entry.delivery
    if delivery.remark is not None:  # a step of the clock restates what the live board knew then, not what it had known
        return delivery.remark in _HEEDED and delivery.received_at < cuts.end + _DAY
    return delivery.refusal is None and (delivery.received_at < cuts.end or _is_of(entry, question, board))


def _entries(archive: Archive, cuts: Cuts, until: datetime) -> Iterator[Entry]:
    whole = min(cuts.end + _DAY, until)
    yield from archive.between(cuts.start - LEAD, whole)
    instants = (moment.astimezone(zone) for moment in (cuts.start, cuts.end) for zone in (UTC, cuts.zone))
    yield from archive.between(whole, until, sorted({f"{instant:%Y-%m-%d}".encode() for instant in instants}))


def _is_of(entry: Entry, question: Question, board: Board) -> bool:
    """Whether an entry that came after the day can tell of it: most of the next day's do not."""
    try:
        bodies = decode(entry.delivery.body)
    except Unreadable:
        return False
    events = (question.reader.read(body, entry.delivery.received_at) for body in bodies)
    return any(_tells_of(event, question, board) for event in events)


def _tells_of(event: AnyEvent | Unrecognised, question: Question, board: Board) -> bool:
    if isinstance(event, Unrecognised):
        return False
    started_at = event.call_started_at or event.known_at
    return event.call_id in board.calls or question.rules.day_of(started_at) <= question.day
