"""A real server process on a real port with a real journal file, for the tests that need one."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.canary import API_TOKEN as API_TOKEN
from tests.canary import TOKEN as TOKEN
from tests.canary import pytest_sessionfinish as pytest_sessionfinish
from tests.canary import pytest_terminal_summary as pytest_terminal_summary
from tests.canary import pytest_testnodedown as pytest_testnodedown
from tests.canary import watch
from tests.faults import Faults, compiled
from tests.postgres import Postgres, running
from tests.warm import Forked, nest

ROOT = Path(__file__).resolve().parent.parent
OWN_FIRST_STEPS = {"LD_PRELOAD", "COVERAGE_PROCESS_START", "PYTHONASYNCIODEBUG"}
"""Variables that a process heeds before its first line, so that it cannot be forked from one that has begun."""
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run",
]  # fmt: skip


class Server:
    """`python -m wallboard serve` in a process of its own, with its journal in `folder`.

    `build` is another module to start, `wrapper` a command that the server is started under.
    """

    descriptors: int | None = None  # the most that the process may have open

    def __init__(self, folder: Path, *, build: str = "wallboard", wrapper: Sequence[str] = (), **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._settings = settings
        self._build, self._wrapper = build, wrapper
        self.process: subprocess.Popen[str] | Forked | None = None
        self.client = httpx.Client(base_url=self.url, timeout=10)

    def environment(self) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("WALLBOARD_")}
        return plain | {
            "PORT": str(self.port),
            "DATABASE_URL": f"sqlite:///{self.folder}/wallboard.db",
            "WALLBOARD_PBX_TOKENS": TOKEN,
            "WALLBOARD_API_TOKENS": API_TOKEN,
            "WALLBOARD_LOG_LEVEL": "debug",
            "WALLBOARD_RECORDING_HOSTS": "voice.test",
            "WEB_CONCURRENCY": "1",
            **self._settings,
        }

    def run(self, *command: str, timeout: float = 20) -> subprocess.CompletedProcess[str]:
        """One command of `python -m wallboard`, to its end."""
        with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
            process = nest().start("wallboard", command, self.environment(), out.fileno(), err.fileno())
            try:
                status = process.wait(timeout)
            finally:
                process.kill()
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(command, status, out.read(), err.read())

    def start(self) -> Server:
        self.begin()
        wait_until(self.is_ready, "the server is ready")
        return self

    def begin(self) -> None:
        """Starts it without waiting for anything."""
        environment = self.environment()
        limit = [] if self.descriptors is None else ["prlimit", f"--nofile={self.descriptors}"]
        before = [*limit, *self._wrapper]
        with watch(self.folder / "log").open("a") as log:
            if not before and not OWN_FIRST_STEPS & environment.keys():
                self.process = nest().start(self._build, ["serve"], environment, log.fileno(), log.fileno())
                return
            command = [*before, sys.executable, "-m", self._build, "serve"]
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, text=True)

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def answers(self) -> bool:
        """It is alive, be it ready or not."""
        try:
            return self.client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM, within: float = 6) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(within)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def post(self, body: dict[str, Any] | list[Any] | bytes, path: str = "", **headers: str) -> httpx.Response:
        given = {"X-Pbx-Token": TOKEN, **headers}
        if isinstance(body, bytes):
            return self.client.post(f"/webhooks/pbx{path}", content=body, headers=given)
        return self.client.post(f"/webhooks/pbx{path}", json=body, headers=given)

    def state(self) -> dict[str, Any]:
        answer = self.client.get("/api/v1/state", headers={"Authorization": f"Bearer {API_TOKEN}"})
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document

    def close(self) -> None:
        self.client.close()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(10)


def chromium() -> str:
    """The browser's program."""
    names = [os.environ.get("WALLBOARD_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"]
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    assert path, "no Chromium: apt-get install chromium, or name one in WALLBOARD_CHROMIUM"
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Any, what: str, within: float = 10) -> None:
    """Polls until `condition()` is true; fails with `what` otherwise."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)


@pytest.fixture
def idle_server(tmp_path: Path) -> Iterator[Server]:
    """A server that has not been started."""
    server = Server(tmp_path)
    yield server
    server.close()


@pytest.fixture
def server(idle_server: Server) -> Server:
    return idle_server.start()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One that all tests of this process share; who stops it or changes its settings, starts one of their own."""
    with running() as server:
        yield server


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The URL of a database with nothing in it."""
    return postgres.new_database()


@pytest.fixture(scope="session")
def cut_seconds() -> float:
    """How long the network to the database is cut; `make cuts` has it cut for a minute."""
    return float(os.environ.get("CUT_SECONDS", "3"))


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tests/faults.c, compiled."""
    return compiled(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with the journal in it, and nothing else."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def faults(library: Path, data: Path) -> Faults:
    return Faults(library, data)


@pytest.fixture
def faulty(tmp_path: Path, data: Path, faults: Faults) -> Iterator[Server]:
    """A server whose disk and clock obey `faults`."""
    server = Server(tmp_path, **faults.environment, DATABASE_URL=f"sqlite:///{data}/wallboard.db").start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        yield launched
        launched.close()
