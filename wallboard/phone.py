"""Telephone numbers as people write them -> one key per line, and back to something readable; knows no call.

The PBX tells the same line as +61290000001, 61290000001 or 0290000001; a call back to one must be known as
the other. What no phone can ring (withheld, "anonymous", a SIP name) has no key.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

HOME = "AU"
"""Where the vendor sells its PBX: for a time zone that tells no country, such as UTC."""

_EXTENSION_DIGITS = 6
_KEPT = 65_536


@lru_cache(maxsize=_KEPT)
def key_of(number: str | None, country: str) -> str | None:
    """`+61290000001`, or the bare digits of an extension or of what no plan knows; `None` if nobody can ring it."""
    digits = "".join(filter(str.isdigit, number or "")) if number and number.isascii() else ""
    if number is None or len(digits) < 3 or any(letter.isalpha() for letter in number):
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
