"""How old a change is when a viewer has its last byte: from when its webhook was due, at every viewer.

python -m benchmarks.glass [--short]
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from benchmarks.command import each_run, main
from benchmarks.contest import NCHAN, NODE, QUEUES, ours, theirs
from benchmarks.figures import Figure, Peer, Suite
from benchmarks.loading import Load, Outcome
from benchmarks.sizes import Size

CALM_RATE = 10.0
BEHIND_MS = 150.0


def measure(size: Size) -> Suite:
    suite = Suite("glass")
    _calm(suite, size)
    _many(suite, size)
    _storm(suite, size)
    return suite


def _calm(suite: Suite, size: Size) -> None:
    load = Load(viewers=size.viewers, rate=CALM_RATE, seconds=size.seconds, warm_seconds=size.warm_seconds)
    one_stands = msgspec.structs.replace(load, viewers=size.viewers - 1, stalled=1)
    own: list[Outcome] = []
    stalled: list[Outcome] = []
    others: dict[str, list[Outcome]] = defaultdict(list)
    for _ in each_run(size):
        own.append(ours(suite, size, load))
        stalled.append(ours(suite, size, one_stands))
        for name, outcome in theirs(suite, size, (NCHAN, NODE, QUEUES), load, own[0].frame_bytes):
            others[name].append(outcome)
    crowd = f"{load.viewers} viewers, {load.rate:g} events/s"
    suite.figures += [
        _figure(f"p50, {crowd}", 0.5, own, others, 1.5),
        _figure(f"p99, {crowd}", 0.99, own, others, 1.5, 20.0),
        Figure(
            what=f"p99 of the others, 1 of {size.viewers} viewers stalled",
            unit="ms",
            runs=[one.percentile(0.99) for one in stalled],
            peers=[Peer("without it", [one.percentile(0.99) for one in own], 1.1)],
        ),
    ]


def _many(suite: Suite, size: Size) -> None:
    load = Load(viewers=size.many_viewers, rate=CALM_RATE, seconds=size.seconds, warm_seconds=size.warm_seconds)
    own: list[Outcome] = []
    others: dict[str, list[Outcome]] = defaultdict(list)
    for _ in each_run(size):
        own.append(ours(suite, size, load))
        for name, outcome in theirs(suite, size, (NCHAN,), load, own[0].frame_bytes):
            others[name].append(outcome)
    suite.figures.append(_figure(f"p99, {load.viewers} viewers, {load.rate:g} events/s", 0.99, own, others, 2.0))


def _storm(suite: Suite, size: Size) -> None:
    load = Load(viewers=size.viewers, rate=size.storm_rate, seconds=size.storm_seconds, warm_seconds=size.warm_seconds)
    own = [ours(suite, size, load) for _ in each_run(size)]
    crowd = f"{load.viewers} viewers, {load.rate:g} events/s for {load.seconds:g} s"
    suite.figures += [
        Figure(
            what=f"the viewer furthest behind, {crowd}", unit="ms", runs=[one.worst_ms for one in own], most=BEHIND_MS
        ),
        Figure(what=f"p99, {crowd}", unit="ms", runs=[one.percentile(0.99) for one in own]),
        Figure(
            what=f"frames a second, {crowd}",
            unit="/s",
            runs=[one.frames / one.viewers / one.seconds for one in own],
            most=load.rate / 10,
        ),
    ]


def _figure(
    what: str,
    share: float,
    own: list[Outcome],
    others: dict[str, list[Outcome]],
    most: float,
    or_under: float | None = None,
) -> Figure:
    return Figure(
        what=what,
        unit="ms",
        runs=[one.percentile(share) for one in own],
        peers=[
            Peer(
                name,
                [one.percentile(share) for one in outcomes],
                most if name == NCHAN else None,
                or_under=or_under if name == NCHAN else None,
            )
            for name, outcomes in others.items()
        ],
    )


if __name__ == "__main__":
    main(__doc__, {"glass": measure})
