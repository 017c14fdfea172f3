"""Accounts, sessions and keys as folds: what a remark does, in whatever order the remarks of two admins come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from wallboard.access.visitors import Role
from wallboard.people import accounts, audit, keys, names, sessions
from wallboard.people.accounts import Account, Accounts, Linked, Removed, Saved, id_of
from wallboard.people.names import Unfit

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class Folds:
    def __init__(self) -> None:
        self.ended: list[str] = []
        self.accounts = Accounts()
        self.sessions = sessions.Sessions(self.accounts, self.ended.append)
        self.keys = keys.Keys(self.ended.append)
        self.audit = audit.Audit()

    def hear(self, name: str, said: msgspec.Struct | dict[str, Any], at: datetime = NOW) -> None:
        value = said if isinstance(said, dict) else msgspec.to_builtins(said)
        for part in (self.accounts, self.sessions, self.keys, self.audit):
            if name in part.remarks:
                part.remarks[name](value, at)

    def save(self, name: str, role: Role = Role.ADMIN, epoch: str = "1", link: str = "", at: datetime = NOW) -> None:
        account = Account(name=name, shown=name.title(), role=role, epoch=epoch, password="x")
        self.hear(accounts.SAVED, Saved(account=account, by="Robin", why="changed", link=link), at)

    def sign_in(self, name: str, code: str, epoch: str = "1", at: datetime = NOW, replaces: str = "") -> None:
        said = sessions.Opened(id=id_of(code), name=name, epoch=epoch, browser="Firefox", by=name, replaces=replaces)
        self.hear(sessions.OPENED, said, at)

    def is_open(self, code: str, at: datetime = NOW) -> bool:
        session = self.sessions.get(code, at)
        return session is not None and self.sessions.visitor(session) is not None


@pytest.fixture
def folds() -> Folds:
    return Folds()


def test_two_admins_who_demote_each_other_leave_one(folds: Folds) -> None:
    folds.save("robin")
    folds.save("sam")
    folds.save("robin", Role.VIEWER)
    folds.save("sam", Role.VIEWER)
    assert [one.name for one in folds.accounts.all() if one.role is Role.ADMIN] == ["sam"]
    folds.hear(accounts.REMOVED, Removed(name="sam", by="Robin"))
    assert folds.accounts.get("sam") is not None


def test_a_link_is_used_up_by_the_first_of_two(folds: Folds) -> None:
    folds.hear(accounts.LINKED, Linked(id=id_of("code"), name="", until=NOW + timedelta(hours=1), by="x"))
    folds.save("robin", link=id_of("code"))
    folds.save("mallory", link=id_of("code"))
    assert [one.name for one in folds.accounts.all()] == ["robin"]


def test_a_link_that_is_too_old_does_nothing(folds: Folds) -> None:
    folds.hear(accounts.LINKED, Linked(id=id_of("code"), name="", until=NOW, by="x"))
    assert folds.accounts.link("code", NOW) is None
    folds.save("robin", link=id_of("code"))
    assert len(folds.accounts) == 0


def test_a_session_ends_after_thirty_days(folds: Folds) -> None:
    folds.save("robin")
    folds.sign_in("robin", "a")
    assert folds.is_open("a", NOW + timedelta(days=29, hours=23))
    assert not folds.is_open("a", NOW + timedelta(days=30))
    folds.sessions.sweep(NOW + timedelta(days=30))
    assert folds.ended == [f"session:{id_of('a')}"]


def test_another_epoch_ends_all_sessions_and_no_late_one_is_opened(folds: Folds) -> None:
    folds.save("robin")
    folds.sign_in("robin", "a")
    folds.sign_in("robin", "b")
    folds.save("robin", epoch="2")
    folds.sign_in("robin", "late", epoch="1")
    assert [folds.is_open(code) for code in ("a", "b", "late")] == [False, False, False]
    assert len(folds.ended) == 2
    folds.sign_in("robin", "c", epoch="2")
    assert folds.is_open("c")


def test_a_sign_in_takes_the_place_of_the_browsers_last(folds: Folds) -> None:
    folds.save("robin")
    folds.sign_in("robin", "a")
    folds.sign_in("robin", "b", replaces=id_of("a"))
    assert [folds.is_open(code) for code in ("a", "b")] == [False, True]


def test_sessions_of_an_account_are_bounded(folds: Folds) -> None:
    folds.save("robin")
    for n in range(sessions.MOST_SESSIONS + 5):
        folds.sign_in("robin", str(n), at=NOW + timedelta(seconds=n))
    assert len(folds.sessions) == sessions.MOST_SESSIONS
    assert not folds.is_open("4")
    assert folds.is_open("5")


def test_nobody_signs_out_somebody_elses_session_by_its_id(folds: Folds) -> None:
    folds.save("robin")
    folds.save("mallory", Role.VIEWER)
    folds.sign_in("robin", "a")
    folds.hear(sessions.CLOSED, sessions.Closed(ids=(id_of("a"),), name="mallory", by="Mallory"))
    assert folds.is_open("a")


def test_a_key_is_found_among_its_kind_until_it_is_revoked(folds: Folds) -> None:
    made = keys.Made(id="1", kind="api", name="Grafana", hash=id_of("code"), ends="code", by="Robin")
    folds.hear(keys.MADE, made)
    assert folds.keys.find("api", b"code", NOW) is not None
    assert [folds.keys.find("pbx", b"code", NOW), folds.keys.find("api", b"", NOW)] == [None, None]
    folds.hear(keys.REVOKED, keys.Revoked(id="1", name="Grafana", by="Robin"))
    assert folds.keys.find("api", b"code", NOW) is None
    assert folds.ended == ["key:1"]


def test_the_audit_log_names_no_caller(folds: Folds) -> None:
    mark = {"caller": "+61290000001", "mark": "note", "by": "Robin", "text": "rang Pat on +61290000001"}
    folds.hear("caller_marked", mark)
    [line] = folds.audit.lines()
    assert (line.who, line.what, line.about) == ("Robin", "marked a caller", "note")


def test_failed_sign_ins_are_counted_and_what_was_typed_is_not_kept(folds: Folds) -> None:
    said = audit.Failed(accounts={"robin": 12}, strange=3, addresses=("198.51.100.1",))
    folds.hear(audit.FAILED, said)
    assert [line.about for line in folds.audit.lines()] == ["names that nobody has, 3 times", "robin, 12 times"]


def test_the_audit_log_in_memory_is_bounded(folds: Folds) -> None:
    for n in range(audit.KEPT + 10):
        folds.hear(audit.NOTED, audit.Noted(who="Robin", what="exported", about=str(n)))
    lines = folds.audit.lines()
    assert (len(lines), lines[0].about) == (audit.KEPT, str(audit.KEPT + 9))


@pytest.mark.parametrize(
    "typed",
    [
        "", "short", "eleven char", "passwordpassword", "Password1234!", "qwertyuiop123", "qwertyuiopas",
        "123456789012",
        "210987654321", "abcdefghijkl", "aaaaaaaaaaaa", "abababababab", "letmeinletmein", "Welcome12345",
        "1q2w3e4r5t6y",
        "robin12345678", "robin@example.com", "Robin@Example.com", "changemeplease", "Summer2026!!",
        "x" * 257,
    ],
)  # fmt: skip
def test_a_password_that_anybody_would_try_is_refused(typed: str) -> None:
    with pytest.raises(Unfit):
        names.password(typed, "robin@example.com", "Robin")


@pytest.mark.parametrize(
    "typed", ["four words in a row", "trombone-lagoon-7", "日本語のながいあいことばです", "  spaces count too  "]
)
def test_a_long_one_of_any_characters_is_taken(typed: str) -> None:
    assert names.password(typed, "robin@example.com", "Robin") == typed


def test_a_name_is_the_same_in_any_case_and_without_what_cannot_be_seen() -> None:
    assert {names.sign_in_name(typed) for typed in ("Robin", " robin ", "ROBIN\u200b", "ｒｏｂｉｎ")} == {"robin"}


@pytest.mark.parametrize("typed", ["", "a", "two words", "<b>", "a/b", "..", "x" * 81, "a\\b", "a?b", "a#b"])
def test_a_name_that_would_not_fit_into_an_address_is_refused(typed: str) -> None:
    with pytest.raises(Unfit):
        names.sign_in_name(typed)
