"""The Procfile's own commands as a host runs them: the release step, two processes on PostgreSQL, SIGTERM, again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.canary import watch
from tests.conftest import API_TOKEN, ROOT, TOKEN, free_port, wait_until
from tests.posting import settled_of
from tests.samples import answered, completed, missed, rang, summary
from tests.test_deploys import procfile

PROCESSES = 2


class Host:
    """Runs lines of the Procfile, with what Heroku puts into their environment."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        plain = {name: value for name, value in os.environ.items() if not name.startswith("WALLBOARD_")}
        self.environment = plain | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PORT": str(self.port),
            "DATABASE_URL": database,
            "WEB_CONCURRENCY": str(PROCESSES),
            "WALLBOARD_PBX_TOKENS": TOKEN,
            "WALLBOARD_API_TOKENS": API_TOKEN,
        }
        self.web: subprocess.Popen[bytes] | None = None

    def begin(self, line: str) -> subprocess.Popen[bytes]:
        with watch(self.folder / line).open("ab") as log:
            command = ["sh", "-c", f"exec {procfile()[line]}"]
            return subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)

    def deploy(self) -> None:
        """The release step to its end, then the processes that serve."""
        assert self.begin("release").wait(20) == 0, (self.folder / "release").read_text()
        self.web = self.begin("web")
        wait_until(self.is_ready, "a process is ready", within=20)

    def is_ready(self) -> bool:
        assert self.web is not None
        assert self.web.poll() is None, (self.folder / "web").read_text()
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/readyz").status_code == 200
        return False

    def terminate(self) -> int:
        assert self.web is not None
        self.web.send_signal(signal.SIGTERM)
        return self.web.wait(10)


@pytest.fixture
def host(tmp_path: Path, database: str) -> Iterator[Host]:
    host = Host(tmp_path, database)
    yield host
    if host.web is not None and host.web.poll() is None:
        host.terminate()


@contextmanager
def each_process(host: Host) -> Iterator[list[httpx.Client]]:
    """A connection to each process, for a connection stays where it was let in."""
    clients: dict[str, httpx.Client] = {}

    def meet() -> bool:
        headers = {"Authorization": f"Bearer {API_TOKEN}", "X-Pbx-Token": TOKEN}
        client = httpx.Client(base_url=host.url, headers=headers, limits=httpx.Limits(max_connections=1))
        boot = client.get("/healthz").json()["boot"]
        if boot in clients or client.get("/readyz").status_code != 200:
            client.close()
            return False
        clients[boot] = client
        return len(clients) == PROCESSES

    try:
        wait_until(meet, "every process has answered")
        yield list(clients.values())
    finally:
        for client in clients.values():
            client.close()


@contextmanager
def screen(host: Host) -> Iterator[Iterator[str]]:
    """What a board is sent."""
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    with httpx.stream("GET", f"{host.url}/boards/main/stream", headers=headers, timeout=5) as stream:
        yield stream.iter_text()


def post(client: httpx.Client, *bodies: dict[str, Any]) -> int:
    """How many of them are in, posted as the PBX posts: once more after a 503, such as a commit that took long gets.
    What was refused may have been stored all the same, so that it is known the second time.
    """
    answers: list[httpx.Response] = []

    def is_taken() -> bool:
        answers.append(client.post("/webhooks/pbx", json=list(bodies)))
        return answers[-1].status_code != 503

    wait_until(is_taken, "the bodies are taken")
    assert all("cannot be written" in answer.text for answer in answers[:-1]), "it was ready"
    receipt = answers[-1].raise_for_status().json()
    assert receipt["duplicates"] == 0 or len(answers) > 1
    return int(receipt["accepted"] + receipt["duplicates"])


def test_what_is_posted_to_one_process_is_on_the_screens_of_both_and_there_after_a_restart(host: Host) -> None:
    host.deploy()
    with each_process(host) as (one, other), screen(host) as shown:
        assert "event: tiles" in next(shown)
        assert post(one, rang("1001", "7"), missed("1001", "7")) == 2
        assert post(other, rang("1002", "7"), answered("1002", "7")) == 2
        told = ""
        while 'data-call="7" data-state="talking"' not in told:
            told += next(shown)
        assert post(one, completed("1002", "7"), summary("7")) == 2
        wait_until(lambda: settled_of(one) == settled_of(other), "both show the same", within=2)
        before = settled_of(one)
        assert before["webhooks"]["accepted"] == 6
        assert host.terminate() == -signal.SIGTERM
        for _ in shown:  # to its end, which is no reset
            pass
    host.deploy()
    with each_process(host) as (one, other), screen(host) as shown:
        # Each start puts a link for the first account into the journal, as long as nobody has one.
        assert [settled_of(client) | {"sequence": before["sequence"]} for client in (one, other)] == [before, before]
        assert 'data-call="7"' in next(shown)
        assert post(other, rang("1001", "8")) == 1


def test_on_sqlite_more_than_one_process_is_refused_in_words(host: Host) -> None:
    host.environment["DATABASE_URL"] = f"sqlite:///{host.folder}/wallboard.db"
    assert host.begin("release").wait(20) == 0
    assert host.begin("web").wait(20) == 2
    assert "WEB_CONCURRENCY: is 2, but the SQLite journal serves one process only" in (host.folder / "web").read_text()
