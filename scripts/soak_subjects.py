"""What a soak looks at: a server of its own and a real Chromium on its board; knows not what is asked of them."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import httpx
from playwright.async_api import CDPSession, Page, Playwright

ROOT = Path(__file__).resolve().parent.parent
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
          "--disable-sync", "--no-first-run"]  # fmt: skip
_JOURNAL = "wallboard.db"


class Server:
    """A server of our own on a free port, its journal in `folder`."""

    def __init__(self, folder: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = Path(folder)
        self.token, self._api_token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        plain = {name: value for name, value in os.environ.items() if not name.startswith("WALLBOARD_")}
        own = {
            "PORT": str(self.port),
            "DATABASE_URL": f"sqlite:///{folder}/{_JOURNAL}",
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

    def copy(self, folder: str) -> None:
        """Its journal as it stands, in another folder."""
        with (
            closing(sqlite3.connect(f"{(self._folder / _JOURNAL).as_uri()}?mode=ro", uri=True)) as own,
            closing(sqlite3.connect(Path(folder) / _JOURNAL)) as other,
        ):
            own.backup(other)

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
    @asynccontextmanager
    async def open(cls, playwright: Playwright, url: str, complaints: list[str]) -> AsyncIterator[Screen]:
        """In a browser of its own, which shares no heap with another's."""
        chromium = os.environ.get("WALLBOARD_CHROMIUM") or shutil.which("chromium")
        browser = await playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        page = await browser.new_page(viewport={"width": 1920, "height": 1080})
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        await page.goto(f"{url}/boards/main")
        await page.wait_for_selector("html[data-link=live]", state="attached")
        await page.evaluate(cls._COUNT_STALE)
        devtools = await page.context.new_cdp_session(page)
        await devtools.send("Performance.enable")
        yield cls(page, devtools)
        await browser.close()

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
