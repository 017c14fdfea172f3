"""What one delivery costs the server: processor time for a frame at a viewer, ours and the yardsticks'.

    python -m benchmarks.fanout [--short]

The yardsticks are given frames as long as ours were on average, as often as ours was given changes. We draw at most
20 frames a second, whatever comes; so beside the time per delivery (a frame at one viewer) stands that per change
that a viewer was shown. All of it counts as ours: taking the webhook, the commit, the fold, drawing, heartbeats.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from itertools import islice

from benchmarks.bodies import calls, encoded
from benchmarks.command import each_run, main, say
from benchmarks.contest import NCHAN, NODE, PAGES, PEERS, QUEUES, floor, ours, serving, theirs
from benchmarks.figures import Figure, Peer, Suite
from benchmarks.loading import Load, Outcome, step
from benchmarks.servers import Missing, marked
from benchmarks.sizes import Size

TOGETHER = 24
"""Agents whose calls all change with one webhook, so that a frame has about 20 kB."""
LARGE_RATE = 10.0
STEPS, STEP_BYTES = 20, 2500
TARGETS = {NCHAN: 1.2, QUEUES: 1 / 3}
LARGE_TARGETS = {NCHAN: 1.0}


def measure(size: Size) -> Suite:
    suite = Suite("fanout")
    small = Load(viewers=size.viewers, rate=size.rate, seconds=size.seconds, warm_seconds=size.warm_seconds)
    _contest(suite, size, small, 1, f"{size.rate:g} changes/s", TARGETS)
    if size.name != "tiny":
        _steps(suite, size)
    large = Load(viewers=size.viewers, rate=LARGE_RATE, seconds=size.seconds, warm_seconds=size.warm_seconds)
    _contest(suite, size, large, TOGETHER, "20 kB frames", LARGE_TARGETS)
    return suite


def _steps(suite: Suite, size: Size) -> None:
    """Each change after all have seen the one before: what a delivery costs without any rate."""
    own: list[float] = []
    others: dict[str, list[float]] = defaultdict(list)
    for _ in each_run(size):
        staged = floor(size)
        with serving(size, staged) as target:
            requests = [target.post(body) for body in islice(encoded(calls(staged)), STEPS)]
            cost, missed = step(target, size.viewers, requests)
            own.append(cost)
            if missed or target.state()["sequence"] != target.base + STEPS:
                suite.wrong.append(f"{missed} changes were not shown to all, one after the other")
        for name in (NCHAN, NODE, QUEUES, PAGES):
            if name not in size.yardsticks:
                continue
            with suppress(Missing), PEERS[name]() as target:
                told = [target.post(marked(number + 1, STEP_BYTES)) for number in range(STEPS)]
                others[name].append(step(target, size.viewers, told)[0])
        say("  one after the other: " + f"wallboard {cost:.1f} us, "
            + ", ".join(f"{name} {kept[-1]:.1f} us" for name, kept in others.items()))  # fmt: skip
    suite.figures.append(
        Figure(
            what=f"time per delivery, {size.viewers} viewers, one change after the other",
            unit="us",
            runs=own,
            peers=[Peer(name, kept, TARGETS.get(name)) for name, kept in others.items()],
        )
    )


def _contest(suite: Suite, size: Size, load: Load, together: int, what: str, targets: dict[str, float]) -> None:
    own: list[Outcome] = []
    others: dict[str, list[Outcome]] = defaultdict(list)
    yardsticks = () if size.name == "tiny" and together > 1 else (NCHAN, NODE, QUEUES, PAGES)
    for _ in each_run(size):
        own.append(ours(suite, size, load, together))
        for name, outcome in theirs(suite, size, yardsticks, load, own[0].frame_bytes):
            others[name].append(outcome)
    crowd = f"{load.viewers} viewers, {what}"
    suite.figures += [
        Figure(
            what=f"time per delivery, {crowd}",
            unit="us",
            runs=[one.per_delivery_us for one in own],
            peers=[
                Peer(name, [one.per_delivery_us for one in outcomes], targets.get(name))
                for name, outcomes in others.items()
            ],
        ),
        Figure(
            what=f"time per change shown, {crowd}",
            unit="us",
            runs=[one.per_change_us for one in own],
            peers=[Peer(name, [one.per_change_us for one in outcomes]) for name, outcomes in others.items()],
        ),
        Figure(what=f"a frame, {crowd}", unit="bytes", runs=[one.frame_bytes for one in own]),
        Figure(what=f"server's core in use, {crowd}", unit="%", runs=[one.cpu_share * 100 for one in own]),
    ]


if __name__ == "__main__":
    main(__doc__, {"fanout": measure})
