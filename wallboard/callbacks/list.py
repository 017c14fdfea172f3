"""Callers + what a supervisor asked for + now -> the list Call back, in words; knows no HTML and no browser."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

import msgspec

from wallboard.board import Board
from wallboard.callbacks.lines import Closing, Line, is_caller
from wallboard.callbacks.marks import Mark
from wallboard.callbacks.phone import written
from wallboard.callbacks.seen import lines_seen
from wallboard.calls import Call
from wallboard.events import Place
from wallboard.eyes import Eyes
from wallboard.now.floor import duration, key_of_row

PAGE = 100
MOST = 1_000
SHOWS = {"open": "To do", "mine": "Mine", "done": "Done and reached", "all": "All"}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The address' query; `short` is `hide` or empty, `most` how many lines are drawn."""

    show: str = "open"
    queue: str = ""
    q: str = ""
    short: str = ""
    most: int = PAGE


class VoicemailLine(msgspec.Struct, frozen=True):
    """`link` only where the reader may be led there."""

    time: str
    link: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """`caller` and `tel` are told only to whom may ring back."""

    key: str
    caller: str
    name: str
    number: str
    tel: str
    times: int
    first: str
    last: str
    waited_longest: str
    waited_last: str
    where: str
    voicemails: tuple[VoicemailLine, ...]
    is_short: bool
    is_open: bool
    owner: str
    owned: str
    closed: str
    busy: str
    note: str
    noted: str


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    rows: tuple[Row, ...]
    found: int
    open: int
    mine: int
    settled: int
    short: int
    heard: bool


def compose(eyes: Eyes, now: datetime, asked: Asked, me: str, secret: bytes = b"") -> Listed:
    """The lines that are asked for, newest first. `me` matters for `mine` alone.

    A row is told from the others by its caller's number, of which not even a digest that can be guessed may reach
    somebody who may not see it: `secret` is hashed with it.
    """
    board = eyes.board
    board.settle(now)
    lines = list(lines_seen(eyes))
    finder = _Finder(eyes, asked, me)
    found = [line for line in lines if finder.wants(line)]
    found.sort(key=lambda line: (line.last_at, key_of_row(line.caller, secret)), reverse=True)
    is_open = [line for line in lines if line.closed is None]
    return Listed(
        rows=tuple(_row(eyes, line, now, secret) for line in found[: asked.most]),
        found=len(found),
        open=len(is_open),
        mine=sum(line.owner == me for line in is_open) if me else 0,
        settled=len(lines) - len(is_open),
        short=sum(line.is_short for line in is_open),
        heard=board.last_event_at is not None,
    )


class _Finder:
    def __init__(self, eyes: Eyes, asked: Asked, me: str) -> None:
        self._eyes = eyes
        self._asked = asked
        self._me = me
        self._text = asked.q.casefold()
        digits = "".join(filter(str.isdigit, asked.q)).lstrip("0")
        self._digits = digits if len(digits) >= 3 and not any(map(str.isalpha, asked.q)) else ""

    def wants(self, line: Line) -> bool:
        return self._is_shown(line) and self._is_of_queue(line) and (not self._text or self._matches(line))

    def _is_shown(self, line: Line) -> bool:
        asked = self._asked
        if asked.short == "hide" and line.is_short:
            return False
        if asked.show == "mine":
            return line.closed is None and bool(self._me) and line.owner == self._me
        if asked.show == "all":
            return True
        return (line.closed is None) == (asked.show == "open")

    def _is_of_queue(self, line: Line) -> bool:
        queue = self._asked.queue
        return not queue or any(place.name == queue for place in self._places(line))

    def _places(self, line: Line) -> list[Place]:
        return self._eyes.places(place for one in line.tries for place in one.places)

    def _matches(self, line: Line) -> bool:
        """What is masked is not found by its digits."""
        shown = self._eyes.sight.text
        number = shown(line.number)
        if self._digits and self._digits in "".join(filter(str.isdigit, number)):
            return True
        note = shown(line.note.text) if line.note else ""
        texts = (shown(line.name), number, line.owner, note, *(place.name for place in self._places(line)))
        return any(self._text in text.casefold() for text in texts if text)


def _row(eyes: Eyes, line: Line, now: datetime, secret: bytes) -> Row:
    board, sight = eyes.board, eyes.sight
    stamp = _Stamp(board, now)
    waits = [one.wait_ms for one in line.tries if one.wait_ms is not None]
    return Row(
        key=key_of_row(line.caller, secret),
        caller=line.caller if sight.marks and sight.numbers else "",
        name=sight.text(line.name),
        number=sight.text(written(line.number)) if line.number else "",
        tel=(line.number or "") if sight.numbers else "",
        times=len(line.tries),
        first=stamp(line.first_at),
        last=stamp(line.last_at),
        waited_longest=duration(max(waits) // 1000) if waits else "",
        waited_last=duration(waits[-1] // 1000) if waits else "",
        where=_where(eyes, line),
        voicemails=tuple(VoicemailLine(stamp(left.left_at), sight.recording(left.link)) for left in line.voicemails),
        is_short=line.is_short,
        is_open=line.closed is None,
        owner=line.owner or "",
        owned=stamp(line.owned_since) if line.owned_since else "",
        closed=_closed(eyes, line.closed, stamp) if line.closed else "",
        busy=", ".join(_busy(eyes, line)),
        note=sight.text(line.note.text) if line.note else "",
        noted=_noted(line.note, stamp) if line.note else "",
    )


class _Stamp:
    """An instant as the list says it: `10:42`, with its day where that is not today."""

    def __init__(self, board: Board, now: datetime) -> None:
        self._rules = board.rules
        self._today = board.rules.day_of(now)

    def __call__(self, moment: datetime) -> str:
        local = moment.astimezone(self._rules.zone)
        if self._rules.day_of(moment) == self._today:
            return local.strftime("%H:%M")
        return local.strftime("%a %H:%M")


def until_ms(line: Line) -> int:
    return math.ceil(line.until.timestamp() * 1000)


def since_ms(line: Line) -> int:
    return math.floor(line.first_at.timestamp() * 1000)


def _where(eyes: Eyes, line: Line) -> str:
    places = dict.fromkeys(place for one in reversed(line.tries) for place in one.places)
    if places:
        return ", ".join(place.name for place in eyes.places(places))
    numbers = (*(one.dialled_number for one in reversed(line.tries)), *(left.box for left in line.voicemails))
    return ", ".join(dict.fromkeys(_dialled(eyes, number) for number in numbers if number))


def _dialled(eyes: Eyes, number: str) -> str:
    return eyes.agent(number) if number in eyes.board.agents else eyes.written(number)


def _closed(eyes: Eyes, closed: Closing, stamp: _Stamp) -> str:
    match closed.how:
        case "done":
            return f"Done by {closed.by}, {stamp(closed.at)}"
        case "rung_back":
            return f"Rung back by {eyes.agent(closed.by)}, {stamp(closed.at)}" if closed.by else "Rung back"
        case _:
            who = f" by {eyes.agent(closed.by)}" if closed.by else ""
            return f"Rang again and was answered{who}, {stamp(closed.at)}"


def _noted(note: Mark, stamp: _Stamp) -> str:
    return f"{note.by}, {stamp(note.at)}"


def _busy(eyes: Eyes, line: Line) -> Iterator[str]:
    """What goes on with the caller at this moment."""
    for call in eyes.calls(eyes.board.callers.calls_of(line.caller)):
        if call.state() != "ended" and not eyes.board.is_presumed(call):
            yield _doing(eyes, call)


def _doing(eyes: Eyes, call: Call) -> str:
    agents = eyes.names(call.phones())
    if call.state() == "talking":
        return f"Talking with {agents[0]} now" if agents else "Talking now"
    if is_caller(call):
        places = ", ".join(place.name for place in eyes.places(call.standing))
        return f"Waits in {places} now" if places else "Rings now"
    return f"{agents[0]} is ringing them now" if agents else "Is being rung now"
