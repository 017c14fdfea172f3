"""One line has one key, however the PBX writes its number."""

from __future__ import annotations

import pytest

from wallboard.phone import HOME, country_of, key_of, written
from wallboard.settings import SettingsError, read_settings

SAME = "+61290000001"


@pytest.mark.parametrize(
    "number", [SAME, "0290000001", "61290000001", "02 9000 0001", "(02) 9000-0001", "0011 61 290000001"]
)
def test_a_number_is_the_same_however_it_is_written(number: str) -> None:
    assert key_of(number, "AU") == SAME


@pytest.mark.parametrize(
    "number",
    [None, "", "anonymous", "withheld", "Private", "unknown", "+", "-", "0", "sip:a@example.com", "٠٢٩", "id7000001"],
)
def test_what_no_phone_can_ring_has_no_key(number: str | None) -> None:
    assert key_of(number, "AU") is None


@pytest.mark.parametrize(
    ("number", "country", "key"),
    [
        ("1002", "AU", "1002"),
        ("000", "AU", "000"),
        ("1300 123 456", "AU", "+611300123456"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("+44 20 7946 0018", "AU", "+442079460018"),
        ("99999999999999999999", "AU", "99999999999999999999"),
    ],
)
def test_extensions_and_numbers_of_other_plans_keep_apart(number: str, country: str, key: str) -> None:
    assert key_of(number, country) == key


def test_a_key_is_written_for_people() -> None:
    assert written(SAME) == "+61 2 9000 0001"
    assert written("1002") == "1002"


@pytest.mark.parametrize(
    ("zone", "country"),
    [("Australia/Sydney", "AU"), ("Pacific/Auckland", "NZ"), ("Europe/London", "GB"), ("UTC", HOME)],
)
def test_the_country_is_that_of_the_time_zone(zone: str, country: str) -> None:
    assert country_of(zone) == country


def test_the_country_can_be_set_and_must_be_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WALLBOARD_COUNTRY", "nz")
    assert read_settings(env_file=None).country == "NZ"
    monkeypatch.setenv("WALLBOARD_COUNTRY", "Oz")
    with pytest.raises(SettingsError, match="WALLBOARD_COUNTRY"):
        read_settings(env_file=None)
