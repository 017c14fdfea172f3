"""Takes pictures of staged floors, from a real server each, into build/screenshots, and docs/board.png.

Every floor at every size, dark and light. `python -m scripts.screenshots normal huge` takes those floors only.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from playwright.sync_api import Browser, sync_playwright

from scripts.staged import FLOORS, Staged, bodies

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "screenshots"
SIZES = [(1920, 1080), (3840, 2160), (1280, 720), (1080, 1920), (390, 844)]
THEMES = ("dark", "light")
PICTURED = ("empty", "normal", "huge", "alarming")
TELEPHONE_WIDTH = 600
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip
TOKEN = "a-token-for-pictures"
BUNDLE = 50


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        for name in sys.argv[1:] or PICTURED:
            for theme in THEMES:  # each staged anew: a floor that waits for its picture grows alarming
                with serving() as address:
                    stage(address, FLOORS[name])
                    shoot(browser, f"{address}/boards/main", name, theme)
        browser.close()
    if (OUT / "normal-dark-1920x1080.png").exists():
        shutil.copy(OUT / "normal-dark-1920x1080.png", ROOT / "docs" / "board.png")


def chromium() -> str:
    names = (os.environ.get("WALLBOARD_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    return next(found for name in names if name and (found := shutil.which(name)))


@contextmanager
def serving() -> Iterator[str]:
    """The address of a server with an empty journal; it is early afternoon there, so that midnight is far."""
    with tempfile.TemporaryDirectory(prefix="wallboard-pictures-") as folder:
        port = free_port()
        settings = {"PORT": str(port), "DATABASE_URL": f"sqlite:///{folder}/wallboard.db",
                    "WALLBOARD_PBX_TOKENS": TOKEN, "WALLBOARD_TIME_ZONE": afternoon(),
                    "WEB_CONCURRENCY": "1"}  # fmt: skip
        plain = {name: value for name, value in os.environ.items() if not name.startswith("WALLBOARD_")}
        with (Path(folder) / "log").open("w") as log:
            command = [sys.executable, "-m", "wallboard", "serve"]
            server = subprocess.Popen(command, cwd=ROOT, env=plain | settings, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/readyz", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


def afternoon() -> str:
    """A time zone in which it is between one and two in the afternoon."""
    ahead = (13 - datetime.now(UTC).hour + 11) % 24 - 11
    return f"Etc/GMT{-ahead:+d}" if ahead else "UTC"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    while server.poll() is None:
        try:
            if httpx.get(address).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise SystemExit("the server did not start")


def stage(address: str, floor: Staged | None) -> None:
    told = list(bodies(floor, datetime.now(UTC)))
    with httpx.Client(base_url=address, headers={"X-Pbx-Token": TOKEN}) as client:
        for first in range(0, len(told), BUNDLE):
            client.post("/webhooks/pbx", json=told[first : first + BUNDLE]).raise_for_status()


def shoot(browser: Browser, address: str, name: str, theme: str) -> None:
    for width, height in SIZES:
        page = browser.new_page(viewport={"width": width, "height": height})
        page.goto(address)
        page.wait_for_selector("html[data-link=live]", state="attached")
        page.evaluate(
            "theme => { document.getElementById('board-name').dataset.theme = theme;"
            " document.documentElement.dataset.theme = theme; }",
            theme,
        )
        page.wait_for_timeout(1200)  # what has just begun is lit up for a moment
        file = f"{name}-{theme}-{width}x{height}.png"
        page.screenshot(path=OUT / file, full_page=width < TELEPHONE_WIDTH)
        page.close()
        print(file)


if __name__ == "__main__":
    main()
