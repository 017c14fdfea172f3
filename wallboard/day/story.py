"""One call told from the journal: its way, what it adds to which number, and its raw events; knows no page.

The call's events are folded alone into an empty board. That gives the same as the live board, for a call's
contribution is a function of that call; so a call of last week is told as one of this minute is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from wallboard.arrivals import sample
from wallboard.board import Board
from wallboard.bodies import Body, Unreadable, decode
from wallboard.calls import Call
from wallboard.day.rows import CallRow, row_of
from wallboard.events import AnyEvent
from wallboard.journal import Delivery, Entry
from wallboard.journal.archive import Archive
from wallboard.parse import Reader, Unrecognised, type_of
from wallboard.rules import Rules
from wallboard.settings import parse_meaning

MARGIN = timedelta(minutes=10)
_FARTHER = timedelta(days=1)
MOST_EVENTS = 1_000
_PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:@+")
_MILLISECOND = timedelta(milliseconds=1)


class Raw(msgspec.Struct, frozen=True):
    """One body of the call as it came. `was_news` is `None` where it could not be read as an event."""

    sequence: int
    received_at: datetime
    type: str
    was_news: bool | None
    body: Body

    @property
    def text(self) -> str:
        return json.dumps(self.body, ensure_ascii=False, indent=2)


class Story(msgspec.Struct, frozen=True):
    """`call` and `row` are `None` where the journal has nothing of it any more."""

    call: Call | None
    row: CallRow | None
    raw: tuple[Raw, ...]
    is_cut: bool


def tell(archive: Archive, rules: Rules, reader: Reader, known: CallRow, now: datetime) -> Story:
    """The story of a call; blocking: some milliseconds for each 10,000 entries that came while it lasted.

    ArchiveUnreadable if the journal cannot be read.
    """
    for margin in (MARGIN, _FARTHER):
        story = _told(archive, rules, reader, known, now, margin)
        if story.call is not None:
            return story
    return story


def _told(archive: Archive, rules: Rules, reader: Reader, known: CallRow, now: datetime, margin: timedelta) -> Story:
    board = Board(rules)
    raw: list[Raw] = []
    since, until = known.first_received_at - margin, known.last_received_at + margin
    needle = known.id.encode() if _PLAIN.issuperset(known.id) else b'"'
    for entry in archive.between(since, until, containing=[needle]):
        if entry.delivery.remark is not None:
            _heed(entry, board)
            continue
        for body, event in _bodies_of(known.id, entry, reader):
            if len(raw) == MOST_EVENTS:
                return _story(board, known, raw, now, is_cut=True)
            news = None if event is None else board.apply(event)
            raw.append(Raw(entry.sequence, entry.delivery.received_at, type_of(body), news, sample(body)))
    return _story(board, known, raw, now, is_cut=False)


def _story(board: Board, known: CallRow, raw: list[Raw], now: datetime, *, is_cut: bool) -> Story:
    board.settle(now)
    calls = [call for call in board.calls.values() if call.id == known.id]
    call = min(calls, key=lambda call: abs(call.started_at - known.started_at), default=None)
    return Story(call, row_of(board, call) if call else None, tuple(raw), is_cut)


def _bodies_of(id: str, entry: Entry, reader: Reader) -> Iterator[tuple[Body, AnyEvent | None]]:
    delivery = entry.delivery
    if delivery.refusal is not None:
        return
    try:
        bodies = decode(delivery.body)
    except Unreadable:
        return
    for body in bodies:
        event = reader.read(body, delivery.received_at, _meaning(delivery))
        if isinstance(event, Unrecognised):
            if str(body.get("unique_call_id", "")) == id:
                yield body, None
        elif event.call_id == id:
            yield body, event


def _meaning(delivery: Delivery) -> tuple[str, str] | None:
    try:
        return parse_meaning(delivery.meaning) if delivery.meaning is not None else None
    except ValueError:
        return None


def _heed(entry: Entry, board: Board) -> None:
    if entry.delivery.remark == "clock_stepped":
        board.step_clock(msgspec.json.decode(entry.delivery.body)["by_ms"] * _MILLISECOND)
