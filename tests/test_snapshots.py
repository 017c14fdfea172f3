"""A start goes on from the last snapshot, or folds everything; never from one that the journal does not vouch for."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests import samples
from tests.folding import READER, RULES, empty, entries, everything
from wallboard.clock import Clock
from wallboard.commons import Commons
from wallboard.erasing import Eraser
from wallboard.forgetting import erase, erase_offline
from wallboard.journal import Delivery
from wallboard.journal.engines import SqliteEngine, engine_of
from wallboard.refold import Question, Refolding
from wallboard.rules import Rules
from wallboard.snapshots import Snapshots

FEWEST = 20
NUMBER = "+61291112222"
NOW = datetime(2026, 11, 24, tzinfo=UTC)
DELIVERIES = [entry.delivery for entry in entries(11, calls=20)]


class Server:
    """The part of a server that starts, folds and ends, as life.py does it."""

    def __init__(self, place: Path | str, rules: Rules = RULES, fewest: int = FEWEST) -> None:
        self.engine = engine_of(place if isinstance(place, str) else f"sqlite:///{place}/wallboard.db")
        self.journal = self.engine.journal
        self.fold = empty(rules, READER, self.journal)
        self.snapshots = Snapshots(self.fold, self.engine, every=FEWEST, fewest=fewest)

    async def __aenter__(self) -> Server:
        await self.fold.intake.open(self.snapshots.begin)
        self.snapshots.opened()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.snapshots.stop()
        await self.journal.close()

    async def tell(self, deliveries: Sequence[Delivery]) -> None:
        await asyncio.gather(*(self.journal.append(one) for one in deliveries))

    @property
    def begun(self) -> tuple[int, int]:
        """The snapshot that it began with, and how many entries it folded."""
        start = self.fold.intake.start
        assert start is not None
        return start.snapshot, start.tail


def in_turn(place: Path | str, *do: Callable[[Server], Awaitable[Any]], **options: Any) -> list[Any]:
    """Starts a server, does this, and ends it."""

    async def run() -> list[Any]:
        async with Server(place, **options) as server:
            return [await one(server) for one in do]

    return asyncio.run(run())


def tells(*deliveries: Delivery) -> Callable[[Server], Awaitable[None]]:
    return lambda server: server.tell(deliveries)


async def begun(server: Server) -> tuple[int, int]:
    return server.begun


async def make(server: Server) -> bool:
    return await server.snapshots.make()


async def held(server: Server) -> Any:
    return everything(server.fold)


async def kill(server: Server) -> None:
    """So that its end leaves nothing."""
    server.fold.intake.has_erased = True


def snapshot_of(folder: Path) -> Path:
    return folder / "wallboard.db.snapshot"


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A journal with a snapshot of its first 50 entries, and a tail."""
    assert in_turn(tmp_path, tells(*DELIVERIES[:50]), make, tells(*DELIVERIES[50:]), kill)[1] is True
    return tmp_path


def whole(folder: Path) -> Any:
    """What a start without any snapshot holds."""
    copied = folder / "copied"
    copied.mkdir()
    for file in folder.iterdir():
        if file.is_file() and "snapshot" not in file.name:
            shutil.copy(file, copied)
    return in_turn(copied, held, kill)[0]


def test_a_start_goes_on_from_the_snapshot_and_is_the_same(filled: Path) -> None:
    (began, state, _) = in_turn(filled, begun, held, kill)
    assert began == (50, len(DELIVERIES) - 50)
    assert state == whole(filled)
    assert stat.S_IMODE(snapshot_of(filled).stat().st_mode) == 0o600


def test_the_next_one_is_made_from_the_last(filled: Path) -> None:
    in_turn(filled, make, kill)
    assert in_turn(filled, begun, kill)[0] == (len(DELIVERIES), 0)


def test_a_clean_stop_leaves_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wallboard.snapshots._AT_STOP_FEWEST", 10)
    monkeypatch.setattr("wallboard.snapshots._AT_STOP_STALE", 1_000)
    (_, before) = in_turn(tmp_path, tells(*DELIVERIES), held)
    assert in_turn(tmp_path, begun, held) == [(len(DELIVERIES), 0), before]


def test_a_short_journal_needs_none(tmp_path: Path) -> None:
    in_turn(tmp_path, tells(*DELIVERIES), fewest=10_000)
    assert not snapshot_of(tmp_path).exists()


@pytest.mark.parametrize("at", [0, 30, 300, 3_000, -40, -1], ids=str)
def test_a_damaged_one_is_thrown_away_and_all_is_folded(filled: Path, at: int) -> None:
    made = bytearray(snapshot_of(filled).read_bytes())
    made[at] ^= 16
    snapshot_of(filled).write_bytes(made)
    began, state, _ = in_turn(filled, begun, held, kill)
    assert began == (0, len(DELIVERIES))
    assert state == whole(filled)
    assert not snapshot_of(filled).exists()


def test_one_that_cannot_be_read_at_all_stops_no_start(filled: Path) -> None:
    snapshot_of(filled).unlink()
    snapshot_of(filled).mkdir()
    assert in_turn(filled, begun, kill)[0] == (0, len(DELIVERIES))


def test_other_settings_fold_everything(filled: Path) -> None:
    rules = msgspec.structs.replace(RULES, waiting_timeout=timedelta(minutes=1))
    assert in_turn(filled, begun, kill, rules=rules)[0] == (0, len(DELIVERIES))


def test_a_journal_that_went_another_way_folds_everything(filled: Path) -> None:
    """A copy from before the snapshot, to which other entries have come: the same name, another entry 50."""
    kept = snapshot_of(filled).read_bytes()
    for file in filled.iterdir():
        file.unlink()
    in_turn(filled, tells(*DELIVERIES[:30]), kill)
    in_turn(filled, tells(*DELIVERIES[60:90]), kill)
    snapshot_of(filled).write_bytes(kept)
    assert in_turn(filled, begun, kill)[0] == (0, 60)


def test_one_that_is_ahead_of_the_journal_is_not_believed(tmp_path: Path) -> None:
    in_turn(tmp_path, tells(*DELIVERIES[:30]), kill)
    for name in ("wallboard.db", "wallboard.db.witness"):
        shutil.copy(tmp_path / name, tmp_path / f"{name}.before")
    in_turn(tmp_path, tells(*DELIVERIES[30:50]), make, kill)
    for name in ("wallboard.db", "wallboard.db.witness"):
        os.replace(tmp_path / f"{name}.before", tmp_path / name)
    assert in_turn(tmp_path, begun, kill)[0] == (0, 30)


def theirs(call: str) -> Delivery:
    body = samples.rang(call=call) | {"caller_id": NUMBER, "caller_name": "Zebulon Quist"}
    return Delivery(received_at=DELIVERIES[-1].received_at, body=json.dumps(body).encode())


def forget() -> Callable[[Server], Awaitable[None]]:
    async def do(server: Server) -> None:
        eraser = Eraser(NUMBER, "AU")
        await erase(
            server.engine.upkeep, eraser, lambda: NOW, Commons(), "key", lambda: server.fold.intake.erase(eraser)
        )

    return do


def holds_the_caller(folder: Path) -> list[str]:
    named = [file for file in folder.iterdir() if file.is_file()]
    return [file.name for file in named if b"91112222" in (said := file.read_bytes()) or b"Zebulon" in said]


def test_an_erased_caller_is_in_no_snapshot(tmp_path: Path) -> None:
    in_turn(tmp_path, tells(*DELIVERIES, theirs("t")), make, kill)
    assert "wallboard.db.snapshot" in holds_the_caller(tmp_path)

    async def look(server: Server) -> list[str]:
        return holds_the_caller(tmp_path)

    assert in_turn(tmp_path, forget(), look, tells(*DELIVERIES[:30]))[1] == []
    assert not snapshot_of(tmp_path).exists()
    (_, _, state) = in_turn(tmp_path, begun, make, held)
    assert holds_the_caller(tmp_path) == []
    assert in_turn(tmp_path, begun, held, kill)[1] == state


def test_erased_while_no_server_runs_it_is_in_no_snapshot_either(tmp_path: Path) -> None:
    in_turn(tmp_path, tells(*DELIVERIES, theirs("t")), make, kill)
    asyncio.run(erase_offline(SqliteEngine(tmp_path / "wallboard.db"), Clock(), RULES, NUMBER))
    assert holds_the_caller(tmp_path) == []


def test_a_snapshot_begun_before_an_erasing_is_not_kept_after_it(tmp_path: Path) -> None:
    async def both(server: Server) -> bool:
        making = server.snapshots
        question = Question(url=server.engine.url, rules=RULES, reader=READER)
        async with server.engine.beginnings.making() as file:
            assert file is not None
            stamp = await asyncio.to_thread(Refolding(question).into, file)
            await forget()(server)
            return await making._keep(file, stamp)

    assert in_turn(tmp_path, tells(*DELIVERIES, theirs("t")), both)[1] is False
    assert holds_the_caller(tmp_path) == []


def test_a_kill_between_an_erasing_and_the_end_of_it_leaves_a_snapshot_that_nobody_believes(filled: Path) -> None:
    kept = snapshot_of(filled).read_bytes()
    in_turn(filled, tells(theirs("t")), forget(), kill)
    snapshot_of(filled).write_bytes(kept)
    assert in_turn(filled, begun, kill)[0][0] == 0
    assert not snapshot_of(filled).exists()


def test_what_is_deleted_as_too_old_takes_the_snapshot_with_it(filled: Path) -> None:
    async def purge(server: Server) -> bool:
        return await server.engine.upkeep.purge(40, "", NOW)

    assert in_turn(filled, purge, kill)[0] is True
    assert not snapshot_of(filled).exists()


def test_who_makes_one_gives_way_before_it_has_imported_anything(tmp_path: Path) -> None:
    """On one core that took webhooks up to half a second."""
    making = Refolding(Question(url=f"sqlite:///{tmp_path}/wallboard.db", rules=RULES, reader=READER))
    try:
        assert os.getpriority(os.PRIO_PROCESS, making._process.pid) > os.getpriority(os.PRIO_PROCESS, os.getpid())
    finally:
        making.stop()
        with making._process:
            pass
