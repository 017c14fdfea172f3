"""Pairing over HTTP: the screen's side, the supervisor's side, and what is left of a key anywhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.inside import Inside
from wallboard.access.visitors import STRANGER, Role, Visitor
from wallboard.boards.definitions import Definition
from wallboard.boards.file import write
from wallboard.tv.keys import COOKIE, digest_of
from wallboard.tv.newcomers import MOST_OF_ADDRESS, SIGNS

SUPERVISOR = Visitor(role=Role.SUPERVISOR, key="s:1", name="Robin")
ANOTHER = Visitor(role=Role.SUPERVISOR, key="s:2", name="Sam")
REPORT: dict[str, Any] = {"page": "p1", "board": "main", "build": "b", "link": "live", "agent": "X Chrome/69.0"}
LIST = "/supervisor/tvs"


class Wall(Inside):
    """An application with accounts, and screens that keep their cookies."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        super().__init__(folder, **settings)
        self.folder = folder
        self.gate._has_accounts = lambda: True
        self.gate._identify = self._ways_in = self._ways_in[:-1]  # nobody sits at this machine
        self.dismissed: list[str] = []
        self.gate.presence.dismiss = self.dismissed.append  # type: ignore[method-assign,assignment]

    def supervise(self, path: str, visitor: Visitor = SUPERVISOR, **form: str) -> httpx.Response:
        return self.ask("POST", path, visitor=visitor, data=form)

    def save(self, *boards: Definition) -> None:
        form = {"do": "apply", "toml": write(boards)}
        assert self.ask("POST", "/supervisor/boards/import", visitor=SUPERVISOR, data=form).status_code == 303


class Screen:
    """A television's browser, as far as its cookies."""

    def __init__(self, wall: Wall) -> None:
        self.wall = wall
        self.key = ""
        self.cookie = ""

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Cookie": f"{COOKIE}={self.key}"} if self.key else {}
        answer = self.wall.ask(method, path, visitor=None, headers=headers | options.pop("headers", {}), **options)
        if (given := answer.headers.get("set-cookie", "")).startswith(f"{COOKIE}="):
            self.cookie = given
            self.key = given.partition("=")[2].partition(";")[0]
        return answer

    def knock(self) -> dict[str, Any]:
        answer = self.ask(
            "POST", "/tv/pairing", json={"width": 1920, "height": 1080}, headers={"User-Agent": "X Chrome/69.0 Tizen"}
        )
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        return said

    def state(self) -> dict[str, Any]:
        said: dict[str, Any] = self.ask("GET", "/tv/pairing").json()
        return said

    def pair(self, name: str = "Reception", board: str = "main") -> str:
        """Has it paired; returns its id."""
        code = self.knock()["code"]
        answer = self.wall.supervise(f"{LIST}/pair", do="pair", code=code, name=name, board=board)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].removeprefix(f"{LIST}/").partition("?")[0]


@pytest.fixture
def wall(tmp_path: Path) -> Iterator[Wall]:
    with Wall(tmp_path) as wall:
        yield wall


@pytest.fixture
def screen(wall: Wall) -> Screen:
    return Screen(wall)


# the screen's side


def test_a_new_screen_gets_a_code_and_a_key_of_its_own(screen: Screen) -> None:
    assert screen.state()["state"] == "unknown"
    said = screen.knock()
    assert said["state"] == "waiting"
    assert len(said["code"].replace(" ", "")) == 8
    assert set(said["code"]) <= {*SIGNS, " "}
    assert 590 <= said["seconds"] <= 600
    assert screen.state()["code"] == said["code"]
    assert len(screen.key) >= 43


def test_the_key_is_kept_where_no_script_and_no_plain_connection_sees_it(screen: Screen) -> None:
    screen.knock()
    name, *attributes = screen.cookie.split("; ")
    assert name == f"__Host-wallboard_tv={screen.key}"
    assert sorted(attributes) == ["HttpOnly", "Max-Age=31536000", "Path=/", "SameSite=Lax", "Secure"]


def test_a_key_that_a_browser_brings_along_is_never_paired(screen: Screen) -> None:
    screen.key = planted = "a" * 43
    assert screen.state()["state"] == "unknown"
    screen.pair()
    assert screen.key != planted
    screen.key = planted
    assert screen.state()["state"] == "unknown"


def test_a_paired_screen_goes_to_its_board_and_only_there(screen: Screen) -> None:
    assert screen.ask("GET", "/boards/main", page=True).status_code == 401
    assert screen.ask("GET", "/boards/main/tiles").status_code == 401
    screen.pair()
    assert screen.state() | {"build": ""} == {"state": "paired", "board": "main", "build": ""}
    went = screen.ask("GET", "/tv?tv=reception", page=True)
    assert (went.status_code, went.headers["location"]) == (303, "/boards/main?tv=reception")
    assert screen.ask("GET", "/", page=True).headers["location"] == "/boards/main"
    assert screen.ask("GET", "/boards/main", page=True).status_code == 200
    assert screen.ask("GET", "/boards/main/tiles").status_code == 200
    for path in ("/boards/other", "/supervisor", "/supervisor/day", "/setup"):
        assert screen.ask("GET", path, page=True).headers["location"] == "/boards/main"
        assert screen.ask("GET", path).status_code == 403
    assert screen.ask("GET", "/api/v1/state").status_code == 401
    assert screen.ask("POST", LIST + "/x", data={"do": "reload"}).status_code == 403


def test_its_key_is_good_for_another_year_whenever_its_page_is_loaded(screen: Screen) -> None:
    screen.pair()
    for method, path, body in (("GET", "/tv", None), ("GET", "/tv/pairing", None), ("POST", "/tvs/x", REPORT)):
        screen.cookie = ""
        screen.ask(method, path, **({"json": body} if body else {}))
        assert "Max-Age=31536000" in screen.cookie, path
    screen.cookie = ""
    screen.ask("POST", "/tvs/x", json=REPORT)
    assert screen.cookie == "", "not with every report"


def test_a_code_is_in_no_address_and_a_key_in_no_page(screen: Screen) -> None:
    said = screen.knock()
    assert screen.key not in json.dumps(said)
    assert screen.key not in screen.ask("GET", "/tv", page=True).text


def test_of_a_key_only_its_hash_is_stored(screen: Screen, wall: Wall) -> None:
    screen.pair()
    kept = b"".join(file.read_bytes() for file in wall.folder.iterdir() if file.is_file())
    assert digest_of(screen.key).encode() in kept
    assert screen.key.encode() not in kept


@pytest.mark.parametrize(("body", "status"), [
    (b"{", 400), (b"[]", 400), (b'{"width": -1}', 400), (b'{"width": "x"}', 400), (b" " * 1025, 413), (b"{}", 200),
])  # fmt: skip
def test_what_is_no_screen_gets_no_code(wall: Wall, body: bytes, status: int) -> None:
    assert wall.ask("POST", "/tv/pairing", visitor=None, content=body).status_code == status


def test_one_address_cannot_take_all_codes(wall: Wall) -> None:
    statuses = [wall.ask("POST", "/tv/pairing", visitor=None, json={}).status_code for _ in range(30)]
    assert statuses[:20] == [200] * 20
    assert statuses.count(429) >= 9
    assert MOST_OF_ADDRESS < 1000
    refused = wall.ask("POST", "/tv/pairing", visitor=None, json={})
    assert 1 <= int(refused.headers["retry-after"]) <= 10


def test_while_the_journal_is_replayed_a_paired_screen_is_not_taken_for_a_new_one(tmp_path: Path) -> None:
    wall = Wall(tmp_path)  # not started: nothing is known yet
    screen = Screen(wall)
    screen.key = "k" * 43
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wall, "do", asyncio.run)
        page = screen.ask("GET", "/tv", page=True)
        assert (page.status_code, "data-pairing" in page.text) == (200, True), "a page that goes on asking by itself"
        for method in ("GET", "POST"):
            answer = screen.ask(method, "/tv/pairing")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert screen.ask("GET", "/boards/main", page=True).status_code == 503
    assert screen.cookie == ""


# the supervisor's side


def test_a_code_leads_to_what_the_screen_is(screen: Screen, wall: Wall) -> None:
    code = screen.knock()["code"]
    page = wall.supervise(f"{LIST}/pair", code=code.lower().replace(" ", "-")).text
    for said in ("Chromium 69", "Tizen", "1920×1080", "192.0.2.7", "Pair only a screen that you see", code):
        assert said in page
    assert screen.state()["state"] == "waiting", "nothing is paired yet"


def test_pairing_says_who_did_it_and_lists_the_screen_at_once(screen: Screen, wall: Wall) -> None:
    id = screen.pair("Reception <b>")
    page = wall.ask("GET", f"{LIST}/{id}", visitor=SUPERVISOR).text
    assert "Paired by <bdi>Robin</bdi>" in page
    assert "Reception &lt;b&gt;" in page
    listed = wall.ask("GET", LIST, visitor=SUPERVISOR).text
    assert "Not heard since the start" in listed
    assert "Reception &lt;b&gt;" in listed


@pytest.mark.parametrize(("form", "words"), [
    ({"code": "XXXX XXXX"}, "No screen shows this code now"),
    ({"code": "abc"}, "A code is eight letters and digits"),
    ({"code": ""}, "Type the code"),
    ({}, "Type the code"),
])  # fmt: skip
def test_a_wrong_code_is_said_to_be_wrong(wall: Wall, form: dict[str, Any], words: str) -> None:
    answer = wall.supervise(f"{LIST}/pair", **form)
    assert answer.status_code == 422
    assert words in answer.text
    assert (
        wall.ask("POST", f"{LIST}/pair", visitor=SUPERVISOR, data=form, headers={"HX-Request": "true"}).status_code
        == 200
    )


@pytest.mark.parametrize(("form", "words"), [
    ({"name": " ", "board": "main"}, "Give it a name"), ({"name": "R", "board": "none"}, "Choose a board"),
])  # fmt: skip
def test_a_pairing_needs_a_name_and_a_board(screen: Screen, wall: Wall, form: dict[str, Any], words: str) -> None:
    answer = wall.supervise(f"{LIST}/pair", do="pair", code=screen.knock()["code"], **form)
    assert (answer.status_code, words in answer.text) == (422, True)
    assert screen.state()["state"] == "waiting"


def test_who_guesses_is_stopped_after_five(screen: Screen, wall: Wall) -> None:
    code = screen.knock()["code"]
    statuses = [wall.supervise(f"{LIST}/pair", code="XXXX XXXX").status_code for _ in range(8)]
    assert statuses == [422] * 5 + [429] * 3
    assert wall.supervise(f"{LIST}/pair", code=code).status_code == 429, "nor is a right one told from a wrong one"
    assert "Try again in" in wall.supervise(f"{LIST}/pair", code=code).text
    assert wall.supervise(f"{LIST}/pair", visitor=ANOTHER, code=code).status_code == 200


def test_right_codes_are_not_counted(screen: Screen, wall: Wall) -> None:
    code = screen.knock()["code"]
    assert {wall.supervise(f"{LIST}/pair", code=code).status_code for _ in range(12)} == {200}


def test_a_code_is_good_once(screen: Screen, wall: Wall) -> None:
    code = screen.knock()["code"]
    form = {"do": "pair", "code": code, "name": "R", "board": "main"}
    assert [wall.supervise(f"{LIST}/pair", **form).status_code for _ in range(2)] == [303, 422]


@pytest.mark.parametrize(
    "visitor", [STRANGER, Visitor(role=Role.VIEWER, key="s:9", name="Alex"), Visitor(role=Role.TV, key="tv:1")]
)
def test_only_supervisors_pair(screen: Screen, wall: Wall, visitor: Visitor) -> None:
    code = screen.knock()["code"]
    form = {"do": "pair", "code": code, "name": "R", "board": "main"}
    assert wall.supervise(f"{LIST}/pair", visitor=visitor, **form).status_code in (401, 403)
    assert screen.state()["state"] == "waiting"


# afterwards


def test_a_revoked_screen_is_a_stranger_at_once(screen: Screen, wall: Wall) -> None:
    id = screen.pair()
    screen.ask("POST", "/tvs/x", json=REPORT)
    assert wall.supervise(f"{LIST}/{id}", do="revoke").headers["location"] == f"{LIST}?done=revoked"
    assert wall.dismissed == [f"tv:{id}"]
    assert screen.ask("GET", "/boards/main/tiles").status_code == 401
    assert screen.ask("POST", "/tvs/x", json=REPORT).status_code == 401
    page = screen.ask("GET", "/boards/main", page=True)
    assert (page.status_code, "data-pairing" in page.text) == (401, True)
    assert screen.ask("GET", "/tv", page=True).status_code == 200
    assert screen.state()["state"] == "unknown"
    old = screen.key
    screen.knock()
    assert screen.key != old
    assert "Reception" not in wall.ask("GET", LIST, visitor=SUPERVISOR).text


def test_a_moved_screen_belongs_to_its_new_board_at_once(screen: Screen, wall: Wall) -> None:
    wall.save(Definition(slug="sales", name="Sales"))
    id = screen.pair()
    screen.ask("POST", "/tvs/x", json=REPORT)
    moved = wall.supervise(f"{LIST}/{id}", do="move", board="sales")
    assert moved.headers["location"] == f"{LIST}/{id}?done=moved"
    assert wall.dismissed == [f"tv:{id}"]
    assert screen.state()["board"] == "sales"
    assert screen.ask("GET", "/boards/main", page=True).headers["location"] == "/boards/sales"
    told = screen.ask("POST", "/tvs/x", json=REPORT).json()
    assert (told["home"], told["id"], [one["do"] for one in told["commands"]]) == ("sales", id, ["move"])


def test_a_renamed_screen_is_told_its_name(screen: Screen, wall: Wall) -> None:
    id = screen.pair()
    screen.ask("POST", "/tvs/x", json=REPORT)
    wall.supervise(f"{LIST}/{id}", do="rename", name="Canteen")
    assert screen.ask("POST", "/tvs/x", json=REPORT | {"name": "what it calls itself"}).json()["name"] == "Canteen"
    assert "Canteen" in wall.ask("GET", LIST, visitor=SUPERVISOR).text


@pytest.mark.parametrize(("form", "status"), [
    ({"do": "move", "board": "no-such"}, 400), ({"do": "move"}, 400), ({"do": "forget"}, 400), ({"do": "explode"}, 400),
    ({"do": "rename", "name": " "}, 400),
])  # fmt: skip
def test_what_cannot_be_asked_of_a_paired_screen(screen: Screen, wall: Wall, form: dict[str, Any], status: int) -> None:
    id = screen.pair()
    assert wall.supervise(f"{LIST}/{id}", **form).status_code == status
    assert screen.state()["state"] == "paired"


def test_what_is_not_paired_can_be_neither_moved_nor_revoked(wall: Wall) -> None:
    wall.ask("POST", "/tvs/reception", json=REPORT)  # at the machine of an open board
    assert wall.supervise(f"{LIST}/reception", do="move", board="main").status_code == 400
    assert wall.supervise(f"{LIST}/reception", do="revoke").status_code == 400


def test_pairings_outlive_a_restart(tmp_path: Path) -> None:
    with Wall(tmp_path) as wall:
        screen, revoked = Screen(wall), Screen(wall)
        screen.pair("Reception")
        wall.supervise(f"{LIST}/{revoked.pair('Gone')}", do="revoke")
    with Wall(tmp_path) as wall:
        screen.wall = revoked.wall = wall
        assert screen.state()["state"] == "paired"
        assert revoked.state()["state"] == "unknown"
        listed = wall.ask("GET", LIST, visitor=SUPERVISOR).text
        assert "Reception" in listed
        assert "Not heard since the start" in listed
        assert "Gone" not in listed


# reports


def test_a_report_belongs_to_the_paired_screen_whatever_it_calls_itself(screen: Screen, wall: Wall) -> None:
    id = screen.pair()
    for named in ("reception", "paired-ffffffffffff", "x"):
        assert screen.ask("POST", f"/tvs/{named}", json=REPORT).json()["id"] == id
        assert wall.ask("GET", f"/tvs/{named}", visitor=SUPERVISOR).status_code == 404
    assert wall.ask("GET", f"/tvs/{id}", visitor=SUPERVISOR).json()["name"] == "Reception"


def test_nobody_else_reports_as_a_paired_screen(screen: Screen, wall: Wall) -> None:
    id = screen.pair()
    assert wall.ask("POST", f"/tvs/{id}", json=REPORT).status_code == 404
    assert (
        wall.ask("POST", f"/tvs/{id}", visitor=Visitor(role=Role.MACHINE, key="api-token"), json=REPORT).status_code
        == 404
    )


def test_a_persons_browser_is_no_television(wall: Wall) -> None:
    answer = wall.ask("POST", "/tvs/laptop", visitor=SUPERVISOR, json=REPORT)
    assert (answer.status_code, answer.json()["commands"], answer.json()["home"]) == (200, [], "")
    assert "laptop" not in wall.ask("GET", LIST, visitor=SUPERVISOR).text


def test_a_board_that_takes_turns_is_open_to_its_televisions(screen: Screen, wall: Wall) -> None:
    wall.save(Definition(slug="sales", name="Sales"))
    screen.pair()
    assert screen.ask("GET", "/boards/sales/tiles").status_code == 403
    wall.save(Definition(rotation=("main", "sales")))
    assert screen.ask("GET", "/boards/sales/tiles").status_code == 200
    assert screen.ask("GET", "/boards/sales", page=True).status_code == 200


# signage


def test_with_signage_a_board_may_be_framed_and_the_key_works_there(tmp_path: Path) -> None:
    origins = "https://signage.example, https://player.example:8443"
    with Wall(tmp_path, frame_ancestors=origins) as wall:
        screen = Screen(wall)
        screen.pair()
        assert screen.cookie.endswith("; Path=/; Secure; HttpOnly; SameSite=None; Partitioned")
        for path in ("/tv", "/boards/main", "/boards/main/tiles"):
            headers = screen.ask("GET", path).headers
            assert (
                "frame-ancestors https://signage.example https://player.example:8443"
                in headers["content-security-policy"]
            )
            assert "x-frame-options" not in headers
        for path in (
            "/",
            "/supervisor",
            "/supervisor/tvs/pair",
            "/setup",
            "/diag",
            "/tvx",
            "/boards",
            "/static/board.css",
        ):
            headers = wall.ask("GET", path, page=True).headers
            assert "frame-ancestors 'none'" in headers["content-security-policy"], path
            assert headers["x-frame-options"] == "DENY"
