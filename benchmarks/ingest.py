"""How many webhooks a second are taken and made durable, beside a bare Starlette handler that only answers 200.

    python -m benchmarks.ingest [--short]

First closed loop, for the rate: each of 64 connections posts as soon as it was answered. Then open loop at seven tenths
of that rate, for what the PBX notices. Afterwards all that was answered 200 must be counted in `/api/v1/state`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import uvloop

from benchmarks.bodies import calls, encoded
from benchmarks.command import each_run, main, say
from benchmarks.contest import floor
from benchmarks.figures import Figure, Peer, Suite
from benchmarks.posting import Office, Posted
from benchmarks.servers import Target, python_peer, wallboard
from benchmarks.sizes import Size

MOST_A_SECOND = 30_000
SHARE = 0.7
COUNTED = ("accepted", "duplicates", "unrecognised")


def measure(size: Size) -> Suite:
    suite = Suite("ingest")
    bodies = list(islice(encoded(calls(floor(size))), round(MOST_A_SECOND * size.seconds / 2)))
    own, bare = [], []
    for _ in each_run(size):
        with wallboard(floor(size)) as target:
            own.append(_run(target, bodies, size))
            _check(suite, target, own[-1])
        with python_peer("bare") as target:
            bare.append(_run(target, bodies, size))
        for name, (rate, at_it, below, *_) in (("wallboard", own[-1]), ("bare", bare[-1])):
            say(f"  {name}: {rate:,.0f}/s, p99 {at_it:.1f} ms, at {SHARE:.0%} of that {below:.1f} ms")
    what = f"{size.connections} connections"
    suite.figures += [
        Figure(
            what=f"webhooks a second, durable, {what}",
            unit="/s",
            runs=[rate for rate, *_ in own],
            peers=[Peer("bare Starlette", [rate for rate, *_ in bare], least=0.6)],
        ),
        Figure(what=f"p99 of the answers at that rate, {what}", unit="ms", runs=[one[1] for one in own], most=20.0),
        Figure(
            what=f"p99 from the due time at {SHARE:.0%} of that rate, {what}",
            unit="ms",
            runs=[one[2] for one in own],
            most=20.0,
            peers=[Peer("bare Starlette", [one[2] for one in bare])],
        ),
    ]
    return suite


Run = tuple[float, float, float, int, int]


def _run(target: Target, bodies: Sequence[bytes], size: Size) -> Run:
    """Rate, p99 at it, p99 below it; how many were answered, and how many of them not with 200."""
    requests = map(target.post, bodies)
    seconds = size.seconds / 2
    closed = uvloop.run(_closed(target, requests, size.connections, seconds))
    rate = len(closed.due) / (max(closed.answered) - min(closed.due))
    opened = uvloop.run(_opened(target, requests, size.connections, rate * SHARE, seconds))
    return (
        rate, _p99(closed), _p99(opened), len(closed.milliseconds()) + len(opened.milliseconds()),
        closed.refused + opened.refused,
    )  # fmt: skip


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
    if state["sequence"] != target.base + run[3]:
        suite.wrong.append(f"{run[3]} were answered, but the sequence went on by {state['sequence'] - target.base}")
    if run[4]:
        suite.wrong.append(f"{run[4]} posts were not taken")


if __name__ == "__main__":
    main(__doc__, {"ingest": measure})
