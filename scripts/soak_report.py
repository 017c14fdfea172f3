"""What the samples of a soak say: each slope with its interval; knows not how they were taken."""

from __future__ import annotations

from math import hypot, inf

import msgspec

from scripts.slopes import Estimate, fit

MEGABYTE = 1 << 20
WAVE_SECONDS = 480.0
# A backlog's calls fill what the heap had free; what is drawn and thrown away needs it anew in the minutes after.
CALM_AFTER_SECONDS = 180.0


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
    """The memory of a server that has just begun, with as many viewers as the run's; `calls` it read from a journal."""

    memory: int
    calls: int


class Run(msgspec.Struct):
    """A whole run, written after every sample; `lost` and `afresh` are known at its end.

    `afresh` are new servers on the run's own journal, the last one on an empty one: what a call costs, told by
    servers that have not lived through the hour.
    """

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
    """The table: each slope per hour with its 95 % interval, and whether it may be none."""
    warm_up = max(0.15 * run.seconds, min(300.0, run.seconds / 3))
    kept = [s for s in run.samples if s.at >= warm_up]
    calm_after = min(CALM_AFTER_SECONDS, cycle_seconds(run.seconds) / 2)
    calm = [s for s in kept if not any(0 <= s.at - at < calm_after for at in run.backlogs)]
    if len(calm) < 5:
        return f"Only {len(calm)} samples after a warm-up of {warm_up:.0f} s: too few to say anything."
    hours = [s.at / 3600 for s in kept]
    per_call, memory = _per_call_and_memory(run, calm)
    rows = [_row("server memory beyond its calls, MB", memory, MEGABYTE)]
    for name, unit, values in (
        ("descriptors", 1.0, [s.descriptors for s in kept]),
        ("tasks", 1.0, [s.tasks for s in kept]),
        ("browser heap, MB", MEGABYTE, [s.heap for s in kept]),
        ("browser nodes", 1.0, [s.nodes for s in kept]),
        ("browser listeners", 1.0, [s.listeners for s in kept]),
        ("webhook p50, ms", 1.0, [s.median_ms for s in kept]),
        ("webhook p99, ms", 1.0, [s.slowest_percent_ms for s in kept]),
    ):
        rows.append(_row(name, fit(values, hours)[0], unit))
    return "\n".join([*_head(run, kept, warm_up), *rows, *_foot(run, kept, per_call)])


def _per_call_and_memory(run: Run, calm: list[Sample]) -> tuple[Estimate, Estimate]:
    """What a call costs, and the slope of what is left without it.

    Calls and time grow together: fitted at once they can be taken for each other, as far as calls of the one kind
    weigh more than those of the other. So a call's cost comes from the servers that began afresh. Without them, as
    in a run that was interrupted, both must be fitted.
    """
    hours = [s.at / 3600 for s in calm]
    if not run.afresh:
        per_call, memory = fit([s.memory for s in calm], [float(s.calls) for s in calm], hours)
        return per_call, memory
    *full, empty = run.afresh
    costs = [(one.memory - empty.memory) / (one.calls - empty.calls) for one in full]
    per_call = Estimate(sum(costs) / len(costs), (max(costs) - min(costs)) / 2)
    slope = fit([s.memory - per_call.value * s.calls for s in calm], hours)[0]
    calls_per_hour = (calm[-1].calls - calm[0].calls) / (hours[-1] - hours[0])
    return per_call, Estimate(slope.value, hypot(slope.margin, per_call.margin * calls_per_hour))


def _head(run: Run, kept: list[Sample], warm_up: float) -> list[str]:
    return [
        f"{run.began_at}: {run.samples[-1].at:.0f} of {run.seconds:.0f} s, {len(kept)} samples after a warm-up of "
        f"{warm_up:.0f} s, {run.samples[-1].viewers} viewers",
        "",
        f"{'slope per hour':36}{'':>10}{'95 % interval':>26}",
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
    return f"{name:36}{slope.value / unit:+10.2f}{interval:>26}   {told}"


def _foot(run: Run, kept: list[Sample], per_call: Estimate) -> list[str]:
    last, every = kept[-1], kept[1].at - kept[0].at
    median, percent = max(s.median_ms for s in kept), max(s.slowest_percent_ms for s in kept)
    worst, behind = max(s.worst_ms for s in kept), max(s.behind for s in kept)
    lost = "not known, the run was interrupted" if run.lost is None else str(run.lost)
    return [
        "",
        f"memory per call held  {per_call.value:,.0f} bytes ({per_call.low:,.0f} … {per_call.high:,.0f});"
        f" {last.memory / MEGABYTE:.0f} MB with {last.calls} calls at the end",
        *_beside_new_servers(run, kept),
        f"webhook answers       p50 {median:.1f} ms, p99 {percent:.1f} ms, slowest {worst:.0f} ms,"
        f" each of the worst {every:.0f} s",
        f"acknowledged          {run.acknowledged} events; lost: {lost}",
        f"streams               {run.connected} opened, {run.dropped} cut by the server",
        f"board                 stale {last.stale} times, at most {behind} events behind,"
        f" {len(run.complaints)} errors in its console",
    ]


def _beside_new_servers(run: Run, kept: list[Sample]) -> list[str]:
    if not run.afresh:
        return []
    *full, empty = sorted(run.afresh, key=lambda one: -one.calls)
    memories = " ".join(f"{one.memory / MEGABYTE:.0f}" for one in full)
    return [f"servers begun afresh  {memories} MB with the same calls, {empty.memory / MEGABYTE:.0f} MB with none"]
