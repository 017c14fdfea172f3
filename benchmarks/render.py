"""What one event costs to draw on a large floor (40 queues, 300 agents), and how many bytes of it each viewer gets.

    python -m benchmarks.render [--short]

In this process, on the server's core, in processor time: the views are composed anew from the board, then the
fragments that changed are drawn. Afterwards nothing may be left to be drawn.
"""

from __future__ import annotations

import gc
import statistics
import time
from datetime import UTC, datetime
from itertools import islice

from benchmarks import machine
from benchmarks.bodies import calls, encoded
from benchmarks.command import each_run, main
from benchmarks.contest import floor
from benchmarks.figures import Figure, Suite
from benchmarks.inside import Inside
from benchmarks.sizes import Size
from scripts.staged import bodies

EVENTS = 400
COMPOSE_MS, KILOBYTES = 1.0, 4.0


def measure(size: Size) -> Suite:
    suite = Suite("render")
    with machine.as_a_server():
        runs = [_run(suite, size) for _ in each_run(size)]
    staged = floor(size, "huge")
    what = f"{len(staged.queues)} queues, {staged.agents} agents"
    suite.figures += [
        Figure(what=f"after one event, {what}", unit="ms", runs=[run[0] for run in runs], most=COMPOSE_MS),
        Figure(what=f"of that: composing the views, {what}", unit="ms", runs=[run[1] for run in runs]),
        Figure(what=f"of that: drawing what changed, {what}", unit="ms", runs=[run[2] for run in runs]),
        Figure(what=f"a frame, {what}", unit="kB", runs=[run[3] for run in runs], most=KILOBYTES),
        Figure(what=f"the largest frame, {what}", unit="kB", runs=[run[4] for run in runs]),
    ]
    return suite


def _run(suite: Suite, size: Size) -> tuple[float, float, float, float, float]:
    """Medians in ms: both, composing, drawing; median and largest frame in kB."""
    staged, inside = floor(size, "huge"), Inside()
    for body in encoded(bodies(staged, datetime.now(UTC))):
        inside.apply(body)
    events = 16 if size.name == "tiny" else EVENTS
    inside.frame()
    composing, drawing, sizes = [], [], []
    gc.collect()
    for body in islice(encoded(calls(staged)), events):
        inside.apply(body)
        began = time.thread_time()
        after = inside.compose()
        composed = time.thread_time()
        frame = inside.draw(after)
        drawing.append((time.thread_time() - composed) * 1000)
        composing.append((composed - began) * 1000)
        sizes.append(len(frame) / 1000)
    both = [one + other for one, other in zip(composing, drawing, strict=True)]
    if inside.frame():
        suite.wrong.append("something was left to be drawn after the last frame")
    return (*(statistics.median(each) for each in (both, composing, drawing, sizes)), max(sizes))  # type: ignore[return-value]


if __name__ == "__main__":
    main(__doc__, {"render": measure})
