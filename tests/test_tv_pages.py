"""The televisions' door and the desk's list over HTTP: what is answered, and that nothing typed elsewhere acts."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from jinja2 import Environment
from starlette.applications import Starlette
from starlette.responses import Response

from tests.conftest import API_TOKEN, Server
from wallboard.access.gate import Gate
from wallboard.access.visitors import AT_THE_MACHINE
from wallboard.application import TEMPLATES
from wallboard.bell import Bell
from wallboard.boards.kept import Boards
from wallboard.clock import Clock
from wallboard.desk import Desk
from wallboard.front import Front
from wallboard.render import Renderer
from wallboard.tv.enrolment import Enrolment
from wallboard.tv.keys import TvKeys
from wallboard.tv.pages import TvPages
from wallboard.tv.paired import PairedTvs
from wallboard.tv.reports import TvReports
from wallboard.tv.televisions import Televisions

OURS = {"Sec-Fetch-Site": "same-origin"}
REPORT: dict[str, Any] = {"page": "p1", "board": "main", "build": "b", "link": "live", "agent": "X Chrome/69.0"}


NO_JOURNAL: Any = None  # nothing is paired here, so nothing is written


def _nothing(*_: object) -> None: ...


def _page(*_: object, **__: object) -> Response:
    raise AssertionError("nobody is refused a page here")


class Wall:
    """The pages in this process, with a steady clock that is turned by hand, and somebody who sits at the machine."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.told: list[tuple[str, bytes]] = []
        templates: Environment = Renderer(TEMPLATES).environment
        desk = Desk(templates, Clock(), Bell(dict), Front(1000), boot="x", build="b")
        boards, paired, televisions = Boards(_nothing), PairedTvs(_nothing), Televisions(lambda: self.seconds)
        gate = Gate([lambda _: AT_THE_MACHINE], is_ready=lambda: True, has_accounts=lambda: False, page=_page)
        parts = (
            TvReports(televisions, TvKeys(paired, boards, _nothing, is_framed=False), desk, "b"),
            TvPages(televisions, paired, Enrolment(NO_JOURNAL, paired), boards, desk, self._tell, "b"),
        )
        self.app = Starlette(routes=[gate.route(way) for part in parts for way in part.routes()])

    async def _tell(self, slug: str, message: bytes) -> None:
        self.told.append((slug, message))

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def work() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://wall") as client:
                return await client.request(method, path, **options)

        return asyncio.run(work())

    def list(self) -> str:
        return self.ask("GET", "/supervisor/tvs").text


@pytest.fixture
def wall() -> Wall:
    return Wall()


def test_an_empty_list_says_how_to_hang_one_up(wall: Wall) -> None:
    assert "No TV has reported yet" in wall.list()
    assert "/diag" in wall.list()


def test_a_lost_television_is_said_to_be_lost_and_comes_back(wall: Wall) -> None:
    wall.ask("POST", "/tvs/reception", json=REPORT)
    assert "<b>Live</b>" in wall.list()
    assert "Chromium 69" in wall.list()
    wall.seconds = 61
    page = wall.list()
    assert "data-lost" in page
    assert "<b>Lost</b>" in page
    assert 'value="forget"' in page
    wall.ask("POST", "/tvs/reception", json=REPORT)
    assert "data-lost" not in wall.list()


def test_a_lost_television_can_be_forgotten(wall: Wall) -> None:
    wall.ask("POST", "/tvs/reception", json=REPORT)
    assert wall.ask("POST", "/supervisor/tvs/reception", data={"do": "forget"}).status_code == 303
    assert "reception" not in wall.list()
    assert wall.ask("GET", "/supervisor/tvs/reception").status_code == 404


def test_a_command_goes_by_the_stream_of_the_board_that_it_shows(wall: Wall) -> None:
    wall.ask("POST", "/tvs/reception", json=REPORT | {"board": "sales"})
    assert wall.ask("POST", "/supervisor/tvs/reception", data={"do": "identify"}).status_code == 303
    [(slug, message)] = wall.told
    assert slug == "sales"
    event, data = message.decode().partition("\r\n")[2].strip().split("\n", 1)  # after the chunk's length
    assert event == "event: command"
    command = json.loads(data.removeprefix("data: "))
    assert (command["tv"], command["do"], command["page"]) == ("reception", "identify", "p1")
    assert "asked: identify" in wall.list()
    answer = wall.ask("POST", "/tvs/reception", json=REPORT | {"board": "sales"}).json()
    assert [one["id"] for one in answer["commands"]] == [command["id"]]


def test_a_name_breaks_neither_the_stream_nor_the_page(wall: Wall) -> None:
    wall.ask("POST", "/tvs/reception", json=REPORT)
    name = 'x"\r\n\r\nevent: tiles\ndata: <script>alert(1)</script>'
    wall.ask("POST", "/supervisor/tvs/reception", data={"do": "rename", "name": name})
    [(_, message)] = wall.told
    assert message.count(b"\n\n") == 1
    assert message.count(b"event:") - message.count(b" event: tiles") == 1
    assert "<script>alert" not in wall.list()
    assert "<script>alert" not in wall.ask("GET", "/supervisor/tvs/reception").text


@pytest.mark.parametrize(("form", "status"), [
    ({"do": "explode"}, 400), ({}, 400), ({"do": "rename", "name": " "}, 400), ({"do": "rename"}, 400),
])  # fmt: skip
def test_what_cannot_be_asked_of_a_television_is_refused(wall: Wall, form: dict[str, str], status: int) -> None:
    wall.ask("POST", "/tvs/reception", json=REPORT)
    assert wall.ask("POST", "/supervisor/tvs/reception", data=form).status_code == status
    assert wall.told == []


@pytest.mark.parametrize(("path", "body", "status", "error"), [
    ("/tvs/reception", b"{", 400, "unreadable"),
    ("/tvs/reception", b"[]", 400, "unreadable"),
    ("/tvs/reception", b'{"page": 7}', 400, "unreadable"),
    ("/tvs/reception", b"\xff", 400, "unreadable"),
    ("/tvs/reception", b" " * 16_385, 413, "too_large"),
    ("/tvs/Reception", b'{"page": "p"}', 404, "not_found"),
    ("/tvs/" + "a" * 41, b'{"page": "p"}', 404, "not_found"),
    ("/tvs/-a", b'{"page": "p"}', 404, "not_found"),
])  # fmt: skip
def test_what_is_no_report_is_refused(wall: Wall, path: str, body: bytes, status: int, error: str) -> None:
    answer = wall.ask("POST", path, content=body)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert "No TV has reported yet" in wall.list()


def test_a_television_that_reports_without_end_is_told_to_wait(wall: Wall) -> None:
    statuses = {wall.ask("POST", "/tvs/mad", json=REPORT).status_code for _ in range(10)}
    assert statuses == {200, 429}


def test_the_last_report_can_be_read_by_a_script(wall: Wall) -> None:
    assert wall.ask("GET", "/tvs/reception").status_code == 404
    wall.ask("POST", "/tvs/reception", json=REPORT | {"reconnects": 3})
    told = wall.ask("GET", "/tvs/reception").json()
    assert (told["word"], told["engine"], told["report"]["reconnects"]) == ("Live", "Chromium 69", 3)


@pytest.mark.parametrize(("agent", "said"), [
    ("X Chrome/47.0", "Chromium 47 is older than what"), ("X Chrome/69.0", "No answer yet"),
    ("", "does not say what it is"),
    ("<script>alert(1)</script>", "&lt;script&gt;"),
])  # fmt: skip
def test_the_diagnosis_speaks_also_where_no_script_runs(wall: Wall, agent: str, said: str) -> None:
    page = wall.ask("GET", "/diag", headers={"User-Agent": agent}).text
    assert said in page
    assert "<script>alert" not in page


def test_only_who_may_see_the_board_may_see_the_list_or_report(server: Server) -> None:
    elsewhere = {"X-Forwarded-For": "203.0.113.9", **OURS}
    for path in ("/supervisor/tvs", "/supervisor/tvs/x", "/tvs/x"):
        assert server.client.get(path, headers=elsewhere).status_code == 401
    assert server.client.post("/tvs/x", json=REPORT, headers=elsewhere).status_code == 401
    signed_in = {**elsewhere, "Authorization": f"Bearer {API_TOKEN}"}
    assert server.client.post("/tvs/x", json=REPORT, headers=signed_in).status_code == 200


def test_another_sites_page_cannot_report_or_ask(server: Server) -> None:
    strange = {"Sec-Fetch-Site": "cross-site"}
    assert server.client.post("/tvs/x", json=REPORT, headers=strange).status_code == 403
    assert server.client.post("/tvs/x", json=REPORT, headers=OURS).status_code == 200
    assert server.client.post("/supervisor/tvs/x", data={"do": "reload"}, headers=strange).status_code == 403
