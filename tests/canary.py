"""What must be in no log of any server that the tests start, and the search at the end of the run; one place for all.

A new secret of the tests goes into `SECRETS`, one that a test makes as it runs is told to `keep_secret`. What is found
fails the run. The report names the test, the log line's event and the kind of secret, never the secret.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from wallboard.simulator_staff import CALLER_NAMES, DESKS, FIRST_NAMES

TOKEN, API_TOKEN = "a-pbx-token-for-tests", "an-api-token-for-tests"

SECRETS: dict[str, Iterable[str]] = {
    "a caller's name": ("ACME Pty Ltd", "CNAM &amp; Sons", *CALLER_NAMES),
    "an agent's name": ("Agent 10", *(f"{name} " for name in FIRST_NAMES.split() if len(name) > 3)),
    "a dialled number": [desk.number for desk in DESKS],
    "a token": (TOKEN, API_TOKEN, "old-secret"),
    "a piece of a body": (
        "unique_call_id", "caller_id", "caller_name", "user_number", "user_name", "dest_number", "call_start_at",
        "user_inbound", "user_outbound", "queue_call", "ring_group_call", "audio_file", "calls@example.org",
    ),
    "a piece of a page": ("hx-swap-oob", "data-call=", "data-agent=", "<bdi>"),
    "a credential's header": ("Authorization", "Bearer ", "X-Pbx-Token", "Set-Cookie", "__Host-", "wallboard_name="),
}  # fmt: skip

PATTERNS: dict[str, str] = {
    "a phone number": r"(?<![\d.])\+?61[2-478]\d{8}(?!\d)|(?<![\d.])0[2-478]\d{8}(?!\d)",
    "a traceback, whose last line is an error's own words": r"^Traceback \(most recent call last\)",
    "an argon2 hash": r"\$argon2",
}


@dataclass(frozen=True)
class Watched:
    """A log, and the test that started the server which writes it."""

    path: Path
    test: str


WATCHED: list[Watched] = []
_MADE: dict[str, str] = {}


def keep_secret(secret: str, kind: str) -> str:
    """Watches for one more, such as a password or a cookie that a test has made."""
    assert len(secret) >= 8, "what is short stands in some log by chance"
    _MADE[secret] = kind
    return secret


def watch(path: Path) -> Path:
    """Has a log searched at the end of the run; it must still be there then."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "a fixture").rsplit(" (", 1)[0]
    if all(watched.path != path for watched in WATCHED):
        WATCHED.append(Watched(path, test))
    return path


def leaks(log: bytes) -> Iterator[str]:
    """What must not be in it: the kind of each secret found and the event of its line."""
    wanted = [(secret, kind) for kind, secrets in SECRETS.items() for secret in secrets]
    for secret, kind in [*wanted, *_MADE.items()]:
        for form in _forms(secret):
            if form in log:
                yield f"{kind} in {_event(log, log.index(form))}"
                break
    for kind, pattern in PATTERNS.items():
        if found := re.search(pattern.encode(), log, re.MULTILINE):
            yield f"{kind} in {_event(log, found.start())}"


def _forms(secret: str) -> set[bytes]:
    """As it is, and as it stands in JSON, in an address, in a Python error and in basic authentication."""
    plain = secret.encode()
    forms = {plain, json.dumps(secret)[1:-1].encode(), json.dumps(json.dumps(secret)[1:-1])[1:-1].encode()}
    if len(plain) >= 12:  # whatever stands before it; of the two characters at the edges only a part is the secret's
        forms |= {base64.b64encode(bytes(before) + plain)[(before * 4 + 2) // 3 : -4] for before in range(3)}
    return forms | {quote(secret).encode(), quote_plus(secret).encode(), repr(plain)[2:-1].encode()}


def _event(log: bytes, place: int) -> str:
    """The event of the line at `place`, unless the secret is in that itself."""
    number = log.count(b"\n", 0, place) + 1
    line = log.splitlines()[number - 1]
    event = re.search(rb'"event": "([^"]*)"', line)
    if event is None or _is_unsafe(event[1]):
        return f"line {number}"
    return f"line {number}, event {event[1].decode()!r}"


def _is_unsafe(text: bytes) -> bool:
    secrets = [*_MADE, *(secret for secrets in SECRETS.values() for secret in secrets)]
    told = any(form in text for secret in secrets for form in _forms(secret))
    return told or any(re.search(pattern.encode(), text) for pattern in PATTERNS.values())


def found() -> list[str]:
    """The leaks of all servers that this process has started; a log that is gone counts as one."""
    told = []
    for watched in WATCHED:
        if not watched.path.exists():
            told.append(f"{watched.test}: its log was removed before it could be searched")
            continue
        told += [f"{watched.test}: {leak}" for leak in leaks(watched.path.read_bytes())]
    return told


# --- at the end of the run -----------------------------------------------------------------------------

_LEAKS = pytest.StashKey[list[str]]()
_SEARCHED = pytest.StashKey[int]()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    told = found()
    output = getattr(session.config, "workeroutput", None)
    if output is not None:  # in a worker, whose exit status nobody asks for
        output["leaks"], output["searched"] = told, len(WATCHED)
        return
    _tell(session.config, told, len(WATCHED))
    if session.config.stash[_LEAKS] and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    output = getattr(node, "workeroutput", {})
    _tell(node.config, output.get("leaks", []), output.get("searched", 0))  # type: ignore[attr-defined]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    told = config.stash.get(_LEAKS, [])
    if told:
        terminalreporter.section("LEAKED INTO A LOG", red=True)
        for leak in told:
            terminalreporter.line(leak)
    if searched := config.stash.get(_SEARCHED, 0):
        terminalreporter.line(f"{searched} servers' logs searched for what must not be in them: {len(told)} leaks")


def _tell(config: pytest.Config, told: list[str], searched: int) -> None:
    config.stash[_LEAKS] = config.stash.get(_LEAKS, []) + told
    config.stash[_SEARCHED] = config.stash.get(_SEARCHED, 0) + searched
