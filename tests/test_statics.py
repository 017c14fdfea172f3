"""Styles and scripts from memory: what a screen gets, what it need not ask for again, and what is not there."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.conftest import ROOT
from wallboard.statics import WALL, Statics


class Client:
    """Asks one request at a time."""

    def __init__(self, folder: Path) -> None:
        self._app = Starlette(routes=[Mount("/static", Statics(folder, "b1"))])

    def ask(self, method: str, path: str, **headers: str) -> httpx.Response:
        async def asked() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://wall") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(asked())

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.ask("GET", path, **headers)


@pytest.fixture
def client(tmp_path: Path) -> Client:
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "long.js").write_bytes(b"long();\n" * 500)
    (tmp_path / "short.css").write_bytes(b"p { margin: 0 }")
    for name in WALL:
        (tmp_path / f"{name}.js").write_bytes(f"run('{name}')".encode())
    return Client(tmp_path)


def test_a_file_of_this_build_is_never_asked_for_again(client: Client) -> None:
    assert "immutable" in client.get("/static/short.css?v=b1").headers["cache-control"]
    for path in ("/static/short.css", "/static/short.css?v=b2"):
        assert client.get(path).headers["cache-control"] == "no-cache"


def test_who_has_it_is_told_so(client: Client) -> None:
    first = client.get("/static/short.css")
    again = client.get("/static/short.css", **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/static/short.css", **{"If-None-Match": '"other"'}).content == first.content


def test_what_is_long_is_packed_for_who_can_unpack(client: Client) -> None:
    packed = client.get("/static/vendor/long.js", **{"Accept-Encoding": "gzip"})
    plain = client.get("/static/vendor/long.js", **{"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < 200
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content == b"long();\n" * 500
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


def test_the_walls_scripts_come_as_one_in_their_order(client: Client) -> None:
    answer = client.get("/static/wall.js")
    assert re.findall(r"run\('(\w+)'\)", answer.text) == list(WALL)
    assert answer.headers["content-type"].startswith("text/javascript")


def test_every_script_of_the_wall_stands_in_the_folder() -> None:
    assert [name for name in WALL if not (ROOT / "static" / f"{name}.js").is_file()] == []


@pytest.mark.parametrize("path", ["", "vendor", "vendor/", "none.css", "../app.py", "%2e%2e/app.py", "%00"])
def test_there_is_nothing_else(client: Client, path: str) -> None:
    assert client.get(f"/static/{path}").status_code == 404


def test_nothing_can_be_put_there(client: Client) -> None:
    answer = client.ask("POST", "/static/short.css")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert client.ask("HEAD", "/static/short.css").content == b""
