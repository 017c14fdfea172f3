"""What one delivery costs the server: processor time for a frame at a viewer, ours and the yardsticks'.

    python -m benchmarks.fanout [--short]

The yardsticks are given frames as long as ours were on average, as often as ours was given changes. We draw at most
20 frames a second, whatever comes; so beside the time per delivery (a frame at one viewer) stands that per change
that a viewer was shown. All of it counts as ours: taking the webhook, the commit, the fold, drawing, heartbeats.
"""

from __future__ import annotations

from collections import defaultdict

from benchmarks.command import each_run, main
from benchmarks.contest import NCHAN, NODE, PAGES, QUEUES, ours, theirs
from benchmarks.figures import Figure, Peer, Suite
from benchmarks.loading import Load, Outcome
from benchmarks.sizes import Size

TOGETHER = 24
"""Agents whose calls all change with one webhook, so that a frame has about 20 kB."""
LARGE_RATE = 10.0
TARGETS = {NCHAN: 1.2, QUEUES: 1 / 3}
LARGE_TARGETS = {NCHAN: 1.0}


def measure(size: Size) -> Suite:
    suite = Suite("fanout")
    small = Load(viewers=size.viewers, rate=size.rate, seconds=size.seconds, warm_seconds=size.warm_seconds)
    _contest(suite, size, small, 1, f"{size.rate:g} changes/s", TARGETS)
    large = Load(viewers=size.viewers, rate=LARGE_RATE, seconds=size.seconds, warm_seconds=size.warm_seconds)
    _contest(suite, size, large, TOGETHER, "20 kB frames", LARGE_TARGETS)
    return suite


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
