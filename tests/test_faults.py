"""Disk faults while running, on the real thing: nothing acknowledged is lost, the board says so, it heals by itself."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Server, wait_until
from tests.faults import Faults, SmallDisk, may_mount
from tests.posting import (
    HEALED_WITHIN,
    REFUSED_WITHIN,
    assert_healed,
    assert_nothing_lost,
    assert_refused_and_told,
    posting,
)
from tests.samples import rang

pytestmark = pytest.mark.alone


@pytest.fixture
def small_disk(data: Path) -> Iterator[SmallDisk]:
    if not may_mount():
        pytest.skip("needs root or user namespaces for a private mount; ENOSPC below stands in for it")
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


@pytest.mark.parametrize("known", [True, False], ids=["with a journal", "without one"])
def test_a_disk_that_is_full_at_the_start(tmp_path: Path, data: Path, small_disk: SmallDisk, known: bool) -> None:
    server = Server(tmp_path, wrapper=small_disk.wrapper, DATABASE_URL=f"sqlite:///{data}/wallboard.db")
    try:
        if known:
            server.start()
            assert server.post(rang()).status_code == 200
            server.kill()
        with small_disk.full():
            server.begin()
            wait_until(server.answers, "it starts all the same")
            taken = server.post(rang(call="2")).status_code == 200
            assert known or not taken, "only a journal that has pages to spare can take one more"
        wait_until(server.is_ready, "ready", within=HEALED_WITHIN)
        expected = {"1001"} if known else set()
        assert {call["id"] for call in server.state()["calls"]} >= expected | ({"2"} if taken else set())
        assert server.post(rang(call="3")).status_code == 200
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


def test_a_server_ends_though_its_disk_does_not_answer(faulty: Server, faults: Faults) -> None:
    with faults.syncs_take(60):
        assert faulty.post(rang()).status_code == 503
        faulty.stop(within=6)
    faulty.start()
    assert faulty.post(rang()).status_code == 200


DELETED = {
    "the database": ["wallboard.db"],
    "the WAL": ["wallboard.db-wal"],
    "both": ["wallboard.db", "wallboard.db-wal"],
    "all files": ["*"],
}


@pytest.mark.parametrize("names", DELETED.values(), ids=DELETED.keys())
def test_files_deleted_under_the_server(faulty: Server, data: Path, names: list[str]) -> None:
    with posting(faulty) as posted:
        began = time.monotonic()
        for file in [file for name in names for file in data.glob(name)]:
            file.unlink()
        assert_healed(faulty, posted, began + 1)
    assert_nothing_lost(faulty, posted)


def test_the_whole_folder_deleted_under_the_server(faulty: Server, data: Path) -> None:
    with posting(faulty) as posted:
        began = time.monotonic()
        shutil.rmtree(data)
        assert_healed(faulty, posted, began + 1)
    assert_nothing_lost(faulty, posted)
