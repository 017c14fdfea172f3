"""The PBX's door, the state, health and the commands' refusals: a real server over a real socket."""

from __future__ import annotations

import gzip
import json
import signal
import socket
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import API_TOKEN, TOKEN, Server, wait_until
from tests.samples import abandoned, answered_call, body, rang

NOTHING = {"accepted": 0, "duplicates": 0, "unrecognised": 0}


def test_new_repeated_and_unknown_events_are_stored_and_counted(server: Server) -> None:
    assert server.post(rang()).json() == NOTHING | {"accepted": 1}
    assert server.post(rang()).json() == NOTHING | {"duplicates": 1}
    assert server.post({"type": "user_paused", "unique_call_id": "1"}).json() == NOTHING | {"unrecognised": 1}
    assert server.post([*answered_call("2"), rang(call="2")]).json() == NOTHING | {"accepted": 4, "duplicates": 1}
    webhooks = server.state()["webhooks"]
    assert (webhooks["accepted"], webhooks["duplicates"], webhooks["unrecognised"]) == (5, 2, 1)


@pytest.mark.parametrize("path", ["", "/", "/user_inbound", "/a/b/c?x=1"])
def test_any_path_below_the_door_works(server: Server, path: str) -> None:
    assert server.post(rang(), path).status_code == 200


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN + "x", TOKEN[:-1], "\u00e4\u00f6"])
def test_a_wrong_token_is_refused_and_only_counted(server: Server, token: str | None) -> None:
    headers = [] if token is None else [(b"X-Pbx-Token", token.encode("latin-1"))]
    answer = server.client.post("/webhooks/pbx", content=json.dumps(rang()), headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
    assert server.state()["webhooks"]["refused"] == 1
    assert server.state()["sequence"] == 0


def test_the_doors_answers_have_the_same_walls_as_all_others(server: Server) -> None:
    """It stands before the walls and brings its own; beyond TLS, and where the connection ends, as well."""
    for told in ({}, {"X-Forwarded-Proto": "https"}):
        walls = server.client.get("/webhooks/pbx", headers=told).headers
        assert "content-security-policy" in walls
        own = {"date", "content-length", "content-type", "connection", "allow"}
        for answer in (
            server.post(rang(), **told),
            server.post(b"{", **told),
            server.post(rang(), **told, **{"X-Pbx-Token": "wrong"}),
        ):
            assert {name: value for name, value in answer.headers.multi_items() if name not in own} == {
                name: value for name, value in walls.multi_items() if name not in own
            }
            assert len(answer.headers.multi_items()) == len(answer.headers)
            assert "date" in answer.headers


def test_every_token_of_a_list_is_accepted(tmp_path: Path) -> None:
    server = Server(tmp_path, WALLBOARD_PBX_TOKENS=f"old-secret, {TOKEN}").start()
    try:
        assert server.post(rang()).status_code == 200
        assert server.post(rang(call="2"), **{"X-Pbx-Token": "old-secret"}).status_code == 200
    finally:
        server.close()


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b'{"a":NaN}', b'{"a":1,"a":2}', b"\xff\xfe", b"[" * 5000])
def test_what_cannot_be_read_goes_into_quarantine(server: Server, raw: bytes) -> None:
    answer = server.post(raw)
    assert (answer.status_code, answer.json()["error"]) == (400, "unreadable")
    assert server.state()["webhooks"]["quarantined"] == 1
    assert "Quarantine" in server.client.get("/setup").text
    server.stop()
    stored = sqlite3.connect(server.folder / "wallboard.db").execute("SELECT body FROM deliveries").fetchall()
    assert stored == [(raw,)]


def test_the_limits(server: Server) -> None:
    large = json.dumps(rang(caller_name="x" * 256 * 1024)).encode()
    assert server.post(large).status_code == 413
    fits = json.dumps(rang(caller_name="x" * 200_000)).encode()
    assert server.post(fits).status_code == 200
    pieces = (large[i : i + 9000] for i in range(0, len(large), 9000))
    chunked = server.client.post("/webhooks/pbx", content=pieces, headers={"X-Pbx-Token": TOKEN})
    assert chunked.status_code == 413
    packed = server.post(gzip.compress(b"{}"), **{"Content-Encoding": "gzip"})
    assert packed.status_code == 415
    assert server.post(json.dumps(rang(call="7")).encode(), **{"Content-Type": "image/png"}).status_code == 200
    assert server.state()["webhooks"]["quarantined"] == 0


def test_the_raw_bytes_are_kept_exactly(server: Server) -> None:
    raw = b' {"type" : "user_inbound",\n"unique_call_id":"1", "user_number":"1001", "x":"\\u00e4" } '
    server.post(raw, **{"X-Wallboard-Meaning": "queue_entered:Sales"})
    server.stop()
    rows = sqlite3.connect(server.folder / "wallboard.db").execute("SELECT body, meaning FROM deliveries").fetchall()
    assert rows == [(raw, "queue_entered:Sales")]


def test_the_webhook_objects_header_opens_a_visit_and_an_unreadable_one_is_shown(server: Server) -> None:
    component = body("webhook_component_event", component_name="Before Sales", user_number="+61290000001")
    server.post(component, **{"X-Wallboard-Meaning": "queue_entered:Sales"})
    assert server.state()["queues"][0]["waiting"] == 1
    server.post(component | {"unique_call_id": "2"}, **{"X-Wallboard-Meaning": "nonsense"})
    assert "X-Wallboard-Meaning: expected" in server.client.get("/setup").text


def test_a_queue_beyond_ascii_is_one_queue(server: Server) -> None:
    component = json.dumps(body("webhook_component_event", component_name="Vor dem Büro")).encode()
    headers = [(b"X-Pbx-Token", TOKEN.encode()), (b"X-Wallboard-Meaning", "queue_entered:Büro".encode())]
    server.client.post("/webhooks/pbx", content=component, headers=headers)
    server.post(rang(queue="Büro"))
    assert [queue["name"] for queue in server.state()["queues"]] == ["Büro"]


def comparable(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name != "as_of"}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_restart_shows_the_same(server: Server, number: signal.Signals) -> None:
    server.post([*answered_call("1"), rang("1001", "2"), abandoned("3"), {"type": "odd"}])
    server.post(b"{")
    server.client.post("/webhooks/pbx", content=b"x")
    before = server.state()
    wait_until(lambda: _noted(server) == "1", "the refusal is kept")
    server.stop(number)
    server.start()
    assert comparable(server.state()) == comparable(before)


def _noted(server: Server) -> str | None:
    with sqlite3.connect(server.folder / "wallboard.db") as connection:
        row = connection.execute("SELECT value FROM notes WHERE name = 'refused'").fetchone()
    return row[0] if row else None


def test_the_api_and_the_metrics_want_a_token(server: Server) -> None:
    for path in ("/api/v1/state", "/metrics"):
        assert server.client.get(path).status_code == 401
        assert server.client.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert server.client.get(path, headers={"Authorization": f"Bearer {API_TOKEN}"}).status_code == 200
    assert set(server.client.get("/healthz").json()) == {"status", "boot", "build"}


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "203.0.113.9"}, {"Host": "evil.example"}])
def test_who_is_not_at_the_machine_needs_a_token_to_look(server: Server, headers: dict[str, str]) -> None:
    for path in ("/", "/setup", "/boards/main", "/boards/main/stream", "/boards/main/tiles"):
        assert server.client.get(path, headers=headers).status_code == 401
    with_token = headers | {"Authorization": f"Bearer {API_TOKEN}"}
    assert server.client.get("/boards/main", headers=with_token).status_code == 200
    assert httpx.get(f"{server.url}/boards/main", headers=headers, auth=("tv", API_TOKEN)).status_code == 200
    assert server.client.get("/setup", headers=with_token).status_code == 403


def test_the_way_in_is_the_setup_page_until_something_arrives(server: Server) -> None:
    page = server.client.get("/").text
    assert f"{server.url}/webhooks/pbx" in page
    assert "Nothing yet" in page
    server.post(rang())
    assert "/boards/main" in server.client.get("/").text
    seen = server.client.get("/setup").text
    assert "…001" in seen
    assert "+61290000001" not in seen


def test_the_board_masks_numbers_even_inside_names(server: Server) -> None:
    server.post(rang(caller_name="Mr 0290 000 001 <b>x</b>"))
    html = server.client.get("/boards/main").text
    assert 'data-call="1001"' in html
    assert "…001" in html
    assert "+61290000001" not in html
    assert "0290 000 001" not in html
    assert "&lt;b&gt;" in html


def test_disk_trouble_is_503_and_heals_by_itself(server: Server) -> None:
    blocker = sqlite3.connect(server.folder / "wallboard.db", isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    refused = server.post(rang())
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert server.client.get("/readyz").status_code == 503
    assert "journal cannot be written" in server.client.get("/boards/main").text
    blocker.execute("ROLLBACK")
    blocker.close()
    wait_until(server.is_ready, "ready again")
    assert server.post(rang(call="9")).status_code == 200


# --- what stops a start --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "value", "said"), [
    ("WALLBOARD_PBX_TOKENS", "", "secrets.token_urlsafe"), ("WALLBOARD_TIME_ZONE", "Mars/Olympus", "IANA"),
    ("WEB_CONCURRENCY", "2", "WEB_CONCURRENCY=1"), ("PORT", "http", "PORT"), ("DATABASE_URL", "mysql://x", "sqlite:///"),
    ("DATABASE_URL", "sqlite:////proc/none/w.db", "DATABASE_URL"), ("WALLBOARD_COMPONENTS", "x=y", "queue_entered"),
    ("WALLBOARD_DAY_STARTS_AT", "25:00", "06:00"), ("WALLBOARD_SERVICE_LEVEL_FORMULA", "best", "strict"),
    ("WALLBOARD_RETENTION_DAYS", "0", "WALLBOARD_RETENTION_DAYS"),
])  # fmt: skip
def test_a_bad_setting_is_one_message_and_status_2(tmp_path: Path, name: str, value: str, said: str) -> None:
    server = Server(tmp_path, **{name: value})
    for command in ("serve", "check"):
        ended = server.run(command)
        assert ended.returncode == 2
        assert name in ended.stderr
        assert said in ended.stderr
        assert "Traceback" not in ended.stderr
    server.close()


def test_every_bad_setting_is_listed_at_once(tmp_path: Path) -> None:
    server = Server(tmp_path, PORT="x", WALLBOARD_TIME_ZONE="y")
    said = server.run("check").stderr
    assert "PORT" in said
    assert "WALLBOARD_TIME_ZONE" in said
    server.close()


def test_a_port_in_use_names_the_setting(idle_server: Server) -> None:
    with socket.create_server(("127.0.0.1", idle_server.port)):
        ended = idle_server.run("serve")
    assert ended.returncode == 2
    assert "PORT" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_two_servers_on_one_journal_are_refused(server: Server, tmp_path: Path) -> None:
    second = Server(tmp_path)
    ended = second.run("serve")
    assert ended.returncode == 2
    assert "another wallboard" in ended.stderr
    second.close()


@pytest.mark.parametrize("spoil", ["locked", "garbage", "directory"])
def test_a_journal_that_cannot_be_opened_names_the_setting(idle_server: Server, spoil: str) -> None:
    path = idle_server.folder / "wallboard.db"
    holder = None
    if spoil == "garbage":
        path.write_bytes(b"not a database" * 100)
    elif spoil == "directory":
        path.mkdir()
    else:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
    ended = idle_server.run("serve")
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    assert "DATABASE_URL" in ended.stderr
    if holder is not None:
        holder.close()


def test_check_says_that_all_is_well(idle_server: Server) -> None:
    ended = idle_server.run("check")
    assert ended.returncode == 0, ended.stderr
    assert "can be written" in ended.stdout


def test_sigterm_ends_within_five_seconds_with_streams_open(server: Server) -> None:
    with httpx.stream("GET", f"{server.url}/boards/main/stream", timeout=10) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("id: ")
        assert next(lines) == "event: tiles"
        server.send(signal.SIGTERM)
        assert "event: farewell" in list(lines)
    assert server.process is not None
    assert server.process.wait(5) in (0, -signal.SIGTERM)
    assert "Traceback" not in (server.folder / "log").read_text()
