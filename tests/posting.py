"""Posts without a pause while something goes wrong, and what must hold of it; knows not what goes wrong.

Every fault keeps the same promises: the first 503 within a second, the first 200 within five of its end, /readyz and
the board say so meanwhile, and whatever was acknowledged is there after a kill.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import httpx

from tests.conftest import TOKEN, Server, wait_until
from tests.samples import rang

REFUSED_WITHIN, HEALED_WITHIN = 1.0, 5.0
UNWRITABLE = "journal cannot be written"


class Answer(NamedTuple):
    """What came of one post; times are of the steady clock, status 0 is no answer at all."""

    call: str
    sent_at: float
    at: float
    status: int


class Posting(threading.Thread):
    """Posts one ringing call after the other until it is stopped."""

    def __init__(self, server: Server, name: str = "call") -> None:
        super().__init__(daemon=True)
        self._server = server
        self._name = name
        self._ended = threading.Event()
        self.answers: list[Answer] = []

    def run(self) -> None:
        client = httpx.Client(base_url=self._server.url, headers={"X-Pbx-Token": TOKEN}, timeout=10)
        while not self._ended.wait(0.01):
            call, sent_at = f"{self._name} {len(self.answers)}", time.monotonic()
            try:
                body = rang(str(1000 + len(self.answers) % 20), call, call_start_at=datetime.now(UTC).isoformat())
                status = client.post("/webhooks/pbx", json=body).status_code
            except httpx.TransportError:
                status = 0
            self.answers.append(Answer(call, sent_at, time.monotonic(), status))
        client.close()

    def stop(self) -> None:
        self._ended.set()
        self.join(15)
        assert not self.is_alive()

    def first(self, status: int, after: float) -> float | None:
        """Seconds from `after` to the first such answer; a 200 only counts if its post was sent then or later."""
        since = (a for a in self.answers if (a.sent_at if a.status == 200 else a.at) >= after)
        return next((a.at - after for a in since if a.status == status), None)

    def wait_for(self, status: int, after: float) -> float:
        wait_until(lambda: self.first(status, after) is not None, f"an answer {status}", within=15)
        found = self.first(status, after)
        assert found is not None
        return found

    def acknowledged(self) -> set[str]:
        return {answer.call for answer in self.answers if answer.status == 200}


@contextmanager
def posting(server: Server, name: str = "call") -> Iterator[Posting]:
    """Posts meanwhile; nothing but 200 and 503 may come of it."""
    running = Posting(server, name)
    running.start()
    running.wait_for(200, 0)
    try:
        yield running
    finally:
        running.stop()
    assert {answer.status for answer in running.answers} <= {200, 503}


def shown(server: Server) -> set[str]:
    return {call["id"] for call in server.state()["calls"]}


def settled(server: Server) -> dict[str, Any]:
    return {name: value for name, value in server.state().items() if name != "as_of"}


def settled_of(client: httpx.Client) -> dict[str, Any]:
    """The same of whoever this client is connected to."""
    state: dict[str, Any] = client.get("/api/v1/state").raise_for_status().json()
    return {name: value for name, value in state.items() if name != "as_of"}


def assert_nothing_lost(server: Server, posted: Posting) -> None:
    """Every acknowledged call is on the board, and the same board comes back after a kill."""
    assert posted.acknowledged() <= shown(server)
    before = settled(server)
    server.stop(signal.SIGKILL)
    server.start()
    assert posted.acknowledged() - shown(server) == set()
    assert settled(server) == before


def assert_refused_and_told(server: Server, posted: Posting, began: float) -> None:
    assert posted.wait_for(503, began) < REFUSED_WITHIN
    wait_until(lambda: server.client.get("/readyz").status_code == 503, "/readyz says so", REFUSED_WITHIN)
    wait_until(lambda: UNWRITABLE in server.client.get("/boards/main").text, "the board says so", REFUSED_WITHIN)


def assert_healed(server: Server, posted: Posting, ended: float) -> None:
    assert posted.wait_for(200, ended) < HEALED_WITHIN
    wait_until(server.is_ready, "ready again", within=HEALED_WITHIN)
    assert UNWRITABLE not in server.client.get("/boards/main").text
