"""Telephone numbers as people write them -> one key per line, and back to something readable; knows no call.

The PBX tells the same line as +61290000001, 61290000001 or 0290000001; a call back to one must be known as
the other. What no phone can ring (withheld, "anonymous", a SIP name) has no key.
"""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneMetadata, PhoneNumberFormat

HOME = "AU"
"""Where the vendor sells its PBX: for a time zone that tells no country, such as UTC."""

_EXTENSION_DIGITS = 6
_KEPT = 65_536


@lru_cache(maxsize=_KEPT)
def key_of(number: str | None, country: str) -> str | None:
    """`+61290000001`, or the bare digits of an extension or of what no plan knows; `None` if nobody can ring it."""
    digits = "".join(filter(str.isdigit, number or "")) if number and number.isascii() else ""
    if number is None or len(digits) < 3:
        return None
    if number == f"+{digits}" and _is_whole(digits):
        return number
    if any(letter.isalpha() for letter in number):
        return None
    if len(digits) <= _EXTENSION_DIGITS and not number.startswith("+"):
        return digits
    try:
        parsed = phonenumbers.parse(number, country)
    except NumberParseException:
        return digits
    if not phonenumbers.is_possible_number(parsed):
        return digits
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def _is_whole(digits: str) -> bool:
    """International and of a length that its country has: its own key, found in a twentieth of the time.

    What may have a national prefix within, as some write +61 0 2..., is left to the library.
    """
    for length in (1, 2, 3):
        regions = COUNTRY_CODE_TO_REGION_CODE.get(int(digits[:length]))
        if regions is not None:
            within, lengths = _plan(regions[0])
            national = digits[length:]
            return len(national) in lengths and national[0] != "0" and not (within and within.match(national))
    return False


@lru_cache(maxsize=512)
def _plan(region: str) -> tuple[re.Pattern[str] | None, tuple[int, ...]]:
    """What a national prefix looks like in a region, and how long its numbers are."""
    plan = PhoneMetadata.metadata_for_region(region, None)
    if plan is None or plan.general_desc is None:
        return None, ()
    prefix = plan.national_prefix_for_parsing
    return re.compile(prefix) if prefix else None, tuple(plan.general_desc.possible_length)


@lru_cache(maxsize=4096)
def written(key: str) -> str:
    """A key as people read it: `+61 2 9000 0001`."""
    if not key.startswith("+"):
        return key
    try:
        return phonenumbers.format_number(phonenumbers.parse(key), PhoneNumberFormat.INTERNATIONAL)
    except NumberParseException:
        return key


def country_of(time_zone: str) -> str:
    """The country that `time_zone` lies in, by the zone database's own table; HOME where that tells none."""
    table = (files("tzdata") / "zoneinfo" / "zone.tab").read_text("utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return next((row[0] for row in rows if row[2] == time_zone), HOME)
