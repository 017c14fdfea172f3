"""What deleting a day of 30,000 calls, and erasing a caller from a million events, cost webhooks that come meanwhile.

    python -m benchmarks.retention [CALLS [EVENTS]]

One webhook after the other on one connection, 50 a second, latency from the intended moment; prints milliseconds.
"""

from __future__ import annotations

import http.client
import json
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import day
from tests.conftest import TOKEN, Server
from tests.samples import rang
from wallboard import control
from wallboard.journal import Delivery
from wallboard.journal.rows import to_row
from wallboard.journal.store import Store

A_SECOND = 50
THEIRS = "+61290000007"


def write(path: Path, calls: int, days_ago: int) -> int:
    """A journal of one day; returns how many events it has."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day.START = midnight - timedelta(days=days_ago)
    written = 0
    store = Store(path)
    batch = []
    for written, (at, body) in enumerate(sorted(day.bodies(calls), key=lambda found: found[0]), 1):
        batch.append(to_row(written, Delivery(received_at=at, body=json.dumps(body).encode())))
        if len(batch) == 10_000:
            store.write(batch, [])
            batch = []
    store.write(batch, [])
    store.close()
    return written


def post(server: Server, goes_on: Callable[[], bool]) -> list[tuple[float, float]]:
    """(moment, seconds) of every webhook while `goes_on`."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    found, number, began = [], 0, time.monotonic()
    while goes_on():
        due = began + number / A_SECOND
        time.sleep(max(0.0, due - time.monotonic()))
        number += 1
        connection.request("POST", "/webhooks/pbx", json.dumps(rang(call=f"b{number}")), {"X-Pbx-Token": TOKEN})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
        found.append((time.monotonic(), time.monotonic() - due))
    connection.close()
    return found


def say(what: str, latencies: list[float]) -> None:
    if len(latencies) < 2:
        print(f"{what:44} too short to measure ({len(latencies)})")
        return
    cuts = statistics.quantiles(latencies, n=100)
    print(f"{what:44} p50 {cuts[49] * 1000:6.2f}   p99 {cuts[98] * 1000:7.2f}   most {max(latencies) * 1000:7.2f} "
          f"  ({len(latencies)})", flush=True)  # fmt: skip


def notes(folder: Path) -> dict[str, str]:
    with closing(sqlite3.connect(f"file:{folder / 'wallboard.db'}?mode=ro", uri=True, timeout=5)) as connection:
        return dict(connection.execute("SELECT name, value FROM notes").fetchall())


def ready(server: Server) -> float:
    began = time.monotonic()
    server.begin()
    while not server.is_ready():
        time.sleep(0.05)
    return time.monotonic() - began


def purge(folder: Path, calls: int) -> None:
    events = write(folder / "wallboard.db", calls, days_ago=3)
    server = Server(folder, WALLBOARD_RETENTION_DAYS="3650")
    print(f"{events} events; ready with them after {ready(server):.1f} s")
    until = time.monotonic() + 15
    say("webhooks, nothing else", [lasted for _, lasted in post(server, lambda: time.monotonic() < until)])
    server.stop()
    server.close()
    server = Server(folder, WALLBOARD_RETENTION_DAYS="1")
    ready(server)
    began, moments = time.monotonic(), dict[str, float]()

    def goes_on() -> bool:
        """Until all is scrubbed; looks ten times a second."""
        if time.monotonic() - moments.get("looked", 0) > 0.1:
            moments["looked"] = time.monotonic()
            said = notes(folder)
            if "purged" in said:
                moments.setdefault("declared", time.monotonic())
                if said.get("unclean") == "":
                    moments["done"] = time.monotonic()
        return "done" not in moments

    found = post(server, goes_on)
    declared = moments["declared"]
    say("while the day's figures are counted", [lasted for at, lasted in found if at < declared])
    say("while its events are deleted and scrubbed", [lasted for at, lasted in found if at >= declared])
    print(f"counting {declared - began:.1f} s, deleting {moments['done'] - declared:.1f} s")
    server.stop()
    print(f"ready without them after {ready(server):.1f} s")
    server.close()


def forget(folder: Path, events: int) -> None:
    written = write(folder / "wallboard.db", events // 4, days_ago=1)
    server = Server(folder, WALLBOARD_RETENTION_DAYS="3650")
    print(f"{written} events; ready after {ready(server):.1f} s")
    until = time.monotonic() + 15
    say("webhooks, nothing else", [lasted for _, lasted in post(server, lambda: time.monotonic() < until)])
    took: list[object] = []

    def erase() -> None:
        began = time.monotonic()
        took.append(control.ask(folder / "wallboard.db", "forget", {"number": THEIRS}))
        took.append(time.monotonic() - began)

    erasing = threading.Thread(target=erase)
    erasing.start()
    say("while a caller is erased", [lasted for _, lasted in post(server, erasing.is_alive)])
    erasing.join()
    print(f"erasing took {took[1]:.1f} s: {took[0]}")
    server.stop()
    began = time.monotonic()
    said = server.run("forget", "+61290000009", timeout=600).stdout
    print(f"without a server {time.monotonic() - began:.1f} s: {said}")
    server.close()


def main() -> None:
    calls, events = (int(sys.argv[n]) if len(sys.argv) > n else usual for n, usual in ((1, 30_000), (2, 1_000_000)))
    with tempfile.TemporaryDirectory() as folder:
        purge(Path(folder), calls)
    with tempfile.TemporaryDirectory() as folder:
        forget(Path(folder), events)


if __name__ == "__main__":
    main()
