"""What the day's length and the number of boards cost: an event at the 100th and at the 100,000th call, and 50 boards.

    python -m benchmarks.fold [--short]

All in processor time. The first in this process, on the server's core: `fold` is what the board does with an event,
`drawn` the same with the wall's frame drawn after it. Then the real server, one viewer at each board.
"""

from __future__ import annotations

import gc
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import msgspec
import uvloop

from benchmarks import machine
from benchmarks.bodies import calls, encoded
from benchmarks.command import each_run, main, say
from benchmarks.contest import floor
from benchmarks.crowd import Crowd
from benchmarks.day import bodies as day_bodies
from benchmarks.figures import Figure, Peer, Suite
from benchmarks.inside import Inside
from benchmarks.posting import Office
from benchmarks.servers import Target, get, places, wallboard
from benchmarks.sizes import Size
from wallboard.boards.definitions import Definition
from wallboard.boards.file import write

EARLY_CALL, EVENTS_A_CALL, DRAWN_EVERY = 100, 4, 4
BOARDS_RATE = 10.0


def measure(size: Size) -> Suite:
    suite = Suite("fold")
    with machine.as_a_server():
        days = [_day(suite, size) for _ in each_run(size)]
    late = f"at the {size.calls:,}th call"
    for place, what in enumerate(("fold of an event", "event drawn")):
        early = Peer(f"at the {EARLY_CALL}th", [day[0][place] for day in days], 1.1)
        suite.figures.append(
            Figure(what=f"{what} {late}", unit="us", runs=[day[1][place] for day in days], peers=[early])
        )
    one, all_of_them = [], []
    for _ in each_run(size):
        one.append(_boards(suite, size, 1))
        all_of_them.append(_boards(suite, size, size.boards))
        say(f"  a webhook with one board {one[-1]:,.0f} us, with {size.boards} {all_of_them[-1]:,.0f} us")
    suite.figures.append(
        Figure(what=f"webhook with {size.boards} boards open", unit="us", runs=all_of_them,
               peers=[Peer("with one", one, 2.0)])
    )  # fmt: skip
    return suite


Cost = tuple[float, float]
"""Microseconds for an event: folded, and drawn."""


def _day(suite: Suite, size: Size) -> tuple[Cost, Cost]:
    """At the beginning and at the end of a day of so many calls."""
    window = max(8, min(500, size.calls // 8))
    total = size.calls + window
    inside, told, few = Inside(), list(_told(total)), EARLY_CALL * EVENTS_A_CALL
    timed = window * EVENTS_A_CALL
    _quickly(inside, told[:few])
    early = _timed(inside, told[few : few + timed])
    _quickly(inside, told[few + timed : -timed])
    late = _timed(inside, told[-timed:])
    say(f"  an event at the {EARLY_CALL}th call {early[0]:.1f} us, drawn {early[1]:,.0f} us;"
        f" at the {size.calls:,}th {late[0]:.1f}, {late[1]:,.0f} us")  # fmt: skip
    offered = sum(len(day.call_ids) for day in inside.board.days.values())
    if offered != total:
        suite.wrong.append(f"{offered} calls are counted, of {total}")
    return early, late


def _told(calls: int) -> Iterator[tuple[datetime, bytes]]:
    """A day's webhooks, call after call, as each came."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for at, body in day_bodies(calls, midnight, 80_000):
        yield at, msgspec.json.encode(body)


def _quickly(inside: Inside, told: Sequence[tuple[datetime, bytes]]) -> None:
    for at, body in told:
        inside.apply(body, at)


def _timed(inside: Inside, told: Sequence[tuple[datetime, bytes]]) -> Cost:
    gc.collect()
    inside.frame()
    folding, drawing = [], []
    for number, (at, body) in enumerate(told):
        began = time.thread_time()
        inside.apply(body, at)
        folding.append(time.thread_time() - began)
        if number % DRAWN_EVERY == 0:
            inside.frame()
            drawing.append(time.thread_time() - began)
    return sum(folding) / len(folding) * 1e6, sum(drawing) / len(drawing) * 1e6


def _boards(suite: Suite, size: Size, boards: int) -> float:
    """Processor time per webhook, microseconds, beyond what the server uses without any."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=places()) as folder:
        file = Path(folder, "boards.toml")
        file.write_text(write(Definition(slug=_slug(n), name=f"Board {n}") for n in range(max(1, boards))))
        crowd = Crowd()
        try:
            with wallboard(floor(size), WALLBOARD_BOARDS_FILE=str(file)) as target:
                for number in range(boards):
                    watch = msgspec.structs.replace(target.watch, request=get(f"/boards/{_slug(number)}/stream"))
                    crowd.open(watch, 1)
                crowd.reset()
                quiet = _share(target, size)
                return uvloop.run(_posting(suite, target, size, crowd, quiet))
        finally:
            crowd.close()


def _slug(number: int) -> str:
    return f"board-{number}"


def _share(target: Target, size: Size) -> float:
    time.sleep(size.warm_seconds)
    spent = machine.cpu_seconds(target.pid)
    time.sleep(size.seconds / 2)
    return (machine.cpu_seconds(target.pid) - spent) / (size.seconds / 2)


async def _posting(suite: Suite, target: Target, size: Size, crowd: Crowd, quiet: float) -> float:
    office = Office()
    await office.open(target.port, size.connections)
    head = target.state()["sequence"]  # a deploy's boards are saved in the journal
    requests = [target.post(body) for body in islice(encoded(calls(floor(size))), round(BOARDS_RATE * size.seconds))]
    spent, began = machine.cpu_seconds(target.pid), time.monotonic()
    await office.post_on_time(requests, BOARDS_RATE)
    until = time.monotonic() + 5
    while crowd.slowest() < head + len(requests) and time.monotonic() < until:
        time.sleep(0.05)
    used = machine.cpu_seconds(target.pid) - spent - quiet * (time.monotonic() - began)
    office.close()
    if (slowest := crowd.slowest()) != target.state()["sequence"]:
        suite.wrong.append(f"a board is at {slowest}, the state at {target.state()['sequence']}")
    return used / len(requests) * 1e6


if __name__ == "__main__":
    main(__doc__, {"fold": measure})
