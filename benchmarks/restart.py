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
from pathlib import Path
from typing import Any

from benchmarks.bodies import journal
from benchmarks.command import each_run, main, say
from benchmarks.crowd import Crowd
from benchmarks.figures import Figure, Suite
from benchmarks.servers import places, wallboard
from benchmarks.sizes import Size

DAYS, CALLS_AN_EVENT = 10, 8 / 31
FIRST_SECONDS, AGAIN_SECONDS = 20.0, 3.0
PASSING = ("as_of", "webhooks", "sequence")
"""What a restart may change in the state."""


def measure(size: Size) -> Suite:
    suite = Suite("restart")
    firsts, agains, killed = [], [], []
    with tempfile.TemporaryDirectory(prefix="bench-", dir=places()) as name:
        folder = Path(name)
        began = time.monotonic()
        events = journal(folder, round(size.events * CALLS_AN_EVENT) + 1, DAYS)
        say(f"  a journal of {events:,} events written in {time.monotonic() - began:.0f} s")
        pristine = {file.name for file in folder.iterdir()}
        for _ in each_run(size):
            for file in folder.iterdir():
                if file.name not in pristine:
                    file.unlink()
            first, before = _start(folder)
            again, after = _start(folder)
            after_kill, last = _killed(suite, folder, size)
            for what, state in (("a clean stop", after), ("SIGKILL", last)):
                if _lasting(state) != _lasting(before):
                    suite.wrong.append(f"the state after {what} is not the one before")
            say(f"  first {first:.1f} s, again {again:.1f} s, after SIGKILL {after_kill:.1f} s")
            firsts.append(first)
            agains.append(again)
            killed.append(after_kill)
    most = size.events >= 1_000_000
    suite.figures += [
        Figure(what=f"start, {events:,} events over {DAYS} days", unit="s", runs=firsts,
               most=FIRST_SECONDS if most else None),
        Figure(what=f"start again after a clean stop, {events:,} events", unit="s", runs=agains,
               most=AGAIN_SECONDS if most else None),
        Figure(what=f"from SIGKILL to {size.viewers} viewers seeing the board", unit="s", runs=killed),
        Figure(what="events folded a second at the first start", unit="/s", runs=[events / each for each in firsts]),
    ]  # fmt: skip
    return suite


def _start(folder: Path) -> tuple[float, dict[str, Any]]:
    began = time.monotonic()
    with wallboard(folder=folder) as target:
        return time.monotonic() - began, target.state()


def _killed(suite: Suite, folder: Path, size: Size) -> tuple[float, dict[str, Any]]:
    crowd = Crowd()
    try:
        with wallboard(folder=folder) as target:
            crowd.open(target.watch, size.viewers)
            os.kill(target.pid, signal.SIGKILL)
        began = time.monotonic()
        with wallboard(folder=folder) as target:
            crowd.open(target.watch, size.viewers)
            took = time.monotonic() - began
            state = target.state()
            if crowd.slowest() != state["sequence"]:
                suite.wrong.append(f"a viewer is at {crowd.slowest()}, the state at {state['sequence']}")
            return took, state
    finally:
        crowd.close()


def _lasting(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name not in PASSING}


if __name__ == "__main__":
    main(__doc__, {"restart": measure})
