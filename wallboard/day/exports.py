"""A day as CSV files that a spreadsheet opens safely; knows no HTTP and no HTML.

RFC 4180: commas, quotes where they are needed, CR LF, one header line. UTF-8 with a byte order mark, without which
Excel reads it as another encoding. A cell that a spreadsheet would take for a formula begins with an apostrophe;
a number such as +61290000001 or -3 is none and stays as it is, so that a phone number can be copied or dialled.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta

from wallboard.day.choice import Choice
from wallboard.day.explain import Terms
from wallboard.day.figures import COLUMNS, intervals_of, value_of
from wallboard.day.rows import CallRow
from wallboard.day.scope import places_of, terms_of
from wallboard.day.sheet import AgentTally, Sheet, Tally
from wallboard.events import Place
from wallboard.figures import LEVELS, share

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_WORD = re.compile(r"[^A-Za-z0-9]+")
_UNITS = {"average_speed_of_answer": "_seconds", "average_handle_time": "_seconds", "longest_wait": "_seconds"}

Value = str | int | float | None


def cell(value: Value) -> str:
    """One cell's text, harmless in a spreadsheet; `None` is empty. A ratio has at most four digits."""
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def written(header: Iterable[str], lines: Iterable[Iterable[Value]]) -> bytes:
    """The whole file."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([cell(value) for value in line] for line in lines)
    return out.getvalue().encode("utf-8-sig")


def name_of(day: date, what: str, choice: Choice) -> str:
    """Such as `wallboard-2026-11-23-calls-sales.csv`; of a queue's name only what every system can write."""
    place = _WORD.sub("-", choice.place or "").strip("-").lower()[:40]
    return "-".join(filter(None, ("wallboard", str(day), what.replace("_", "-"), place))) + ".csv"


def intervals(choice: Choice, sheet: Sheet) -> bytes:
    """The whole day, intervals without a visit included."""
    width, terms = timedelta(minutes=choice.width), terms_of(choice, sheet)
    lines = (
        (_iso(sheet, sheet.cuts.start + n * width), *_figures(interval.tally, terms))
        for n, interval in enumerate(intervals_of(choice, sheet, whole_day=True))
    )
    return written(("interval_start", *_headers()), lines)


def places(kind: str, choice: Choice, sheet: Sheet) -> bytes:
    """Every queue, or ring group, of the choice."""
    named = places_of(choice, sheet) if choice.place and choice.kind == kind else sheet.places(kind)
    lines = ((place.name, *_figures(sheet.place(place), sheet.terms_of(place))) for place in named)
    return written((kind, *_headers()), lines)


def agents(choice: Choice, sheet: Sheet) -> bytes:
    if choice.place is None:
        tallies = {agent: sheet.agent(agent) for agent in sheet.agents()}
    else:
        tallies = sheet.agents_in(places_of(choice, sheet))
    header = ("agent", "name", "answered", "missed", "outbound", "talk_seconds")
    return written(header, (_agent(agent, tally, sheet) for agent, tally in sorted(tallies.items())))


def calls(choice: Choice, sheet: Sheet) -> bytes:
    """Every call of the day that came to one of the choice's places; every call at all, where nothing is chosen."""
    rows = list(sheet.rows.values())  # in one go: this may run beside the loop that moves the sheet on
    rows.sort(key=lambda row: (row.started_at, row.key))
    kept = (row for row in rows if choice.kind is None or any(_is_of(visit.place, choice) for visit in row.visits))
    header = (
        "call", "direction", "started_at", "answered_at", "ended_at", "caller_number", "caller_name",
        "dialled_number", "queues", "ring_groups", "result", "wait_seconds", "talk_seconds", "agents_answered",
        "agents_missed", "voicemail", "presumed_ended",
    )  # fmt: skip
    return written(header, (_call(row, sheet) for row in kept))


def _is_of(place: Place, choice: Choice) -> bool:
    return place.kind == choice.kind and choice.place in (None, place.name)


def _headers() -> Iterator[str]:
    yield from (f"{key}{_UNITS.get(key, '')}" for key in COLUMNS)
    yield from (f"service_level_{formula}" for formula in LEVELS)
    yield from ("service_level_seconds", "service_level_target")


def _figures(tally: Tally, terms: Terms) -> Iterator[Value]:
    yield from (value_of(key, tally, terms) for key in COLUMNS)
    yield from (share(ratio, tally) for ratio in LEVELS.values())
    yield from (terms.service_level_ms / 1000, terms.target)


def _agent(agent: str, tally: AgentTally, sheet: Sheet) -> tuple[Value, ...]:
    return agent, sheet.name_of(agent), tally.answered, tally.missed, tally.outbound, tally.talk_ms / 1000


def _call(row: CallRow, sheet: Sheet) -> tuple[Value, ...]:
    waits = [visit.wait_ms for visit in row.visits if visit.wait_ms is not None]
    return (
        row.id,
        "inbound" if row.inbound else "outbound",
        _iso(sheet, row.started_at),
        _iso(sheet, row.answered_at),
        _iso(sheet, row.ended_at),
        row.caller_number,
        row.caller_name,
        row.dialled_number,
        _names(row, "queue"),
        _names(row, "ring_group"),
        row.outcome or row.state,
        max(waits) / 1000 if waits else None,
        None if row.talk_ms is None else row.talk_ms / 1000,
        _people(row, sheet, lambda part: part[0]),
        _people(row, sheet, lambda part: part[1]),
        int(row.voicemail),
        int(row.presumed),
    )


def _names(row: CallRow, kind: str) -> str:
    return "; ".join(visit.place.name for visit in row.visits if visit.place.kind == kind)


def _people(row: CallRow, sheet: Sheet, has: Callable[[tuple[int, int]], int]) -> str:
    return "; ".join(sheet.name_of(part.agent) for part in row.agents if has((part.answered, part.missed)))


def _iso(sheet: Sheet, moment: datetime | None) -> str | None:
    return moment.astimezone(sheet.cuts.zone).isoformat(timespec="seconds") if moment else None
