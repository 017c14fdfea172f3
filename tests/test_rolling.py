"""A rolling deploy under load: two builds on one PostgreSQL behind a router, and what the PBX and the walls see."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.canary import watch
from tests.conftest import API_TOKEN, ROOT, TOKEN, Server, free_port, wait_until
from tests.router import Router
from tests.samples import answered, completed, rang

pytestmark = pytest.mark.alone

SCREENS = 6
NOTED = """
const note = function () {
  const figure = document.querySelector('[data-figure="answered"] dd');
  const seen = JSON.parse(localStorage.seen || "[]");
  const now = [Number(document.documentElement.dataset.sequence), figure ? Number(figure.textContent) : null];
  if (figure && String(seen[seen.length - 1]) !== String(now)) localStorage.seen = JSON.stringify(seen.concat([now]));
};
new MutationObserver(note).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
"""


class Elsewhere(Server):
    """A process of the build whose files lie in `tree`."""

    def __init__(self, folder: Path, tree: Path, database: str) -> None:
        folder.mkdir()
        super().__init__(folder, DATABASE_URL=database)
        self._tree = tree

    def begin(self) -> None:
        with watch(self.folder / "log").open("a") as log:
            command = [sys.executable, "-m", "wallboard", "serve"]
            self.process = subprocess.Popen(
                command, cwd=self._tree, env=self.environment(), stdout=log, stderr=log, text=True
            )


def start(servers: list[Server]) -> None:
    for server in servers:
        server.begin()
    for server in servers:
        wait_until(server.is_ready, "the server is ready", within=30)


def told(server: Server, name: str) -> str:
    """The `boot` or the `build` of a process."""
    return str(server.client.get("/healthz").json()[name])


def live(page: Page, server: Server) -> Locator:
    """The page, once it is of this process's build and live."""
    return page.locator(f'html[data-link=live][data-build^="{told(server, "build")}"]')


class Sender(threading.Thread):
    """Posts as the PBX does, again after a 503 and after no answer, until it is taken."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._url, self._ended = f"http://127.0.0.1:{port}/webhooks/pbx", threading.Event()
        self.statuses: list[int] = []
        self.calls = 0

    def run(self) -> None:
        with httpx.Client(headers={"X-Pbx-Token": TOKEN}, timeout=10) as client:
            while not self._ended.wait(0.02):
                call = f"c{self.calls}"
                for body in (rang("1002", call), answered("1002", call), completed("1002", call)):
                    while self._post(client, body) != 200:
                        self._ended.wait(0.1)
                self.calls += 1

    def _post(self, client: httpx.Client, body: object) -> int:
        try:
            status = client.post(self._url, json=body).status_code
        except httpx.TransportError:
            status = 0
        self.statuses.append(status)
        return status

    def stop(self) -> None:
        self._ended.set()
        self.join(10)


class Wall(threading.Thread):
    """Reads a board's stream, and comes back as the page's script does, some hundred milliseconds after an end."""

    def __init__(self, port: int, number: int) -> None:
        super().__init__(daemon=True)
        self._url, self._ended = f"http://127.0.0.1:{port}/boards/main/stream", threading.Event()
        self._breath = 0.3 + 0.05 * number
        self.ids: list[tuple[str, int]] = []

    def run(self) -> None:
        with httpx.Client(headers={"Authorization": f"Bearer {API_TOKEN}"}, timeout=6) as client:
            while not self._ended.is_set():
                try:
                    with client.stream("GET", self._url) as stream:
                        for line in stream.iter_lines():
                            if line.startswith("id: "):
                                boot, _, sequence = line[4:].partition(":")
                                self.ids.append((boot, int(sequence)))
                            if self._ended.is_set():
                                return
                except httpx.TransportError:
                    pass
                self._ended.wait(self._breath)

    @property
    def last(self) -> tuple[str, int]:
        return self.ids[-1] if self.ids else ("", 0)

    def stop(self) -> None:
        self._ended.set()
        self.join(10)


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The files of a build that differs in what browsers are given."""
    tree = tmp_path / "newer"
    for name in ("wallboard", "templates", "static"):
        shutil.copytree(ROOT / name, tree / name)
    with (tree / "static" / "board.css").open("a") as css:
        css.write("/* another build */\n")
    return tree


@pytest.fixture
def old(tmp_path: Path, database: str) -> Iterator[list[Server]]:
    """Two processes of this build, not started."""
    folders = [tmp_path / "old1", tmp_path / "old2"]
    for folder in folders:
        folder.mkdir()
    servers = [Server(folder, DATABASE_URL=database) for folder in folders]
    yield servers
    for server in servers:
        server.close()


@pytest.fixture
def new(tmp_path: Path, newer: Path, database: str) -> Iterator[list[Server]]:
    """Two of the newer one."""
    servers: list[Server] = [Elsewhere(tmp_path / name, newer, database) for name in ("new1", "new2")]
    yield servers
    for server in servers:
        server.close()


@pytest.fixture
def router() -> Iterator[Router]:
    router = Router(free_port())
    yield router
    router.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    page = context.new_page()
    page.add_init_script(NOTED)
    yield page
    context.close()


def test_a_rolling_deploy_loses_nothing_needs_no_hand_and_takes_no_number_back(
    old: list[Server], new: list[Server], router: Router, page: Page
) -> None:
    start(old)
    router.targets = [server.port for server in old]
    sender, walls = Sender(router.port), [Wall(router.port, number) for number in range(SCREENS)]
    for thread in (sender, *walls):
        thread.start()
    page.goto(f"http://127.0.0.1:{router.port}/boards/main")
    expect(live(page, old[0])).to_be_attached(timeout=10_000)
    wait_until(lambda: sender.calls > 10 and all(wall.ids for wall in walls), "all is going on")

    start(new)
    assert told(new[0], "build") != told(old[0], "build")
    router.targets += [server.port for server in new]
    for server in old:
        router.targets.remove(server.port)
        before = sender.calls
        assert server.stop(within=10) in (0, -15)
        wait_until(lambda before=before: sender.calls > before + 10, "webhooks are taken all the while", within=20)

    expect(live(page, new[0])).to_be_attached(timeout=30_000)
    sender.stop()
    head = new[0].state()["sequence"]
    boots = {told(server, "boot") for server in new}
    wait_until(lambda: all(wall.last[0] in boots and wall.last[1] >= head for wall in walls), "every wall shows it all")
    expect(page.locator('[data-figure="answered"] dd').first).to_have_text(str(sender.calls))
    for wall in walls:
        wall.stop()

    assert set(sender.statuses) <= {200, 503, 0}, set(sender.statuses)
    states = [server.state() for server in new]
    assert [state["totals"]["inbound"]["answered"] for state in states] == [sender.calls, sender.calls]
    assert [state["webhooks"]["accepted"] for state in states] == [3 * sender.calls] * 2
    for wall in walls:
        sequences = [sequence for _, sequence in wall.ids]
        assert sequences == sorted(sequences)
    seen = json.loads(page.evaluate("localStorage.seen"))
    assert len(seen) > 20
    assert seen == sorted(seen)
