"""A server that nobody can sign in to yet: it shows nothing but the way to its first account."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import API_TOKEN, Server, wait_until
from tests.samples import rang
from tests.signing import OUR_PAGE, PASSWORD, People, as_header, cookies_of

PAGE = {"Accept": "text/html"}


def printed(server: Server) -> list[str]:
    """The codes of the links in the server's log."""
    return re.findall(r"/claim#([\w-]{43})", (server.folder / "log").read_text())


def claim(server: Server, code: str, name: str = "robin") -> httpx.Response:
    form = {"do": "set", "code": code, "name": name, "shown": name.title(), "password": PASSWORD}
    return server.client.post("/claim", data=form, headers=OUR_PAGE)


@pytest.fixture
def public(tmp_path: Path) -> Iterator[Server]:
    """One that listens on every address."""
    server = Server(tmp_path, HOST="0.0.0.0").start()
    yield server
    server.close()


def test_nothing_is_shown_but_the_way_and_webhooks_are_taken(public: Server) -> None:
    for path in ("/", "/supervisor", "/boards/main", "/setup", "/sign-in"):
        answer = public.client.get(path, headers=PAGE)
        assert answer.status_code == 403
        assert "Nobody can sign in yet" in answer.text
    assert public.client.get("/boards/main/stream").status_code == 401
    assert public.post(rang()).status_code == 200


def test_the_printed_link_makes_one_admin(public: Server) -> None:
    wait_until(lambda: printed(public), "the link is printed")
    [code] = printed(public)
    assert claim(public, "").status_code == claim(public, "guessed").status_code == 403
    made = claim(public, code)
    assert made.status_code == 303
    headers = {**PAGE, "Cookie": as_header(cookies_of(made))}
    assert public.client.get("/supervisor/people", headers=headers).status_code == 200
    assert claim(public, code, "mallory").status_code == 403
    assert public.client.get("/supervisor", headers=PAGE).status_code == 303


def test_each_start_prints_a_new_link_until_there_is_an_account(public: Server) -> None:
    wait_until(lambda: len(printed(public)) == 1, "the link is printed")
    public.stop()
    public.start()
    wait_until(lambda: len(printed(public)) == 2, "another is printed")
    old, new = printed(public)
    assert claim(public, old).status_code == 403
    assert claim(public, new).status_code == 303
    public.stop()
    public.start()
    assert len(printed(public)) == 2


def test_loopback_prints_no_link_and_lets_who_sits_there_make_the_account(server: Server) -> None:
    assert printed(server) == []
    assert "No accounts: open to whoever sits at this machine." in server.client.get("/supervisor").text
    forwarded = {**OUR_PAGE, "X-Forwarded-For": "198.51.100.1"}
    form = {"do": "set", "name": "mallory", "shown": "Mallory", "password": PASSWORD}
    assert server.client.post("/claim", data=form, headers=forwarded).status_code == 403
    People(server).claim()
    assert server.client.post("/claim", data=form, headers=OUR_PAGE).status_code == 403
    assert server.client.get("/supervisor", headers=PAGE).status_code == 303


def test_the_streams_of_the_open_machine_end_with_the_first_account(server: Server) -> None:
    with server.client.stream("GET", "/supervisor/stream") as stream:
        lines = stream.iter_lines()
        next(lines)
        with httpx.Client(base_url=server.url) as other:
            form = {"do": "set", "name": "robin", "shown": "Robin", "password": PASSWORD}
            assert other.post("/claim", data=form, headers=OUR_PAGE).status_code == 303
        with pytest.raises(httpx.TransportError):
            list(lines)


def test_the_command_makes_a_link_without_a_server(idle_server: Server) -> None:
    made = idle_server.run("admin")
    assert made.returncode == 0, made.stderr
    code = made.stdout.strip().partition("/claim#")[2]
    idle_server.start()
    assert claim(idle_server, code).status_code == 303
    idle_server.stop(signal.SIGTERM)
    missing = idle_server.run("admin", "--name", "nobody")
    assert (missing.returncode, "There is no account nobody." in missing.stderr) == (2, True)
    code = idle_server.run("admin", "--name", "Robin").stdout.strip().partition("/claim#")[2]
    idle_server.start()
    form = {"do": "set", "code": code, "password": "another row of words"}
    assert idle_server.client.post("/claim", data=form, headers=OUR_PAGE).status_code == 303
    assert People(idle_server).sign_in("robin").status_code == 401
    assert People(idle_server).sign_in("robin", "another row of words").status_code == 303


def test_the_command_makes_a_link_while_the_server_runs(public: Server) -> None:
    wait_until(lambda: printed(public), "the link is printed")
    made = public.run("admin")
    assert made.returncode == 0, made.stderr
    code = made.stdout.strip().partition("/claim#")[2]
    assert claim(public, printed(public)[0]).status_code == 403, "the newest link is the one that counts"
    assert claim(public, code).status_code == 303
    missing = public.run("admin", "--name", "nobody")
    assert (missing.returncode, "There is no account nobody." in missing.stderr) == (2, True)
    assert public.client.post("/operator/link", json={"name": ""}, headers=OUR_PAGE).status_code == 404


def test_programs_read_on_with_their_token(public: Server) -> None:
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    assert public.client.get("/api/v1/state", headers=headers).status_code == 200
    assert public.client.get("/boards/main", headers=headers).status_code == 200
