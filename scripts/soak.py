"""Loads a real server for as long as asked and says what grows with time alone; knows no way into the server.

    python -m scripts.soak 3600             a run of an hour, its samples in build/soak.json as it goes
    python -m scripts.soak --report FILE    the table of a run, also of one that was interrupted

The load: 20 events/s on average, in waves from 15 to 24, and every eight minutes a backlog of some 1,200 finished
calls, as after an outage. A day's calls are held by design: without waves and backlogs their number would grow as
steadily as the time, and nobody could tell a leak from a call.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import takewhile
from math import inf, pi, sin
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any, cast

import click
import httpx
import msgspec
import uvloop
from playwright.async_api import Browser, CDPSession, Page, async_playwright

from scripts.slopes import Estimate, fit
from wallboard.sender import Sender, Webhook
from wallboard.simulator import in_bundles
from wallboard.simulator_calls import arrivals, busy_rate, some_call
from wallboard.simulator_floor import Floor, Process

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "soak.json"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip

AGENTS, SPEED, STAFF = 50, 8.0, "staff of the soak"
EVENTS_PER_SECOND, SWING, EVENTS_PER_CALL = 20.0, 0.5, 5.2
WAVE_SECONDS = 480.0
BACKLOG_OF = timedelta(minutes=59)
LIFE_SECONDS = (5.0, 120.0)
SLOW_SHARE, SLOW_BUFFER, SLOW_SECONDS = 0.1, 16_384, (4.0, 0.2)

MEGABYTE = 1 << 20


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


class Run(msgspec.Struct):
    """A whole run, written after every sample; `lost` is known at its end."""

    seconds: float
    began_at: str
    samples: list[Sample] = []
    acknowledged: int = 0
    lost: int | None = None
    dropped: int = 0
    connected: int = 0
    complaints: list[str] = []


# --- the load ----------------------------------------------------------------------------------------------


def live(start: datetime) -> Iterator[Webhook]:
    """The floor's webhooks from `start` on, their rate in waves."""
    floor = Floor(start, agents=AGENTS, speed=SPEED, seed="soak", staff_seed=STAFF)
    floor.begin(_waves(floor))
    return floor.webhooks()


def _waves(floor: Floor) -> Process:
    calls_per_second = EVENTS_PER_SECOND / EVENTS_PER_CALL / SPEED
    while True:
        swing = 1 - SWING * sin(2 * pi * floor.now / SPEED / WAVE_SECONDS)
        yield floor.rng.expovariate(calls_per_second * swing)
        floor.begin(some_call(floor))


def backlog(now: datetime) -> list[Webhook]:
    """The calls that began and ended in the hour before `now`."""
    floor = Floor(now - BACKLOG_OF, agents=AGENTS, speed=1.0, seed=f"backlog {now}", staff_seed=STAFF)
    floor.begin(arrivals(floor, busy_rate(AGENTS)))
    webhooks = list(floor.webhooks(BACKLOG_OF.total_seconds()))
    return [webhook for webhook in webhooks if webhook.call not in floor.live]


class TimedSender(Sender):
    """A sender that keeps the milliseconds of every answer until they are asked for."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, token, say=lambda text: print(text, flush=True))
        self._milliseconds: list[float] = []

    async def _attempt(self, webhook: Webhook) -> int | None:
        began = perf_counter()
        status = await super()._attempt(webhook)
        self._milliseconds.append((perf_counter() - began) * 1000)
        return status

    def take(self) -> list[float]:
        taken, self._milliseconds = self._milliseconds, []
        return sorted(taken)


class Viewer(asyncio.Protocol):
    """One open stream whose bytes are thrown away; a slow one reads a little every few seconds."""

    def __init__(self, slow: bool) -> None:
        self.lost = asyncio.get_running_loop().create_future()
        self._slow = slow

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(Any, transport)  # uvloop's is an asyncio.Transport in all but name
        self._transport.write(b"GET /boards/main/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        if self._slow:
            self._pause()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)

    def _pause(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(SLOW_SECONDS[0], self._resume)

    def _resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()
            asyncio.get_running_loop().call_later(SLOW_SECONDS[1], self._pause)


async def watch(port: int, rng: Random, run: Run) -> None:
    """Viewers one after the other, each for its own while; `dropped` counts those the server sent away."""
    loop = asyncio.get_running_loop()
    while True:
        slow = rng.random() < SLOW_SHARE
        plain = socket.socket()
        if slow:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BUFFER)
        plain.setblocking(False)
        await loop.sock_connect(plain, ("127.0.0.1", port))
        transport, viewer = await loop.create_connection(partial(Viewer, slow), sock=plain)
        run.connected += 1
        try:
            await asyncio.wait_for(viewer.lost, rng.uniform(*LIFE_SECONDS))
            run.dropped += 1
        except TimeoutError:
            transport.abort() if slow else transport.close()


# --- what is looked at -------------------------------------------------------------------------------------


class Server:
    """A server of our own on a free port, its journal in `folder`."""

    def __init__(self, folder: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.token, self._api_token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        plain = {name: value for name, value in os.environ.items() if not name.startswith("WALLBOARD_")}
        own = {
            "PORT": str(self.port),
            "DATABASE_URL": f"sqlite:///{folder}/wallboard.db",
            "WALLBOARD_PBX_TOKENS": self.token,
            "WALLBOARD_API_TOKENS": self._api_token,
            "WEB_CONCURRENCY": "1",
        }
        command = [sys.executable, "-m", "wallboard", "serve"]
        self._process = subprocess.Popen(command, cwd=ROOT, env=plain | own, stdout=subprocess.DEVNULL)
        self._proc = Path("/proc") / str(self._process.pid)
        self._client = httpx.AsyncClient(
            base_url=self.url, headers={"Authorization": f"Bearer {self._api_token}"}, timeout=30
        )

    async def ready(self) -> None:
        for _ in range(500):
            try:
                if (await self._client.get("/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.1)
        raise SystemExit("the server did not become ready")

    def memory(self) -> int:
        """Resident bytes."""
        return int((self._proc / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        return len(list((self._proc / "fd").iterdir()))

    async def gauges(self) -> dict[str, int]:
        text = (await self._client.get("/metrics")).text
        pairs = (line.split() for line in text.splitlines() if not line.startswith("#"))
        return {name.removeprefix("wallboard_"): int(float(value)) for name, value in pairs}

    async def stored(self) -> int:
        """Events that the board says it has taken."""
        webhooks = (await self._client.get("/api/v1/state")).json()["webhooks"]
        return sum(int(webhooks[name]) for name in ("accepted", "duplicates", "unrecognised", "quarantined"))

    async def stop(self) -> None:
        await self._client.aclose()
        self._process.terminate()
        self._process.wait(10)


class Screen:
    """One real Chromium on the board."""

    _COUNT_STALE = """
        window.wentStale = 0;
        new MutationObserver(() => { if (document.documentElement.dataset.link === "stale") window.wentStale++; })
            .observe(document.documentElement, { attributes: true, attributeFilter: ["data-link"] });
    """

    def __init__(self, page: Page, devtools: CDPSession) -> None:
        self._page = page
        self._devtools = devtools

    @classmethod
    async def open(cls, browser: Browser, url: str, complaints: list[str]) -> Screen:
        page = await browser.new_page(viewport={"width": 1920, "height": 1080})
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        await page.goto(f"{url}/boards/main")
        await page.wait_for_selector("html[data-link=live]", state="attached")
        await page.evaluate(cls._COUNT_STALE)
        devtools = await page.context.new_cdp_session(page)
        await devtools.send("Performance.enable")
        return cls(page, devtools)

    async def look(self) -> dict[str, int]:
        """Heap and DOM after a forced collection, how often the link went stale, and the sequence shown."""
        await self._devtools.send("HeapProfiler.collectGarbage")
        answer = await self._devtools.send("Performance.getMetrics")
        metrics = {metric["name"]: int(metric["value"]) for metric in answer["metrics"]}
        shown = await self._page.evaluate(
            "() => [document.documentElement.dataset.sequence, window.wentStale,"
            " document.documentElement.dataset.link === 'live']"
        )
        return {
            "heap": metrics["JSHeapUsedSize"],
            "nodes": metrics["Nodes"],
            "listeners": metrics["JSEventListeners"],
            "sequence": int(shown[0]),
            "stale": int(shown[1]) + (not shown[2]),
        }


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


# --- the run -----------------------------------------------------------------------------------------------


async def soak(seconds: float, viewers: int, every: float, out: Path) -> Run:
    """The whole run; its samples stand in `out` as they are taken."""
    run = Run(seconds=seconds, began_at=datetime.now(UTC).isoformat(timespec="seconds"))
    with tempfile.TemporaryDirectory(prefix="wallboard-soak-") as folder:
        server = Server(folder)
        try:
            await server.ready()
            async with async_playwright() as playwright, TimedSender(server.url, server.token) as sender:
                chromium = os.environ.get("WALLBOARD_CHROMIUM") or shutil.which("chromium")
                browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
                screen = await Screen.open(browser, server.url, run.complaints)
                await _load(run, server, screen, sender, viewers, every, out)
                await browser.close()
            run.lost = run.acknowledged - await server.stored()
        finally:
            await server.stop()
    _write(run, out)
    return run


async def _load(
    run: Run, server: Server, screen: Screen, sender: TimedSender, viewers: int, every: float, out: Path
) -> None:
    rng, began = Random("viewers"), perf_counter()
    until = takewhile(lambda webhook: webhook.due_seconds < run.seconds, live(datetime.now(UTC)))
    posting = asyncio.create_task(sender.post_all(until, paced=True))
    others = [asyncio.create_task(watch(server.port, rng, run)) for _ in range(viewers)]
    ended = asyncio.Event()
    catching_up = asyncio.create_task(_catch_up(run, server, ended))
    while not posting.done():
        await asyncio.wait([posting, catching_up, *others], timeout=every, return_when=asyncio.FIRST_COMPLETED)
        for failed in (task for task in (catching_up, *others) if task.done()):
            failed.result()
        run.samples.append(await sample(perf_counter() - began, server, screen, sender.take()))
        _write(run, out)
        print(_line(run.samples[-1]), flush=True)
    await posting
    ended.set()
    await catching_up
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    run.acknowledged += sender.counts.taken


async def _catch_up(run: Run, server: Server, ended: asyncio.Event) -> None:
    """A backlog at once, so that what it costs the first time falls into the warm-up, then one a wave."""
    while not ended.is_set():
        webhooks = await asyncio.to_thread(backlog, datetime.now(UTC))
        if run.seconds < WAVE_SECONDS:
            webhooks = webhooks[: len(webhooks) // 20]
        async with Sender(server.url, server.token, say=lambda text: None, connections=1) as sender:
            await sender.post_all(in_bundles(webhooks))
        run.acknowledged += len(webhooks)
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), min(WAVE_SECONDS, run.seconds / 4))


def _write(run: Run, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_suffix(".new")
    fresh.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1))
    fresh.replace(out)


# --- the report --------------------------------------------------------------------------------------------


def _line(s: Sample) -> str:
    return (
        f"{s.at:6.0f} s  {s.memory / MEGABYTE:6.1f} MB  {s.calls:6d} calls  {s.descriptors:4d} fds  "
        f"{s.tasks:4d} tasks  heap {s.heap / MEGABYTE:5.2f} MB  {s.nodes} nodes  "
        f"p50 {s.median_ms:.1f} p99 {s.slowest_percent_ms:.1f} ms"
    )


def report(run: Run) -> str:
    """The table: each slope per hour with its 95 % interval, and whether it may be none."""
    warm_up = max(0.15 * run.seconds, min(300.0, run.seconds / 3))
    kept = [s for s in run.samples if s.at >= warm_up]
    if len(kept) < 5:
        return f"Only {len(kept)} samples after a warm-up of {warm_up:.0f} s: too few to say anything."
    hours = [s.at / 3600 for s in kept]
    per_call, memory = fit([s.memory for s in kept], [float(s.calls) for s in kept], hours)
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
        f"webhook answers       p50 {median:.1f} ms, p99 {percent:.1f} ms, slowest {worst:.0f} ms,"
        f" each of the worst {every:.0f} s",
        f"acknowledged          {run.acknowledged} events; lost: {lost}",
        f"streams               {run.connected} opened, {run.dropped} cut by the server",
        f"board                 stale {last.stale} times, at most {behind} events behind,"
        f" {len(run.complaints)} errors in its console",
    ]


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
