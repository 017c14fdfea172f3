"""Callers + what a supervisor asked for + now -> the list Call back, in words; knows no HTML and no browser."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from hashlib import blake2b

import msgspec

from wallboard.board import Board
from wallboard.callbacks import Closing, Line, Mark, is_caller
from wallboard.calls import Call
from wallboard.now import duration, shown_number
from wallboard.now_filter import agent_name
from wallboard.phone import written

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
    """`link` only where a browser may safely open it."""

    time: str
    link: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
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


def compose(board: Board, now: datetime, asked: Asked, me: str) -> Listed:
    """The lines that are asked for, newest first. `me` matters for `mine` alone."""
    board.settle(now)
    lines = list(board.callers.lines())
    finder = _Finder(asked, me)
    found = [line for line in lines if finder.wants(line)]
    found.sort(key=lambda line: (line.last_at, line.caller), reverse=True)
    is_open = [line for line in lines if line.closed is None]
    return Listed(
        rows=tuple(_row(board, line, now) for line in found[: asked.most]),
        found=len(found),
        open=len(is_open),
        mine=sum(line.owner == me for line in is_open) if me else 0,
        settled=len(lines) - len(is_open),
        short=sum(line.is_short for line in is_open),
        heard=board.last_event_at is not None,
    )


class _Finder:
    def __init__(self, asked: Asked, me: str) -> None:
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
        return not queue or any(place.name == queue for one in line.tries for place in one.places)

    def _matches(self, line: Line) -> bool:
        if self._digits and self._digits in "".join(filter(str.isdigit, line.number or "")):
            return True
        note = line.note.text if line.note else None
        places = [place.name for one in line.tries for place in one.places]
        texts = (line.name, line.number, line.owner, note, *places)
        return any(self._text in text.casefold() for text in texts if text)


def _row(board: Board, line: Line, now: datetime) -> Row:
    stamp = _Stamp(board, now)
    waits = [one.wait_ms for one in line.tries if one.wait_ms is not None]
    return Row(
        key=key_of_row(line.caller),
        caller=line.caller,
        name=line.name or "",
        number=written(line.number) if line.number else "",
        tel=line.number or "",
        times=len(line.tries),
        first=stamp(line.first_at),
        last=stamp(line.last_at),
        waited_longest=duration(max(waits) // 1000) if waits else "",
        waited_last=duration(waits[-1] // 1000) if waits else "",
        where=_where(board, line),
        voicemails=tuple(VoicemailLine(stamp(left.left_at), safe_link(left.link)) for left in line.voicemails),
        is_short=line.is_short,
        is_open=line.closed is None,
        owner=line.owner or "",
        owned=stamp(line.owned_since) if line.owned_since else "",
        closed=_closed(board, line.closed, stamp) if line.closed else "",
        busy=", ".join(_busy(board, line)),
        note=line.note.text if line.note else "",
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


def key_of_row(caller: str) -> str:
    """Safe as an HTML id."""
    return blake2b(caller.encode(), digest_size=6).hexdigest()


def safe_link(link: str | None) -> str:
    return link if link and link.startswith("https://") else ""


def until_ms(line: Line) -> int:
    return math.ceil(line.until.timestamp() * 1000)


def since_ms(line: Line) -> int:
    return math.floor(line.first_at.timestamp() * 1000)


def _where(board: Board, line: Line) -> str:
    places = dict.fromkeys(place.name for one in reversed(line.tries) for place in one.places)
    if places:
        return ", ".join(places)
    numbers = (*(one.dialled_number for one in reversed(line.tries)), *(left.box for left in line.voicemails))
    return ", ".join(dict.fromkeys(_dialled(board, number) for number in numbers if number))


def _dialled(board: Board, number: str) -> str:
    if number in board.agents:
        return agent_name(board, number)
    return shown_number(number, board.rules.country)


def _closed(board: Board, closed: Closing, stamp: _Stamp) -> str:
    match closed.how:
        case "done":
            return f"Done by {closed.by}, {stamp(closed.at)}"
        case "rung_back":
            return f"Rung back by {agent_name(board, closed.by)}, {stamp(closed.at)}" if closed.by else "Rung back"
        case _:
            who = f" by {agent_name(board, closed.by)}" if closed.by else ""
            return f"Rang again and was answered{who}, {stamp(closed.at)}"


def _noted(note: Mark, stamp: _Stamp) -> str:
    return f"{note.by}, {stamp(note.at)}"


def _busy(board: Board, line: Line) -> Iterator[str]:
    """What goes on with the caller at this moment."""
    for call in board.callers.calls_of(line.caller):
        if call.state() != "ended" and not board.is_presumed(call):
            yield _doing(board, call)


def _doing(board: Board, call: Call) -> str:
    agents = [agent_name(board, key) for key in call.phones()]
    if call.state() == "talking":
        return f"Talking with {agents[0]} now" if agents else "Talking now"
    if is_caller(call):
        places = ", ".join(place.name for place in call.standing)
        return f"Waits in {places} now" if places else "Rings now"
    return f"{agents[0]} is ringing them now" if agents else "Is being rung now"
