"""Turns a call list into the webhooks that the PBX would have sent; knows nothing of the board but its address.

A call list tells when a caller joined a queue, was answered and left. It has no ringing phones, so the last
seconds of a wait are taken for the ring; a caller who gave up has rung nobody.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

import msgspec

from wallboard import simulator_bodies as bodies
from wallboard.sender import Pause, Say, Sender, Webhook

REQUIRED = ("arrived_at", "ended_at", "service_type", "answered_at")
OPTIONAL = ("call_uid", "agent")
ABSENT = {"", "-", "null", "none", "no_server"}
RING = timedelta(seconds=10)
BAD_ROWS_SHOWN = 20
ABANDONED, ANSWERED = "abandoned", "answered"


class CallListError(Exception):
    """The call list cannot be used at all: the message says what was expected and what came."""

    exit_status = 2


class ListedCall(msgspec.Struct, frozen=True):
    """One row: naive local times as the file has them; `answered_at` None for a caller who gave up."""

    uid: str
    queue: str
    arrived_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    agent: str | None

    def shifted(self, days: timedelta) -> ListedCall:
        """The same call on another day."""
        return msgspec.structs.replace(
            self,
            arrived_at=self.arrived_at + days,
            answered_at=self.answered_at and self.answered_at + days,
            ended_at=self.ended_at + days,
        )


class BadRow(msgspec.Struct, frozen=True):
    """A row that tells no call, and why; `line` counts the file's lines from 1."""

    line: int
    why: str


class CallList(msgspec.Struct, frozen=True):
    """A whole file: calls in the order of arrival, and the rows that were left out."""

    calls: tuple[ListedCall, ...]
    bad_rows: tuple[BadRow, ...]

    def days(self) -> list[date]:
        """The local days on which calls arrived, in order."""
        return sorted({call.arrived_at.date() for call in self.calls})


async def run(
    path: Path | str,
    url: str,
    token: str,
    *,
    speed: float = 1.0,
    day: date | None = None,
    today: date,
    say: Say,
    pause: Pause = asyncio.sleep,
) -> None:
    """Replays the call list on to `today`; `speed` 0 posts as fast as the board takes it.

    Raises CallListError for a useless file and sender.SenderError where the board refuses the token.
    """
    if speed < 0:
        raise CallListError(f"The speed must be 0 (as fast as the board takes it) or more, not {speed:g}")
    listed = read(path)
    for line in report(listed):
        say(line)
    calls = moved(listed, today=today, day=day)
    async with Sender(url, token, say=say, pause=pause) as sender:
        say(f"Replaying {len(calls)} calls of {_span(calls)}.")
        await sender.post_all(webhooks(calls, speed=speed), paced=speed > 0)


def read(path: Path | str) -> CallList:
    """The file's calls. Extra columns are ignored; raises CallListError where a required one is missing."""
    try:
        with Path(path).open(encoding="utf-8-sig", errors="replace", newline="") as file:
            return parse(file)
    except (OSError, csv.Error) as wrong:
        raise CallListError(f"The call list {Path(path).name} cannot be read: {wrong}") from None


def parse(file: TextIO) -> CallList:
    """Comma, semicolon or tab separated, with a header line; a time's zone is cut off, its clock face kept."""
    header = file.readline()
    separator = max(",;\t", key=header.count)
    columns = [name.strip().lower() for name in next(csv.reader([header], delimiter=separator), [])]
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise CallListError(
            f"The call list's first line lacks {', '.join(missing)}; needed are the columns"
            f" {', '.join(REQUIRED)}, and {', '.join(OPTIONAL)} are read where they stand."
        )
    rows = csv.DictReader(file, fieldnames=columns, delimiter=separator, restval="")
    return _collect((rows.line_num + 1, row) for row in rows)


def report(listed: CallList) -> Iterator[str]:
    """One line for each row that was left out; past the first twenty only how many there are."""
    for row in listed.bad_rows[:BAD_ROWS_SHOWN]:
        yield f"Line {row.line} skipped: {row.why}."
    if len(listed.bad_rows) > BAD_ROWS_SHOWN:
        yield f"{len(listed.bad_rows) - BAD_ROWS_SHOWN} more rows skipped."


def moved(listed: CallList, *, today: date, day: date | None = None) -> list[ListedCall]:
    """The calls by whole days: the last day of the file falls on `today`, or `day` alone does."""
    days = listed.days()
    if not days:
        raise CallListError("The call list has no call that could be replayed.")
    if day is not None and day not in days:
        raise CallListError(f"The call list has no call on {day}; it goes from {days[0]} to {days[-1]}.")
    shift = today - (day or days[-1])
    return [call.shifted(shift) for call in listed.calls if day in (None, call.arrived_at.date())]


def webhooks(calls: Iterable[ListedCall], *, speed: float = 1.0) -> Iterator[Webhook]:
    """All calls' webhooks in the order of time, due as the file's clock says, `speed` times as fast.

    In the same second talks end, then callers are answered, then callers arrive: so peaks come out as
    a list counts them.
    """
    moments = sorted(_moments(calls), key=lambda moment: moment[:2])
    for at, _, call, event in moments:
        due = (at - moments[0][0]).total_seconds() / speed if speed else 0.0
        yield _webhook(call, event, due)


_Moment = tuple[datetime, int, ListedCall, str]
_RANK = {"completed": 0, "summary": 1, "answered": 2, "ringing": 3, "entered": 4}


def _moments(calls: Iterable[ListedCall]) -> Iterator[_Moment]:
    for call in calls:
        key = (call.arrived_at, 0)
        for at, event in _life(call):
            key = max(key, (at, _RANK[event]))
            yield *key, call, event


def _life(call: ListedCall) -> Iterator[tuple[datetime, str]]:
    """The call's events in their order, which outweighs any order among calls."""
    yield call.arrived_at, "entered"
    if call.agent and call.answered_at:
        yield max(call.arrived_at, call.answered_at - RING), "ringing"
        yield call.answered_at, "answered"
        yield call.ended_at, "completed"
    yield call.ended_at, "summary"


def _webhook(call: ListedCall, event: str, due: float) -> Webhook:
    if event != "entered":
        return Webhook(due, call.uid, _body(call, event))
    body = bodies.component(_line(call), f"{call.queue} entered")
    return Webhook(due, call.uid, body, (("X-Wallboard-Meaning", f"queue_entered:{call.queue}"),))


def _body(call: ListedCall, event: str) -> bytes:
    line, agent, place = _line(call), bodies.Party(name=call.agent), bodies.Place(call.queue)
    if event == "summary":
        status = ANSWERED if call.answered_at else ABANDONED
        return bodies.summary(line, place, agent, call.answered_at, call.ended_at, status)
    if event == "ringing":
        return bodies.ringing(line, agent, place)
    if event == "completed":
        return bodies.completed(line, agent, place, call.answered_at, call.ended_at)
    assert call.answered_at is not None
    return bodies.answered(line, agent, place, call.answered_at)


def _line(call: ListedCall) -> bodies.Line:
    return bodies.Line(call=call.uid, started_at=call.arrived_at)


def _collect(rows: Iterable[tuple[int, dict[Any, Any]]]) -> CallList:
    calls: list[ListedCall] = []
    bad: list[BadRow] = []
    seen: set[tuple[str, str]] = set()
    for number, row in rows:
        try:
            call = _call(row, number)
        except ValueError as wrong:
            bad.append(BadRow(number, str(wrong)))
            continue
        if (call.uid, call.queue) in seen:
            bad.append(BadRow(number, "an earlier row has this call_uid in the same queue"))
            continue
        seen.add((call.uid, call.queue))
        calls.append(call)
    return CallList(tuple(sorted(calls, key=lambda call: call.arrived_at)), tuple(bad))


def _call(row: dict[Any, Any], number: int) -> ListedCall:
    """Raises ValueError with the reason, never with what a caller's row says beyond its times."""
    cells = {name: " ".join(row.get(name, "").split()) for name in (*REQUIRED, *OPTIONAL)}
    arrived_at, ended_at = _time(cells, "arrived_at"), _time(cells, "ended_at")
    answered_at = None if _absent(cells["answered_at"]) else _time(cells, "answered_at")
    if not cells["service_type"]:
        raise ValueError("service_type is empty")
    if not arrived_at <= (answered_at or arrived_at) <= ended_at:
        raise ValueError("arrived_at, answered_at and ended_at are not in this order")
    uid = cells["call_uid"] or f"{arrived_at:%Y%m%d%H%M%S}{number:06d}"
    agent = None if _absent(cells["agent"]) else cells["agent"]
    return ListedCall(uid, cells["service_type"], arrived_at, answered_at, ended_at, agent)


def _absent(cell: str) -> bool:
    return cell.lower() in ABSENT


def _time(cells: dict[str, str], column: str) -> datetime:
    try:
        return datetime.fromisoformat(cells[column]).replace(tzinfo=None)
    except ValueError:
        shown = repr(cells[column][:40]) if cells[column] else "nothing"
        raise ValueError(f"{column} should be a time like 2026-11-23T10:42:07, not {shown}") from None


def _span(calls: list[ListedCall]) -> str:
    first, last = calls[0].arrived_at.date(), calls[-1].arrived_at.date()
    return str(first) if first == last else f"{first} to {last}"
