"""The command line of every suite: what it takes, prints and keeps; knows no suite."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks import machine
from benchmarks.figures import Report, Suite, keep, table
from benchmarks.servers import BUILD
from benchmarks.sizes import FULL, SHORT, TINY, Size

Measure = Callable[[Size], Suite]


def main(about: str | None, suites: dict[str, Measure], choose: bool = False) -> None:
    """Measures, prints one table, keeps it as JSON; exit status 1 if anything was lost or wrong."""
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    if choose:
        parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"of {', '.join(suites)}; all if none is named")
    parser.add_argument("--short", action="store_true", help="one short run of each, for development")
    parser.add_argument("--tiny", action="store_true", help="so little that it only shows that it runs")
    parser.add_argument("--runs", type=int)
    parser.add_argument("--yardsticks", help=f"those only: {','.join(FULL.yardsticks)}")
    parser.add_argument("--out", type=Path, help="where the JSON is kept")
    options = parser.parse_args()
    size = TINY if options.tiny else SHORT if options.short else FULL
    if options.runs:
        size = msgspec.structs.replace(size, runs=options.runs)
    if options.yardsticks is not None:
        size = msgspec.structs.replace(size, yardsticks=tuple(options.yardsticks.split(",")))
    named = getattr(options, "suites", []) or list(suites)
    if unknown := [name for name in named if name not in suites]:
        parser.error(f"there is no suite {unknown[0]}")
    alone = f"bench-{named[0]}.json" if len(named) == 1 else "bench.json"
    report = measure({name: suites[name] for name in named}, size)
    keep(report, options.out or BUILD / alone)
    print(f"\n{table(report.suites)}")
    if report.wrong:
        sys.exit(1)


def measure(suites: dict[str, Measure], size: Size) -> Report:
    machine.raise_limit()
    if len(machine.CORES) > 1:
        machine.pin_generator()
    before = machine.load()
    described = machine.described(BUILD)
    print(", ".join(f"{name} {value}" for name, value in described.items()))
    if machine.is_busy():
        print(f"THE MACHINE IS BUSY (load {before:.1f}): take the ratios, not the figures.")
    done = [_measured(name, one, size) for name, one in suites.items()]
    return Report(
        at=datetime.now(UTC).isoformat(timespec="seconds"), size=size.name, machine=described, load_before=before,
        load_after=machine.load(), suites=done,
    )  # fmt: skip


def say(*words: str) -> None:
    """Where it is, for whoever waits; the table is on stdout alone."""
    print(*words, file=sys.stderr, flush=True)


def _measured(name: str, one: Measure, size: Size) -> Suite:
    say(f"{datetime.now(UTC):%H:%M:%S} {name}")
    return one(size)


def each_run(size: Size) -> Sequence[int]:
    return range(size.runs)
