"""Puts one load on one server and says what came of it: latencies, processor time, losses; knows no target.

A latency runs from when a change was due to be posted to the last byte of the frame that shows it, at each viewer.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Sequence

import msgspec
import uvloop

from benchmarks import machine
from benchmarks.crowd import Crowd, Seen
from benchmarks.posting import Office, Posted
from benchmarks.servers import Target

STEPS = 20
"""A millisecond of the histogram is so many."""
MOST_PAIRS = 3_000_000
SETTLE_SECONDS = 0.5
QUIET_SECONDS = 4.0  # two heartbeats
AT_ITS_LIMIT = 0.9
DISTURBED = 0.25


class Load(msgspec.Struct, frozen=True):
    """Changes a second to so many viewers; those of the first `warm_seconds` count for nothing but the losses."""

    viewers: int
    rate: float
    seconds: float
    warm_seconds: float
    stalled: int = 0
    connections: int = 16
    patience_seconds: float = 5.0
    """How long what is late may still come before it counts as not shown."""


class Outcome(msgspec.Struct):
    """What came of it. `latencies` counts viewers and changes by steps of 1/STEPS ms."""

    viewers: int
    changes: int
    frames: int
    seconds: float
    cpu_seconds: float
    waited: float
    """The share of the time in which the server had to wait for its core, mostly for somebody else's work."""
    generator: float
    received: int
    latencies: Counter[int]
    worst_ms: float
    lost: int
    refused: int
    closed: int
    memory_kb: float
    last: int

    @property
    def per_delivery_us(self) -> float:
        """Processor time of the server for each frame at each viewer."""
        return self.cpu_seconds * 1e6 / max(1, self.frames)

    @property
    def per_change_us(self) -> float:
        """Processor time for each change that a viewer was shown, be it one of several in a frame."""
        return self.cpu_seconds * 1e6 / max(1, self.latencies.total())

    @property
    def frame_bytes(self) -> float:
        return self.received / max(1, self.frames)

    @property
    def cpu_share(self) -> float:
        return self.cpu_seconds / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds."""
        left = share * self.latencies.total()
        for step in sorted(self.latencies):
            left -= self.latencies[step]
            if left <= 0:
                return step / STEPS
        return 0.0


def press(target: Target, load: Load, requests: Sequence[bytes]) -> Outcome:
    """Opens the viewers, posts `requests` at the load's rate, and waits until all is shown, or is not."""
    crowd = Crowd()
    try:
        crowd.open(target.watch, load.viewers, load.stalled)
        time.sleep(min(SETTLE_SECONDS, load.seconds))
        crowd.reset()
        return uvloop.run(_press(target, load, requests, crowd))
    finally:
        crowd.close()


def step(target: Target, viewers: int, requests: Sequence[bytes]) -> tuple[float, int]:
    """Processor time of a delivery, microseconds, when each change is posted after all have seen the one before.

    No rate and no coalescing: a machine that has other work makes it slower, but less dear than a rate would. What the
    server uses without any change, for heartbeats, is taken off. And how many changes were not shown to all.
    """
    crowd = Crowd()
    try:
        crowd.open(target.watch, viewers)
        time.sleep(SETTLE_SECONDS)
        family = machine.family(target.pid)
        spent = machine.cpu_seconds(*family)
        time.sleep(QUIET_SECONDS)
        quiet = (machine.cpu_seconds(*family) - spent) / QUIET_SECONDS
        spent, began = machine.cpu_seconds(*family), time.monotonic()
        missed = uvloop.run(_step(target, requests, crowd))
        used = machine.cpu_seconds(*family) - spent - quiet * (time.monotonic() - began)
        return used * 1e6 / viewers / len(requests), missed
    finally:
        crowd.close()


async def _step(target: Target, requests: Sequence[bytes], crowd: Crowd) -> int:
    office = Office()
    await office.open(target.port, 1)
    for number, request in enumerate(requests, 1):
        await office.post_on_time([request], 1.0)
        await _drained(crowd, target.base + number, 20.0)
    office.close()
    return max(0, target.base + len(requests) - crowd.slowest())


def how_many(load: Load) -> int:
    """Requests that the load needs."""
    return round(load.rate * (load.warm_seconds + load.seconds))


async def _press(target: Target, load: Load, requests: Sequence[bytes], crowd: Crowd) -> Outcome:
    office = Office()
    await office.open(target.port, load.connections)
    posting = asyncio.create_task(office.post_on_time(requests, load.rate))
    await asyncio.sleep(load.warm_seconds)
    family = machine.family(target.pid)
    began, spent, own = time.monotonic(), machine.cpu_seconds(*family), machine.cpu_seconds(os.getpid(), crowd.pid)
    waited = machine.waited_seconds(*family)
    await asyncio.sleep(load.seconds)
    ended, spent = time.monotonic(), machine.cpu_seconds(*family) - spent
    waited = machine.waited_seconds(*family) - waited
    own = machine.cpu_seconds(os.getpid(), crowd.pid) - own
    memory = machine.resident_kb(target.pid)
    await asyncio.wait([posting], timeout=load.patience_seconds)
    await _drained(crowd, target.base + len(requests), load.patience_seconds)
    posting.cancel()
    office.close()
    seen = crowd.seen()
    latencies, worst, frames = _latencies(target.base, office.posted, seen, began, ended)
    last = target.base + len(requests)
    return Outcome(
        viewers=load.viewers, changes=len(requests), frames=frames, seconds=ended - began, cpu_seconds=spent,
        waited=waited / (ended - began),
        generator=own / (ended - began), received=round(seen.received * frames / max(1, sum(seen.frames))),
        latencies=latencies, worst_ms=worst, lost=sum(last - number for number in seen.last if number < last),
        refused=office.posted.refused, closed=seen.closed, memory_kb=memory, last=max(seen.last, default=0),
    )  # fmt: skip


async def _drained(crowd: Crowd, last: int, within: float) -> None:
    until = time.monotonic() + within
    while crowd.slowest() < last and time.monotonic() < until:
        await asyncio.sleep(0.02)


def _latencies(base: int, posted: Posted, seen: Seen, began: float, ended: float) -> tuple[Counter[int], float, int]:
    """Of the changes due, and the frames that came, between `began` and `ended`."""
    due, steps = posted.due, Counter[int]()
    pairs = len(due) * len(seen.last)
    every = 1 + pairs // MOST_PAIRS
    worst, frames = 0.0, 0
    for row, (before, after, many, at) in enumerate(zip(seen.before, seen.after, seen.frames, seen.at, strict=True)):
        if began <= at < ended:
            frames += many
        first = max(before - base, 0)
        if after <= base or first >= len(due) or not began <= due[first] < ended:
            continue
        worst = max(worst, at - due[first])
        if row % every:
            continue
        for number in range(first, min(after - base, len(due))):
            steps[int((at - due[number]) * 1000 * STEPS)] += every
    return steps, worst * 1000, frames


def wrongs(target: Target, outcome: Outcome) -> list[str]:
    """What must not be: a change not shown to a viewer, a post not taken, another sequence than the state's."""
    found = []
    if outcome.lost:
        found.append(f"{outcome.lost} changes were not shown to a viewer")
    if outcome.refused:
        found.append(f"{outcome.refused} posts were not taken")
    if outcome.closed:
        found.append(f"{outcome.closed} streams were closed")
    if (sequence := target.state()["sequence"]) != outcome.last:
        found.append(f"the last frame was of {outcome.last}, the state is of {sequence}")
    return found
