"""On PostgreSQL all processes share the snapshots: one makes it, all start from it, an erasing takes them all."""

from __future__ import annotations

import asyncio
import zlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from tests.conftest import Server as Whole
from tests.conftest import wait_until
from tests.folding import READER, RULES, everything
from tests.test_snapshots import (
    DELIVERIES,
    NOW,
    NUMBER,
    Server,
    begun,
    forget,
    held,
    in_turn,
    kill,
    make,
    tells,
    theirs,
)
from wallboard.clock import Clock
from wallboard.forgetting import erase_offline
from wallboard.journal.engines import engine_of
from wallboard.journal.postgres_beginnings import MAKING
from wallboard.refold import Question, Refolding
from wallboard.snapshots import made_ahead

ALL = len(DELIVERIES)


def ask(database: str, statement: bytes, *values: Any) -> list[Any]:
    with psycopg.connect(database, autocommit=True) as connection:
        found = connection.execute(statement, values)
        return found.fetchall() if found.description else []


def kept(database: str) -> list[int]:
    return [row[0] for row in ask(database, b"SELECT sequence FROM snapshots ORDER BY 1")]


def holds_the_caller(database: str) -> bool:
    pieces = ask(database, b"SELECT data FROM snapshot_pieces")
    return any(b"91112222" in zlib.decompress(piece) for (piece,) in pieces)


@pytest.fixture
def filled(database: str) -> str:
    assert in_turn(database, tells(*DELIVERIES[:50]), make, tells(*DELIVERIES[50:]), kill)[1] is True
    return database


def whole(database: str) -> Any:
    """What a start without any snapshot holds."""
    ask(database, b"DELETE FROM snapshots")
    return in_turn(database, held, kill)[0]


def test_a_start_goes_on_from_the_snapshot_and_follows_as_ever(filled: str) -> None:
    more = [theirs(call) for call in "abc"]
    (began, state, _, after, _) = in_turn(filled, begun, held, tells(*more), held, kill)
    assert began == (50, ALL - 50)
    assert after == whole(filled)
    assert state != after


def test_of_two_processes_one_makes_it_and_the_other_takes_it_for_its_own(database: str) -> None:
    async def both() -> tuple[list[bool], list[int]]:
        async with Server(database) as a, Server(database) as b:
            await a.tell(DELIVERIES)
            while b.journal.head < ALL:
                await asyncio.sleep(0.01)
            with psycopg.connect(database, autocommit=True) as other:
                other.execute("SELECT pg_advisory_lock(%s)", (MAKING,))
                refused = await a.snapshots.make()
            made = await a.snapshots.make()
            first = ask(database, b"SELECT id FROM snapshots")
            taken = await b.snapshots.make()
            assert ask(database, b"SELECT id FROM snapshots") == first
            assert everything(a.fold) == everything(b.fold)
            await kill(a)
            await kill(b)
            return [refused, made, taken], [a.snapshots._since, b.snapshots._since]

    assert asyncio.run(both()) == ([False, True, True], [ALL, ALL])


def test_a_clean_stop_leaves_one(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wallboard.snapshots._AT_STOP_FEWEST", 10)
    told = [one for one in DELIVERIES if one.remark != "events_lost"]  # after that the history has another name
    (_, before) = in_turn(database, tells(*told), held)
    assert in_turn(database, begun, held) == [(len(told), 0), before]


def test_a_release_makes_its_own_before_the_first_start(filled: str) -> None:
    rules = msgspec.structs.replace(RULES, waiting_timeout=timedelta(minutes=1))
    question = Question(url=filled, rules=rules, reader=READER)
    assert asyncio.run(made_ahead(engine_of(filled), question, 60, fewest=20)) == ALL
    assert kept(filled) == [50, ALL]
    assert in_turn(filled, begun, kill, rules=rules)[0] == (ALL, 0)
    assert in_turn(filled, begun, kill)[0] == (50, ALL - 50)


def test_a_release_goes_on_where_it_takes_too_long_or_nothing_answers(filled: str) -> None:
    rules = msgspec.structs.replace(RULES, waiting_timeout=timedelta(minutes=1))
    question = Question(url=filled, rules=rules, reader=READER)
    assert asyncio.run(made_ahead(engine_of(filled), question, 0, fewest=20)) == 0
    nowhere = "postgres://nobody@127.0.0.1:1/nothing"
    assert asyncio.run(made_ahead(engine_of(nowhere), question, 60, fewest=20)) == 0
    assert kept(filled) == [50]


def test_those_of_the_three_newest_builds_or_settings_are_kept(filled: str) -> None:
    for minutes in range(1, 5):
        rules = msgspec.structs.replace(RULES, waiting_timeout=timedelta(minutes=minutes))
        assert in_turn(filled, make, kill, rules=rules)[0] is True
    assert kept(filled) == [ALL] * 3
    assert ask(filled, b"SELECT count(DISTINCT id) FROM snapshot_pieces") == [(3,)]
    assert in_turn(filled, begun, kill)[0] == (0, ALL)


@pytest.mark.parametrize("harm", [
    b"UPDATE snapshot_pieces SET data = substring(data FOR 100)",
    b"UPDATE snapshot_pieces SET data = set_byte(data, 3000, get_byte(data, 3000) # 16)",
    b"DELETE FROM snapshot_pieces",
    b"UPDATE notes SET value = 'another' WHERE name = 'epoch'",
], ids=["cut off", "changed", "gone", "another history"])  # fmt: skip
def test_one_that_is_not_whole_or_of_another_history_is_not_believed(filled: str, harm: bytes) -> None:
    ask(filled, harm)
    (began, state, _) = in_turn(filled, begun, held, kill)
    assert began == (0, ALL)
    assert state == whole(filled)


def test_an_erasing_takes_all_of_them_in_its_own_commit(database: str) -> None:
    in_turn(database, tells(*DELIVERIES, theirs("t")), make, kill)
    assert holds_the_caller(database)
    asyncio.run(erase_offline(engine_of(database), Clock(), RULES, NUMBER))
    assert kept(database) == []
    assert ask(database, b"SELECT * FROM snapshot_pieces") == []
    in_turn(database, make, kill)
    assert kept(database)
    assert not holds_the_caller(database)


def test_what_is_deleted_as_too_old_takes_them_as_well(filled: str) -> None:
    async def purge(server: Server) -> bool:
        return await server.engine.upkeep.purge(40, "", NOW)

    assert in_turn(filled, purge, kill)[0] is True
    assert kept(filled) == []
    assert ask(filled, b"SELECT * FROM snapshot_pieces") == []


@pytest.mark.parametrize("is_read_after", [False, True], ids=["read before", "read across"])
def test_one_that_was_begun_before_an_erasing_is_not_kept_after_it(database: str, is_read_after: bool) -> None:
    """Also where the erasing's own entry is the last that it has read."""

    async def both(server: Server) -> bool:
        question = Question(url=server.engine.url, rules=RULES, reader=READER)
        async with server.engine.beginnings.making() as file:
            assert file is not None
            if is_read_after:
                await forget()(server)
            stamp = await asyncio.to_thread(Refolding(question).into, file)
            if not is_read_after:
                await forget()(server)
            return await server.snapshots._keep(file, stamp)

    assert in_turn(database, tells(*DELIVERIES, theirs("t")), both)[1] is False
    assert kept(database) == []


def test_whoever_has_heard_of_an_erasing_leaves_nothing_of_its_own_memory(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallboard.snapshots._AT_STOP_FEWEST", 10)

    async def another_erases(server: Server) -> None:
        await erase_offline(engine_of(database), Clock(), RULES, NUMBER)
        while not server.fold.intake.has_erased:
            await asyncio.sleep(0.01)

    in_turn(database, tells(*DELIVERIES, theirs("t")), another_erases)
    assert kept(database) == []


def test_the_release_step_and_the_start_after_it(tmp_path: Path, database: str) -> None:
    server = Whole(tmp_path, DATABASE_URL=database)
    filled = [theirs(str(n)) for n in range(5_100)]
    in_turn(database, *(tells(*filled[at : at + 300]) for at in range(0, len(filled), 300)), kill)
    try:
        done = server.run("migrate", timeout=120)
        assert (done.returncode, done.stderr) == (0, "")
        assert "start from entry 5,100" in done.stdout
        server.begin()
        wait_until(server.is_ready, "it is ready", within=20)
        assert '"snapshot": 5100' in (server.folder / "log").read_text()
    finally:
        server.close()
