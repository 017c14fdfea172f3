"""The paired televisions are a fold of the journal's remarks: told twice, in part, or replayed, it is the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from starlette.requests import Request

from wallboard.access.visitors import Role
from wallboard.boards.definitions import Definition
from wallboard.boards.kept import Boards, Saved
from wallboard.tv.keys import COOKIE, TvKeys, digest_of, new_key
from wallboard.tv.listing import UNHEARD, line, lines
from wallboard.tv.paired import MOST, MOVED, PAIRED, RENAMED, REVOKED, PairedTvs
from wallboard.tv.televisions import Report, Televisions

AT = datetime(2026, 11, 24, tzinfo=UTC)
TV, KEY = "paired-0123456789ab", "a" * 64


class Fold:
    """The fold, hearing remarks as the intake would hand them over."""

    def __init__(self) -> None:
        self.changed: list[str] = []
        self.tvs = PairedTvs(self.changed.append)

    def hear(self, remark: str, **value: Any) -> None:
        self.tvs.remarks[remark](value, AT)

    def pair(self, id: str = TV, key: str = KEY, board: str = "main") -> None:
        self.hear(PAIRED, id=id, key=key, name="Reception", board=board, by="Robin")


@pytest.fixture
def fold() -> Fold:
    return Fold()


def test_it_is_known_by_its_key(fold: Fold) -> None:
    fold.pair()
    tv = fold.tvs.by_key(KEY)
    assert tv is not None
    assert (tv.id, tv.name, tv.board, tv.paired_by, tv.paired_at) == (TV, "Reception", "main", "Robin", AT)
    assert fold.tvs.by_key("b" * 64) is None


def test_it_moves_is_renamed_and_revoked(fold: Fold) -> None:
    fold.pair()
    fold.hear(MOVED, id=TV, board="sales", by="Robin")
    fold.hear(RENAMED, id=TV, name="Canteen", by="Robin")
    tv = fold.tvs.get(TV)
    assert tv is not None
    assert (tv.board, tv.name) == ("sales", "Canteen")
    fold.hear(REVOKED, id=TV, by="Robin")
    assert fold.tvs.get(TV) is None
    assert fold.tvs.by_key(KEY) is None


def test_a_remark_told_twice_changes_nothing_more(fold: Fold) -> None:
    said: list[tuple[str, dict[str, str]]] = [
        (PAIRED, {"id": TV, "key": KEY, "name": "R", "board": "main"}),
        (MOVED, {"id": TV, "board": "sales"}),
        (REVOKED, {"id": TV}),
    ]
    for remark, value in said:
        fold.hear(remark, **value)
        before = list(fold.changed), fold.tvs.all()
        fold.hear(remark, **value)
        assert (fold.changed, fold.tvs.all()) == before


def test_what_is_said_of_one_that_is_not_there_is_no_error(fold: Fold) -> None:
    for remark, value in ((MOVED, {"board": "x"}), (RENAMED, {"name": "x"}), (REVOKED, {})):
        fold.hear(remark, id=TV, **value)
    assert len(fold.tvs) == 0
    assert fold.changed == []


def test_a_key_belongs_to_one_television_only(fold: Fold) -> None:
    fold.pair()
    fold.pair(id="paired-ffffffffffff")
    assert [tv.id for tv in fold.tvs.all()] == [TV]


def test_there_are_only_so_many(fold: Fold) -> None:
    for n in range(MOST + 1):
        fold.pair(id=f"paired-{n:012x}", key=f"{n:064x}")
    assert len(fold.tvs) == MOST


# what it may see


def asking(key: str) -> Request:
    return Request({"type": "http", "method": "GET", "headers": [(b"cookie", f"{COOKIE}={key}".encode())]})


class Known:
    """The keys of a fold, with boards beside."""

    def __init__(self) -> None:
        self.dismissed: list[str] = []
        self.boards = Boards(lambda: self.keys.follow())
        self.fold = Fold()
        self.tvs = self.fold.tvs = PairedTvs(lambda id: self.keys.look_anew(id))
        self.keys = TvKeys(self.tvs, self.boards, self.dismissed.append, is_framed=False)
        self._versions = 0

    def save(self, board: Definition) -> None:
        kept = self.boards.get(board.slug)
        self._versions += 1
        said = Saved(board=board, version=f"v{self._versions}", replaces=kept.version if kept else None)
        self.boards.remarks["board_saved"](msgspec.to_builtins(said), AT)


@pytest.fixture
def known() -> Known:
    return Known()


def test_it_sees_its_board_and_those_that_take_turns_there(known: Known) -> None:
    key = new_key()
    known.save(Definition(slug="sales", name="Sales", rotation=("sales", "support")))
    known.fold.pair(key=digest_of(key), board="sales")
    visitor = known.keys.identify(asking(key))
    assert visitor is not None
    assert (visitor.role, visitor.key, visitor.home) == (Role.TV, f"tv:{TV}", "/boards/sales")
    assert visitor.boards == frozenset({"sales", "support"})
    assert not visitor.sees_numbers
    assert not visitor.hears_recordings


@pytest.mark.parametrize("shown", ["", "x", "a" * 64, "ä" * 50, "x" * 10_000])
def test_another_key_is_nobodys(known: Known, shown: str) -> None:
    known.fold.pair(key="a" * 64)
    request = Request({"type": "http", "headers": [(b"cookie", f"{COOKIE}={shown}".encode())]})
    assert known.keys.identify(request) is None


def test_a_key_has_256_random_bits() -> None:
    assert len({new_key() for _ in range(100)}) == 100
    assert len(new_key()) >= 43


def test_what_it_has_open_ends_when_it_may_not_see_it_any_more(known: Known) -> None:
    known.save(Definition(slug="sales", name="Sales", rotation=("sales", "support")))
    known.fold.pair(board="sales")
    known.save(Definition(slug="sales", name="Sales floor", rotation=("sales", "support")))
    assert known.dismissed == []
    known.save(Definition(slug="sales", name="Sales floor"))
    assert known.dismissed == [f"tv:{TV}"]
    known.fold.hear(MOVED, id=TV, board="main", by="")
    assert known.dismissed == [f"tv:{TV}"] * 2
    known.fold.hear(REVOKED, id=TV, by="")
    assert known.dismissed == [f"tv:{TV}"] * 3


# the list


def test_a_paired_one_is_listed_before_it_has_reported(fold: Fold) -> None:
    fold.pair()
    televisions = Televisions(lambda: 0.0)
    [one] = lines(fold.tvs, televisions, "b")
    assert (one.name, one.word, one.is_silent) == ("Reception", UNHEARD, True)
    televisions.report(TV, Report(page="p", board="main", build="b", link="live"), given_name="Reception")
    televisions.report("other", Report(page="p", board="main", build="b", link="live", name="Canteen"))
    assert [(one.name, one.word, one.paired is not None) for one in lines(fold.tvs, televisions, "b")] == [
        ("Canteen", "Live", False),
        ("Reception", "Live", True),
    ]


def test_its_name_is_that_of_its_pairing_at_once(fold: Fold) -> None:
    fold.pair()
    televisions = Televisions(lambda: 0.0)
    televisions.report(TV, Report(page="p", name="what it calls itself"), given_name="Reception")
    fold.hear(RENAMED, id=TV, name="Canteen", by="")
    found = line(TV, fold.tvs, televisions, "b")
    assert found is not None
    assert found.name == "Canteen"
