"""What was acknowledged survives SIGKILL, and what looks for losses finds them where there are some."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests import crash
from tests.conftest import Server, wait_until
from tests.samples import rang

KILLS = 25


def test_nothing_acknowledged_is_lost_to_25_kills() -> None:
    result = asyncio.run(crash.run(KILLS))
    assert result.sound, result
    assert result.kills == KILLS
    assert result.acknowledged > 10 * KILLS


def test_a_build_that_acknowledges_before_the_commit_is_found_out() -> None:
    result = asyncio.run(crash.run(8, build="tests.hasty"))
    assert result.lost > 0, result
    assert result.invented == 0


# --- each 200 is written after the fdatasync that covers its row --------------------------------------------


CALL = re.compile(r"^(?P<pid>\d+) +(?:(?P<name>\w+)\((?P<arguments>.*)|<\.\.\. (?P<resumed>\w+) resumed>(?P<rest>.*))$")


def traced(folder: Path, build: str) -> list[str]:
    """The system calls of a server that takes 20 events, one after the other, in the order of their ends."""
    strace = shutil.which("strace")
    assert strace, "no strace: apt-get install strace"
    log = folder / "strace"
    calls = "trace=fdatasync,fsync,pwrite64,write,writev,sendto,recvfrom,read"
    wrapper = [strace, "-D", "-f", "-y", "-s", "10000", "-e", calls, "-o", str(log)]
    server = Server(folder, build=build, wrapper=wrapper)
    server.start()
    for number in range(20):
        assert server.post(rang(call=f"marker{number}.")).status_code == 200
    server.stop()
    server.close()
    wait_until(lambda: "+++ killed" in log.read_text(errors="replace")[-200:], "strace has written everything")
    return log.read_text(errors="replace").splitlines()


def completed_calls(lines: list[str]) -> Iterator[tuple[str, str]]:
    """(name, text) of every call as it returns; what was begun and resumed in one piece."""
    begun: dict[str, str] = {}
    for line in lines:
        found = CALL.match(line)
        if found is None:
            continue
        if found["resumed"]:
            yield found["resumed"], begun.pop(found["pid"], "") + found["rest"]
        elif line.endswith("<unfinished ...>"):
            begun[found["pid"]] = found["arguments"]
        else:
            yield found["name"], found["arguments"]


def synchronised_before_answered(lines: list[str]) -> list[bool]:
    """For each event: was the WAL's fdatasync that covers its row done before its 200 was written?"""
    waiting: list[str] = []
    written: set[str] = set()
    durable: set[str] = set()
    answers: list[bool] = []
    for name, text in completed_calls(lines):
        markers = re.findall(r"marker\d+\.", text)
        if name == "pwrite64" and "wallboard.db-wal>" in text:
            written.update(markers)
        elif name in ("fdatasync", "fsync") and "wallboard.db-wal>" in text and text.endswith("= 0"):
            durable |= written
        elif name in ("recvfrom", "read") and markers:
            waiting += markers
        elif name in ("write", "writev", "sendto") and "HTTP/1.1 200" in text and waiting:
            answers.append(waiting.pop(0) in durable)
    return answers


def test_each_200_is_written_after_the_fdatasync_that_covers_its_row(tmp_path: Path) -> None:
    answers = synchronised_before_answered(traced(tmp_path, "wallboard"))
    assert answers == [True] * 20


def test_a_200_before_the_fdatasync_is_found_out(tmp_path: Path) -> None:
    answers = synchronised_before_answered(traced(tmp_path, "tests.hasty"))
    assert len(answers) == 20
    assert not all(answers)
