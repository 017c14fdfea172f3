"""The calls behind a number of a sheet, as many as the number says; knows no page.

Most numbers count visits: a call that visited two queues stands behind their sum twice. An agent's missed rings may
be several of one call: `times` says how many.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from wallboard.day_rows import AgentRow, CallRow, VisitRow
from wallboard.events import Place
from wallboard.explain import AGENTS, AVERAGES, CALLS, VISITS, Number, call_numbers, visit_numbers
from wallboard.sheet import Sheet

LISTS: dict[str, Number] = {
    **VISITS,
    **CALLS,
    **AGENTS,
    "waits": Number("Answered, with a known wait", AVERAGES["average_speed_of_answer"].words),
    "talks": Number("Answered, with a known talk", AVERAGES["average_handle_time"].words),
    "longest_wait": AVERAGES["longest_wait"],
}
"""Every number whose calls can be listed."""

BEHIND = {
    "service_level": "answered_in_time",
    "abandon_rate": "abandoned",
    "average_speed_of_answer": "waits",
    "average_handle_time": "talks",
}
"""The list that explains a ratio or an average best."""


class Listed(msgspec.Struct, frozen=True):
    """One line of the list."""

    row: CallRow
    visit: VisitRow | None = None
    times: int = 1


def calls_behind(
    sheet: Sheet, number: str, places: Collection[Place], *, agent: str | None = None, filtered: bool = False
) -> list[Listed]:
    """The calls behind `number`, newest first. `places` are those of the page; if it is `filtered` by them, agents'
    numbers are of calls that visited one of them.
    """
    found = list(_find(sheet, number, frozenset(places), agent, filtered))
    return sorted(found, key=lambda listed: (listed.row.started_at, listed.row.key), reverse=True)


def count(listed: list[Listed]) -> int:
    """What the number is."""
    return sum(line.times for line in listed)


def _find(sheet: Sheet, number: str, places: frozenset[Place], agent: str | None, filtered: bool) -> Iterator[Listed]:
    if number in AGENTS:
        yield from _of_agent(sheet, number, places if filtered else None, agent)
        return
    if number in CALLS:
        yield from (Listed(row) for row in sheet.rows.values() if number in call_numbers(row))
        return
    if number == "longest_wait":
        yield from _longest(sheet, places)
        return
    for row, visit in _visits(sheet, places):
        if number in visit_numbers(visit, sheet.terms):
            yield Listed(row, visit)


def _visits(sheet: Sheet, places: frozenset[Place]) -> Iterator[tuple[CallRow, VisitRow]]:
    for row in sheet.rows.values():
        for visit in row.visits:
            if visit.place in places:
                yield row, visit


def _longest(sheet: Sheet, places: frozenset[Place]) -> Iterator[Listed]:
    longest = sheet.over(places).longest_ms
    if longest is not None:
        yield from (Listed(row, visit) for row, visit in _visits(sheet, places) if visit.wait_ms == longest)


def _of_agent(sheet: Sheet, number: str, places: frozenset[Place] | None, agent: str | None) -> Iterator[Listed]:
    for row in sheet.rows.values():
        if places is not None and not any(visit.place in places for visit in row.visits):
            continue
        for part in row.agents:
            if agent in (None, part.agent) and (times := _times(part, number)):
                yield Listed(row, times=times)


def _times(part: AgentRow, number: str) -> int:
    match number:
        case "agent_answered":
            return part.answered
        case "agent_missed":
            return part.missed
        case "agent_outbound":
            return part.outbound
        case _:
            return int(part.talk_ms > 0)
