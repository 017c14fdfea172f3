"""Processes behind one socket: replaced when they die, ended together, and never left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.conftest import ROOT, free_port, wait_until

COUNT = 3


class Crew:
    def __init__(self) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "tests.crew", str(self.port), str(COUNT)]
        self.first = subprocess.Popen(command, cwd=ROOT)
        self.met: set[int] = set()

    def one(self) -> int | None:
        """Who answers; `None` if nobody listens. None waits longer than a moment: what listens is always open."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as connected:
                said = connected.makefile().read().split()
        except (ConnectionRefusedError, ConnectionResetError):
            return None
        if not said:
            return self.one()  # it had been taken by the one that was killed
        parent, own = map(int, said)
        assert parent == self.first.pid
        self.met.add(own)
        return own

    def all(self) -> set[int]:
        """Everyone who lives; each takes its turn sooner or later."""
        self.met = set()
        wait_until(lambda: self.one() and len({pid for pid in self.met if lives(pid)}) == COUNT, "all have answered")
        return {pid for pid in self.met if lives(pid)}


def lives(pid: int) -> bool:
    """Neither gone nor only waiting to be buried."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def crew() -> Iterator[Crew]:
    crew = Crew()
    wait_until(lambda: crew.one() is not None, "somebody listens")
    yield crew
    if crew.first.poll() is None:
        crew.first.kill()
        crew.first.wait()
    for pid in crew.met:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_one_that_is_killed_is_replaced_and_nobody_is_refused_meanwhile(crew: Crew) -> None:
    before = crew.all()
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    assert all(crew.one() is not None for _ in range(50))
    after = crew.all()
    assert len(after - before) == 1
    assert before - after == {victim}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_first_ends_all_and_then_the_first(crew: Crew, number: signal.Signals) -> None:
    everyone = crew.all()
    crew.first.send_signal(number)
    assert crew.first.wait(10) == -number
    assert not any(map(lives, everyone))
    assert crew.one() is None


def test_none_is_left_behind_when_the_first_is_killed(crew: Crew) -> None:
    everyone = crew.all()
    crew.first.kill()
    crew.first.wait()
    wait_until(lambda: not any(map(lives, everyone)), "all have ended")
    assert crew.one() is None


ENDS_BADLY = """
import sys
from wallboard import workers
sys.excepthook = lambda kind, *_: print("told:", kind.__name__, file=sys.stderr, flush=True)
def serve():
    raise KeyError("typed by a stranger")
workers.run(1, serve)
"""


def test_an_error_that_ends_one_is_told_as_any_other_end_and_not_in_its_own_words() -> None:
    command = [sys.executable, "-c", ENDS_BADLY]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr is not None
        said = first.stderr.readline()
        first.terminate()
        said += first.stderr.read()
    assert set(said.splitlines()) == {"told: KeyError"}
