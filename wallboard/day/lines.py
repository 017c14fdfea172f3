"""A sheet's calls as the lines of a list; knows no HTML."""

from __future__ import annotations

from heapq import nlargest

import msgspec

from wallboard.day import words as say
from wallboard.day.choice import Choice, call_address
from wallboard.day.rows import CallRow, VisitRow
from wallboard.day.scope import places_of
from wallboard.day.sheet import Sheet
from wallboard.events import Place

ENDED_SHOWN = 200
_RESULTS = {"answered": "Answered", "abandoned": "Abandoned", "missed": "Missed", "unanswered": "No answer"}
_VISITS = {"answered": "Answered", "abandoned": "Abandoned", "unanswered": "Unanswered", "open": "Open"}


class CallLine(msgspec.Struct, frozen=True, kw_only=True):
    """One call in a list."""

    address: str
    started_at: str
    direction: str
    caller: str
    dialled: str
    place: str
    result: str
    wait: str
    talk: str
    agents: str
    times: int


def ended_calls(choice: Choice, sheet: Sheet) -> list[CallLine]:
    """The last 200 that ended, newest first; those of one queue, where the page is about one."""
    places = frozenset(places_of(choice, sheet)) if choice.place is not None else None
    over = (row for row in sheet.rows.values() if (row.ended or row.presumed) and _came_to(row, places))
    last = nlargest(ENDED_SHOWN, over, key=lambda row: (row.ended_at or row.last_received_at, row.key))
    return [call_line(row, sheet) for row in last]


def _came_to(row: CallRow, places: frozenset[Place] | None) -> bool:
    return places is None or any(visit.place in places for visit in row.visits)


def call_line(row: CallRow, sheet: Sheet, visit: VisitRow | None = None, times: int = 1) -> CallLine:
    """One call in a list; of one of its visits, where the list is of visits."""
    visits = [visit] if visit else list(row.visits)
    answerers = [sheet.name_of(part.agent) for part in row.agents if part.answered or part.outbound]
    return CallLine(
        address=call_address(row.key, sheet.day),
        started_at=say.clock(row.started_at, sheet.cuts.zone),
        direction="in" if row.inbound else "out",
        caller=caller_of(row),
        dialled=row.dialled_number or say.NONE,
        place=", ".join(visit.place.name for visit in visits) or say.NONE,
        result=_VISITS[visit.outcome] if visit else result_of(row),
        wait=", ".join(say.milliseconds(visit.wait_ms) for visit in visits) or say.NONE,
        talk=say.milliseconds(visit.talk_ms if visit else row.talk_ms),
        agents=", ".join(answerers) or say.NONE,
        times=times,
    )


def result_of(row: CallRow) -> str:
    if row.presumed:
        return "Presumed ended"
    if not row.counts:
        return "Voicemail"
    said = _RESULTS[row.outcome] if row.outcome else row.state.capitalize()
    return f"{said}, voicemail" if row.voicemail else said


def caller_of(row: CallRow) -> str:
    """How much of it a reader may see was decided before it became a row."""
    return " ".join(filter(None, (row.caller_name, row.caller_number))) or "Unknown caller"
