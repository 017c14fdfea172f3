"""Keys that are made on the desk: taken beside the settings' tokens, and changed under load without one refusal."""

from __future__ import annotations

import html
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import TOKEN, Server
from tests.samples import rang
from tests.signing import People


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    server = Server(tmp_path_factory.mktemp("keys")).start()
    staff = People(server).claim()
    yield staff
    staff.close()
    server.close()


def make(admin: httpx.Client, kind: str, name: str) -> str:
    page = admin.post("/supervisor/keys", data={"kind": kind, "name": name})
    assert page.status_code == 200, page.text
    found = re.search(r'class="secret" readonly value="([\w-]{43})"', page.text)
    assert found
    assert found[1] not in admin.get("/supervisor/keys").text
    return html.unescape(found[1])


def revoke(admin: httpx.Client, name: str) -> None:
    row = re.search(rf"<bdi>{name}</bdi>.*?/supervisor/keys/(\w+)", admin.get("/supervisor/keys").text, re.DOTALL)
    assert row
    assert admin.post(f"/supervisor/keys/{row[1]}").status_code == 303


def test_a_key_for_programs_reads_and_posts_nothing(staff: People) -> None:
    admin, server = staff.client("admin"), staff.server
    code = make(admin, "api", "Grafana")
    bearer = {"Authorization": f"Bearer {code}"}
    assert server.client.get("/api/v1/state", headers=bearer).status_code == 200
    assert server.client.get("/metrics", headers=bearer).status_code == 200
    assert server.client.get("/supervisor", headers=bearer).status_code == 403
    assert server.post(rang(), **{"X-Pbx-Token": code}).status_code == 401
    assert "just now" in admin.get("/supervisor/keys").text


def test_a_key_that_is_revoked_ends_its_streams_and_opens_no_more(staff: People) -> None:
    admin, server = staff.client("admin"), staff.server
    code = make(admin, "api", "Signage")
    bearer = {"Authorization": f"Bearer {code}"}
    with server.client.stream("GET", "/boards/main/stream", headers=bearer) as stream:
        lines = stream.iter_lines()
        next(lines)
        revoke(admin, "Signage")
        with pytest.raises(httpx.TransportError):
            list(lines)
    assert server.client.get("/boards/main/tiles", headers=bearer).status_code == 401


def test_the_pbxs_secret_is_changed_under_load_without_one_refusal(staff: People) -> None:
    """Old and new are posted with all the time, each while its holder may still, or may already, use it."""
    admin, server = staff.client("admin"), staff.server
    answers: list[int] = []
    held = [make(admin, "pbx", "Key 0")]
    done = threading.Event()

    def post() -> None:
        with httpx.Client(base_url=server.url) as pbx:
            while not done.is_set():
                code = held[-1]
                got = pbx.post("/webhooks/pbx", json=rang(call=f"k{len(answers)}"), headers={"X-Pbx-Token": code})
                answers.append(got.status_code)

    threads = [threading.Thread(target=post) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(1, 6):
        held.append(make(admin, "pbx", f"Key {n}"))
        before = len(answers)
        while len(answers) < before + 10:  # every sender has the new one in use
            done.wait(0.01)
        revoke(admin, f"Key {n - 1}")
    done.set()
    for thread in threads:
        thread.join()
    assert len(answers) > 50
    assert set(answers) == {200}
    assert server.post(rang(), **{"X-Pbx-Token": held[0]}).status_code == 401
    assert server.post(rang(), **{"X-Pbx-Token": TOKEN}).status_code == 200, "the settings' token works besides"


def test_keys_outlive_a_restart_and_are_not_in_the_journal(tmp_path: Path) -> None:
    server = Server(tmp_path).start()
    try:
        staff = People(server).claim()
        code = make(staff.client("admin"), "pbx", "The PBX")
        server.stop()
        assert not any(code.encode() in path.read_bytes() for path in tmp_path.iterdir())
        server.start()
        assert server.post(rang(), **{"X-Pbx-Token": code}).status_code == 200
        staff.close()
    finally:
        server.close()


def test_the_door_takes_the_pbxs_addresses_only_as_a_trusted_proxy_tells_them(tmp_path: Path) -> None:
    server = Server(
        tmp_path, WALLBOARD_PBX_ADDRESSES="198.51.100.0/24, 2001:db8::/32", WALLBOARD_TRUSTED_PROXIES="127.0.0.0/8"
    ).start()
    try:
        for forwarded, status in (
            ("198.51.100.7", 200),
            ("203.0.113.9, 198.51.100.7", 200),
            ("198.51.100.7, 203.0.113.9", 403),
            ("2001:db8::1", 200),
            ("nonsense", 403),
        ):
            answer = server.post(rang(), **{"X-Forwarded-For": forwarded})
            assert answer.status_code == status, forwarded
        refused = server.post(rang())
        assert (refused.status_code, refused.json()["error"]) == (403, "forbidden")
        assert server.state()["webhooks"]["refused"] == 3
    finally:
        server.close()
