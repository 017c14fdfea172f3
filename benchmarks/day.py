"""What the day page costs on a day of 30,000 calls: `python -m benchmarks.day [CALLS]`; prints milliseconds.

The held-up time is the longest that a task which only sleeps was kept from running.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from wallboard.board import Board
from wallboard.clock import Clock
from wallboard.day import charts, exports
from wallboard.day import figures as day_figures
from wallboard.day import lines as call_lines
from wallboard.day import tables as day_tables
from wallboard.day.behind import calls_behind
from wallboard.day.choice import Choice
from wallboard.day.explain import Standards
from wallboard.day.history import Question, fold
from wallboard.day.live import Live
from wallboard.day.story import tell
from wallboard.intake import Intake
from wallboard.journal import Delivery, Entry
from wallboard.journal.rows import to_row
from wallboard.journal.sqlite import SqliteJournal
from wallboard.journal.sqlite_archive import SqliteArchive
from wallboard.journal.store import Store
from wallboard.parse import Reader
from wallboard.rules import Rules

DAY = date(2026, 11, 23)
START = datetime(2026, 11, 23, tzinfo=UTC)
QUEUES = [f"Queue {n}" for n in range(12)]
T = TypeVar("T")


def bodies(calls: int, start: datetime = START, seconds: float = 80_000) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """Four events a call, spread over `seconds`; every eighth caller gives up. Calls come in order, events do not."""
    for n in range(calls):
        at = start + timedelta(seconds=n * seconds / calls)
        wait, talk, agent = 5 + n % 50, 60 + n % 300, f"{1000 + n % 300}"
        common = {
            "unique_call_id": f"{10**11 + n}",
            "caller_id": f"+6129{n:07}",
            "caller_name": f"Caller {n}",
            "dest_number": "+61380000000",
            "call_start_at": at.isoformat(),
            "queue_name": QUEUES[n % 12],
        }
        user = {"user_number": agent, "user_name": f"Agent {agent}"}
        answered = {"connected_at": (at + timedelta(seconds=wait)).isoformat()} if n % 8 else {}
        length = {"call_duration": wait + (talk if n % 8 else 0), "conversation_duration": talk if n % 8 else 0}
        status = "answered" if n % 8 else "abandoned"
        yield at, {**common, **user, "type": "user_inbound"}
        if n % 8:
            yield at + timedelta(seconds=wait), {**common, **user, **answered, "type": "user_inbound_answered"}
        end = at + timedelta(seconds=length["call_duration"])
        yield end, {**common, **user, **answered, **length, "type": "user_inbound_completed"}
        yield end, {**common, **user, **answered, **length, "type": "queue_call", "status": status}


def entries(calls: int) -> list[Entry]:
    told = sorted(bodies(calls), key=lambda pair: pair[0])
    made = (Delivery(received_at=at, body=msgspec.json.encode(body)) for at, body in told)
    return [Entry(sequence=n + 1, schema=2, delivery=delivery) for n, delivery in enumerate(made)]


async def held_up(work: Callable[[], Awaitable[T]]) -> tuple[T, float, float]:
    """What `work` gives, how long it took, and how long it held the loop up at worst."""
    worst, going = 0.0, True

    async def watch() -> None:
        nonlocal worst
        while going:
            before = time.perf_counter()
            await asyncio.sleep(0)
            worst = max(worst, time.perf_counter() - before)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    started = time.perf_counter()
    found = await work()
    took = time.perf_counter() - started
    await asyncio.sleep(0)
    going = False
    await watching
    return found, took, worst


def say(what: str, took: float, worst: float | None = None) -> None:
    held = f", held up {worst * 1000:.0f} ms at worst" if worst is not None else ""
    print(f"{what}: {took * 1000:.0f} ms{held}", flush=True)


def timed(what: str, work: Callable[[], T]) -> T:
    started = time.perf_counter()
    found = work()
    say(what, time.perf_counter() - started)
    return found


async def run(calls: int, path: Path) -> None:
    rules, reader = Rules(zone=ZoneInfo("UTC")), Reader(zone=ZoneInfo("UTC"))
    heard = timed("making the events", lambda: entries(calls))
    board = Board(rules)
    intake = Intake(reader, board, SqliteJournal(path), Clock(), lambda: None)
    timed(f"folding {len(heard)} events live", lambda: [intake.apply(entry) for entry in heard])
    store = Store(path)
    store.write([to_row(entry.sequence, entry.delivery) for entry in heard], [])
    store.close()
    now = heard[-1].delivery.received_at
    live = Live(DAY, board, Standards())
    sheet, *cost = await held_up(lambda: live.brought_up(lambda: now))
    say(f"the first sheet of {len(sheet.rows)} calls", *cost)
    _, *cost = await held_up(lambda: live.brought_up(lambda: now))
    say("the sheet again, nothing changed", *cost)
    chosen = Choice()
    intervals = timed("intervals, first", lambda: day_figures.intervals_of(chosen, sheet))
    timed("intervals, again", lambda: day_figures.intervals_of(chosen, sheet))
    timed("tables", lambda: day_tables.tables(chosen, sheet))
    timed("last ended calls", lambda: call_lines.ended_calls(chosen, sheet))
    timed("picture", lambda: charts.picture(intervals, minutes=30, target=0.8))
    timed("agents of one queue", lambda: day_tables.agent_table(Choice(kind="queue", place=QUEUES[0]), sheet))
    timed("calls behind offered", lambda: calls_behind(sheet, "offered", sheet.places("queue")))
    timed("calls as CSV (in a thread)", lambda: exports.calls(chosen, sheet))
    row = list(sheet.rows.values())[calls // 2]
    archive = SqliteArchive(path)
    timed("one call's story", lambda: tell(archive, rules, reader, row, now))
    timed("its id in the whole journal", lambda: list(archive.between(START, now, [row.id.encode()])))
    question = Question(archive=archive, day=DAY, until=now, rules=rules, reader=reader)
    timed("folding the past day", lambda: list(fold(question)[1]))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 30_000, Path(folder) / "wallboard.db"))
