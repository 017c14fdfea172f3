"""What the server holds: after its start, for each viewer, and after a day of 100,000 calls with 1,000 viewers.

    python -m benchmarks.memory [--short]

Resident memory of the process (VmRSS, MB of 1,000,000 bytes). A viewer's share is the difference that `viewers` of them
make on a normal floor, a few changes after the last one came, divided by their number. The kernel's socket buffers are
not in it.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from itertools import islice
from pathlib import Path

import msgspec

from benchmarks import machine
from benchmarks.bodies import calls, encoded, journal
from benchmarks.command import each_run, main, say
from benchmarks.contest import NCHAN, NODE, PEERS, QUEUES, floor
from benchmarks.figures import Figure, Peer, Suite
from benchmarks.loading import Load, how_many, press, wrongs
from benchmarks.servers import Missing, Target, marked, places, wallboard
from benchmarks.sizes import Size
from scripts.screenshots import stage

IDLE_MB, DAY_MB, VIEWER_KB = 80.0, 250.0, 15.0
FRAME = 2_500


def measure(size: Size) -> Suite:
    suite = Suite("memory")
    idle, each, days = [], [], []
    others: dict[str, list[float]] = defaultdict(list)
    for _ in each_run(size):
        with wallboard() as target:
            time.sleep(min(1.0, size.seconds))
            idle.append(machine.resident_kb(target.pid) / 1000)
            stage(f"http://127.0.0.1:{target.port}", floor(size))
            target = msgspec.structs.replace(target, base=target.state()["sequence"])
            each.append(_per_viewer(suite, target, size, True))
        for name in (NCHAN, NODE, QUEUES):
            if name not in size.yardsticks or size.name == "tiny":
                continue
            try:
                with PEERS[name]() as target:
                    others[name].append(_per_viewer(suite, target, size, False))
            except Missing as reason:
                suite.note(f"{name} left out: {reason}.")
        say(f"  idle {idle[-1]:.0f} MB, a viewer {each[-1]:.1f} kB; "
            + ", ".join(f"{name} {kept[-1]:.1f} kB" for name, kept in others.items()))  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="bench-", dir=places()) as folder:
        events = journal(Path(folder), size.calls)
        say(f"  a day of {events:,} events is written")
        for _ in each_run(size):
            days.append(_day(suite, Path(folder), size))
            say(f"  after the day {days[-1]:.0f} MB")
    what = f"{size.viewers} viewers"
    full = size.calls >= 100_000
    suite.figures += [
        Figure(what="idle after the start", unit="MB", runs=idle, most=IDLE_MB),
        Figure(what=f"each viewer, {what}", unit="kB", runs=each, most=VIEWER_KB,
               peers=[Peer(name, kept) for name, kept in others.items()]),
        Figure(what=f"after a day of {size.calls:,} calls, {what}", unit="MB", runs=days,
               most=DAY_MB if full else None),
    ]  # fmt: skip
    return suite


def _per_viewer(suite: Suite, target: Target, size: Size, is_ours: bool) -> float:
    """kB."""
    load = Load(viewers=size.viewers, rate=10, seconds=size.seconds / 2, warm_seconds=size.warm_seconds)
    alone = msgspec.structs.replace(load, viewers=1)
    before = press(target, alone, _requests(target, size, alone, is_ours, 0)).memory_kb
    target = msgspec.structs.replace(target, base=target.base + how_many(alone))
    outcome = press(target, load, _requests(target, size, load, is_ours, how_many(alone)))
    if is_ours:
        suite.wrong += wrongs(target, outcome)
    return (outcome.memory_kb - before) / (size.viewers - 1)


def _requests(target: Target, size: Size, load: Load, is_ours: bool, done: int) -> list[bytes]:
    if is_ours:
        told = encoded(calls(floor(size)))
        return [target.post(body) for body in islice(told, done, done + how_many(load))]
    return [target.post(marked(done + number + 1, FRAME)) for number in range(how_many(load))]


def _day(suite: Suite, folder: Path, size: Size) -> float:
    """MB, with all the viewers there and some changes shown to them."""
    load = Load(viewers=size.viewers, rate=10, seconds=size.seconds / 2, warm_seconds=size.warm_seconds)
    with wallboard(folder=folder) as target:
        told = (target.post(body) for body in encoded(calls(floor(size))))
        outcome = press(target, load, list(islice(told, how_many(load))))
        suite.wrong += wrongs(target, outcome)
        return outcome.memory_kb / 1000


if __name__ == "__main__":
    main(__doc__, {"memory": measure})
