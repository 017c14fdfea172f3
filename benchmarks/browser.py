"""What the wall costs a screen: script time per update, first paint and weight, in Chromium slowed six times.

    make bench-browser            or   python -m benchmarks.browser [--short]

A real server with a staged floor (scripts/staged.py), a real page, and calls that ring, are answered and end while
it watches, one event every EVERY seconds; each is one update, unless two fall within the server's 50 ms. Timed are

- an update: from the stream's message until everything on the page is right again (swap, timers, fit), in
  JavaScript alone; what the browser then lays out and paints is not script;
- a tick: each second, when all timers on the page go on;
- first paint of a page loaded with an empty cache, at full speed and slowed;
- the weight of the page and all it loads, as sent (Accept-Encoding: gzip).

On a machine that is busy the tenth that was disturbed least says more than the middle.

The processor is slowed by Emulation.setCPUThrottlingRate, which stops the page's thread five sixths of the time: a
machine that is busy with something else makes these numbers larger, never smaller. Wanted: an update under 4 ms on
the normal floor (25 agents), under 16 ms on the huge one (300); first paint slowed under 1.5 s; weight under 150 kB.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import httpx
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from benchmarks import machine
from benchmarks.bodies import calls
from benchmarks.command import main
from benchmarks.figures import Figure, Suite
from benchmarks.sizes import Size
from scripts.screenshots import FLAGS, TOKEN, chromium, serving, stage
from scripts.staged import FLOORS

SLOWED = 6
EVENTS = 160
EVERY = 0.15
WANTED_MS = {"normal": 4.0, "huge": 16.0}
FIRST_PAINT_MS, WEIGHT_KB = 1500.0, 150.0

TIMERS = """
window.spent = {update: [], tick: []};
const listen = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (name, handle, ...more) {
  return listen.call(this, name, name !== 'tiles' ? handle : event => {
    const began = performance.now();
    handle(event);
    spent.update.push(performance.now() - began);
  }, ...more);
};
const later = window.setTimeout;
window.setTimeout = (handle, ...more) => later(handle.name !== 'tickEachSecond' ? handle : () => {
  const began = performance.now();
  handle();
  spent.tick.push(performance.now() - began);
}, ...more);
"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def measure(size: Size) -> Suite:
    suite = Suite("browser")
    names = list(WANTED_MS) if size.name == "full" else ["normal"]
    try:
        program = chromium()
    except StopIteration:
        suite.note("left out: no Chromium is there (apt-get install chromium, or name one in WALLBOARD_CHROMIUM)")
        return suite
    os.sched_setaffinity(0, set(machine.CORES))  # a browser is many processes
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
            suite.note(f"Chromium {browser.version}, slowed {SLOWED} times; the browser has every core")
            for name in names:
                with serving() as address:
                    stage(address, FLOORS[name])
                    suite.figures += _first_sight(browser, address, name)
                    suite.figures += _updates(suite, browser, address, name, size)
            browser.close()
    finally:
        machine.pin_generator()
    return suite


def _first_sight(browser: Browser, address: str, name: str) -> Iterator[Figure]:
    for rate in (1, SLOWED):
        paints, weight = [], 0.0
        for _ in range(5):
            page, devtools = _page(browser, rate)
            received: list[float] = []
            devtools.send("Network.enable")
            devtools.on("Network.loadingFinished", lambda event, kept=received: kept.append(event["encodedDataLength"]))
            page.goto(f"{address}/boards/main", wait_until="load")
            while (painted := page.evaluate(PAINT)) is None:
                time.sleep(0.02)
            paints.append(painted)
            weight = sum(received)
            page.context.close()
        how = "at full speed" if rate == 1 else "slowed"
        yield Figure(what=f"first paint {how}, {name} floor", unit="ms", runs=paints,
                     most=None if rate == 1 else FIRST_PAINT_MS)  # fmt: skip
    yield Figure(what=f"weight of the page, {name} floor", unit="kB", runs=[weight / 1000], most=WEIGHT_KB)


def _updates(suite: Suite, browser: Browser, address: str, name: str, size: Size) -> Iterator[Figure]:
    page, _ = _page(browser, SLOWED, timed=True)
    page.goto(f"{address}/boards/main")
    page.wait_for_selector("html[data-link=live]", state="attached")
    page.evaluate("spent.first = spent.update.splice(0)")
    floor = FLOORS[name]
    assert floor is not None
    events = EVENTS if size.name == "full" else EVENTS // 4
    with httpx.Client(base_url=address, headers={"X-Pbx-Token": TOKEN}) as client:
        for body in islice(calls(floor), events):
            client.post("/webhooks/pbx", json=body).raise_for_status()
            time.sleep(EVERY)
        sequence = client.get("/readyz").json()["sequence"]
    with suppress(PlaywrightError):
        page.wait_for_function(f"Number(document.documentElement.dataset.sequence) >= {sequence}", timeout=5000)
    shown = int(page.evaluate("document.documentElement.dataset.sequence"))
    if shown != sequence:
        suite.wrong.append(f"the {name} page shows {shown}, the state is at {sequence}")
    spent: dict[str, Any] = page.evaluate("spent")
    page.context.close()
    yield Figure(what=f"the first snapshot, {name} floor", unit="ms", runs=[max(spent["first"], default=0.0)])
    yield Figure(what=f"a tick, {name} floor", unit="ms", runs=spent["tick"])
    yield Figure(what=f"an update, {name} floor", unit="ms", runs=spent["update"], most=WANTED_MS[name])


def _page(browser: Browser, rate: int, timed: bool = False) -> tuple[Page, CDPSession]:
    page = browser.new_context(viewport={"width": 1920, "height": 1080}).new_page()
    devtools = page.context.new_cdp_session(page)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": rate})
    if timed:
        page.add_init_script(TIMERS)
    return page, devtools


if __name__ == "__main__":
    main(__doc__, {"browser": measure})
