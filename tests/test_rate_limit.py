"""Wrong passwords at a real server: the attacker waits, and the owner's own browser does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Server
from tests.signing import PASSWORD, People, as_header


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    server = Server(tmp_path_factory.mktemp("limit"), WALLBOARD_TRUSTED_PROXIES="127.0.0.1").start()
    staff = People(server).claim()
    yield staff
    staff.close()
    server.close()


def test_an_attack_from_many_addresses_keeps_out_unknown_browsers_only(staff: People) -> None:
    known = staff.cookies("admin")
    answers = [
        staff.sign_in("admin", f"wrong {n}", **{"X-Forwarded-For": f"198.51.100.{n // 4}"}) for n in range(40)
    ]
    assert [answer.status_code for answer in answers].count(401) == 30
    last = answers[-1]
    assert last.status_code == 429
    assert 0 < int(last.headers["Retry-After"]) <= 60
    assert "Too many tries. Try again in a minute." in last.text
    stranger = staff.sign_in("admin", PASSWORD, **{"X-Forwarded-For": "203.0.113.9"})
    assert stranger.status_code == 429
    device = {"__Host-wallboard_device": known["__Host-wallboard_device"]}
    own = staff.sign_in("admin", PASSWORD, **{"X-Forwarded-For": "203.0.113.9", "Cookie": as_header(device)})
    assert own.status_code == 303


def test_a_device_cookie_of_another_account_is_no_way_around(staff: People) -> None:
    forged = {"__Host-wallboard_device": "0123456789abcdef0123456789abcdef 8c6976e5b5410415.AAAA"}
    headers = {"X-Forwarded-For": "192.0.2.1", "Cookie": as_header(forged)}
    answers = [staff.sign_in("nobody", "wrong", **headers).status_code for _ in range(12)]
    assert answers == [401] * 10 + [429] * 2


def test_spoofed_addresses_left_of_the_proxys_word_do_not_help(staff: People) -> None:
    told = [{"X-Forwarded-For": f"198.18.0.{n}, 192.0.2.2"} for n in range(12)]
    answers = [staff.sign_in("nobody", "wrong", **headers).status_code for headers in told]
    assert answers == [401] * 10 + [429] * 2
