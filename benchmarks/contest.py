"""The same load on our server and on the yardsticks, run by run in turn; knows no target."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from itertools import islice

import msgspec

from benchmarks.bodies import calls, encoded, waves
from benchmarks.command import say
from benchmarks.figures import Suite
from benchmarks.loading import AT_ITS_LIMIT, DISTURBED, Load, Outcome, how_many, press, wrongs
from benchmarks.servers import Missing, Target, better_sse, marked, nchan, python_peer, wallboard
from benchmarks.sizes import Size
from scripts.staged import FLOORS, Staged

Open = Callable[[], AbstractContextManager[Target]]

PATIENCE_SECONDS = 60.0
"""Of ours nothing may be lost, however late it is."""
NCHAN, NODE, QUEUES, PAGES = "nchan", "better-sse", "sse-starlette", "Jinja per viewer"
PEERS: dict[str, Open] = {
    NCHAN: nchan,
    NODE: better_sse,
    QUEUES: lambda: python_peer("queue_per_viewer"),
    PAGES: lambda: python_peer("page_per_viewer"),
}


def floor(size: Size, name: str = "normal") -> Staged:
    found = FLOORS[name if size.floor == "huge" else size.floor]
    assert found is not None
    return found


def ours(suite: Suite, size: Size, load: Load, together: int = 1, name: str = "normal") -> Outcome:
    """One run of our server; each request brings the changes of `together` agents."""
    staged = floor(size, name)
    bodies = encoded(calls(staged) if together == 1 else waves(staged, together))
    with serving(size, staged) as target:
        requests = [target.post(body) for body in islice(bodies, how_many(load))]
        outcome = press(target, msgspec.structs.replace(load, patience_seconds=PATIENCE_SECONDS), requests)
        suite.wrong += wrongs(target, outcome)
    _tell(suite, "wallboard", load, outcome)
    return outcome


@contextmanager
def serving(size: Size, staged: Staged) -> Iterator[Target]:
    """A new server on each call; in the tiny form one for all, as each takes a second to start."""
    if size.name != "tiny":
        with wallboard(staged) as target:
            yield target
        return
    target = _standing(staged)
    yield msgspec.structs.replace(target, base=target.state()["sequence"])


_kept = ExitStack()
atexit.register(_kept.close)


@cache
def _standing(staged: Staged) -> Target:
    return _kept.enter_context(wallboard(staged))


def theirs(
    suite: Suite, size: Size, names: Sequence[str], load: Load, bytes_each: float
) -> Iterator[tuple[str, Outcome]]:
    """One run of each yardstick that can be had, with frames as long as ours were."""
    for name in names:
        if name not in size.yardsticks:
            continue
        try:
            with PEERS[name]() as target:
                bodies = (marked(number + 1, round(bytes_each)) for number in range(how_many(load)))
                outcome = press(target, load, [target.post(body) for body in bodies])
        except Missing as reason:
            suite.note(f"{name} left out: {reason}.")
            continue
        if outcome.lost:
            suite.note(f"{name} did not keep up with {load.rate:g} changes/s to {load.viewers} viewers.")
        _tell(suite, name, load, outcome)
        yield name, outcome


def _tell(suite: Suite, name: str, load: Load, outcome: Outcome) -> None:
    say(
        f"  {name}: {load.viewers} viewers, {load.rate:g}/s: {outcome.frames / outcome.seconds:,.0f} frames/s of"
        f" {outcome.frame_bytes:,.0f} bytes, p50 {outcome.percentile(0.5):.1f} p99 {outcome.percentile(0.99):.1f}"
        f" worst {outcome.worst_ms:.1f} ms, {outcome.per_delivery_us:.1f} us a delivery,"
        f" server {outcome.cpu_share:.0%} (waited {outcome.waited:.0%}), generator {outcome.generator:.0%}"
        + (f", {outcome.lost} NOT SHOWN" if outcome.lost else "")
    )
    if outcome.generator > AT_ITS_LIMIT:
        suite.note(
            f"the generator was at its limit ({outcome.generator:.0%} of its core) with {name} at"
            f" {load.rate:g}/s to {load.viewers} viewers: latencies there are partly its own."
        )
    if outcome.waited > DISTURBED:
        suite.note("DISTURBED: something else had the server's core; latencies and rates are too bad, ratios rough.")
