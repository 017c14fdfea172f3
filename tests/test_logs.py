"""The logs say what happened and where, and nothing that anybody sent; and a leak would be found."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import canary
from tests.canary import SECRETS, keep_secret, leaks
from tests.conftest import API_TOKEN, ROOT, TOKEN, Server, wait_until
from tests.samples import rang
from wallboard.logs import _Lines

# --- our own lines -------------------------------------------------------------------------------------

FIELDS = {
    "sequence", "by_seconds", "day", "calls", "seconds", "slug", "method", "route", "status", "ms", "library",
    "at_line", "kept", "lost", "entries", "up_to", "epoch", "reasons", "reason", "version", "was", "kind",
    "events", "events_lost", "kept_aside", "snapshot", "tail",
}  # fmt: skip
"""What a log call may say, each decided on: none can be typed in by a caller or sent by anybody. `reasons` are
sentences of the journal's examination; `reason` is a constant, `reason(error)`, `words(error)`, or a text where
`MAY_QUOTE` says so; `kept_aside` is a file's name that we gave it; `kind` is one of those that the code hears of."""
MAY_QUOTE = {
    "the journal cannot be opened": "a JournalError names the setting and the remedy",
    "the snapshot is not used": "an Unusable has a sentence of its own",
    "the boards' file cannot be used": "a SettingsError names the setting and what it expects",
}


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted((ROOT / "wallboard").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log."):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_every_event_is_a_sentence_of_the_code_and_every_field_is_on_the_list() -> None:
    calls = list(log_calls())
    assert len(calls) > 15
    for place, call in calls:
        event = call.args[0]
        assert isinstance(event, ast.Constant), place
        assert len(call.args) == 1, place
        for keyword in call.keywords:
            value = ast.unparse(keyword.value)
            if keyword.arg is None:
                assert value.startswith("traced("), place
                continue
            assert keyword.arg in FIELDS, f"{place} {keyword.arg}: decide whether it can hold what somebody sent"
            if keyword.arg == "reason" and not isinstance(keyword.value, ast.Constant):
                assert value in ("reason(error)", "words(error)") or event.value in MAY_QUOTE, place


def test_only_one_module_meets_what_the_libraries_say() -> None:
    for path in sorted((ROOT / "wallboard").rglob("*.py")):
        if path.name in ("logs.py", "__main__.py"):
            continue
        source = path.read_text()
        assert re.findall(r"^(?:import|from) (?:logging|traceback|warnings)\b", source, re.MULTILINE) == [], path


def test_a_disk_that_takes_no_more_lines_stops_nothing() -> None:
    with Path("/dev/full").open("w") as full:
        _Lines(full).error("x" * 10_000)
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())


# --- the libraries and the errors ----------------------------------------------------------------------

SPEAKERS = [
    "uvicorn.error", "uvicorn.asgi", "sse_starlette.sse", "asyncio", "httpx", "httpcore.http11", "aiosqlite",
    "starlette", "python_multipart", "authlib", "psycopg", "anybody",
]  # fmt: skip
SECRET = "a-secret-that-no-log-may-hold"
TALK = f"""
import asyncio, gc, logging, sys, threading, warnings
import structlog
from wallboard.logs import set_up
set_up("debug")
secret = {SECRET!r}
def fail(quoted):
    held = quoted
    raise KeyError(quoted) from ValueError({{"body": held}})
for name in {SPEAKERS!r}:
    logger = logging.getLogger(name)
    for level in (10, 20, 30, 40, 50):
        logger.log(level, "chunk: %s", secret)
        logger.log(level, f"chunk: {{secret}}", extra={{"body": secret}}, stack_info=True)
    try:
        fail(secret)
    except KeyError:
        logger.exception(secret)
log = structlog.get_logger()
try:
    fail(secret)
except KeyError as error:
    log.exception("ours")
    log.error("ours", exc_info=error, stack_info=True)
    log.error("ours", exc_info=(type(error), error, error.__traceback__))
warnings.warn(secret)
logging.raiseExceptions = True
logging.getLogger("anybody").error("%d", secret)
class Odd:
    def __repr__(self):
        return secret
    def __del__(self):
        raise LookupError(secret)
log.error("ours", odd=Odd())
gc.collect()
async def forget():
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    task = loop.create_task(asyncio.to_thread(fail, secret), name=secret)
    await asyncio.wait([task])
    loop.call_soon(fail, secret)
    await asyncio.sleep(0)
    del task
    gc.collect()
asyncio.run(forget())
thread = threading.Thread(target=fail, args=(secret,), name=secret)
thread.start()
thread.join()
fail(secret)
"""


def test_no_library_and_no_error_gets_its_words_into_the_log() -> None:
    said = subprocess.run([sys.executable, "-c", TALK], cwd=ROOT, text=True, capture_output=True, check=False)
    assert SECRET not in said.stdout + said.stderr
    lines = [json.loads(line) for line in said.stderr.splitlines()]
    heard = {line.get("library") for line in lines}
    assert heard >= {*SPEAKERS, "py.warnings"}
    assert all(len([line for line in lines if line.get("library") == name]) >= 11 for name in SPEAKERS)
    ours = [line for line in lines if line["event"] == "ours"]
    assert [line.get("error") for line in ours] == ["KeyError from ValueError"] * 3 + [None]
    assert all(line["where"].startswith("<string>:9 fail < <string>:") for line in ours[:3])
    assert ours[3]["odd"] == "Odd"
    ends = {line["event"]: line["level"] for line in lines}
    assert ends["an error that nobody could catch"] == "error"
    assert ends["a thread ended by an error"] == ends["the process ended by an error"] == "critical"
    assert said.returncode == 1
    assert sum(line.get("library") == "asyncio" and line.get("error", "").startswith("KeyError") for line in lines) >= 3


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, build="tests.leaky", LEAKY="raised").start()
    yield server
    server.close()


def lines_of(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (server.folder / "log").read_text().splitlines() if line.startswith("{")]


def test_an_error_that_quotes_the_body_is_told_without_it(failing: Server) -> None:
    assert failing.post(rang()).status_code == 503
    assert list(leaks((failing.folder / "log").read_bytes())) == []
    wait_until(lambda: any("KeyError" in line.get("error", "") for line in lines_of(failing)), "the error is told")
    told = next(line for line in lines_of(failing) if "KeyError" in line.get("error", ""))
    assert told["error"] == "KeyError from ValueError"
    assert told["where"].startswith("tests/leaky.py:")
    assert any(line.get("route") == "/webhooks/pbx" and line["status"] is None for line in lines_of(failing))


def test_an_answer_is_told_by_its_route(server: Server) -> None:
    private = keep_secret("Imogen Featherstonehaugh", "a name in an address")
    for path in (f"/{private}", f"/supervisor?q={private}", f"/boards/{private}", f"/webhooks/pbx/{private}"):
        server.client.get(path)
    server.client.request(private.replace(" ", "-"), "/")
    server.stop()
    told = [line for line in lines_of(server) if line["event"] == "answered"]
    assert {line["route"] for line in told} >= {None, "/supervisor", "/boards/{slug}", "/webhooks/pbx/{rest:path}"}


@pytest.mark.parametrize(("level", "events"), [("Info", {"ready"}), ("warning", set())])
def test_at_other_levels_answers_are_not_told(tmp_path: Path, level: str, events: set[str]) -> None:
    server = Server(tmp_path, WALLBOARD_LOG_LEVEL=level).start()
    server.client.get("/")
    server.stop()
    server.close()
    assert {line["event"] for line in lines_of(server)} == events


# --- what searches the logs ----------------------------------------------------------------------------

LINES = {
    f"{kind} {n}": (kind, json.dumps({"level": "debug", "event": "a chunk", "chunk": f"x{secret}y"}))
    for kind, secrets in SECRETS.items()
    for n, secret in enumerate(secrets)
} | {
    "a number": ("a phone number", '{"event": "a chunk", "caller": "+61290000001"}'),
    "a number as dialled": ("a phone number", "rang 0412345678 twice"),
    "a traceback": ("a traceback, whose last line is an error's own words", "Traceback (most recent call last):"),
    "a token in an address": ("a token", f"GET /?token={TOKEN} HTTP/1.1"),
    "a token in basic authentication": ("a token", "Basic OmFuLWFwaS10b2tlbi1mb3ItdGVzdHM="),
    "a body in a Python error": ("a caller's name", "KeyError(b'Caf\\xc3\\xa9 Lumi\\xc3\\xa8re')"),
    "a body in a string in JSON": ("a caller's name", json.dumps({"body": json.dumps({"a": "Café Lumière"})})),
}


@pytest.mark.parametrize("case", LINES)
def test_a_leak_is_found_and_not_repeated(case: str) -> None:
    kind, line = LINES[case]
    log = f'{{"event": "ready"}}\n{line}\n'.encode()
    found = list(leaks(log))
    assert any(told.startswith(f"{kind} in line 2") for told in found)
    assert all("Lumi" not in told and TOKEN not in told and API_TOKEN not in told for told in found)


def test_a_secret_in_the_event_itself_is_not_repeated() -> None:
    (told,) = leaks(f'{{"event": "got {TOKEN}"}}\n'.encode())
    assert told == "a token in line 1"


def test_a_log_that_is_searched_early_is_told_of_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary, "WATCHED", [])
    monkeypatch.setattr(canary, "_SEARCHED_BEFORE", [])
    log = canary.watch(tmp_path / "log")
    log.write_text(f"Bearer {TOKEN}")
    canary.search_now(log)
    log.unlink()
    assert any("a token in line 1" in told for told in canary.found())


LEAK = """
from tests.canary import pytest_sessionfinish, pytest_terminal_summary, pytest_testnodedown
from tests.conftest import Server
from tests.samples import rang
{}
def test_a_body_comes(tmp_path):
    server = Server(tmp_path, build="tests.leaky", LEAKY="told").start()
    assert server.post(rang()).status_code == 200
    server.close()
    {}
"""


@pytest.mark.parametrize(("options", "end", "words"), [
    (("-n", "1"), "", "event 'a body came'"), ((), "(tmp_path / 'log').unlink()", "its log was removed"),
])  # fmt: skip
def test_a_leak_fails_a_run_whose_tests_have_all_passed(
    tmp_path: Path, options: tuple[str, ...], end: str, words: str
) -> None:
    hooks, _, test = LEAK.format("", end).partition("def test")
    (tmp_path / "conftest.py").write_text(hooks)
    (tmp_path / "test_leak.py").write_text(
        textwrap.dedent("from tests.conftest import Server\nfrom tests.samples import rang\ndef test") + test
    )
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", str(tmp_path), "-p", "no:cacheprovider",
               *options, str(tmp_path)]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ran = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, env=environment, check=False)
    assert "1 passed" in ran.stdout, ran.stdout + ran.stderr
    assert ran.returncode == 1
    assert "LEAKED INTO A LOG" in ran.stdout
    assert words in ran.stdout
    assert "test_a_body_comes" in ran.stdout
    assert "ACME" not in ran.stdout
