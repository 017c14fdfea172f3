"""Two server processes on one PostgreSQL, and whoever asks now one of them, now the other; knows no test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import Server, wait_until
from wallboard.tv.keys import COOKIE

OURS = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}


class Processes:
    """`a` and `b` on one database; `settings` are those of both."""

    def __init__(self, folder: Path, database: str, **settings: str) -> None:
        self.database = database
        self.a, self.b = (Server(_made(folder / name), DATABASE_URL=database, **settings) for name in "ab")

    def start(self) -> Processes:
        """Both at once, on whatever there is."""
        for server in (self.a, self.b):
            server.begin()
        for server in (self.a, self.b):
            wait_until(server.is_ready, "both are ready", within=20)
        return self

    def settle(self) -> None:
        """Returns when both have applied the same."""
        wait_until(lambda: self.a.state()["sequence"] == self.b.state()["sequence"], "both are at one sequence")

    def close(self) -> None:
        self.a.close()
        self.b.close()


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


class Screen:
    """A new television's browser, as far as its cookie and its reports."""

    def __init__(self) -> None:
        self._key = ""

    def ask(self, server: Server, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Sec-Fetch-Site": "same-origin"} | ({"Cookie": f"{COOKIE}={self._key}"} if self._key else {})
        answer = server.client.request(method, path, headers=headers, **options)
        if (given := answer.headers.get("set-cookie", "")).startswith(f"{COOKIE}="):
            self._key = given.partition("=")[2].partition(";")[0]
        return answer

    def knock(self, server: Server) -> str:
        said = self.ask(server, "POST", "/tv/pairing", json={"width": 1920, "height": 1080})
        assert said.status_code == 200, said.text
        return str(said.json()["code"])

    def state(self, server: Server) -> dict[str, Any]:
        said: dict[str, Any] = self.ask(server, "GET", "/tv/pairing").json()
        return said

    def report(self, server: Server, id: str = "x", **more: Any) -> dict[str, Any]:
        said = {"page": "p1", "board": "main", "link": "live", "transport": "stream", **more}
        answer = self.ask(server, "POST", f"/tvs/{id}", json=said)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


class Watching:
    """Somebody who watches a stream: what has come of it, and whether it has ended."""

    def __init__(self) -> None:
        self.text = ""
        self.is_over = False


@contextmanager
def watching(server: Server, path: str, cookie: str = "") -> Iterator[Watching]:
    """Watches a stream as long as the block lasts."""
    watched = Watching()
    with httpx.Client(base_url=server.url, headers={"Cookie": cookie} if cookie else {}, timeout=20) as client:
        with client.stream("GET", path) as stream:
            assert stream.status_code == 200, path
            reader = threading.Thread(target=_read, args=(stream, watched), daemon=True)
            reader.start()
            wait_until(lambda: watched.text != "", "the stream has begun")
            yield watched
            client.close()
        reader.join(5)


def _read(stream: httpx.Response, watched: Watching) -> None:
    try:
        for piece in stream.iter_text():
            watched.text += piece
    except (httpx.HTTPError, httpx.StreamError, RuntimeError, OSError):
        pass
    watched.is_over = True
