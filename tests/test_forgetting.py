"""A caller who is erased is in no file and in no answer any more, and every figure stays."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from tests import samples
from tests.conftest import ROOT, Server, wait_until
from tests.torn import NOW, start
from wallboard import control
from wallboard.erasing import Eraser, NoNumber
from wallboard.journal import Delivery
from wallboard.journal.engines import journal_at
from wallboard.journal.rows import to_row
from wallboard.journal.store import Store

FORMS = ("+61291112222", "61291112222", "0291112222", "(02) 9111 2222", "+61 2 9111-2222", 61291112222)
DIGITS = re.compile(rb"[^0-9A-Za-z\"]{0,3}".join(digit.encode() for digit in "91112222"))
NAME = "Zebulon Quist"
OTHER = "+61290000001"


def theirs(number: object = FORMS[0], call: str = "t1") -> dict[str, Any]:
    return {"caller_id": number, "caller_name": NAME, "unique_call_id": call}


def bodies() -> list[Any]:
    """One caller in all that the PBX may send of them, beside others who must stay as they are."""
    found: list[Any] = list(samples.answered_call("o1"))
    for n, form in enumerate(FORMS):
        found.append(samples.rang(**{"call": f"t{n}"}) | theirs(form, f"t{n}"))
    call = samples.answered_call("t9")
    found += [
        call[0] | theirs(call="t9"),
        *(body | {"caller_id": None, "caller_name": NAME.upper()} for body in call[1:]),
        samples.abandoned("t8") | theirs(FORMS[2], "t8"),
        samples.body("voicemail", "t8", recorded_at=samples.at(30), emails=["a@b.example"], email_subject="Voicemail",
                     email_message=f"From {NAME} on (02) 9111 2222", audio_file="https://pbx.example/1.wav")
        | {"caller_id": FORMS[1], "caller_name": None},
        samples.body("recording_inbound", "t9", recorded_at=samples.at(90),
                     call_recording_link="https://pbx.example/291112222.mp3") | {"caller_id": FORMS[0]},
        {"type": "user_outbound", "unique_call_id": "out1", "caller_id": "+61380000000", "user_number": "1002",
         "user_name": "Agent 1002", "dest_number": FORMS[3], "call_start_at": samples.at(5)},
        {"type": "webhook_component_event", "unique_call_id": "c1", "user_name": NAME, "user_number": FORMS[0],
         "dest_number": "+61380000000", "call_start_at": samples.at(0), "component_name": "Night"},
        {"type": "inbound_call_to_user", "unique_call_id": "old1", "from_number": FORMS[1], "from_name": NAME,
         "exten": "1002", "to_name": "Agent 1002", "to_number": "+61380000000", "start_at": samples.at(0)},
        {"type": "from_the_future", "unique_call_id": "t9", "who": {"deep": [f"tel:{FORMS[0]}"]}},
        [samples.rang(call="o2"), samples.rang(call="ta") | theirs(FORMS[0], "ta")],
        b'{"type": "broken", "caller_id": "+61291112222", ',
        json.dumps(samples.rang(call="te") | theirs(call="te")).replace("1", "\\u0031").encode(),
        samples.rang(call="o3") | {"caller_id": "+61291112223", "caller_name": "Nearly"},
        samples.rang(call="o4") | {"caller_id": "+612911122229", "caller_name": "Longer"},
    ]  # fmt: skip
    return found


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file() and file.name != "log")


def tells(content: bytes) -> bool:
    others = content.replace(b"612911122229", b"").replace(b"+61 2911122229", b"")
    return DIGITS.search(others) is not None or NAME.lower().encode() in content.lower()


def fill(server: Server) -> None:
    for body in bodies():
        assert server.post(body).status_code == (400 if isinstance(body, bytes) and b"broken" in body else 200)
    server.stop()
    marks = ((FORMS[0], "a note on them"), (OTHER, "rang for +61 2 9111 2222"))
    asyncio.run(add_marks(f"sqlite:///{server.folder}/wallboard.db", marks))
    server.start()


async def add_marks(url: str, marks: Sequence[tuple[str, str]]) -> None:
    """Supervisors' notes on callers, put into the journal itself: on SQLite while no server runs."""
    journal = journal_at(url)
    await journal.open(lambda entry: None)
    for caller, text in marks:
        body = json.dumps({"caller": caller, "mark": "note", "by": "Ann", "text": text}).encode()
        await journal.append(Delivery(received_at=datetime.now(UTC), body=body, remark="caller_marked"))
    await journal.close()


def figures(state: dict[str, Any]) -> dict[str, Any]:
    kept = ("totals", "agents", "queues", "ring_groups", "voicemail_boxes", "components", "ledger")
    return {name: state[name] for name in kept}


PAGES = ("/boards/main", "/supervisor", "/supervisor/callbacks", "/supervisor/callbacks?show=all", "/supervisor/day",
         "/supervisor/day/{day}/calls?number=inbound_offered", "/supervisor/day/{day}/calls.csv", "/setup",
         "/supervisor/calls/t9?day={day}", "/api/v1/state")  # fmt: skip


def shown(server: Server) -> dict[str, bytes]:
    day = datetime.now(UTC).date()
    program = {"Authorization": "Bearer an-api-token-for-tests"}
    asked = {path: program if path.startswith("/api") else {} for path in PAGES}
    return {path: server.client.get(path.format(day=day), headers=asked[path]).content for path in PAGES}


@pytest.fixture
def filled(idle_server: Server) -> Server:
    idle_server.start()
    fill(idle_server)
    assert tells(bytes_of(idle_server.folder))
    told = [path for path, content in shown(idle_server).items() if tells(content)]
    assert len(told) >= 6, told
    return idle_server


@pytest.mark.parametrize("is_running", [True, False], ids=["running", "stopped"])
def test_an_erased_caller_is_in_no_file_and_no_answer_and_every_figure_stays(filled: Server, is_running: bool) -> None:
    server, before = filled, filled.state()
    (server.folder / "wallboard.db.damaged").write_bytes(b"+61291112222")
    if not is_running:
        server.stop()
    ended = server.run("forget", "02 9111 2222", timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert re.match(r"Erased from \d\d event\(s\) of 13 call\(s\), with 2 mark\(s\)\.", ended.stdout), ended.stdout
    assert not tells(bytes_of(server.folder))
    if not is_running:
        server.start()
    after = server.state()
    assert figures(after) == figures(before)
    assert [path for path, content in shown(server).items() if tells(content)] == []
    assert after["journal"]["lost_today"] == after["journal"]["mended_today"] == 0
    assert OTHER.encode() in shown(server)["/api/v1/state"]
    assert b"+61291112223" in shown(server)["/api/v1/state"]
    server.stop()
    assert not tells(bytes_of(server.folder))
    server.start()
    again = server.state()
    moving = ("as_of", "sequence", "journal")
    assert {name: again[name] for name in again if name not in moving} == {
        name: after[name] for name in after if name not in moving
    }
    assert tells((server.folder / "log").read_bytes()) is False


def test_who_is_not_known_is_not_found_and_nonsense_is_refused_in_one_sentence(server: Server) -> None:
    server.post(samples.rang())
    ended = server.run("forget", "+61255550000")
    assert (ended.returncode, ended.stdout) == (0, "Nothing was found of that number.\n")
    for nonsense in ("hello", "12", "", "+"):
        ended = server.run("forget", nonsense)
        assert ended.returncode == 2
        assert ended.stderr == "That is no telephone number: write one such as +61290000001 or 0290000001.\n"
    server.stop()
    assert server.run("forget", "nobody").returncode == 2
    (server.folder / "wallboard.db").unlink()
    ended = server.run("forget", OTHER)
    assert (ended.returncode, "there is no journal" in ended.stderr) == (2, True)
    assert not (server.folder / "wallboard.db").exists()


@pytest.mark.parametrize("number", ["+61291112222", "0291112222", "61 2 9111 2222", " (02) 9111-2222 "])
def test_a_number_may_be_written_in_any_way(number: str) -> None:
    eraser = Eraser(number, "AU")
    assert eraser.key == "+61291112222"
    for form in FORMS:
        assert eraser.is_number(form)
    for text in ("call 0291112222 at 10:30", "tel:+61291112222;ext=1", "001161291112222", "x(02) 9111 2222."):
        assert eraser.number_in(text), text
    for text in ("+612911122229", "10291112222", "291112221"):
        assert not eraser.number_in(text), text


def test_an_extension_is_erased_where_it_is_a_party_and_nowhere_else() -> None:
    eraser = Eraser("1002", "AU")
    body = samples.rang(agent="1003") | {"caller_id": "1002", "note": "room 1002"}
    delivery = Delivery(received_at=NOW, body=msgspec.json.encode(body))
    eraser.find(delivery)
    rewritten = eraser.rewrite(delivery)
    assert rewritten is not None
    assert msgspec.json.decode(rewritten.body) == body | {"caller_id": None, "caller_name": None}
    with pytest.raises(NoNumber):
        Eraser("ab", "AU")


# --- the operator's door -----------------------------------------------------------------------------------------


def test_only_who_comes_through_the_operators_door_finds_anything_there(server: Server) -> None:
    server.post(samples.rang())
    forged = {"X-Operator": "1", "Authorization": "Bearer an-api-token-for-tests", "Sec-Fetch-Site": "same-origin"}
    for method in ("GET", "POST"):
        answer = server.client.request(method, "/operator/forget", headers=forged, json={"number": OTHER})
        assert answer.status_code == 404
    assert control.ask(server.folder / "wallboard.db", "forget", {"number": "x"}) == {
        "error": "That is no telephone number: write one such as +61290000001 or 0290000001."
    }
    assert b"+61290000001" in bytes_of(server.folder)


def test_the_door_is_the_operators_alone_and_is_there_as_long_as_the_server_runs(server: Server) -> None:
    door = server.folder / "wallboard.db.control"
    assert stat.S_IMODE(door.stat().st_mode) == 0o600
    server.kill()
    assert door.exists()
    server.start()
    assert server.run("forget", OTHER).stdout == "Nothing was found of that number.\n"
    server.stop()
    assert not door.exists()


def test_the_door_works_however_deep_the_folder_lies(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30) / ("er" * 40)
    folder.mkdir(parents=True)
    server = Server(folder)
    try:
        server.start()
        assert (folder / "wallboard.db.control").exists()
        assert server.run("forget", OTHER).stdout == "Nothing was found of that number.\n"
    finally:
        server.close()
    assert not (folder / "wallboard.db.control").exists()


def test_a_second_server_leaves_the_first_ones_door_alone(server: Server) -> None:
    listening = control.listen(server.folder / "wallboard.db")
    assert listening is None
    assert control.ask(server.folder / "wallboard.db", "forget", {"number": OTHER}) is not None


# --- killed ------------------------------------------------------------------------------------------------------


def test_an_erasing_that_is_killed_at_any_moment_costs_nothing_and_can_be_done_again(tmp_path: Path) -> None:
    rng, made = Random("erasing"), tmp_path / "made"
    made.mkdir()
    rows = []
    for n in range(1, 2_001):
        who = theirs(call=f"t{n}") if n % 5 == 0 else {"unique_call_id": f"o{n}"}
        body = json.dumps(samples.rang() | who | {"x": "y" * (n * 37 % 600)}).encode()
        rows.append(to_row(n, Delivery(received_at=NOW, body=body)))
    store = Store(made / "wallboard.db")
    store.write(rows, [])
    store.close()
    shutil.copytree(made, tmp_path / "whole")
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "wallboard", "forget", FORMS[0]], cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
        env={**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/whole/wallboard.db"},
    )  # fmt: skip
    whole_seconds = time.monotonic() - began
    kills = attempt = 0
    while kills <= 2 and attempt < 10:  # how many come in time depends on the machine
        folder, attempt = tmp_path / str(attempt), attempt + 1
        shutil.copytree(made, folder)
        settings = {**os.environ, "DATABASE_URL": f"sqlite:///{folder}/wallboard.db"}
        ended = False
        while not ended:
            command = [sys.executable, "-m", "wallboard", "forget", FORMS[0]]
            process = subprocess.Popen(command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, text=True)
            try:
                soon = rng.uniform(0.3, 0.95) * whole_seconds
                process.communicate(timeout=soon if kills < 3 * attempt else None)
                ended = True
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
            assert _entries(folder) == 2_000
        assert not tells(bytes_of(folder))
    assert kills > 2


def _entries(folder: Path) -> int:
    """How many events a start finds; AssertionError if it finds a loss."""
    opened = start(folder)
    assert opened.losses == []
    return len(opened.bodies)


def test_a_server_that_is_killed_while_it_erases_is_asked_again(filled: Server) -> None:
    """Another program holds the WAL, so that all is written but not yet scrubbed when the server is killed."""
    server, before = filled, filled.state()
    reader = sqlite3.connect(server.folder / "wallboard.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM deliveries").fetchone()
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(server.run, "forget", FORMS[0], timeout=60)
        wait_until(lambda: not tells(shown(server)["/api/v1/state"]), "the server has forgotten", within=30)
        server.kill()
        assert "Erased" not in asked.result().stdout
    assert tells(bytes_of(server.folder)), "it is not scrubbed yet"
    reader.close()
    server.start()
    wait_until(lambda: not tells(bytes_of(server.folder)), "the next start ends it", within=30)
    assert figures(server.state()) == figures(before)
    assert server.state()["journal"]["mended_today"] == 0
    assert server.run("forget", FORMS[0]).stdout == "Nothing was found of that number.\n"
