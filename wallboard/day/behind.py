"""The calls behind a number of a sheet, as many as the number says; knows no page.

Most numbers count visits: a call that visited two queues stands behind their sum twice. An agent's missed rings may
be several of one call: `times` says how many.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from wallboard.day.explain import AGENTS, AVERAGES, CALLS, MESSAGES, VISITS, Number, Terms, call_numbers, visit_numbers
from wallboard.day.rows import AgentRow, CallRow, VisitRow
from wallboard.day.sheet import Sheet
from wallboard.events import Place

LISTS: dict[str, Number] = {
    **VISITS,
    **CALLS,
    **MESSAGES,
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
    sheet: Sheet,
    number: str,
    places: Collection[Place],
    *,
    terms: Terms | None = None,
    agent: str | None = None,
    filtered: bool = False,
) -> list[Listed]:
    """The calls behind `number`, newest first. `places` are those of the page; if it is `filtered` by them, agents'
    numbers are of calls that visited one of them. `terms` are those of several places together, if none are given.
    """
    asked = _Asked(number, frozenset(places), terms or sheet.terms_of(None), agent, filtered)
    found = list(_find(sheet, asked))
    return sorted(found, key=lambda listed: (listed.row.started_at, listed.row.key), reverse=True)


def count(listed: list[Listed]) -> int:
    """What the number is."""
    return sum(line.times for line in listed)


class _Asked(msgspec.Struct, frozen=True):
    number: str
    places: frozenset[Place]
    terms: Terms
    agent: str | None
    filtered: bool


def _find(sheet: Sheet, asked: _Asked) -> Iterator[Listed]:
    number, places = asked.number, asked.places
    if number in AGENTS:
        yield from _of_agent(sheet, number, places if asked.filtered else None, asked.agent)
        return
    if number in MESSAGES:
        yield from (Listed(row, times=count) for row, count in sheet.messages.values())
        return
    if number in CALLS:
        yield from (Listed(row) for row in sheet.rows.values() if number in call_numbers(row))
        return
    if number == "longest_wait":
        yield from _longest(sheet, places)
        return
    for row, visit in _visits(sheet, places):
        if number in visit_numbers(visit, asked.terms):
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
