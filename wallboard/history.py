"""A past day, folded anew from the journal by the rules of today; knows no page and not what is live.

What is folded is what the live board had heard when it forgot that day: everything from some hours before the day
until the day after it ended. So the numbers are those of the live board, and a day that is closed stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import msgspec

from wallboard.archive import Archive
from wallboard.board import Board, Rules
from wallboard.bodies import Unreadable, decode
from wallboard.clock import Clock
from wallboard.events import AnyEvent
from wallboard.intake import Intake
from wallboard.intervals import Cuts
from wallboard.journal import Entry
from wallboard.journal.sqlite import SqliteJournal
from wallboard.parse import Reader, Unrecognised
from wallboard.rows import CallRow, row_of

LEAD = timedelta(hours=6)
"""Folded before the day: an event without its call's start is still one of a call of the evening before, and a clock
that was set by less than this hides nothing."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which day, by which rules, from which file; `until` is now, or the end of the day after if that is earlier."""

    path: Path
    day: date
    until: datetime
    rules: Rules
    reader: Reader


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to tell of a day beside its calls."""

    calls: int
    agent_names: dict[str, str]
    voicemails: int
    losses: tuple[int, ...]


def closes_at(day: date, rules: Rules) -> datetime:
    """When the live board forgets a day: from then on no event changes its numbers."""
    return Cuts.of(day + timedelta(days=1), rules.zone, rules.day_starts_at).end


def fold(question: Question) -> tuple[Head, Iterator[CallRow]]:
    """The day's rows; ArchiveUnreadable if the file cannot be read."""
    board = _folded(question)
    board.settle(question.until)
    day = board.day(question.day)
    calls = [call for key in day.call_ids if (call := board.calls.get(key)) is not None and call.counts]
    calls = [call for call in calls if board.rules.day_of(call.started_at) == question.day]
    calls.sort(key=lambda call: (call.started_at, call.key))
    head = Head(
        calls=len(calls),
        agent_names={agent.key: agent.name for agent in board.agents.values() if agent.name},
        voicemails=day.voicemails.total(),
        losses=tuple(day.losses),
    )
    return head, (row_of(board, call) for call in calls)


def _folded(question: Question) -> Board:
    rules = question.rules
    cuts = Cuts.of(question.day, rules.zone, rules.day_starts_at)
    board = Board(rules)
    intake = Intake(question.reader, board, SqliteJournal(question.path), Clock(), lambda: None)
    for entry in Archive(question.path).between(cuts.start - LEAD, question.until):
        if entry.delivery.received_at < cuts.end or _is_of(entry, question, board):
            intake.apply(entry)
    return board


def _is_of(entry: Entry, question: Question, board: Board) -> bool:
    """Whether an entry that came after the day can tell of it: most of the next day's do not."""
    delivery = entry.delivery
    if delivery.remark is not None or delivery.refusal is not None:
        return delivery.remark is not None
    try:
        bodies = decode(delivery.body)
    except Unreadable:
        return False
    events = (question.reader.read(body, delivery.received_at) for body in bodies)
    return any(_tells_of(event, question, board) for event in events)


def _tells_of(event: AnyEvent | Unrecognised, question: Question, board: Board) -> bool:
    if isinstance(event, Unrecognised):
        return False
    started_at = event.call_started_at or event.known_at
    return event.call_id in board.calls or question.rules.day_of(started_at) <= question.day
