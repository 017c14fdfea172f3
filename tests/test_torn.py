"""A journal that was cut or changed is noticed at the start, told, mended, and stays mended."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import httpx
import msgspec
import pytest

from tests.conftest import Server, wait_until
from tests.samples import answered_call, rang
from tests.torn import (
    BODIES,
    FILES,
    NAME,
    NOW,
    SNAPSHOT,
    Damage,
    Opened,
    make,
    outcome,
    start,
    taken_up,
    undamaged,
)
from wallboard.journal import Delivery, JournalUnavailable, mending, store
from wallboard.journal.custody import Custody
from wallboard.journal.rows import INSERT, NOTE, sealed_note, to_entry, to_row
from wallboard.journal.soundness import WAYMARK, Waymark
from wallboard.journal.sqlite import SqliteJournal
from wallboard.journal.sqlite_beginnings import SqliteBeginnings
from wallboard.journal.sqlite_upkeep import SqliteUpkeep
from wallboard.journal.store import Store

LARGE = [b'{"type": "large", "n": %d, "x": "%s"}' % (n, b"x" * 300) for n in range(3000)]


def made(folder: Path, bodies: list[bytes] = BODIES, *, stopped: bool = False, snapshot: bool = False) -> Path:
    sound = folder / "sound"
    sound.mkdir()
    make(sound, bodies, stopped=stopped, snapshot=snapshot)
    return sound


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a killed server: half of the rows in the database, the others in the WAL alone."""
    return made(tmp_path_factory.mktemp("torn"))


@pytest.fixture(scope="module")
def before(sound: Path) -> Opened:
    return undamaged(sound)


def test_nothing_is_said_where_nothing_happened(before: Opened) -> None:
    assert before.bodies == BODIES
    assert before.losses == []


@pytest.mark.parametrize("file", FILES)
def test_no_changed_byte_is_believed(sound: Path, before: Opened, file: str) -> None:
    size, rng = (sound / file).stat().st_size, Random(f"bytes of {file}")
    header = [Damage(file, at, 1 << rng.randrange(8)) for at in range(0, min(size, 120), 6)]
    anywhere = [Damage(file, rng.randrange(size), rng.randrange(1, 256)) for _ in range(40)]
    became = {outcome(sound, damage, before) for damage in (*header, *anywhere)}
    assert len(became) > 1 or file.endswith("witness"), "the bytes that were changed mattered to nobody"


def test_a_changed_byte_in_a_tables_design_is_no_new_design(tmp_path: Path) -> None:
    """One made a comma of a space, so that every row had a column more and no start succeeded."""
    sound = made(tmp_path, stopped=True)
    before, page = undamaged(sound), (sound / NAME).read_bytes()[:4096]
    design = page.index(b"CREATE TABLE deliveries")
    marks = [at for at in range(design, len(page)) if page[at] in b" ,\n" and page[at - 1] not in b" "]
    assert len(marks) > 50
    for at in marks[::2]:
        for bit in (1, 2, 3, 5):
            outcome(sound, Damage(NAME, at, 1 << bit), before)


@pytest.mark.parametrize("file", FILES)
def test_no_cut_end_is_believed(sound: Path, before: Opened, file: str) -> None:
    size, rng = (sound / file).stat().st_size, Random(f"ends of {file}")
    became = {outcome(sound, Damage(file, at, 0), before) for at in (0, 1, *(rng.randrange(size) for _ in range(20)))}
    assert any("lost" in what for what in became) or file.endswith("witness")


@pytest.mark.parametrize("stopped", [False, True], ids=["killed", "stopped"])
def test_nor_in_a_journal_of_many_pages(tmp_path: Path, stopped: bool) -> None:
    sound = made(tmp_path, LARGE, stopped=stopped)
    before, rng = undamaged(sound), Random("many pages")
    assert before.bodies == LARGE
    for file in FILES[: 1 if stopped else 2]:
        size = (sound / file).stat().st_size
        assert size > 300_000
        places = [0, 17, 19, 100, 105, size // 2, *(rng.randrange(size) for _ in range(6))]
        for at in places:
            outcome(sound, Damage(file, at, 0xFF), before)
            outcome(sound, Damage(file, at, 0), before)


@pytest.mark.parametrize("stopped", [False, True], ids=["killed", "stopped"])
def test_nor_is_any_by_a_start_from_a_snapshot(tmp_path: Path, stopped: bool) -> None:
    """What stands before the snapshot's waymark is examined while the server runs, and all of it at the start then."""
    sound = made(tmp_path, stopped=stopped, snapshot=True)
    before, rng = undamaged(sound), Random("from a snapshot")
    assert (before.begun, before.anew, before.bodies) == (60 if stopped else 41, False, BODIES)
    became = set()
    for file in FILES[: 1 if stopped else 3]:
        size = (sound / file).stat().st_size
        header = [Damage(file, at, 1 << rng.randrange(8)) for at in range(0, min(size, 120), 12)]
        anywhere = [Damage(file, rng.randrange(size), rng.randrange(1, 256)) for _ in range(40)]
        ends = [Damage(file, rng.randrange(size), 0) for _ in range(5)]
        became |= {outcome(sound, damage, before) for damage in (*header, *anywhere, *ends)}
    assert {"1 lost, and said so, later", "no harm"} <= became


def damaged_before_the_waymark(folder: Path) -> Path:
    """A journal of many rows that was stopped, with a snapshot of them all; the first row's body has changed."""
    sound = made(folder, LARGE, stopped=True, snapshot=True)
    at = (sound / NAME).read_bytes().index(LARGE[0])
    Damage(NAME, at, 1).do(sound)
    return sound


def test_what_comes_before_an_old_row_is_found_damaged_is_kept(tmp_path: Path) -> None:
    opened = start(damaged_before_the_waymark(tmp_path), b"more")
    assert opened.anew
    assert (opened.bodies, opened.losses) == ([*LARGE[1:], b"more"], [1])


def test_nothing_is_deleted_before_all_has_been_examined(tmp_path: Path) -> None:
    """Deleting what is damaged, or rewriting it, would be the end of knowing that it was."""
    folder = damaged_before_the_waymark(tmp_path)

    async def run() -> None:
        journal = SqliteJournal(folder / NAME)

        async def begin() -> int:
            return len(taken_up(SqliteBeginnings(journal)))

        await journal.open(lambda entry: None, begin=begin)
        with pytest.raises(JournalUnavailable):
            await SqliteUpkeep(journal).purge(2_000, "", NOW)
        with pytest.raises(JournalUnavailable):
            await SqliteUpkeep(journal).sweep()
        await journal.close()

    asyncio.run(run())
    assert not (folder / SNAPSHOT).exists()
    assert start(folder).losses == [1]


def test_without_its_snapshot_a_journal_is_examined_before_it_is_read(tmp_path: Path) -> None:
    folder = damaged_before_the_waymark(tmp_path)
    (folder / SNAPSHOT).unlink()
    opened = start(folder)
    assert (opened.anew, opened.losses) == (False, [1])


def test_a_waymark_that_is_wrong_is_not_believed(tmp_path: Path) -> None:
    """It lies before rows that were rewritten since, or is another journal's: all is examined, and nothing is wrong."""
    sound = made(tmp_path, snapshot=True)
    for mark in (Waymark(41, b"\1" * 32), Waymark(10, b"\1" * 32), Waymark(61, b"\1" * 32)):
        with closing(sqlite3.connect(sound / NAME)) as connection, connection:
            connection.execute(NOTE, sealed_note(WAYMARK, msgspec.json.encode(mark).decode()))
        for _ in range(2):
            opened = start(sound)
            assert (opened.bodies, opened.losses, opened.anew) == (BODIES, [], False)


def test_a_server_that_finds_an_old_row_damaged_starts_anew_and_tells(idle_server: Server) -> None:
    custody = Custody(idle_server.folder / NAME)
    bodies = [json.dumps(rang(call=str(n))).encode() for n in range(1_100)]
    custody.commit([Delivery(received_at=datetime.now(UTC), body=body) for body in bodies], [])
    custody.release()
    idle_server.start().stop()
    assert (idle_server.folder / SNAPSHOT).exists()
    Damage(NAME, (idle_server.folder / NAME).read_bytes().index(bodies[0]) + 20, 1).do(idle_server.folder)
    server = idle_server.start()

    def has_told() -> bool:
        with suppress(httpx.HTTPError):
            return bool(server.client.get("/readyz").status_code == 200 and server.state()["journal"]["lost_today"])
        return False

    wait_until(has_told, "the loss is told")
    state = server.state()
    assert (state["journal"]["lost_today"], state["sequence"]) == (1, 1_101)
    assert "1 event lost" in server.client.get("/boards/main").text
    assert server.post(rang(call="more")).status_code == 200
    log = (server.folder / "log").read_text()
    assert log.count("starts anew") == 1


@pytest.mark.parametrize("step", ["records", "_tell", "_keep_aside", "complete", "adopt"])
@pytest.mark.parametrize("gone", [True, False])
def test_a_mending_that_is_cut_short_costs_nothing_more(sound: Path, tmp_path: Path, step: str, gone: bool) -> None:
    for folder in (tmp_path / "once", tmp_path / "twice"):
        shutil.copytree(sound, folder)
        if gone:
            (folder / NAME).unlink()
        else:
            Damage(f"{NAME}-wal", 60_000, 0xFF).do(folder)
    once = start(tmp_path / "once")

    def killed(*_: object) -> None:
        raise _Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mending, step, killed)
        with pytest.raises(_Killed):
            start(tmp_path / "twice")
    twice = start(tmp_path / "twice")
    assert (twice.bodies, twice.losses) == (once.bodies, once.losses)
    assert (tmp_path / "twice" / f"{NAME}.damaged-wal").exists()


class _Killed(BaseException):
    """In the place of SIGKILL: nobody catches it."""


@pytest.mark.parametrize(("gone", "lost"), [
    ([NAME, f"{NAME}-wal"], range(60, 61)), ([f"{NAME}-wal"], range(29, 30)), ([NAME], range(1, 60)),
])  # fmt: skip
def test_a_file_that_is_gone_at_the_start_is_told_on_the_board(
    sound: Path, idle_server: Server, gone: list[str], lost: range
) -> None:
    for file in FILES:
        if file not in gone:
            shutil.copy(sound / file, idle_server.folder / file)
    server = idle_server.start()
    told = server.state()["journal"]["lost_today"]
    assert told in lost
    for _ in range(2):
        assert f"{told} events lost" in server.client.get("/boards/main").text
        assert f"{told} events lost" in server.client.get("/setup").text
        assert server.state()["webhooks"]["unrecognised"] == 60 - told
        server.stop()
        server.start()
    assert server.post(rang()).status_code == 200


def test_a_rolled_back_copy_is_noticed(server: Server) -> None:
    server.post(answered_call("1"))
    server.stop()
    copy = (server.folder / NAME).read_bytes()
    server.start()
    server.post(rang(call="2"))
    server.post(rang(call="3"))
    epoch = server.state()["journal"]["epoch"]
    server.stop()
    (server.folder / NAME).write_bytes(copy)
    server.start()
    state = server.state()
    assert (state["journal"]["lost_today"], state["totals"]["inbound"]["offered"]) == (2, 1)
    assert state["journal"]["epoch"] != epoch
    assert server.post(rang(call="4")).status_code == 200


def test_another_journal_in_its_place_is_noticed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> None:
    server.post(rang(call="1"))
    server.stop()
    other = tmp_path_factory.mktemp("other")
    make(other)
    for file in FILES[:2]:
        shutil.copy(other / file, server.folder / file)
    server.start()
    assert "1 event lost" in server.client.get("/boards/main").text


def test_rows_changed_with_their_seals_are_noticed(server: Server) -> None:
    for call in ("1", "2"):
        server.post(rang(call=call))
    server.stop()
    with sqlite3.connect(server.folder / NAME) as connection:
        first = connection.execute("SELECT * FROM deliveries WHERE sequence = 1").fetchone()
        forged = forge(first, first[6].replace(b"ACME", b"EMCA"))
        connection.execute("UPDATE deliveries SET hash = ?, body = ? WHERE sequence = 1", (forged[3], forged[6]))
    server.start()
    assert "journal was damaged" in server.client.get("/boards/main").text


def forge(row: tuple[object, ...], body: bytes) -> tuple[object, ...]:
    """The same row with another body and the seal that it would have."""
    entry = to_entry(row)
    return to_row(entry.sequence, type(entry.delivery)(received_at=entry.delivery.received_at, body=body))


def test_a_gap_is_not_counted_number_by_number(tmp_path: Path) -> None:
    """A set of all that are gone would not fit into any memory, at this start and at every one after it."""
    start(tmp_path, b"first")
    far = to_row(10**12, Delivery(received_at=NOW, body=b"far"))
    with sqlite3.connect(tmp_path / NAME) as connection:
        connection.execute(INSERT, far)
    connection.close()
    for _ in range(2):
        opened = start(tmp_path)
        assert (opened.bodies, opened.losses) == ([b"first", b"far"], [10**12 - 2])


def make_schema_1(folder: Path) -> None:
    with sqlite3.connect(folder / NAME) as old:
        old.executescript(
            "PRAGMA journal_mode=WAL; CREATE TABLE deliveries (sequence INTEGER PRIMARY KEY,"
            "received_at INTEGER NOT NULL, schema INTEGER NOT NULL, hash BLOB NOT NULL, meaning TEXT, refusal TEXT,"
            "body BLOB NOT NULL);"
            "CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);"
            "INSERT INTO notes VALUES ('refused', '3');"
        )
        for n, body in enumerate(BODIES, 1):
            row = (n, 1_700_000_000_000_000, 1, hashlib.sha256(body).digest(), None, None, body)
            old.execute("INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    old.close()


def test_a_journal_of_the_first_schema_is_taken_over(tmp_path: Path) -> None:
    make_schema_1(tmp_path)
    opened = start(tmp_path, b"more")
    assert (opened.bodies, opened.losses) == ([*BODIES, b"more"], [])
    again = start(tmp_path)
    assert (again.bodies, again.losses, again.epoch) == (opened.bodies, [], opened.epoch)


def test_an_upgrade_that_is_cut_short_raises_no_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_schema_1(tmp_path)
    with monkeypatch.context() as patch:
        patch.delattr(store, "sealed_note")
        with pytest.raises(NameError):
            Store(tmp_path / NAME)
    opened = start(tmp_path)
    assert (opened.bodies, opened.losses) == (BODIES, [])
