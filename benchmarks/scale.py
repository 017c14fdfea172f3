"""How far one PostgreSQL carries: 1, 2 and 4 server processes on it, each of which applies what all of them take.

    python -m benchmarks.scale [--short]

Processor time tells more than rates, for here processes and PostgreSQL share two cores: what an event costs the process
that takes it, every other process, and PostgreSQL; one webhook at a time, and in a crowd of connections.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from random import Random

import msgspec
import uvloop

from benchmarks import machine
from benchmarks.bodies import calls, encoded
from benchmarks.command import each_run, main, say
from benchmarks.contest import floor
from benchmarks.figures import Figure, Suite
from benchmarks.posting import Office
from benchmarks.servers import Target, wallboard
from benchmarks.sizes import Size
from tests.postgres import Postgres, running

PROCESSES = (1, 2, 4)
ALONE = 40
MOST_A_SECOND = 4_000
FOLLOWED_WITHIN_SECONDS = 10.0


class Run(msgspec.Struct):
    """Of one number of processes; processor time is of one event, in microseconds."""

    rate: float
    servers_us: float
    postgres_us: float
    p50_ms: float
    p99_ms: float
    alone_ms: float
    behind_ms: float
    worst_behind_ms: float


def measure(size: Size) -> Suite:
    suite = Suite("scale")
    runs: dict[int, list[Run]] = {number: [] for number in PROCESSES}
    for _ in each_run(size):
        with running() as postgres:
            for number in PROCESSES:
                with _serving(postgres, number, size) as targets:
                    run = _run(suite, postgres, targets, size)
                runs[number].append(run)
                say(f"  {number}: {run}")
    for number, done in runs.items():
        suite.figures += _figures(number, done, size)
    each = [
        (four.servers_us - one.servers_us) / (PROCESSES[-1] - 1)
        for one, four in zip(runs[1], runs[PROCESSES[-1]], strict=True)
    ]
    what = "processor time of an event in each process that only follows"
    suite.figures.append(Figure(what=what, unit="us", runs=each))
    return suite


def _figures(number: int, done: Sequence[Run], size: Size) -> Iterator[Figure]:
    where = f"{number} process" + ("es" if number > 1 else "")
    for what, unit, name in (
        (f"webhooks a second, durable, {size.connections} connections", "/s", "rate"),
        ("processor time of an event, all servers", "us", "servers_us"),
        ("processor time of an event, PostgreSQL", "us", "postgres_us"),
        ("p50 of the answers at that rate", "ms", "p50_ms"),
        ("p99 of the answers at that rate", "ms", "p99_ms"),
        ("answer to one webhook at a time", "ms", "alone_ms"),
        ("another process has it after the answer", "ms", "behind_ms"),
        ("the latest has it after the answer", "ms", "worst_behind_ms"),
    ):
        if number > 1 or not name.endswith("behind_ms"):
            yield Figure(what=f"{what}, {where}", unit=unit, runs=[getattr(run, name) for run in done])


@contextmanager
def _serving(postgres: Postgres, number: int, size: Size) -> Iterator[list[Target]]:
    """So many processes on a new database, on all cores."""
    url = postgres.new_database()
    with ExitStack() as stack:
        targets = [
            stack.enter_context(wallboard(None if place else floor(size), DATABASE_URL=url)) for place in range(number)
        ]
        for target in targets:
            for task in os.listdir(f"/proc/{target.pid}/task"):
                os.sched_setaffinity(int(task), machine.CORES)
        yield targets


def _run(suite: Suite, postgres: Postgres, targets: Sequence[Target], size: Size) -> Run:
    told = encoded(calls(floor(size)))
    alone, behind = _one_by_one(targets, told)
    before = targets[0].state()["sequence"]
    assert postgres.process is not None
    bodies = list(islice(told, round(MOST_A_SECOND * size.seconds)))
    spent, database = _spent(targets), _database(postgres)
    rate, milliseconds = uvloop.run(_crowd(targets, bodies, size))
    taken = len(milliseconds)
    _followed(targets, before + taken, suite)
    spent, database = _spent(targets) - spent, _database(postgres) - database
    return Run(
        rate=rate,
        servers_us=spent * 1e6 / taken,
        postgres_us=database * 1e6 / taken,
        p50_ms=milliseconds[taken // 2],
        p99_ms=milliseconds[int(taken * 0.99)],
        alone_ms=statistics.median(alone),
        behind_ms=statistics.median(behind),
        worst_behind_ms=max(behind),
    )


def _spent(targets: Sequence[Target]) -> float:
    return machine.cpu_seconds(*(target.pid for target in targets))


def _database(postgres: Postgres) -> float:
    assert postgres.process is not None
    return machine.cpu_seconds(*machine.family(postgres.process.pid))


def _one_by_one(targets: Sequence[Target], told: Iterator[bytes]) -> tuple[list[float], list[float]]:
    """Milliseconds to the answer, and from then until another process has it too."""
    rng, alone, behind = Random(1), [], []
    for body in islice(told, ALONE):
        first, other = rng.sample(targets, 2) if len(targets) > 1 else (targets[0], targets[0])
        assert first.client is not None
        began = time.monotonic()
        headers = dict([first.headers.strip().split(": ")])
        first.client.post("/webhooks/pbx", content=body, headers=headers).raise_for_status()
        answered = time.monotonic()
        wanted = first.state()["sequence"]
        while _sequence(other) < wanted:
            pass
        alone.append((answered - began) * 1000)
        behind.append((time.monotonic() - answered) * 1000)
    return alone, behind


def _sequence(target: Target) -> int:
    assert target.client is not None
    return int(target.client.get("/readyz").json().get("sequence", 0))


async def _crowd(targets: Sequence[Target], bodies: Sequence[bytes], size: Size) -> tuple[float, list[float]]:
    """Closed loop: the connections are dealt out to the processes."""
    offices = [Office() for _ in targets]
    for office, target in zip(offices, targets, strict=True):
        await office.open(target.port, max(1, size.connections // len(targets)))
    requests = map(targets[0].post, bodies)
    began = time.monotonic()
    await asyncio.gather(*(office.post_at_once(requests, size.seconds) for office in offices))
    posted = [office.posted for office in offices]
    for office in offices:
        office.close()
    milliseconds = sorted(one for done in posted for one in done.milliseconds())
    return len(milliseconds) / (max(max(done.answered) for done in posted) - began), milliseconds


def _followed(targets: Sequence[Target], wanted: int, suite: Suite) -> None:
    deadline = time.monotonic() + FOLLOWED_WITHIN_SECONDS
    while any(_sequence(target) < wanted for target in targets):
        if time.monotonic() > deadline:
            suite.wrong.append(f"not every process came to entry {wanted}")
            return
    if {_sequence(target) for target in targets} != {wanted}:
        suite.wrong.append(f"the last entry is not {wanted}, as many as were answered")


if __name__ == "__main__":
    main(__doc__, {"scale": measure})
