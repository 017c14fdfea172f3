"""Of several processes on one PostgreSQL one deletes or erases, and all forget; past days and calls are read there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Server, wait_until
from tests.postgres import Postgres
from tests.processes import Processes
from tests.test_forgetting import FORMS, OTHER, add_marks, bodies, figures, shown, tells
from tests.test_retention import DAY, NUMBER, today, webhooks
from wallboard.journal import Delivery
from wallboard.journal.engines import engine_of
from wallboard.journal.migrations import migrate
from wallboard.journal.postgres_rows import INSERT, columns
from wallboard.journal.rows import to_row

PAST_DAYS, KEPT_DAYS = 3, 2


@pytest.fixture
def two(tmp_path: Path, database: str) -> Iterator[Processes]:
    two = Processes(tmp_path, database, WALLBOARD_RETENTION_DAYS=str(KEPT_DAYS))
    yield two
    two.close()


def stored(postgres: Postgres, database: str) -> bytes:
    """Every byte of every row."""
    name = database.rpartition("/")[2]
    rows = postgres.do("SELECT body, meaning, refusal, remark FROM deliveries", database=name)
    rows += postgres.do("SELECT value FROM notes", database=name)
    return b"\n".join(cell if isinstance(cell, bytes) else str(cell).encode() for row in rows for cell in row)


def deliver(server: Server, body: Any) -> None:
    """As the PBX does, which comes again where it was refused for the moment."""
    wait_until(lambda: server.post(body).status_code in (200, 400), "it is taken")


def test_an_erased_caller_is_in_no_row_and_in_the_memory_of_no_process(two: Processes, postgres: Postgres) -> None:
    two.start()
    for n, body in enumerate(bodies()):
        deliver((two.a, two.b)[n % 2], body)
    asyncio.run(add_marks(two.database, ((FORMS[0], "a note on them"), (OTHER, "rang for +61 2 9111 2222"))))
    two.settle()
    before = figures(two.b.state())
    for server in (two.a, two.b):
        assert len([path for path, content in shown(server).items() if tells(content)]) >= 6
    assert tells(stored(postgres, two.database))
    ended = two.a.run("forget", "02 9111 2222", timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert " of 13 call(s), with 2 mark(s)." in ended.stdout
    assert not tells(stored(postgres, two.database))
    for server in (two.a, two.b):
        wait_until(lambda: not any(map(tells, shown(server).values())), "it has forgotten", within=5)  # noqa: B023
        assert figures(server.state()) == before
        assert not tells((server.folder / "log").read_bytes())
    two.b.stop()
    two.b.start()
    assert figures(two.b.state()) == before


def test_a_process_that_cannot_hear_whom_an_erasing_meant_starts_anew(two: Processes, postgres: Postgres) -> None:
    two.start()
    said = Delivery(received_at=datetime.now(UTC), body=b'{"events":1,"calls":1,"marks":0,"key":"of old"}',
                    remark="caller_erased")  # fmt: skip
    asyncio.run(append(two.database, said))
    for server in (two.a, two.b):
        wait_until(lambda: starts(server) == 2, "it starts anew", within=20)  # noqa: B023
        assert "could not hear whom" in (server.folder / "log").read_text()
        wait_until(server.is_ready, "it is ready again", within=20)


def starts(server: Server) -> int:
    return (server.folder / "log").read_text().count("listens on")


async def append(database: str, *deliveries: Delivery) -> None:
    engine = engine_of(database)
    await engine.journal.open(lambda entry: None, after=engine.end())
    for delivery in deliveries:
        await engine.journal.append(delivery)
    await engine.journal.close()


async def fill(database: str) -> dict[date, list[Delivery]]:
    """Two hours of each of the last days; today is empty."""
    days = {today() - n * DAY: list(webhooks(today() - n * DAY, n))[:150] for n in range(PAST_DAYS, 0, -1)}
    rows = [to_row(n, delivery) for n, delivery in enumerate((one for day in days.values() for one in day), 1)]
    async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
        await migrate(connection)
        await connection.execute(INSERT, columns(rows))
    return days


def test_what_is_too_old_is_deleted_by_one_and_forgotten_by_both_and_what_is_not_can_be_read(
    two: Processes, postgres: Postgres
) -> None:
    days = asyncio.run(fill(two.database))
    gone, kept = list(days)[:-KEPT_DAYS], list(days)[-KEPT_DAYS:]
    numbers = {number for day in gone for one in days[day] for number in NUMBER.findall(one.body)}
    name = two.database.rpartition("/")[2]
    two.start()
    wait_until(lambda: not numbers & set(NUMBER.findall(stored(postgres, two.database))), "they are gone", within=90)
    wait_until(lambda: postgres.do("SELECT value FROM notes WHERE name = 'unclean'", database=name) == [("",)], "done")
    two.settle()
    assert postgres.do("SELECT count(*) FROM deliveries WHERE remark = 'events_purged'", database=name) == [(1,)]
    written_down = postgres.do("SELECT body FROM deliveries WHERE remark = 'day_kept'", database=name)
    assert sorted(json.loads(body)["day"] for (body,) in written_down) == [str(day) for day in gone]
    for server in (two.a, two.b):
        assert "The calls of this day were deleted" in server.client.get(f"/supervisor/day/{gone[-1]}").text
    check_that_a_call_can_be_read(two.b, kept[0], days[kept[0]])
    before = two.b.state()
    two.b.stop()
    two.b.start()
    for state in (two.a.state(), two.b.state()):
        assert (figures(state), state["webhooks"]) == (figures(before), before["webhooks"])
    checked = two.a.run("check")
    assert "are gone" in checked.stdout, checked.stdout + checked.stderr


def check_that_a_call_can_be_read(server: Server, day: date, deliveries: list[Delivery]) -> None:
    """Of a day that only the database knows any more: its list, and a call with its raw events."""
    listed = f"/supervisor/day/{day}/calls?number=inbound_offered"
    wait_until(lambda: "/supervisor/calls/" in server.client.get(listed).text, "the day is counted", within=60)
    call = next(json.loads(one.body)["unique_call_id"] for one in deliveries)
    assert "unique_call_id" in server.client.get(f"/supervisor/calls/{call}?day={day}").text


def test_a_deletion_that_is_broken_off_is_gone_on_with_by_another_process(database: str, postgres: Postgres) -> None:
    asyncio.run(break_off(database))
    name = database.rpartition("/")[2]
    assert postgres.do("SELECT min(sequence) FROM deliveries", database=name) == [(101,)]
    assert engine_of(database).deleted() == (100, True)


async def break_off(database: str) -> None:
    await fill(database)
    one, other = engine_of(database), engine_of(database)
    for engine in (one, other):
        await engine.journal.open(lambda entry: None, after=engine.end())
    purging = asyncio.create_task(one.upkeep.purge(100, "what remains", datetime.now(UTC), today()))
    while other.journal.begins_after < 100:
        await asyncio.sleep(0.02)
    purging.cancel()
    assert other.journal.remains == "what remains"
    assert engine_of(database).deleted() == (100, False)
    await other.upkeep.sweep()
    for engine in (one, other):
        await engine.journal.close()


def test_only_one_process_deletes_at_a_time(database: str) -> None:
    asyncio.run(stand_alone(database))


async def stand_alone(database: str) -> None:
    one, other = engine_of(database), engine_of(database)
    for engine in (one, other):
        await engine.journal.open(lambda entry: None)
    async with one.upkeep.alone() as is_ones, other.upkeep.alone() as is_others:
        assert (is_ones, is_others) == (True, False)
    async with other.upkeep.alone() as is_others:
        assert is_others
    for engine in (one, other):
        await engine.journal.close()


def test_an_admins_link_is_made_beside_running_servers(two: Processes) -> None:
    two.start()
    ended = two.a.run("admin")
    assert ended.returncode == 0, ended.stderr
    code = ended.stdout.strip().rpartition("#")[2]
    form = {"do": "set", "code": code, "name": "robin", "shown": "Robin", "password": "four words in a row"}
    ours = {"Sec-Fetch-Site": "same-origin"}
    wait_until(
        lambda: two.b.client.post("/claim", data=form, headers=ours).status_code == 303, "the link is known", within=5
    )
    assert two.a.run("admin", "--name", "nobody").returncode == 2
    assert two.a.run("admin", "--name", "robin").returncode == 0
