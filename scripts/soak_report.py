"""What the samples of a soak say: each slope with its interval; knows not how they were taken."""

from __future__ import annotations

from math import inf

import msgspec

from scripts.slopes import Estimate, fit

MEGABYTE = 1 << 20
WAVE_SECONDS = 480.0


class Sample(msgspec.Struct):
    """One look from outside, `at` seconds after the start."""

    at: float
    memory: int
    descriptors: int
    tasks: int
    viewers: int
    calls: int
    heap: int
    nodes: int
    listeners: int
    median_ms: float
    worst_ms: float
    slowest_percent_ms: float
    behind: int
    stale: int


class Afresh(msgspec.Struct):
    """Server and screen `at` seconds after the start, beside a new server on a copy of the journal and a new screen."""

    at: float
    memory: int
    calls: int
    heap: int
    new_memory: int
    new_calls: int
    new_heap: int


class Run(msgspec.Struct):
    """A whole run, written after every sample; `lost` is known at its end."""

    seconds: float
    began_at: str
    samples: list[Sample] = []
    backlogs: list[float] = []
    acknowledged: int = 0
    lost: int | None = None
    dropped: int = 0
    connected: int = 0
    complaints: list[str] = []
    afresh: list[Afresh] = []


def cycle_seconds(seconds: float) -> float:
    """From one backlog to the next in a run of `seconds`."""
    return min(WAVE_SECONDS, seconds / 4)


def line(s: Sample) -> str:
    """One sample for whoever is watching."""
    return (
        f"{s.at:6.0f} s  {s.memory / MEGABYTE:6.1f} MB  {s.calls:6d} calls  {s.descriptors:4d} fds  "
        f"{s.tasks:4d} tasks  heap {s.heap / MEGABYTE:5.2f} MB  {s.nodes} nodes  "
        f"p50 {s.median_ms:.1f} p99 {s.slowest_percent_ms:.1f} ms"
    )


def report(run: Run) -> str:
    """The table: each slope per hour with its 95 % interval, and whether it may be none.

    A day's calls are held by design, and a board that shows more weighs more. So memory and heap are what the old
    ones have over new ones that hold and show the same: a new server replays the very journal.
    """
    warm_up = max(0.15 * run.seconds, min(300.0, run.seconds / 3))
    kept = [s for s in run.samples if s.at >= warm_up]
    beside = [one for one in run.afresh if one.at >= warm_up]
    if len(kept) < 5 or len(beside) < 3:
        return f"{len(kept)} samples and {len(beside)} comparisons after a warm-up of {warm_up:.0f} s: too few."
    per_call = _per_call(beside)
    hours, compared = [s.at / 3600 for s in kept], [one.at / 3600 for one in beside]
    over = [one.memory - one.new_memory - per_call * (one.calls - one.new_calls) for one in beside]
    rows = [
        _row(name, fit(values, at)[0], unit)
        for name, unit, values, at in (
            ("server memory over a new server's, MB", MEGABYTE, over, compared),
            ("browser heap over a new screen's, MB", MEGABYTE, [one.heap - one.new_heap for one in beside], compared),
            ("descriptors", 1.0, [s.descriptors for s in kept], hours),
            ("tasks", 1.0, [s.tasks for s in kept], hours),
            ("browser nodes", 1.0, [s.nodes for s in kept], hours),
            ("browser listeners", 1.0, [s.listeners for s in kept], hours),
            ("webhook p50, ms", 1.0, [s.median_ms for s in kept], hours),
            ("webhook p99, ms", 1.0, [s.slowest_percent_ms for s in kept], hours),
        )
    ]
    return "\n".join([*_head(run, kept, warm_up), *rows, *_foot(run, kept, beside, per_call)])


def _per_call(beside: list[Afresh]) -> float:
    """What a call costs, in bytes, told by servers that have not lived through the run."""
    return fit([one.new_memory for one in beside], [float(one.new_calls) for one in beside])[0].value


def _head(run: Run, kept: list[Sample], warm_up: float) -> list[str]:
    return [
        f"{run.began_at}: {run.samples[-1].at:.0f} of {run.seconds:.0f} s, {len(kept)} samples after a warm-up of "
        f"{warm_up:.0f} s, {run.samples[-1].viewers} viewers",
        "",
        f"{'slope per hour':40}{'':>10}{'95 % interval':>26}",
    ]


def _row(name: str, slope: Estimate, unit: float) -> str:
    interval = f"{slope.low / unit:+.2f} … {slope.high / unit:+.2f}"
    told = (
        "cannot tell"
        if slope.margin == inf
        else "flat"
        if slope.holds_zero
        else "falls"
        if slope.value < 0
        else "GROWS"
    )
    return f"{name:40}{slope.value / unit:+10.2f}{interval:>26}   {told}"


def _foot(run: Run, kept: list[Sample], beside: list[Afresh], per_call: float) -> list[str]:
    last, every = kept[-1], kept[1].at - kept[0].at
    median, percent = max(s.median_ms for s in kept), max(s.slowest_percent_ms for s in kept)
    worst, behind = max(s.worst_ms for s in kept), max(s.behind for s in kept)
    lost = "not known, the run was interrupted" if run.lost is None else str(run.lost)
    return [
        "",
        f"memory                {_pairs([(one.memory, one.new_memory) for one in beside], 0)} MB, old and new;"
        f" {per_call:,.0f} bytes a call, {last.calls} calls at the end",
        f"heap                  {_pairs([(one.heap, one.new_heap) for one in beside], 2)} MB, old and new",
        f"webhook answers       p50 {median:.1f} ms, p99 {percent:.1f} ms, slowest {worst:.0f} ms,"
        f" each of the worst {every:.0f} s",
        f"acknowledged          {run.acknowledged} events; lost: {lost}",
        f"streams               {run.connected} opened, {run.dropped} cut by the server",
        f"board                 stale {last.stale} times, at most {behind} events behind,"
        f" {len(run.complaints)} errors in its console",
    ]


def _pairs(pairs: list[tuple[int, int]], places: int) -> str:
    return " ".join(f"{old / MEGABYTE:.{places}f}/{new / MEGABYTE:.{places}f}" for old, new in pairs)
