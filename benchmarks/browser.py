"""What the wall costs a screen: script time per update, first paint and weight, in Chromium slowed six times.

    make bench-browser            or   python -m benchmarks.browser [normal] [huge]

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
the normal floor (25 agents), under 16 ms on the huge one (300); first paint under 1 s; weight under 150 kB.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from random import Random
from typing import Any

import httpx
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from scripts.screenshots import FLAGS, TOKEN, chromium, serving, stage
from scripts.staged import FLOORS, Body
from wallboard.simulator_staff import staff

SLOWED = 6
EVENTS = 160
EVERY = 0.15
WANTED_MS = {"normal": 4.0, "huge": 16.0}

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


def main() -> None:
    names = sys.argv[1:] or list(WANTED_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        print(f"Chromium {browser.version}, Python {platform.python_version()}, {os.cpu_count()} cores,"
              f" load {os.getloadavg()[0]:.1f}, slowed {SLOWED} times")  # fmt: skip
        for name in names:
            with serving() as address:
                stage(address, FLOORS[name])
                print(f"{name}:")
                _first_sight(browser, address)
                _updates(browser, address, name)
        browser.close()


def _first_sight(browser: Browser, address: str) -> None:
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
        print(f"  first paint {'at full speed' if rate == 1 else 'slowed'}: {_spread(paints)} ms;"
              f" weight {weight / 1000:.1f} kB")  # fmt: skip


def _updates(browser: Browser, address: str, name: str) -> None:
    page, _ = _page(browser, SLOWED, timed=True)
    page.goto(f"{address}/boards/main")
    page.wait_for_selector("html[data-link=live]", state="attached")
    page.evaluate("spent.first = spent.update.splice(0)")
    with httpx.Client(base_url=address, headers={"X-Pbx-Token": TOKEN}) as client:
        for body in islice(_life(name), EVENTS):
            client.post("/webhooks/pbx", json=body).raise_for_status()
            time.sleep(EVERY)
    spent: dict[str, Any] = page.evaluate("spent")
    page.context.close()
    print(f"  the first snapshot: {max(spent['first'], default=0):.1f} ms")
    print(f"  a tick: {_spread(spent['tick'])} ms, {len(spent['tick'])} of them")
    print(f"  an update: {_spread(spent['update'])} ms, {len(spent['update'])} of them (wanted {WANTED_MS[name]:g})")


def _page(browser: Browser, rate: int, timed: bool = False) -> tuple[Page, CDPSession]:
    page = browser.new_context(viewport={"width": 1920, "height": 1080}).new_page()
    devtools = page.context.new_cdp_session(page)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": rate})
    if timed:
        page.add_init_script(TIMERS)
    return page, devtools


def _life(name: str) -> Iterator[Body]:
    """Calls one after the other: one agent rings, answers and hangs up, then the next."""
    floor = FLOORS[name]
    assert floor is not None
    people = cycle(staff(floor.agents, Random("staged")))
    queues = cycle(floor.queues)
    for number, agent in enumerate(people):
        now = datetime.now(UTC)
        call = {
            "unique_call_id": f"live {number}", "caller_id": "+61255500001", "caller_name": "Bell & Co",
            "user_number": agent.party.number, "user_name": agent.party.name, "queue_name": next(queues),
            "call_start_at": now.isoformat(),
        }  # fmt: skip
        ended = {"connected_at": (now + timedelta(seconds=1)).isoformat(), "call_duration": 31,
                 "conversation_duration": 30}  # fmt: skip
        yield call | {"type": "user_inbound"}
        yield call | {"type": "user_inbound_answered", "connected_at": ended["connected_at"]}
        yield call | ended | {"type": "user_inbound_completed"}
        yield call | ended | {"type": "queue_call", "status": "answered"}


def _spread(numbers: list[float]) -> str:
    if not numbers:
        return "–"
    ranked = sorted(numbers)
    tenth, half, most = (ranked[int(len(ranked) * share)] for share in (0.1, 0.5, 0.95))
    return f"a tenth under {tenth:.1f}, half under {half:.1f}, 95 % under {most:.1f}, at most {ranked[-1]:.1f}"


if __name__ == "__main__":
    main()
