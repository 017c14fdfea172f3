"""Loads a real server for as long as asked and says what grows with time alone; knows no way into the server.

python -m scripts.soak 3600             a run of an hour, its samples in build/soak.json as it goes
python -m scripts.soak --report FILE    the table of a run, also of one that was interrupted
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from random import Random
from time import perf_counter

import click
import msgspec
import uvloop
from playwright.async_api import Playwright, async_playwright

from scripts.soak_load import TimedSender, backlog, live, watch
from scripts.soak_report import WAVE_SECONDS, Afresh, Run, Sample, cycle_seconds, line, report
from scripts.soak_subjects import ROOT, Screen, Server
from wallboard.sender import Sender
from wallboard.simulator import in_bundles

OUT = ROOT / "build" / "soak.json"
COMPARED_TWICE_A_CYCLE = (0.45, 0.8)
"""Parts of a cycle between two backlogs: neither is new servers' business while a backlog is taken in."""
LOOKED_AT_SECONDS = 30.0


async def sample(at: float, server: Server, screen: Screen, milliseconds: list[float]) -> Sample:
    gauges = await server.gauges()
    seen = await screen.look()
    return Sample(
        at=at,
        memory=server.memory(),
        descriptors=server.descriptors(),
        tasks=gauges["tasks"],
        viewers=gauges["viewers"],
        calls=gauges["calls"],
        heap=seen["heap"],
        nodes=seen["nodes"],
        listeners=seen["listeners"],
        median_ms=_percentile(milliseconds, 0.5),
        slowest_percent_ms=_percentile(milliseconds, 0.99),
        worst_ms=_percentile(milliseconds, 1.0),
        behind=max(0, gauges["sequence"] - seen["sequence"]),
        stale=seen["stale"],
    )


def _percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


async def soak(seconds: float, viewers: int, every: float, out: Path) -> Run:
    """The whole run; its samples stand in `out` as they are taken."""
    run = Run(seconds=seconds, began_at=datetime.now(UTC).isoformat(timespec="seconds"))
    with tempfile.TemporaryDirectory(prefix="wallboard-soak-") as folder:
        server = Server(folder)
        try:
            await server.ready()
            async with (
                async_playwright() as playwright,
                TimedSender(server.url, server.token) as sender,
                Screen.open(playwright, server.url, run.complaints) as screen,
            ):
                comparing = asyncio.create_task(_compare(run, server, screen, playwright, viewers))
                await _load(run, server, screen, sender, viewers, every, out)
                await comparing
            run.lost = run.acknowledged - await server.stored()
        finally:
            await server.stop()
    _write(run, out)
    return run


async def _compare(run: Run, server: Server, screen: Screen, playwright: Playwright, viewers: int) -> None:
    """Sets server and screen beside new ones, again and again: what time alone has added is what those do not have."""
    began, cycle = perf_counter(), cycle_seconds(run.seconds)
    moments = [n * cycle + part * cycle for n in range(int(run.seconds / cycle)) for part in COMPARED_TWICE_A_CYCLE]
    for moment in moments:
        await asyncio.sleep(max(0.0, began + moment - perf_counter()))
        run.afresh.append(await _afresh(run, server, screen, playwright, viewers, began))


async def _afresh(
    run: Run, server: Server, screen: Screen, playwright: Playwright, viewers: int, began: float
) -> Afresh:
    """A new server on a copy of the journal, with as many viewers, and a new screen on the same board."""
    look = min(LOOKED_AT_SECONDS, run.seconds / 20)
    with tempfile.TemporaryDirectory(prefix="wallboard-soak-") as folder:
        await asyncio.to_thread(server.copy, folder)
        new = Server(folder)
        try:
            await new.ready()
            watching = Run(seconds=run.seconds, began_at=run.began_at)
            others = [asyncio.create_task(watch(new.port, Random("afresh"), watching)) for _ in range(viewers)]
            async with Screen.open(playwright, server.url, run.complaints) as fresh:
                await asyncio.sleep(look)
                new_heap, heap = (await fresh.look())["heap"], (await screen.look())["heap"]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            return Afresh(
                at=perf_counter() - began,
                memory=server.memory(),
                calls=(await server.gauges())["calls"],
                heap=heap,
                new_memory=new.memory(),
                new_calls=(await new.gauges())["calls"],
                new_heap=new_heap,
            )
        finally:
            await new.stop()


async def _load(
    run: Run, server: Server, screen: Screen, sender: TimedSender, viewers: int, every: float, out: Path
) -> None:
    rng, began = Random("viewers"), perf_counter()
    until = takewhile(lambda webhook: webhook.due_seconds < run.seconds, live(datetime.now(UTC)))
    posting = asyncio.create_task(sender.post_all(until, paced=True))
    others = [asyncio.create_task(watch(server.port, rng, run)) for _ in range(viewers)]
    ended = asyncio.Event()
    catching_up = asyncio.create_task(_catch_up(run, server, began, ended))
    while not posting.done():
        await asyncio.wait([posting, catching_up, *others], timeout=every, return_when=asyncio.FIRST_COMPLETED)
        for failed in (task for task in (catching_up, *others) if task.done()):
            failed.result()
        run.samples.append(await sample(perf_counter() - began, server, screen, sender.take()))
        _write(run, out)
        print(line(run.samples[-1]), flush=True)
    await posting
    ended.set()
    await catching_up
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    run.acknowledged += sender.counts.taken


async def _catch_up(run: Run, server: Server, began: float, ended: asyncio.Event) -> None:
    """A backlog at once, so that what it costs the first time falls into the warm-up, then one a wave."""
    while not ended.is_set():
        webhooks = await asyncio.to_thread(backlog, datetime.now(UTC))
        if run.seconds < WAVE_SECONDS:
            webhooks = webhooks[: len(webhooks) // 20]
        async with Sender(server.url, server.token, say=lambda text: None, connections=1) as sender:
            await sender.post_all(in_bundles(webhooks))
        run.acknowledged += len(webhooks)
        run.backlogs.append(perf_counter() - began)
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), cycle_seconds(run.seconds))


def _write(run: Run, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1))
    fresh.replace(out)


@click.command()
@click.argument("seconds", type=click.FloatRange(min=5), default=3600.0)
@click.option("--viewers", type=int, default=200, show_default=True)
@click.option("--every", type=float, default=10.0, show_default=True, help="Seconds between two samples.")
@click.option("--out", type=click.Path(path_type=Path), default=OUT, show_default=True)
@click.option("--report", "from_file", type=click.Path(exists=True, path_type=Path), help="Only print a run's table.")
def main(seconds: float, viewers: int, every: float, out: Path, from_file: Path | None) -> None:
    """Soak a server for SECONDS and print what grows."""
    if from_file is not None:
        run = msgspec.json.decode(from_file.read_bytes(), type=Run)
    else:
        run = uvloop.run(soak(seconds, viewers, every, out))
    click.echo(report(run))
    if (run.lost or 0) > 0 or run.samples[-1].stale:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
