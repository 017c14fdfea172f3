"""Faults while running, on the real thing: nothing acknowledged is lost, nothing wrong is shown, all heals by itself.

Posting goes on all the time. Each fault keeps the same promises: the first 503 within a second, the first 200
within five of its end, /readyz and the board say so meanwhile, and whatever was acknowledged is there after a kill.
"""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.sync_api import Browser

from tests.conftest import API_TOKEN, TOKEN, Server, wait_until
from tests.faults import Faults, SmallDisk, compiled
from tests.samples import Body, abandoned, answered, body, rang

REFUSED_WITHIN, HEALED_WITHIN = 1.0, 5.0
UNWRITABLE = "journal cannot be written"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder that the journal is in, and nothing else."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def faults(library: Path, data: Path) -> Faults:
    return Faults(library, data)


@pytest.fixture
def faulty(tmp_path: Path, data: Path, faults: Faults) -> Iterator[Server]:
    """A server whose disk and clock obey `faults`."""
    server = Server(tmp_path, **faults.environment, DATABASE_URL=f"sqlite:///{data}/wallboard.db").start()
    yield server
    server.close()


class Answer(NamedTuple):
    """What came of one post; times are of the steady clock, status 0 is no answer at all."""

    call: str
    sent_at: float
    at: float
    status: int


class Posting(threading.Thread):
    """Posts one ringing call after the other until it is stopped."""

    def __init__(self, server: Server, name: str = "call") -> None:
        super().__init__(daemon=True)
        self._server = server
        self._name = name
        self._ended = threading.Event()
        self.answers: list[Answer] = []

    def run(self) -> None:
        client = httpx.Client(base_url=self._server.url, headers={"X-Pbx-Token": TOKEN}, timeout=10)
        while not self._ended.wait(0.01):
            call, sent_at = f"{self._name} {len(self.answers)}", time.monotonic()
            try:
                status = client.post("/webhooks/pbx", json=rang(str(1000 + len(self.answers) % 20), call)).status_code
            except httpx.TransportError:
                status = 0
            self.answers.append(Answer(call, sent_at, time.monotonic(), status))
        client.close()

    def stop(self) -> None:
        self._ended.set()
        self.join(15)
        assert not self.is_alive()

    def first(self, status: int, after: float) -> float | None:
        """Seconds from `after` to the first such answer to a post that was sent then or later."""
        return next((a.at - after for a in self.answers if a.sent_at >= after and a.status == status), None)

    def wait_for(self, status: int, after: float) -> float:
        wait_until(lambda: self.first(status, after) is not None, f"an answer {status}", within=15)
        found = self.first(status, after)
        assert found is not None
        return found

    def acknowledged(self) -> set[str]:
        return {answer.call for answer in self.answers if answer.status == 200}


@contextmanager
def posting(server: Server) -> Iterator[Posting]:
    """Posts meanwhile; nothing but 200 and 503 may come of it."""
    running = Posting(server)
    running.start()
    running.wait_for(200, 0)
    try:
        yield running
    finally:
        running.stop()
    assert {answer.status for answer in running.answers} <= {200, 503}


def shown(server: Server) -> set[str]:
    return {call["id"] for call in server.state()["calls"]}


def settled(server: Server) -> dict[str, Any]:
    return {name: value for name, value in server.state().items() if name != "as_of"}


def assert_nothing_lost(server: Server, posted: Posting) -> None:
    """Every acknowledged call is on the board, and the same board comes back after a kill."""
    assert posted.acknowledged() <= shown(server)
    before = settled(server)
    server.stop(signal.SIGKILL)
    server.start()
    assert posted.acknowledged() - shown(server) == set()
    assert settled(server) == before


def assert_refused_and_told(server: Server, posted: Posting, began: float) -> None:
    assert posted.wait_for(503, began) < REFUSED_WITHIN
    assert server.client.get("/readyz").status_code == 503
    assert UNWRITABLE in server.client.get("/boards/main").text


def assert_healed(server: Server, posted: Posting, ended: float) -> None:
    assert posted.wait_for(200, ended) < HEALED_WITHIN
    wait_until(server.is_ready, "ready again", within=HEALED_WITHIN)
    assert UNWRITABLE not in server.client.get("/boards/main").text


# --- the disk --------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(data: Path) -> Iterator[SmallDisk]:
    disk = SmallDisk(data, kilobytes=2048)
    yield disk
    disk.close()


def test_a_full_disk(tmp_path: Path, data: Path, small_disk: SmallDisk) -> None:
    server = Server(tmp_path, wrapper=small_disk.wrapper, DATABASE_URL=f"sqlite:///{data}/wallboard.db").start()
    try:
        with posting(server) as posted:
            with small_disk.full():
                assert_refused_and_told(server, posted, time.monotonic())
            assert_healed(server, posted, time.monotonic())
        assert_nothing_lost(server, posted)
    finally:
        server.close()


@pytest.mark.parametrize("code", [errno.EROFS, errno.EIO, errno.ENOSPC], ids=lambda code: errno.errorcode[code])
def test_a_database_that_cannot_be_written(faulty: Server, faults: Faults, code: int) -> None:
    with posting(faulty) as posted:
        with faults.writes_fail(code):
            began = time.monotonic()
            assert_refused_and_told(faulty, posted, began)
            assert posted.first(200, began) is None
        assert_healed(faulty, posted, time.monotonic())
    assert faults.counted("writes_failed")
    assert_nothing_lost(faulty, posted)


def _can_be_made_immutable(folder: Path) -> bool:
    tried = folder / "immutable"
    tried.touch()
    found = _chattr("+i", tried) == 0
    _chattr("-i", tried)
    tried.unlink()
    return found


def _chattr(change: str, *files: Path) -> int:
    return subprocess.run(["chattr", change, *files], check=False, capture_output=True).returncode


def test_files_made_immutable(faulty: Server, data: Path) -> None:
    if os.geteuid() != 0 or not _can_be_made_immutable(data):
        pytest.skip("needs root and a file system with immutable files; EROFS above stands in for it")
    files = [data / "wallboard.db", data / "wallboard.db-wal"]
    with posting(faulty) as posted:
        try:
            began = time.monotonic()
            assert _chattr("+i", *files) == 0
            assert_refused_and_told(faulty, posted, began)
        finally:
            assert _chattr("-i", *files) == 0
        assert_healed(faulty, posted, time.monotonic())
    assert_nothing_lost(faulty, posted)


@pytest.mark.parametrize("seconds", [0.0, 2.0], ids=["once", "for 2 s"])
def test_fsync_that_fails(faulty: Server, faults: Faults, seconds: float) -> None:
    with posting(faulty) as posted:
        with faults.syncs_fail(times=-1 if seconds else 1):
            began = time.monotonic()
            assert posted.wait_for(503, began) < REFUSED_WITHIN
            if seconds:
                assert_refused_and_told(faulty, posted, began)
                wait_until(lambda: time.monotonic() > began + seconds, "the time is up")
                assert posted.first(200, began) is None
            else:
                assert_healed(faulty, posted, began)
        assert_healed(faulty, posted, time.monotonic())
    assert faults.counted("syncs_failed")
    assert_nothing_lost(faulty, posted)


def test_fsync_that_hangs(faulty: Server, faults: Faults) -> None:
    with posting(faulty) as posted:
        with faults.syncs_take(3):
            assert_refused_and_told(faulty, posted, time.monotonic())
        assert_healed(faulty, posted, time.monotonic())
    assert_nothing_lost(faulty, posted)


DELETED = {
    "the database": ["wallboard.db"],
    "the WAL": ["wallboard.db-wal"],
    "both": ["wallboard.db", "wallboard.db-wal"],
    "all files": ["wallboard.db", "wallboard.db-wal", "wallboard.db-shm", "wallboard.db.lock"],
}


@pytest.mark.parametrize("names", DELETED.values(), ids=DELETED.keys())
def test_files_deleted_under_the_server(faulty: Server, data: Path, names: list[str]) -> None:
    with posting(faulty) as posted:
        began = time.monotonic()
        for name in names:
            (data / name).unlink()
        assert_healed(faulty, posted, began + 1)
    assert_nothing_lost(faulty, posted)


def test_the_whole_folder_deleted_under_the_server(faulty: Server, data: Path) -> None:
    with posting(faulty) as posted:
        began = time.monotonic()
        shutil.rmtree(data)
        assert_healed(faulty, posted, began + 1)
    assert_nothing_lost(faulty, posted)


# --- the clock -------------------------------------------------------------------------------------------

QUEUED = body("webhook_component_event", "waits", component_name="Before Sales")
MEANING = {"X-Wallboard-Meaning": "queue_entered:Sales"}


def told_at(instant: datetime, event: Body) -> Body:
    return event | {"call_start_at": instant.isoformat()}


def live(server: Server) -> dict[str, str]:
    return {call["id"]: call["state"] for call in server.state()["calls"] if call["state"] != "ended"}


def ages(server: Server) -> dict[str, float]:
    """How many seconds each busy agent has been at it, by the server's own clock."""
    state = server.state()
    now = datetime.fromisoformat(state["as_of"])
    busy = (agent for agent in state["agents"] if agent["state"] != "idle")
    return {agent["number"]: (now - datetime.fromisoformat(agent["since"])).total_seconds() for agent in busy}


def clock_error(server: Server, faults: Faults) -> float:
    as_of = datetime.fromisoformat(server.state()["as_of"])
    return abs(as_of.timestamp() - time.time() - faults.clock_seconds)


def as_seconds(shown: str | None) -> int:
    minutes, seconds = (shown or "").rsplit(":", 2)[-2:]
    hours = int(shown.split(":")[0]) if shown and shown.count(":") == 2 else 0
    return hours * 3600 + int(minutes) * 60 + int(seconds)


@pytest.mark.parametrize("wrong_by", [-3600, 3600], ids=["an hour slow", "an hour fast"])
def test_a_clock_that_is_set_right(faulty: Server, faults: Faults, browser: Browser, wrong_by: int) -> None:
    """Both ways: the clock goes wrong under an empty board, calls come, and it is set right again."""
    faults.step_clock(wrong_by)
    wait_until(lambda: clock_error(faulty, faults) < 1, "the server follows its clock", within=HEALED_WITHIN)
    began, started = time.monotonic(), datetime.now(UTC)
    faulty.post(told_at(started, rang("1001", "rings")))
    faulty.post(told_at(started, answered("1002", "talks") | {"connected_at": None}))
    faulty.post(told_at(started, QUEUED), **MEANING)
    page = browser.new_page()
    page.goto(f"{faulty.url}/boards/main")
    page.wait_for_selector('[data-call="talks"]', state="attached")
    faults.step_clock(0)
    stepped = time.monotonic()
    with posting(faulty) as posted:
        wait_until(lambda: clock_error(faulty, faults) < 1, "the server follows its clock", within=HEALED_WITHIN)
        calls = {"rings": "ringing", "talks": "talking", "waits": "waiting"}
        assert live(faulty) | calls == live(faulty)
        age = time.monotonic() - began
        assert {agent: pytest.approx(age, abs=1.5) for agent in ("1001", "1002")}.items() <= ages(faulty).items()

        def durations() -> list[int]:
            texts = page.locator('[data-agent="1002"] [data-since], [data-call="waits"] [data-since]').all_inner_texts()
            return [as_seconds(text) for text in texts]

        def are_right() -> bool:
            age = time.monotonic() - began
            return len(found := durations()) == 2 and all(abs(seconds - age) < 2.5 for seconds in found)

        wait_until(are_right, "the screen's durations are right", within=HEALED_WITHIN)
        assert time.monotonic() - stepped < HEALED_WITHIN
    page.close()
    assert_nothing_lost(faulty, posted)
    assert live(faulty) | calls == live(faulty)


SYDNEY, LONDON = "Australia/Sydney", "Europe/London"


class Change(NamedTuple):
    """An instant at which the local clock jumps, or the day changes, and how long that local day is."""

    zone: str
    day: date
    at: datetime
    hours: int

    def local(self, clock: str, days: int = 0) -> datetime:
        return datetime.fromisoformat(f"{self.day + timedelta(days)}T{clock}").replace(tzinfo=ZoneInfo(self.zone))


CHANGES = [
    Change(SYDNEY, date(2026, 10, 4), datetime(2026, 10, 3, 16, tzinfo=UTC), 23),
    Change(SYDNEY, date(2027, 4, 4), datetime(2027, 4, 3, 16, tzinfo=UTC), 25),
    Change(LONDON, date(2027, 3, 28), datetime(2027, 3, 28, 1, tzinfo=UTC), 23),
    Change(LONDON, date(2026, 10, 25), datetime(2026, 10, 25, 1, tzinfo=UTC), 25),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.zone} {change.hours} h")
def test_a_day_on_which_the_clocks_change(tmp_path: Path, data: Path, faults: Faults, change: Change) -> None:
    assert change.local("00:00", 1).timestamp() - change.local("00:00").timestamp() == change.hours * 3600
    server = _server_at(tmp_path, data, faults, change.zone, change.at.timestamp() - 1)
    try:
        server.post(told_at(change.at - timedelta(seconds=30), rang("1001", "rings")))
        server.post(told_at(change.at - timedelta(seconds=30), answered("1002", "talks")))
        offset = _offset(server)
        for call, start in (
            ("day's first", change.local("00:00:01")), ("day's last", change.local("23:59:59")),
            ("day before", change.local("23:59:59", -1)), ("day after", change.local("00:00:01", 1)),
        ):  # fmt: skip
            server.post(told_at(start, abandoned(call)))
        wait_until(lambda: _offset(server) != offset, "the local clock changes")
        state = server.state()
        assert live(server) == {"rings": "ringing", "talks": "talking"}
        assert (state["day"], state["totals"]["inbound"]["offered"]) == (change.day.isoformat(), 4)
        naive = told_at(change.at, rang("1003", "naive")) | {"call_start_at": f"{change.day}T02:30:00"}
        assert server.post(naive).json()["accepted"] == 1
        server.post(naive | {"unique_call_id": "too", "call_start_at": f"{change.day}T01:30:00"})
        state = server.state()
        assert (state["totals"]["inbound"]["offered"], state["webhooks"]["set_aside"]) == (6, 0)
        assert server.client.get("/boards/main").status_code == 200
        before = settled(server)
        server.stop(signal.SIGKILL)
        assert settled(server.start()) == before
    finally:
        server.close()


def test_midnight_with_live_calls(tmp_path: Path, data: Path, faults: Faults) -> None:
    midnight = Change(SYDNEY, date(2026, 11, 25), datetime(2026, 11, 24, 13, tzinfo=UTC), 24)
    server = _server_at(tmp_path, data, faults, SYDNEY, midnight.at.timestamp() - 1)
    try:
        started = midnight.at - timedelta(seconds=30)
        server.post(told_at(started, rang("1001", "rings")))
        server.post(told_at(started, answered("1002", "talks")))
        server.post(told_at(started, QUEUED), **MEANING)
        assert _offered(server) == ("2026-11-24", 3)
        wait_until(lambda: server.state()["day"] == "2026-11-25", "midnight")
        assert _offered(server) == ("2026-11-25", 0), "they count in the day in which they started"
        assert live(server) == {"rings": "ringing", "talks": "talking", "waits": "waiting"}
        server.post(told_at(started, abandoned("waits")))
        server.post(told_at(midnight.at, rang("1003", "new")))
        assert _offered(server) == ("2026-11-25", 1)
        assert live(server) == {"rings": "ringing", "talks": "talking", "new": "ringing"}
        before = settled(server)
        server.stop(signal.SIGKILL)
        assert settled(server.start()) == before
    finally:
        server.close()


def _server_at(tmp_path: Path, data: Path, faults: Faults, zone: str, instant: float) -> Server:
    """A server on an empty journal whose clock has just been set to `instant`."""
    database = f"sqlite:///{data}/wallboard.db"
    server = Server(tmp_path, **faults.environment, DATABASE_URL=database, WALLBOARD_TIME_ZONE=zone).start()
    faults.set_clock(instant)
    return server


def _offset(server: Server) -> timedelta | None:
    return datetime.fromisoformat(server.state()["as_of"]).utcoffset()


def _offered(server: Server) -> tuple[str, int]:
    state = server.state()
    return state["day"], state["totals"]["inbound"]["offered"]


# --- many screens ----------------------------------------------------------------------------------------

STREAMS, RECONNECTS, AT_ONCE = 500, 10_000, 50
REQUEST = b"GET /boards/main/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Screen:
    """One open stream over a plain socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Screen:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        writer.write(REQUEST)
        return cls(reader, writer)

    async def snapshot(self) -> bytes:
        """The first message's data: every tile as it is now."""
        received = await self._reader.readuntil(b"\n\n")
        assert received.startswith(b"HTTP/1.1 200 "), received[:80]
        return received[received.index(b"event: tiles") :].split(b"\n", 2)[2]

    async def rest(self) -> bytes:
        """What comes until the server closes, or is no more."""
        chunks = []
        with suppress(ConnectionResetError):
            while chunk := await self._reader.read(1 << 16):
                chunks.append(chunk)
        self.close()
        return b"".join(chunks)

    def close(self) -> None:
        self._writer.close()


async def open_screens(port: int) -> tuple[list[Screen], set[bytes]]:
    """Five hundred screens, and the different snapshots that they were shown."""
    screens = await asyncio.gather(*(Screen.open(port) for _ in range(STREAMS)))
    return screens, set(await asyncio.gather(*(screen.snapshot() for screen in screens)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_end_with_five_hundred_streams_open(server: Server, number: signal.Signals) -> None:
    async def run() -> Posting:
        screens, _ = await open_screens(server.port)
        posted = Posting(server)
        posted.start()
        await asyncio.to_thread(posted.wait_for, 200, 0)
        rests = [asyncio.ensure_future(screen.rest()) for screen in screens]
        server.send(number)
        assert server.process is not None
        await asyncio.to_thread(server.process.wait, 5)
        said = await asyncio.wait_for(asyncio.gather(*rests), 5)
        if number == signal.SIGTERM:
            assert sum(b"event: farewell" in rest for rest in said) == STREAMS
        await asyncio.to_thread(posted.stop)
        assert {answer.status for answer in posted.answers} <= {200, 503, 0}
        await asyncio.to_thread(server.start)
        screens, snapshots = await open_screens(server.port)
        assert len(snapshots) == 1, "all see the same board"
        for screen in screens:
            screen.close()
        return posted

    posted = asyncio.run(run())
    assert "Traceback" not in (server.folder / "log").read_text()
    assert posted.acknowledged() <= shown(server)
    assert_nothing_lost(server, posted)


class Footprint(NamedTuple):
    """What a server holds; memory in bytes."""

    descriptors: int
    tasks: int
    viewers: int
    memory: int


def footprint(server: Server) -> Footprint:
    assert server.process is not None
    proc = Path(f"/proc/{server.process.pid}")
    text = server.client.get("/metrics", headers={"Authorization": f"Bearer {API_TOKEN}"}).text
    gauges = dict(line.split() for line in text.splitlines() if line.startswith("wallboard_"))
    pages = int((proc / "statm").read_text().split()[1])
    return Footprint(
        len(list((proc / "fd").iterdir())),
        int(float(gauges["wallboard_tasks"])),
        int(float(gauges["wallboard_viewers"])),
        pages * os.sysconf("SC_PAGE_SIZE"),
    )


async def come_and_go(port: int, times: int) -> None:
    async def one_after_the_other() -> None:
        for _ in range(times // AT_ONCE):
            screen = await Screen.open(port)
            await screen.snapshot()
            screen.close()

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


def test_ten_thousand_reconnects_leave_nothing_behind(server: Server) -> None:
    with posting(server) as posted:
        asyncio.run(come_and_go(server.port, RECONNECTS // 5))
    quick = sorted(answer.at - answer.sent_at for answer in posted.answers)
    assert quick[len(quick) * 95 // 100] < 0.5
    wait_until(lambda: footprint(server).viewers == 0, "the first are gone")
    before = footprint(server)
    asyncio.run(come_and_go(server.port, RECONNECTS * 4 // 5))
    wait_until(lambda: footprint(server)[:3] == before[:3], "descriptors, tasks and viewers are as they were")
    assert footprint(server).memory - before.memory < 4 << 20, "not half a kilobyte each"
