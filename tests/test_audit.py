"""The audit log on a real server: every act has its line, and none tells a caller, a password or a code."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.conftest import Server, wait_until
from tests.samples import abandoned, missed
from tests.signing import PASSWORD, People, people


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    server = Server(tmp_path_factory.mktemp("audit")).start()
    server.post([missed("1001", "m1"), abandoned("m1")])
    staff = people(server)
    yield staff
    staff.close()
    server.close()


def lines(staff: People, query: str = "") -> list[str]:
    """`who what about from` of every line on the page, the newest first."""
    page = staff.client("admin").get(f"/supervisor/audit{query}")
    assert page.status_code == 200
    rows = re.findall(r"<tr>\n(.*?)</tr>", page.text, re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", row)).split()[2:]) for row in rows]


def test_what_was_done_stands_there_with_who_did_it(staff: People) -> None:
    admin = staff.client("admin")
    today = datetime.now(UTC).date()
    assert admin.get("/supervisor/boards.toml").status_code == 200
    assert admin.get(f"/supervisor/day/{today}/calls.csv").status_code == 200
    assert admin.post("/supervisor/keys", data={"kind": "api", "name": "Grafana"}).status_code == 200
    assert admin.get("/supervisor/day/1999-01-01/calls.csv").status_code == 404
    exported = "The admin exported all boards as TOML 127.0.0.1"
    wait_until(lambda: exported in lines(staff, "?kind=export"), "the export is noted")
    assert lines(staff, "?kind=export") == [f"The admin exported calls of {today} as CSV 127.0.0.1", exported]
    assert lines(staff, "?kind=key") == ["The admin made a key Grafana (for programs) 127.0.0.1"]
    assert "The viewer set a new password The viewer (viewer, viewer) 127.0.0.1" in lines(staff, "?kind=account")
    first = "The admin made the account of an admin The admin (admin, admin) 127.0.0.1"
    assert lines(staff, "?kind=account")[-1] == first


def test_failed_sign_ins_are_counted_and_tell_no_password(staff: People) -> None:
    typed = "my password in the field for the name"
    staff.sign_in(typed, PASSWORD)
    staff.sign_in("viewer", "wrong")
    admin = staff.client("admin")
    wait_until(lambda: "failed to sign in" in admin.get("/supervisor/audit?kind=sign-in").text, "it is told")
    failed = [line for line in lines(staff, "?kind=sign-in") if "failed" in line]
    page = admin.get("/supervisor/audit").text
    assert typed not in page
    assert PASSWORD not in page
    assert all(line.endswith("127.0.0.1") for line in failed)


def test_marks_carry_the_name_of_who_is_signed_in(staff: People) -> None:
    supervisor = staff.client("supervisor")
    page = supervisor.get("/supervisor/callbacks").text
    caller = re.search(r'name="caller" value="([^"]+)"', page)
    assert caller
    assert "Your name" not in page
    form = {"caller": html.unescape(caller[1]), "mark": "take"}
    cookie = f"{supervisor.headers['Cookie']}; wallboard_name=Mallory"
    assert supervisor.post("/supervisor/callbacks/marks", data=form, headers={"Cookie": cookie}).status_code == 303
    assert lines(staff, "?kind=mark") == ["The supervisor marked a caller take –"]
    assert "<bdi>The supervisor</bdi>, since" in staff.client("admin").get("/supervisor/callbacks").text


def test_it_is_for_admins_and_finds_by_person(staff: People) -> None:
    assert staff.client("supervisor").get("/supervisor/audit").status_code == 403
    assert {line.split()[1] for line in lines(staff, "?who=The+viewer")} == {"viewer"}
    assert lines(staff, "?who=nobody") == []
    for query in ("?page=9999", "?page=0", "?page=-1", "?page=%00", "?kind=none", "?page=1e3"):
        assert staff.client("admin").get(f"/supervisor/audit{query}").status_code == 200


def test_sections_are_listed_for_those_who_may_open_them(staff: People) -> None:
    listed = {}
    for name in ("viewer", "supervisor", "admin"):
        menu = staff.client(name).get("/supervisor").text.partition('id="desk-nav"')[2].partition("</ul>")[0]
        listed[name] = re.findall(r'<a href="/supervisor/?(\w*)"', menu)
    assert listed["viewer"] == ["", "callbacks", "day"]
    assert listed["supervisor"] == ["", "callbacks", "day", "boards", "tvs"]
    assert listed["admin"] == ["", "callbacks", "day", "boards", "tvs", "people", "keys", "audit"]
