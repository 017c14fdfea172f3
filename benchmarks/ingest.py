"""How many webhooks a second are taken and made durable, beside a bare Starlette handler that only answers 200.

    python -m benchmarks.ingest [--short]

First closed loop, for the rate: each of 64 connections posts as soon as it was answered. Then open loop at seven tenths
of that rate, for what the PBX notices. Afterwards all that was answered 200 must be counted in `/api/v1/state`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from operator import attrgetter

import msgspec
import uvloop

from benchmarks import machine
from benchmarks.bodies import calls, encoded
from benchmarks.command import each_run, main, say
from benchmarks.contest import floor, serving
from benchmarks.figures import Figure, Peer, Suite
from benchmarks.posting import Office, Posted
from benchmarks.servers import Target, python_peer
from benchmarks.sizes import Size

MOST_A_SECOND = 30_000
SHARE = 0.7


def measure(size: Size) -> Suite:
    suite = Suite("ingest")
    bodies = list(islice(encoded(calls(floor(size))), round(MOST_A_SECOND * size.seconds / 2)))
    own: list[Run] = []
    bare: list[Run] = []
    for _ in each_run(size):
        with serving(size, floor(size)) as target:
            own.append(_run(target, bodies, size))
            _check(suite, target, own[-1])
        with python_peer("bare") as target:
            bare.append(_run(target, bodies, size))
        for name, run in (("wallboard", own[-1]), ("bare", bare[-1])):
            say(
                f"  {name}: {run.rate:,.0f}/s, {run.cpu_us:.0f} us each, p99 {run.p99_ms:.1f} ms,"
                f" at {SHARE:.0%} of that {run.below_ms:.1f} ms"
            )
    for what, unit, least, most, of in (
        ("webhooks a second, durable", "/s", 0.6, None, attrgetter("rate")),
        ("processor time of a webhook", "us", None, None, attrgetter("cpu_us")),
        ("p99 of the answers at that rate", "ms", None, 20.0, attrgetter("p99_ms")),
        (f"p99 from the due time at {SHARE:.0%} of that rate", "ms", None, 20.0, attrgetter("below_ms")),
    ):
        peer = Peer("bare Starlette", list(map(of, bare)), least=least)
        what = f"{what}, {size.connections} connections"
        suite.figures.append(Figure(what=what, unit=unit, runs=list(map(of, own)), most=most, peers=[peer]))
    return suite


class Run(msgspec.Struct):
    """A second: `rate`. Processor time of one webhook: `cpu_us`. The p99 at that rate, and `below` it."""

    rate: float
    cpu_us: float
    p99_ms: float
    below_ms: float
    answered: int
    refused: int


def _run(target: Target, bodies: Sequence[bytes], size: Size) -> Run:
    requests = map(target.post, bodies)
    seconds = size.seconds / 2
    spent = machine.cpu_seconds(target.pid)
    closed = uvloop.run(_closed(target, requests, size.connections, seconds))
    spent = machine.cpu_seconds(target.pid) - spent
    rate = len(closed.due) / (max(closed.answered) - min(closed.due))
    opened = uvloop.run(_opened(target, requests, size.connections, rate * SHARE, seconds))
    return Run(
        rate=rate,
        cpu_us=spent * 1e6 / len(closed.due),
        p99_ms=_p99(closed),
        below_ms=_p99(opened),
        answered=len(closed.milliseconds()) + len(opened.milliseconds()),
        refused=closed.refused + opened.refused,
    )


async def _closed(target: Target, requests: Iterator[bytes], connections: int, seconds: float) -> Posted:
    office = Office()
    await office.open(target.port, connections)
    await office.post_at_once(requests, seconds)
    office.close()
    return office.posted


async def _opened(target: Target, requests: Iterator[bytes], connections: int, rate: float, seconds: float) -> Posted:
    office = Office()
    await office.open(target.port, connections)
    await office.post_on_time(list(islice(requests, round(rate * seconds))), rate)
    office.close()
    return office.posted


def _p99(posted: Posted) -> float:
    ordered = posted.milliseconds()
    return ordered[int(len(ordered) * 0.99)]


def _check(suite: Suite, target: Target, run: Run) -> None:
    state = target.state()
    if state["sequence"] != target.base + run.answered:
        gone = state["sequence"] - target.base
        suite.wrong.append(f"{run.answered} were answered, but the sequence went on by {gone}")
    if run.refused:
        suite.wrong.append(f"{run.refused} posts were not taken")


if __name__ == "__main__":
    main(__doc__, {"ingest": measure})
