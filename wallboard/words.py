"""How the desk writes times, durations, shares and people; knows no call and no page."""

from __future__ import annotations

from datetime import date, datetime, tzinfo

NONE = "–"


def duration(seconds: float | None) -> str:
    """`0:07`, `12:34` or `1:02:03`; a dash where it is not known."""
    if seconds is None:
        return NONE
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def milliseconds(value: int | None) -> str:
    return duration(None if value is None else value / 1000)


def percent(ratio: float | None) -> str:
    """`81.3 %`; a dash where there is no value, never 100 %."""
    return NONE if ratio is None else f"{ratio * 100:.1f} %"


def clock(moment: datetime | None, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%H:%M:%S}" if moment else NONE


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 call`, `2,000 calls`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def heading(day: date, today: date) -> str:
    """`Today, Tuesday 24 November 2026`."""
    named = f"{day:%A} {day.day} {day:%B %Y}"
    return {0: f"Today, {named}", 1: f"Yesterday, {named}"}.get((today - day).days, named)
