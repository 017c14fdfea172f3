"""What a wall may show of the other party; knows no board and no HTML."""

from __future__ import annotations

import re

from wallboard.boards.definitions import Masking
from wallboard.calls import Call

_DIGITS = re.compile(r"\+?\d(?:[\W_]*\d){4,}")
"""Five digits or more with no letter between them, however they are set apart."""


def mask(text: str | None) -> str:
    """Every run of five or more digits down to its last three: names carry numbers as well."""
    return _DIGITS.sub(lambda found: "…" + re.sub(r"\D", "", found.group())[-3:], text) if text else ""


def caller(call: Call, masking: Masking) -> tuple[str, str]:
    """The other party's name, or the number where there is no name, and the number beside a name."""
    if masking == "hidden":
        return ("Caller" if call.is_inbound else "Outbound call"), ""
    shown = mask if masking == "last_three" else _as_it_is
    number = shown(call.caller_number if call.is_inbound else call.dialled_number)
    name = shown(call.caller_name) if call.is_inbound else ""
    return (name, number) if name else (number or "Unknown caller", "")


def _as_it_is(text: str | None) -> str:
    return text or ""
