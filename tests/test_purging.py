"""What is deleted on purpose is in no file any more, is no loss, and a kill in between costs nothing."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from tests import purging
from tests.conftest import ROOT
from tests.torn import BODIES, FILES, KEPT, NAME, NOW, Damage, Opened, make, outcome, start, undamaged
from wallboard.journal import Delivery
from wallboard.journal.rows import INSERT, to_row
from wallboard.journal.sqlite import SqliteJournal
from wallboard.journal.sqlite_upkeep import SqliteUpkeep

PURGED = 25


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A killed server's files: the first 25 of 60 are deleted but for every ninth, the last 30 are in the WAL alone."""
    folder = tmp_path_factory.mktemp("purged")
    make(folder, purged=PURGED)
    return folder


@pytest.fixture(scope="module")
def before(sound: Path) -> Opened:
    return undamaged(sound)


def kept_and_later() -> list[bytes]:
    return [body for n, body in enumerate(BODIES) if n >= PURGED or n % 9 == 0]


def test_what_was_deleted_is_no_loss_and_what_is_kept_is_there(before: Opened) -> None:
    assert before.bodies == kept_and_later()
    assert before.losses == []
    assert len(before.purges) == 1


@pytest.mark.parametrize("file", FILES)
def test_no_changed_byte_and_no_cut_end_of_a_purged_journal_is_believed(
    sound: Path, before: Opened, file: str
) -> None:
    size, rng = (sound / file).stat().st_size, Random(f"purged {file}")
    header = [Damage(file, at, 1 << rng.randrange(8)) for at in range(0, min(size, 120), 24)]
    anywhere = [Damage(file, rng.randrange(size), rng.choice((0, 0xFF, 1 << rng.randrange(8)))) for _ in range(20)]
    for damage in (*header, *anywhere):
        outcome(sound, damage, before)


def test_no_changed_byte_of_what_is_kept_for_ever_is_believed(tmp_path: Path) -> None:
    sound = tmp_path / "sound"
    sound.mkdir()
    make(sound, stopped=True, purged=PURGED)
    before, data = undamaged(sound), (sound / NAME).read_bytes()
    for body in before.bodies[:3]:
        for at in (data.index(body) + len(body) // 2, data.index(body) - 20):
            assert outcome(sound, Damage(NAME, at, 0xFF), before) == "1 lost, and said so"


@pytest.mark.parametrize("gone", [[NAME, f"{NAME}-wal"], [NAME], [f"{NAME}-wal"]])
def test_of_a_purged_journal_that_is_gone_only_what_stood_in_it_counts_as_lost(
    sound: Path, before: Opened, tmp_path: Path, gone: list[str]
) -> None:
    for file in set(FILES).difference(gone):
        shutil.copy(sound / file, tmp_path / file)
    first, again = start(tmp_path), start(tmp_path)
    assert sum(first.losses) == len(before.bodies) - len(first.bodies) + (not set(before.purges) & set(first.purges))
    assert again == first


def test_a_copy_from_before_a_deletion_does_not_undo_it(tmp_path: Path) -> None:
    make(tmp_path, stopped=True)
    copy = (tmp_path / NAME).read_bytes()
    asyncio.run(purge(tmp_path, 40))
    (tmp_path / NAME).write_bytes(copy)
    first, again = start(tmp_path), start(tmp_path)
    assert first.bodies == BODIES[40:]
    assert first.losses == [1], "the remark that told of the deletion is gone with the newer file"
    assert again == first


def test_entries_that_were_put_among_the_deleted_are_not_believed(tmp_path: Path) -> None:
    make(tmp_path, stopped=True, purged=PURGED)
    forged = to_row(5, Delivery(received_at=NOW, body=b"forged", remark=KEPT))
    with sqlite3.connect(tmp_path / NAME) as connection:
        connection.execute(INSERT, forged)
    connection.close()
    assert start(tmp_path).losses == [0]


async def purge(folder: Path, *sequences: int) -> None:
    journal = SqliteJournal(folder / NAME)
    await journal.open(lambda entry: None)
    for sequence in sequences:
        await SqliteUpkeep(journal).purge(sequence, "", NOW)
    await journal.close()


# --- in no file --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_nothing_of_what_was_deleted_is_left_in_any_file(tmp_path: Path, seed: int) -> None:
    asyncio.run(fill_and_purge(tmp_path, Random(seed), total=2_500))


async def fill_and_purge(folder: Path, rng: Random, total: int) -> None:
    """Fills and purges in turn; every file is searched after every purge. Numbers are the entries' sequences."""
    stands: set[int] = set()
    journal = SqliteJournal(folder / NAME)
    await journal.open(lambda entry: None)
    upkeep, base = SqliteUpkeep(journal), 0
    while journal.head < total:
        numbers = range(journal.head + 1, journal.head + 501)
        await purging.fill(journal, numbers, rng)
        stands |= set(numbers)
        for word in ("damaged", "outdated", "unfinished"):
            (folder / f"{NAME}.{word}").write_bytes(purging.mark(base + 1))
        base = rng.randrange(base + 1, journal.head - 50)
        await upkeep.purge(base, "", NOW)
        stands -= {number for number in stands if number <= base and not purging.is_kept(number)}
        assert purging.marks_in(folder) == stands
    await journal.close()
    assert purging.marks_in(folder) == stands


def test_while_another_program_reads_the_rest_is_scrubbed_later(tmp_path: Path) -> None:
    async def run() -> None:
        journal = SqliteJournal(tmp_path / NAME)
        await journal.open(lambda entry: None)
        await purging.fill(journal, range(1, 301), Random(1))
        reader = sqlite3.connect(tmp_path / NAME, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM deliveries").fetchone()
        deleting = asyncio.create_task(SqliteUpkeep(journal).purge(200, "", NOW))
        while journal.base.sequence < 200:
            await asyncio.sleep(0.01)
        await journal.append(Delivery(received_at=NOW, body=b"meanwhile"))
        assert not deleting.done()
        reader.close()
        await asyncio.wait_for(deleting, 10)
        await journal.close()

    asyncio.run(run())
    assert {n for n in purging.marks_in(tmp_path) if n <= 200} == {n for n in range(1, 201) if purging.is_kept(n)}


# --- killed ------------------------------------------------------------------------------------------------------


def test_a_purge_that_is_killed_at_any_moment_costs_nothing_and_is_ended_by_the_next_start(tmp_path: Path) -> None:
    rng, total, cut = Random("kills"), 3_000, 2_600

    async def fill() -> None:
        journal = SqliteJournal(tmp_path / "made" / NAME)
        await journal.open(lambda entry: None)
        await purging.fill(journal, range(1, total + 1), rng)
        await journal.close()

    asyncio.run(fill())
    shutil.copytree(tmp_path / "made", tmp_path / "whole")
    began = time.monotonic()
    assert _purged_within(tmp_path / "whole", None)
    whole_seconds = time.monotonic() - began
    kills = attempt = 0
    while kills <= 10 and attempt < 60:  # how many come in time depends on the machine
        folder, attempt = tmp_path / str(attempt), attempt + 1
        shutil.copytree(tmp_path / "made", folder)
        ended = False
        while not ended:
            soon = rng.uniform(0.1, 0.95) * whole_seconds
            ended = _purged_within(folder, soon if kills < 4 * attempt else None)
            kills += not ended
            opened = start(folder)
            assert opened.losses == []
            assert len(opened.bodies) in (total, total - cut + sum(map(purging.is_kept, range(1, cut + 1))))
        assert purging.marks_in(folder) == {n for n in range(1, total + 1) if n > cut or purging.is_kept(n)}
        shutil.rmtree(folder)
    assert kills > 10


def _purged_within(folder: Path, seconds: float | None) -> bool:
    """Whether the process came to its end before it was killed."""
    command = [sys.executable, "-m", "tests.purging", str(folder), "2600"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
    return b"done" in said
