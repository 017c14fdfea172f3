"""Screens that wait to be paired: their codes, for how long those are good, and that guessing them is hopeless."""

from __future__ import annotations

import pytest

from tests.watch import Watch
from wallboard.allowances import MOST_KEPT, Allowances
from wallboard.tv.admitting import _WRONG_AT_ONCE, _WRONG_PER_SECOND
from wallboard.tv.newcomers import (
    CODE_SECONDS,
    LENGTH,
    MOST,
    MOST_OF_ADDRESS,
    READ_SECONDS,
    SIGNS,
    SILENT_SECONDS,
    Crowded,
    Newcomer,
    Newcomers,
    grouped,
    plain,
)
from wallboard.tv.qr import qr_of

YEAR_SECONDS = 365 * 24 * 3600


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def newcomers(watch: Watch) -> Newcomers:
    return Newcomers(watch)


def knock(newcomers: Newcomers, key: str = "k1", address: str = "192.0.2.1") -> Newcomer:
    return newcomers.knock(key, address=address, agent="X", width=1920, height=1080, origin="https://wall.example")


def wait(newcomers: Newcomers, watch: Watch, seconds: float, key: str = "k1") -> Newcomer | None:
    """A screen that asks every few seconds for so long."""
    found = None
    for _ in range(int(seconds // 10)):
        watch.seconds += 10
        found = newcomers.ask(key)
    return found


def test_no_two_signs_of_a_code_look_alike() -> None:
    assert len(set(SIGNS)) == len(SIGNS)
    for alike in ("0OQ", "1IL", "2Z", "5S", "8B", "UV", "6G"):
        assert len(set(alike) & set(SIGNS)) <= (2 if alike in ("6G",) else 1)
    assert not set(SIGNS) & set("AEIOU")


def test_guessing_is_hopeless() -> None:
    """As many screens as can wait at all, and a supervisor's account that guesses without a pause."""
    codes = len(SIGNS) ** LENGTH
    guesses_a_year = _WRONG_AT_ONCE + _WRONG_PER_SECOND * YEAR_SECONDS
    assert codes > 5e10
    assert codes / MOST / guesses_a_year > 15  # years until one of a thousand is found
    assert codes / 5 / guesses_a_year > 3000  # and one of five


@pytest.mark.parametrize("given", ["cdfg hjkm", "CDFGHJKM", " cDfG-hjkm ", "C D F G H J K M", "cdfg·hjkm"])
def test_case_and_spaces_do_not_matter(given: str) -> None:
    assert plain(given) == "CDFGHJKM"


@pytest.mark.parametrize("given", ["", "CDFGHJK", "CDFGHJKMN", "CDFGHJK0", "СDFGHJKM", "C" * 5000])
def test_what_cannot_be_a_code_is_none(given: str) -> None:
    assert plain(given) == ""


def test_a_code_finds_its_screen(newcomers: Newcomers) -> None:
    one, other = knock(newcomers), knock(newcomers, "k2")
    assert one.code != other.code
    for newcomer in (one, other):
        found = newcomers.find(grouped(newcomer.code).lower())
        assert found is not None
        assert found.key == newcomer.key


def test_a_code_renews_by_itself_after_ten_minutes(newcomers: Newcomers, watch: Watch) -> None:
    first = knock(newcomers)
    again = wait(newcomers, watch, CODE_SECONDS - 20)
    assert again is not None
    assert again.code == first.code
    renewed = wait(newcomers, watch, 30)
    assert renewed is not None
    assert renewed.code != first.code
    assert newcomers.find(first.code) is None
    assert newcomers.find(renewed.code) is not None
    assert newcomers.waited_seconds(renewed) >= CODE_SECONDS


def test_a_code_that_was_typed_stays_while_the_board_is_chosen(newcomers: Newcomers, watch: Watch) -> None:
    first = knock(newcomers)
    wait(newcomers, watch, CODE_SECONDS - 10)
    assert newcomers.find(first.code) is not None
    wait(newcomers, watch, READ_SECONDS - 20)
    assert newcomers.find(first.code) is not None


def test_knocking_again_shows_the_same_code(newcomers: Newcomers) -> None:
    assert knock(newcomers).code == knock(newcomers).code
    assert len(newcomers) == 1


def test_a_screen_that_was_switched_off_cannot_be_paired(newcomers: Newcomers, watch: Watch) -> None:
    first = knock(newcomers)
    watch.seconds += SILENT_SECONDS + 1
    assert newcomers.find(first.code) is None


def test_of_one_address_only_so_many_wait_and_of_all_so_many(newcomers: Newcomers, watch: Watch) -> None:
    for n in range(MOST_OF_ADDRESS):
        knock(newcomers, f"a{n}")
    with pytest.raises(Crowded):
        knock(newcomers, "one more")
    for n in range(MOST - MOST_OF_ADDRESS):
        knock(newcomers, f"b{n}", f"198.51.{n // 256}.{n % 256}")
    with pytest.raises(Crowded):
        knock(newcomers, "of another", "203.0.113.1")
    assert len(newcomers) == MOST
    watch.seconds += SILENT_SECONDS + 1
    knock(newcomers, "of another", "203.0.113.1")
    assert len(newcomers) == 1


def test_who_has_left_has_no_code(newcomers: Newcomers) -> None:
    first = knock(newcomers)
    newcomers.leave("k1")
    assert newcomers.find(first.code) is None
    assert newcomers.ask("k1") is None


def test_an_allowance_is_a_burst_and_then_a_trickle(watch: Watch) -> None:
    allowances = Allowances(5, 0.1, watch)
    assert [allowances.spend("p") for _ in range(6)] == [True] * 5 + [False]
    assert allowances.spend("another")
    assert allowances.wait_seconds("p") == 10
    watch.seconds += 10
    assert allowances.has("p")
    assert [allowances.spend("p") for _ in range(2)] == [True, False]


def test_allowances_are_bounded(watch: Watch) -> None:
    allowances = Allowances(5, 0.1, watch)
    for n in range(MOST_KEPT + 10):
        allowances.spend(str(n))
    assert len(allowances) == MOST_KEPT


def test_a_qr_code_is_drawn_with_its_white_border() -> None:
    qr = qr_of("https://wall.example/supervisor/tvs/pair#CDFGHJKM")
    assert qr.path.startswith("M4 4h7v1h-7z")  # the corner's dark bar, four modules in
    assert qr.size in (33 + 8, 37 + 8, 41 + 8)
    assert set(qr.path) <= set("Mhvz -0123456789")
