"""Takes pictures of the demo board at the sizes that matter, into build/screenshots, and docs/board.png."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "screenshots"
SIZES = [(1920, 1080), (3840, 2160), (1280, 720), (390, 844)]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run"]  # fmt: skip
WARM_UP_MS = 60_000


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-u", "-m", "wallboard", "demo", "--port", os.environ.get("PORT", "8090")]
    demo = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE)
    try:
        assert demo.stdout is not None
        address = next(found[0] for line in demo.stdout if (found := re.search(r"http\S+/boards/main", line)))
        shoot(address)
    finally:
        demo.terminate()
        demo.wait()
    shutil.copy(OUT / "board-1920x1080.png", ROOT / "docs" / "board.png")


def shoot(address: str) -> None:
    chromium = os.environ.get("WALLBOARD_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page()
        page.goto(address)
        page.wait_for_timeout(WARM_UP_MS)
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.goto(address)
            page.wait_for_selector("html[data-link=live]", state="attached")
            page.wait_for_timeout(1500)
            page.screenshot(path=OUT / f"board-{width}x{height}.png")
            print(f"board-{width}x{height}.png")
        browser.close()


if __name__ == "__main__":
    main()
