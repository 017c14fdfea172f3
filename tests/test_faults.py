"""Faults while running, on the real thing: nothing acknowledged is lost, nothing wrong is shown, all heals by itself.

Posting goes on all the time. Each fault keeps the same promises: the first 503 within a second, the first 200
within five of its end, /readyz and the board say so meanwhile, and whatever was acknowledged is there after a kill.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.conftest import TOKEN, Server, wait_until
from tests.faults import Faults, SmallDisk, compiled
from tests.samples import rang

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
    server = Server(tmp_path, small_disk.wrapper, DATABASE_URL=f"sqlite:///{data}/wallboard.db").start()
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
