"""Several processes on one PostgreSQL are one wallboard: whatever is done at one holds at all of them."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import samples
from tests.conftest import wait_until
from tests.postgres import Postgres
from tests.processes import OURS, Processes, Screen, watching
from tests.signing import People, as_header
from tests.test_snapshots import Server
from wallboard.turned_away import TurnedAway

LIST = "/supervisor/tvs"


@pytest.fixture(scope="module")
def open_(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Processes]:
    """Two without accounts, at which whoever sits at the machine may do everything."""
    two = Processes(tmp_path_factory.mktemp("open"), postgres.new_database()).start()
    yield two
    two.close()


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[Processes]:
    """Two with an account, `admin`."""
    two = Processes(tmp_path_factory.mktemp("closed"), postgres.new_database()).start()
    People(two.a).claim()
    two.settle()
    yield two
    two.close()


def test_a_webhook_at_one_is_on_the_boards_of_the_other(open_: Processes) -> None:
    with watching(open_.b, "/boards/main/stream") as screen:
        open_.a.post(samples.rang(call="across1"))
        wait_until(lambda: "ACME" in screen.text, "the call is shown", within=3)
    open_.settle()
    mine, others = open_.a.state(), open_.b.state()
    assert (mine["calls"], mine["totals"]) == (others["calls"], others["totals"])


def test_a_screen_that_asks_one_is_paired_at_the_other(closed: Processes) -> None:
    screen, supervisor = Screen(), as_header(People(closed.a).cookies("admin"))
    code = screen.knock(closed.a)
    assert screen.state(closed.b)["code"] == code
    form = {"do": "pair", "code": code, "name": "Reception", "board": "main"}
    answer = closed.b.client.post(f"{LIST}/pair", data=form, headers={**OURS, "Cookie": supervisor})
    assert answer.status_code == 303, answer.text
    wait_until(lambda: screen.state(closed.a)["state"] == "paired", "the screen hears of it", within=2)
    assert screen.state(closed.b)["state"] == "paired"


def test_two_screens_that_ask_in_turn_keep_their_codes(closed: Processes) -> None:
    screens = [Screen(), Screen()]
    codes = [screen.knock(server) for screen, server in zip(screens, (closed.a, closed.b), strict=True)]
    for server in (closed.b, closed.a, closed.b):
        assert [screen.state(server)["code"] for screen in screens] == codes


def test_the_list_has_the_screens_of_both_and_a_command_at_one_reaches_the_screens_of_the_other(
    open_: Processes,
) -> None:
    screen = Screen()
    screen.report(open_.a, "lobby", name="Lobby")
    screen.report(open_.b, "canteen", name="Canteen")
    for server in (open_.a, open_.b):
        wait_until(lambda: all(name in server.client.get(LIST).text for name in ("Lobby", "Canteen")), "both", 3)  # noqa: B023
    with watching(open_.a, "/boards/main/stream") as watched:
        open_.b.client.post(f"{LIST}/lobby", data={"do": "identify"}, headers=OURS)
        wait_until(lambda: re.search(r'event: command\ndata: .*"tv":"lobby"', watched.text), "it is told", within=2)
    assert [command["do"] for command in screen.report(open_.a, "lobby")["commands"]] == ["identify"]
    open_.b.client.post(f"{LIST}/canteen", data={"do": "rename", "name": "Kitchen"}, headers=OURS)
    wait_until(lambda: "Kitchen" in open_.a.client.get(LIST).text, "its new name is known", within=3)
    open_.a.client.post(f"{LIST}/canteen", data={"do": "forget"}, headers=OURS)
    wait_until(lambda: "Kitchen" not in open_.b.client.get(LIST).text, "it is forgotten", within=3)


def test_a_board_that_is_saved_at_one_is_shown_by_the_other(open_: Processes) -> None:
    with watching(open_.b, "/boards/main/stream") as screen:
        toml = '[[boards]]\nslug = "main"\nname = "Renamed at the other"\n'
        answer = open_.a.client.post("/supervisor/boards/import", data={"do": "apply", "toml": toml}, headers=OURS)
        assert answer.status_code == 303, answer.text
        wait_until(lambda: "Renamed at the other" in screen.text, "the board is another", within=3)


def test_a_draft_that_is_typed_at_one_is_shown_by_the_other(open_: Processes) -> None:
    draft = re.search(r"/boards/(draft-\w+)", open_.a.client.get("/supervisor/boards/new").text)
    assert draft
    assert open_.b.client.get(f"/boards/{draft[1]}").status_code == 200


def test_a_mark_at_one_is_on_the_call_back_list_of_the_other(open_: Processes) -> None:
    open_.a.post(samples.abandoned("gone1"))
    listed = "/supervisor/callbacks/list"
    wait_until(lambda: "+61290000001" in open_.b.client.get(listed).text, "the caller is on the list", within=3)
    mark = {"caller": "+61290000001", "mark": "take"}
    answer = open_.b.client.post(
        "/supervisor/callbacks/marks", data=mark, headers={**OURS, "Cookie": "wallboard_name=Robin"}
    )
    assert answer.status_code == 303, answer.text
    wait_until(lambda: "Robin" in open_.a.client.get(listed).text, "it is taken", within=3)


def test_who_signs_in_at_one_is_signed_in_at_the_other_and_signed_out_of_both(closed: Processes) -> None:
    cookie = as_header(People(closed.a).cookies("admin"))
    wait_until(
        lambda: closed.b.client.get("/supervisor", headers={"Cookie": cookie}).status_code == 200, "signed in", within=2
    )
    with watching(closed.b, "/boards/main/stream", cookie) as screen:
        began = time.monotonic()
        left = closed.a.client.post("/sign-out", headers={**OURS, "Cookie": cookie})
        assert left.status_code == 303
        wait_until(lambda: screen.is_over, "the stream ends", within=2)
        assert time.monotonic() - began < 2
    assert closed.b.client.get("/boards/main/tiles", headers={"Cookie": cookie}).status_code == 401


def test_refused_webhooks_are_counted_together(open_: Processes) -> None:
    for server in (open_.a, open_.b, open_.a):
        server.post(samples.rang(), **{"X-Pbx-Token": "wrong"})
    for server in (open_.a, open_.b):
        wait_until(lambda: server.state()["webhooks"]["refused"] == 3, "all three are counted", within=5)  # noqa: B023


def test_of_two_sums_that_are_told_in_another_order_than_they_were_added_up_the_larger_holds(database: str) -> None:
    async def counted() -> list[int]:
        async with Server(database) as a, Server(database) as b:
            commons = [server.engine.commons for server in (a, b)]
            intakes = [server.fold.intake for server in (a, b)]
            counts = [TurnedAway(server.fold.intake, server.engine, server.engine.commons) for server in (a, b)]
            for intake in (intakes[0], intakes[1], intakes[0]):
                intake.refuse()
            for count in counts:
                await count.keep()
            for one in (commons[1], commons[0], commons[1]):
                assert await one.settle()
            for one in commons:
                await one.close()
            return [intake.refused for intake in intakes]

    assert asyncio.run(counted()) == [3, 3]


def test_two_that_start_together_on_an_empty_database_invite_one_admin_and_take_the_boards_once(
    tmp_path: Path, database: str, postgres: Postgres
) -> None:
    (tmp_path / "boards.toml").write_text('[[boards]]\nslug = "sales"\nname = "Sales"\n')
    two = Processes(tmp_path, database, HOST="0.0.0.0", WALLBOARD_BOARDS_FILE=str(tmp_path / "boards.toml"))
    try:
        two.start()
        logs = [server.folder / "log" for server in (two.a, two.b)]
        wait_until(lambda: all("Nobody can sign in yet" in log.read_text() for log in logs), "both say so", within=10)
        assert sum(log.read_text().count("/claim#") for log in logs) == 1
        name = database.rpartition("/")[2]
        ask = "SELECT remark, count(*) FROM deliveries WHERE remark IN ('board_saved', 'link_made') GROUP BY 1"
        wait_until(lambda: len(postgres.do(ask, database=name)) == 2, "both are done", within=5)
        assert sorted(postgres.do(ask, database=name)) == [("board_saved", 1), ("link_made", 1)]
    finally:
        two.close()
