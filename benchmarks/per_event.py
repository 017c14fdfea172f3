"""What one event costs, and what one call keeps in memory: `python -m benchmarks.per_event [CALLS]`.

Processor time, so that a busy machine disturbs little; medians of three days folded one after the other.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import msgspec

from benchmarks.day import bodies, entries
from wallboard.board import Board
from wallboard.bodies import Body, decode
from wallboard.clock import Clock
from wallboard.events import AnyEvent
from wallboard.intake import Intake
from wallboard.journal import Entry
from wallboard.journal.sqlite import SqliteJournal
from wallboard.parse import Reader, Unrecognised
from wallboard.rules import Rules

ROUNDS = 3
UTC_ZONE = ZoneInfo("UTC")


def resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def microseconds(count: int, work: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()
    began = time.process_time()
    work()
    took = time.process_time() - began
    gc.enable()
    return took / count * 1e6


def read_all(decoded: list[tuple[Body, datetime]]) -> list[AnyEvent]:
    reader = Reader(zone=UTC_ZONE)
    events = [reader.read(body, at) for body, at in decoded]
    return [event for event in events if not isinstance(event, Unrecognised)]


def folded(events: list[AnyEvent]) -> list[float]:
    """Microseconds an event, in ten parts of the day."""
    board, part = Board(Rules(zone=UTC_ZONE)), len(events) // 10
    return [
        microseconds(part, lambda n=n: [board.apply(event) for event in events[n * part : (n + 1) * part]])  # type: ignore[misc]
        for n in range(10)
    ]


def in_bulk(events: list[AnyEvent]) -> None:
    board = Board(Rules(zone=UTC_ZONE))
    with board.in_bulk():
        for event in events:
            board.apply(event)
    board.catch_up()


def taken_in(heard: list[Entry]) -> None:
    reader, board = Reader(zone=UTC_ZONE), Board(Rules(zone=UTC_ZONE))
    intake = Intake(reader, board, SqliteJournal(Path("none")), Clock(), lambda: None)
    with intake.board.in_bulk():
        for entry in heard:
            intake.apply(entry)
    intake.board.catch_up()


def kept(calls: int) -> float:
    """Bytes of memory a call, with what a wall asks of the board from time to time."""
    gc.collect()
    before, board, reader = resident(), Board(Rules(zone=UTC_ZONE)), Reader(zone=UTC_ZONE)
    for n, (at, body) in enumerate(bodies(calls)):  # nothing else is kept, or its memory would be used again
        event = reader.read(decode(msgspec.json.encode(body))[0], at)
        assert not isinstance(event, Unrecognised)
        board.apply(event)
        if n % 100 == 0:
            board.settle(at)
            board.callers.open()
            board.new_voicemails()
    gc.collect()
    return (resident() - before) / calls


def say(what: str, found: list[float]) -> None:
    print(f"{what:34} {median(found):7.1f}  ({min(found):.1f} to {max(found):.1f})", flush=True)


def run(calls: int) -> None:
    print(f"bytes a call: {kept(calls):.0f}", flush=True)
    heard = entries(calls)
    count = len(heard)
    print(f"{calls} calls, {count} events; microseconds an event, median of {ROUNDS} (least to most)")
    say("decode", [microseconds(count, lambda: [decode(e.delivery.body) for e in heard]) for _ in range(ROUNDS)])
    decoded = [(body, e.delivery.received_at) for e in heard for body in decode(e.delivery.body)]
    say("read", [microseconds(count, lambda: read_all(decoded)) for _ in range(ROUNDS)])
    events = read_all(decoded)
    days = [folded(events) for _ in range(ROUNDS)]
    say("apply", [sum(day) / len(day) for day in days])
    say("the last tenth / the first", [day[-1] / day[0] for day in days])
    say("apply, in bulk", [microseconds(count, lambda: in_bulk(events)) for _ in range(ROUNDS)])
    say("all of a start", [microseconds(count, lambda: taken_in(heard)) for _ in range(ROUNDS)])


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
