"""What the wall costs a screen: script time per update, first paint and weight, in Chromium slowed six times.

    make bench-browser            or   python -m benchmarks.browser [--short]

A real server with a staged floor (scripts/staged.py), a real page, and calls that ring, are answered and end while
it watches, one event every EVERY seconds; each is one update, unless two fall within the server's 50 ms. Timed are

- an update: from the stream's message until everything on the page is right again (parsing, swap, timers, fit), in
  JavaScript alone; what the browser then lays out and paints is not script. A wall hangs for months, so it is measured
  after a minute of the same events; that minute, in which each function is met for the first time, stands beside it;
- the same once more at full speed, in the processor time of the page's thread, times six: what others do on the
  machine then counts only by the caches that it takes;
- a tick: each second, when all timers on the page go on;
- first paint of a page loaded with an empty cache, at full speed and slowed;
- the weight of the page and all it loads, as sent (Accept-Encoding: gzip).

The processor is slowed by Emulation.setCPUThrottlingRate, which stops the page's thread five sixths of the time: a
machine that is busy with something else makes these numbers larger, never smaller. Wanted: an update under 4 ms on
the normal floor (25 agents), under 16 ms on the huge one (300); first paint slowed under 1.5 s; weight under 150 kB.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice, pairwise
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
WARM_SECONDS = 60.0
WANTED_MS = {"normal": 4.0, "huge": 16.0}
FIRST_PAINT_MS, WEIGHT_KB = 1500.0, 150.0

TIMERS = """
window.spent = {update: [], tick: []};
const listen = EventSource.prototype.addEventListener;
EventSource.prototype.addEventListener = function (name, handle, ...more) {
  return listen.call(this, name, name !== 'tiles' ? handle : event => {
    console.timeStamp('update begins');
    const began = performance.now();
    handle(event);
    spent.update.push(performance.now() - began);
    console.timeStamp('update ends');
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
    page, devtools = _page(browser, SLOWED, timed=True)
    page.goto(f"{address}/boards/main")
    page.wait_for_selector("html[data-link=live]", state="attached")
    part = 1 if size.name == "full" else 4
    floor = FLOORS[name]
    assert floor is not None
    told = calls(floor)
    first = page.evaluate("spent.update.splice(0)")
    with httpx.Client(base_url=address, headers={"X-Pbx-Token": TOKEN}) as client:

        def feed(events: float) -> None:
            for body in islice(told, int(events / part)):
                client.post("/webhooks/pbx", json=body).raise_for_status()
                page.wait_for_timeout(EVERY * 1000)

        feed(WARM_SECONDS / EVERY)
        cold = page.evaluate("spent.update.splice(0)")
        feed(EVENTS)
        spent: dict[str, Any] = page.evaluate("spent")
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        own = _thread_times(page, devtools, lambda: feed(EVENTS))
        sequence = client.get("/readyz").json()["sequence"]
    with suppress(PlaywrightError):
        page.wait_for_function(f"Number(document.documentElement.dataset.sequence) >= {sequence}", timeout=5000)
    shown = int(page.evaluate("document.documentElement.dataset.sequence"))
    if shown != sequence:
        suite.wrong.append(f"the {name} page shows {shown}, the state is at {sequence}")
    page.context.close()
    minute = f"the first {WARM_SECONDS / part:g} s"
    yield Figure(what=f"the first snapshot, {name} floor", unit="ms", runs=[max(first, default=0.0)])
    yield Figure(what=f"a tick, {name} floor", unit="ms", runs=spent["tick"])
    yield Figure(what=f"an update in {minute}, {name} floor", unit="ms", runs=cold, note=_mean(cold))
    yield Figure(what=f"an update after {minute}, {name} floor", unit="ms", runs=spent["update"],
                 most=WANTED_MS[name], note=_mean(spent["update"]))  # fmt: skip
    yield Figure(what=f"of the page's thread, times {SLOWED}, {name} floor", unit="ms", runs=own,
                 most=WANTED_MS[name], note=_mean(own))  # fmt: skip


def _thread_times(page: Page, devtools: CDPSession, work: Callable[[], None]) -> list[float]:
    """The processor time of each update while `work` is done, slowed as it were, in milliseconds."""
    events: list[dict[str, Any]] = []
    ended: list[bool] = []
    devtools.on("Tracing.dataCollected", lambda told: events.extend(told["value"]))
    devtools.on("Tracing.tracingComplete", lambda _: ended.append(True))
    devtools.send("Tracing.start", {"categories": "devtools.timeline", "transferMode": "ReportEvents"})
    work()
    devtools.send("Tracing.end")
    while not ended:
        page.wait_for_timeout(50)
    stamps = sorted((event for event in events if event["name"] == "TimeStamp"), key=lambda event: event["ts"])
    return [
        SLOWED * (later["tts"] - one["tts"]) / 1000
        for one, later in pairwise(stamps)
        if one["args"]["data"]["message"] == "update begins"
    ]


def _mean(runs: list[float]) -> str:
    return f"(mean {statistics.mean(runs):.3g})" if runs else ""


def _page(browser: Browser, rate: int, timed: bool = False) -> tuple[Page, CDPSession]:
    page = browser.new_context(viewport={"width": 1920, "height": 1080}).new_page()
    devtools = page.context.new_cdp_session(page)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": rate})
    if timed:
        page.add_init_script(TIMERS)
    return page, devtools


if __name__ == "__main__":
    main(__doc__, {"browser": measure})
