"""Accounts, sessions and links on a real server: who gets in, who does not, and what ends when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import Server
from tests.signing import OUR_PAGE, PASSWORD, People, as_header, code_in, cookies_of, people

SESSION, DEVICE = "__Host-wallboard_session", "__Host-wallboard_device"
NEW_PASSWORD = "another row of words"


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    server = Server(tmp_path_factory.mktemp("signing")).start()
    staff = people(server)
    yield staff
    staff.close()
    server.close()


def test_the_cookies_are_kept_by_this_host_alone_and_shown_to_no_script(staff: People) -> None:
    for line in staff.sign_in("viewer").headers.get_list("set-cookie"):
        words = {word.strip().lower() for word in line.split(";")[1:]}
        assert line.startswith("__Host-")
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= words
        assert not any(word.startswith("domain") for word in words)


def test_with_accounts_the_machine_itself_has_to_sign_in(staff: People) -> None:
    answer = staff.server.client.get("/supervisor?q=a", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/supervisor%3Fq%3Da")
    assert staff.server.client.get("/supervisor/now").status_code in (401, 404)


@pytest.mark.parametrize("name", ["admin", "ADMIN", " Admin "])
def test_the_name_is_taken_in_any_case(staff: People, name: str) -> None:
    assert staff.sign_in(name).status_code == 303


def test_it_is_not_told_which_of_name_and_password_is_wrong(staff: People) -> None:
    answers = [staff.sign_in("viewer", "not the password"), staff.sign_in("nobody", "not the password")]
    assert [answer.status_code for answer in answers] == [401, 401]
    texts = {re.sub(r'value="(viewer|nobody)"', "", answer.text) for answer in answers}
    assert len(texts) == 1
    assert "The name or the password is wrong." in texts.pop()


def test_a_session_that_somebody_planted_is_not_the_one_that_is_signed_in(staff: People) -> None:
    planted = staff.cookies("viewer")
    answer = staff.sign_in("supervisor", Cookie=as_header(planted))
    new = cookies_of(answer)
    assert new[SESSION] != planted[SESSION]
    headers = {"Cookie": f"{SESSION}={planted[SESSION]}", "Accept": "text/html"}
    assert staff.server.client.get("/supervisor", headers=headers).status_code == 303


@pytest.mark.parametrize("kind", ["changed", "unsigned", "empty"])
def test_a_cookie_that_was_tampered_with_opens_nothing(staff: People, kind: str) -> None:
    value = staff.cookies("viewer")[SESSION]
    value = {"changed": value.swapcase(), "unsigned": value.split(".")[0], "empty": ""}[kind]
    answer = staff.server.client.get("/supervisor", headers={"Cookie": f"{SESSION}={value}", "Accept": "text/html"})
    assert answer.status_code == 303


def test_signing_out_ends_the_session_for_good(staff: People) -> None:
    client = staff.client("viewer")
    assert client.get("/supervisor").status_code == 200
    assert client.post("/sign-out").headers["location"] == "/sign-in?out"
    assert client.get("/supervisor").status_code == 303  # with the very cookie of before


def test_a_new_password_ends_every_other_session_and_its_streams(staff: People) -> None:
    staff.add("changer", "supervisor")
    here, there = staff.client("changer"), staff.client("changer")
    with there.stream("GET", "/supervisor/stream") as stream:
        lines = stream.iter_lines()
        next(lines)
        form = {"old": PASSWORD, "password": NEW_PASSWORD}
        answer = here.post("/supervisor/account/password", data=form)
        assert answer.headers["location"] == "/supervisor/account?done=password"
        with pytest.raises(httpx.TransportError):
            list(lines)
    assert there.get("/supervisor").status_code == 303
    assert here.get("/supervisor").status_code == 303, "the code is changed here as well"
    here.headers["Cookie"] = as_header(cookies_of(answer))
    assert here.get("/supervisor").status_code == 200
    assert staff.sign_in("changer").status_code == 401
    assert staff.sign_in("changer", NEW_PASSWORD).status_code == 303


def test_signed_out_everywhere_else_means_everywhere_but_here(staff: People) -> None:
    staff.add("wanderer", "viewer")
    here, there = staff.client("wanderer"), staff.client("wanderer")
    assert here.get("/supervisor/account").text.count("this one") == 1
    assert here.post("/supervisor/account/sessions").status_code == 303
    assert (here.get("/supervisor").status_code, there.get("/supervisor").status_code) == (200, 303)


@pytest.mark.parametrize("change", [{"role": "viewer"}, {"role": "supervisor", "do": "remove"}])
def test_who_may_do_less_is_out_at_once(staff: People, change: dict[str, str]) -> None:
    staff.add("demoted", "supervisor")
    client, form = staff.client("demoted"), {"do": "save", "shown": "The demoted", "limit": "all"}
    with client.stream("GET", "/supervisor/stream") as stream:
        lines = stream.iter_lines()
        next(lines)
        assert staff.client("admin").post("/supervisor/people/demoted", data=form | change).status_code == 303
        with pytest.raises(httpx.TransportError):
            list(lines)
    assert client.get("/supervisor").status_code == 303
    staff.client("admin").post("/supervisor/people/demoted", data={"do": "remove"})


def test_the_last_admin_is_neither_removed_nor_demoted(staff: People) -> None:
    admin = staff.client("admin")
    for form in ({"do": "remove"}, {"do": "save", "shown": "The admin", "role": "viewer", "limit": "all"}):
        answer = admin.post("/supervisor/people/admin", data=form)
        assert answer.status_code == 422
        assert "the last admin" in answer.text
    assert admin.get("/supervisor/people").status_code == 200


def test_a_link_works_once_and_only_the_newest_does(staff: People) -> None:
    admin = staff.client("admin")
    form = {"name": "newcomer", "shown": "New", "role": "viewer", "limit": "all"}
    first = code_in(admin.post("/supervisor/people", data=form).text)
    second = code_in(admin.post("/supervisor/people/newcomer", data={"do": "link"}).text)
    staff.use(second)
    for code in (first, second, "guessed", ""):
        form = {"do": "set", "code": code, "password": PASSWORD}
        answer = staff.server.client.post("/claim", data=form, headers=OUR_PAGE)
        assert answer.status_code == 403
    assert staff.sign_in("newcomer").status_code == 303


@pytest.mark.parametrize("password", ["short", "passwordpassword", "newcomer2", "123456789012", "aaaaaaaaaaaaaa"])
def test_a_password_that_anybody_would_try_is_refused_in_words(staff: People, password: str) -> None:
    answer = staff.client("viewer").post("/supervisor/account/password", data={"old": PASSWORD, "password": password})
    assert answer.status_code == 422
    assert "A password" in answer.text or "That password" in answer.text


def test_sessions_outlive_a_restart_and_the_journal_holds_no_code(tmp_path: Path) -> None:
    server = Server(tmp_path).start()
    try:
        staff = People(server).claim()
        client = staff.client("admin")
        assert client.get("/supervisor").status_code == 200
        server.stop()
        server.start()
        assert client.get("/supervisor").status_code == 200
        client.close()
        code = staff.cookies("admin")[SESSION].split(".")[0]
        server.stop()
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        assert code.encode() not in stored
        assert PASSWORD.encode() not in stored
    finally:
        server.close()
