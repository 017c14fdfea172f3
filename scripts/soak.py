"""Loads a real server for as long as asked and says what grows with time alone; knows no way into the server.

python -m scripts.soak 3600             a run of an hour, its samples in build/soak.json as it goes
python -m scripts.soak --report FILE    the table of a run, also of one that was interrupted
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
from contextlib import suppress
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from random import Random
from time import perf_counter

import click
import httpx
import msgspec
import uvloop
from playwright.async_api import Browser, CDPSession, Page, async_playwright

from scripts.soak_load import TimedSender, backlog, live, watch
from scripts.soak_report import WAVE_SECONDS, Afresh, Run, Sample, cycle_seconds, line, report
from wallboard.sender import Sender
from wallboard.simulator import in_bundles

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "soak.json"
NEW_SERVERS, LOOKED_AT_SECONDS = 3, 30.0
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip


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
        run.afresh = [await _afresh(folder, run, viewers) for _ in range(NEW_SERVERS)]
    with tempfile.TemporaryDirectory(prefix="wallboard-soak-") as empty:
        run.afresh.append(await _afresh(empty, run, viewers))
    _write(run, out)
    return run


async def _afresh(folder: str, run: Run, viewers: int) -> Afresh:
    """A new server on the journal in `folder`, looked at by as many as the run's was."""
    server = Server(folder)
    try:
        await server.ready()
        watching = Run(seconds=run.seconds, began_at=run.began_at)
        others = [asyncio.create_task(watch(server.port, Random("afresh"), watching)) for _ in range(viewers)]
        await asyncio.sleep(min(LOOKED_AT_SECONDS, run.seconds / 4))
        found = Afresh(server.memory(), (await server.gauges())["calls"])
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return found
    finally:
        await server.stop()


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
