"""How long a start takes with a long journal: a million events, and the same again after a clean stop.

    python -m benchmarks.restart [--short]

From the start of the process to the first 200 of `/readyz`. The second start may use whatever the first one's clean
stop has left (a snapshot). Then SIGKILL under viewers, and how long until a new server shows all of them the same
board. Every start must give the same `/api/v1/state`.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.bodies import journal
from benchmarks.command import each_run, main, say
from benchmarks.crowd import Crowd
from benchmarks.figures import Figure, Suite
from benchmarks.servers import places, wallboard
from benchmarks.sizes import FULL, Size

DAYS, CALLS_AN_EVENT = 10, 8 / 31
FIRST_SECONDS, AGAIN_SECONDS = 20.0, 3.0
KILLED_SHARE = 20
PASSING = ("as_of", "pbx")
"""What changes in the state with the time alone."""


def measure(size: Size) -> Suite:
    suite = Suite("restart")
    firsts, agains, spent = [], [], []
    with _journal(size.events) as (folder, events):
        pristine = {file.name for file in folder.iterdir()}
        for _ in each_run(size):
            for file in folder.iterdir():
                if file.name not in pristine:
                    file.unlink()
            first, cpu, before = _start(folder)
            again, _, after = _start(folder)
            _compare(suite, "a clean stop", before, after)
            say(f"  first {first:.1f} s, again {again:.1f} s")
            firsts.append(first)
            spent.append(cpu * 1e6 / events)
            agains.append(again)
    with _journal(size.events // KILLED_SHARE) as (folder, fewer):
        killed = [_killed(suite, folder, size) for _ in each_run(size)]
    full = size.events >= FULL.events
    suite.figures += [
        Figure(what=f"start, {events:,} events over {DAYS} days", unit="s", runs=firsts,
               most=FIRST_SECONDS if full else None),
        Figure(what=f"start again after a clean stop, {events:,} events", unit="s", runs=agains,
               most=AGAIN_SECONDS if full else None),
        Figure(what="processor time for each event of the first start", unit="us", runs=spent),
        Figure(what=f"from SIGKILL to {size.viewers} viewers seeing the board, {fewer:,} events", unit="s",
               runs=killed),
    ]  # fmt: skip
    return suite


@contextmanager
def _journal(events: int) -> Iterator[tuple[Path, int]]:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=places()) as folder:
        began = time.monotonic()
        written = journal(Path(folder), round(events * CALLS_AN_EVENT) + 1, DAYS)
        say(f"  a journal of {written:,} events written in {time.monotonic() - began:.0f} s")
        yield Path(folder), written


def _start(folder: Path) -> tuple[float, float, dict[str, Any]]:
    """How long it took, how much processor time, and the state after it."""
    began = time.monotonic()
    with wallboard(folder=folder) as target:
        return time.monotonic() - began, machine.cpu_seconds(target.pid), target.state()


def _killed(suite: Suite, folder: Path, size: Size) -> float:
    crowd = Crowd()
    try:
        with wallboard(folder=folder) as target:
            before = target.state()
            crowd.open(target.watch, size.viewers)
            os.kill(target.pid, signal.SIGKILL)
            began = time.monotonic()
        with wallboard(folder=folder) as target:
            crowd.open(target.watch, size.viewers)
            took, state = time.monotonic() - began, target.state()
            _compare(suite, "SIGKILL", before, state)
            if crowd.slowest() != state["sequence"]:
                suite.wrong.append(f"a viewer is at {crowd.slowest()}, the state at {state['sequence']}")
            return took
    finally:
        crowd.close()


def _compare(suite: Suite, what: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    if _lasting(before) != _lasting(after):
        suite.wrong.append(f"the state after {what} is not the one before")


def _lasting(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name not in PASSING}


if __name__ == "__main__":
    main(__doc__, {"restart": measure})
