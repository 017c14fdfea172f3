"""What it costs to do nothing: viewers are there, heartbeats go out, no event comes.

python -m benchmarks.idle [--short]
"""

from __future__ import annotations

import time

from benchmarks import machine
from benchmarks.command import each_run, main
from benchmarks.contest import floor, serving
from benchmarks.crowd import Crowd
from benchmarks.figures import Figure, Suite
from benchmarks.sizes import Size
from wallboard.screens import HEARTBEAT_SECONDS as BEAT_SECONDS


def measure(size: Size) -> Suite:
    suite = Suite("idle")
    shares = [_run(suite, size) for _ in each_run(size)]
    suite.figures.append(
        Figure(what=f"server's core in use, {size.viewers} viewers, no events", unit="%", runs=shares, most=3.0)
    )
    return suite


def _run(suite: Suite, size: Size) -> float:
    crowd = Crowd()
    try:
        with serving(size, floor(size)) as target:
            crowd.open(target.watch, size.viewers)
            time.sleep(size.warm_seconds)
            crowd.reset()
            began, spent = time.monotonic(), machine.cpu_seconds(target.pid)
            time.sleep(max(size.seconds * 2, BEAT_SECONDS * 1.2))
            share = (machine.cpu_seconds(target.pid) - spent) / (time.monotonic() - began)
            seen = crowd.seen()
            if seen.closed or not seen.received:
                suite.wrong.append(f"{seen.closed} streams were closed, {seen.received} bytes of heartbeats came")
            if min(seen.last) != target.state()["sequence"]:
                suite.wrong.append("a viewer has not seen the state's sequence")
            return share * 100
    finally:
        crowd.close()


if __name__ == "__main__":
    main(__doc__, {"idle": measure})
