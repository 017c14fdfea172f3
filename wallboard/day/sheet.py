"""One day's rows with their sums by place, quarter of an hour and agent; knows no board, no journal and no page.

Sums are never corrected, they are made anew from the rows they belong to, and only those whose rows have changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date

import msgspec

from wallboard.day.explain import Terms, call_numbers, visit_numbers
from wallboard.day.intervals import Cuts
from wallboard.day.rows import AgentRow, CallRow, VisitRow
from wallboard.events import Place


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """The sums of some visits, by the names of `explain.VISITS`; waits and talks in whole milliseconds."""

    offered: int = 0
    answered: int = 0
    abandoned: int = 0
    unanswered: int = 0
    open: int = 0
    short_abandoned: int = 0
    answered_in_time: int = 0
    abandoned_in_time: int = 0
    abandoned_late: int = 0
    waits: int = 0
    wait_ms: int = 0
    talks: int = 0
    talk_ms: int = 0
    longest_ms: int | None = None

    @property
    def average_speed_of_answer(self) -> float | None:
        """Seconds."""
        return self.wait_ms / self.waits / 1000 if self.waits else None

    @property
    def average_handle_time(self) -> float | None:
        """Seconds."""
        return self.talk_ms / self.talks / 1000 if self.talks else None

    @property
    def longest_wait(self) -> float | None:
        """Seconds."""
        return None if self.longest_ms is None else self.longest_ms / 1000


NOTHING = Tally()
_ADDED = tuple(name for name in Tally.__struct_fields__ if name != "longest_ms")


class AgentTally(msgspec.Struct, frozen=True):
    """The sums of one agent; talk in whole milliseconds."""

    answered: int = 0
    missed: int = 0
    outbound: int = 0
    talk_ms: int = 0


class Sheet:
    """The rows of one day. `version` is another one whenever a row is; `is_kept` where only its sums are left."""

    is_kept = False

    def __init__(self, day: date, cuts: Cuts, terms: Terms) -> None:
        self.day = day
        self.cuts = cuts
        self.terms = terms
        self.version = 0
        self.rows: dict[str, CallRow] = {}
        self.calls: Counter[str] = Counter()
        self.agent_names: dict[str, str] = {}
        self.voicemails = 0
        self.losses: tuple[int, ...] = ()
        self._visits: dict[Place, dict[int, dict[str, VisitRow]]] = {}
        self._tallies: dict[tuple[Place, int], Tally] = {}
        self._agents: dict[str, dict[str, AgentRow]] = {}
        self._agent_tallies: dict[str, AgentTally] = {}

    # --- the rows ------------------------------------------------------------------------------------

    def put(self, row: CallRow) -> None:
        """Puts a call in, in place of its former row if there is one."""
        if self.rows.get(row.key) == row:
            return
        self.take_out(row.key)
        self.version += 1
        self.rows[row.key] = row
        self.calls.update(call_numbers(row))
        for visit in row.visits:
            self._quarter_of(visit)[row.key] = visit
        for agent in row.agents:
            self._agents.setdefault(agent.agent, {})[row.key] = agent
            self._agent_tallies.pop(agent.agent, None)

    def take_out(self, key: str) -> None:
        """Takes a call out; nothing happens where it is not in."""
        row = self.rows.pop(key, None)
        if row is None:
            return
        self.version += 1
        self.calls.subtract(call_numbers(row))
        for visit in row.visits:
            del self._quarter_of(visit)[key]
        for agent in row.agents:
            del self._agents[agent.agent][key]
            self._agent_tallies.pop(agent.agent, None)

    def _quarter_of(self, visit: VisitRow) -> dict[str, VisitRow]:
        quarter = self.cuts.quarter(visit.entered_at)
        self._tallies.pop((visit.place, quarter), None)
        return self._visits.setdefault(visit.place, {}).setdefault(quarter, {})

    # --- the sums ------------------------------------------------------------------------------------

    def places(self, kind: str) -> list[Place]:
        """The queues or the ring groups that the day's calls visited, by name."""
        known = (place for place, quarters in self._visits.items() if place.kind == kind and any(quarters.values()))
        return sorted(known, key=lambda place: (place.name.casefold(), place.name))

    def agents(self) -> list[str]:
        """Every agent who has anything of a call of this day."""
        return sorted(agent for agent, rows in self._agents.items() if rows)

    def name_of(self, agent: str) -> str:
        """The agent's latest name, else what the agent goes by."""
        return self.agent_names.get(agent, agent)

    def place(self, place: Place) -> Tally:
        return total(self._quarters(place))

    def over(self, places: Iterable[Place]) -> Tally:
        """The sums over several places; a call that visited two of them is two visits."""
        return total(self.place(place) for place in places)

    def by_quarter(self, places: Iterable[Place]) -> dict[int, Tally]:
        """The sums over several places by quarter; quarters without a visit are left out."""
        found: dict[int, list[Tally]] = {}
        for place in places:
            for quarter, visits in self._visits.get(place, {}).items():
                if visits:
                    found.setdefault(quarter, []).append(self._tally(place, quarter))
        return {quarter: total(tallies) for quarter, tallies in sorted(found.items())}

    def agent(self, agent: str) -> AgentTally:
        tally = self._agent_tallies.get(agent)
        if tally is None:
            tally = self._agent_tallies[agent] = agent_total(self._agents.get(agent, {}).values())
        return tally

    def agents_in(self, places: Iterable[Place]) -> dict[str, AgentTally]:
        """The sums of every agent over the calls that visited one of `places`."""
        found: dict[str, list[AgentRow]] = {}
        for key in {key for place in places for visits in self._visits.get(place, {}).values() for key in visits}:
            for agent in self.rows[key].agents:
                found.setdefault(agent.agent, []).append(agent)
        return {agent: agent_total(rows) for agent, rows in found.items()}

    def _quarters(self, place: Place) -> Iterator[Tally]:
        for quarter in self._visits.get(place, {}):
            yield self._tally(place, quarter)

    def _tally(self, place: Place, quarter: int) -> Tally:
        tally = self._tallies.get((place, quarter))
        if tally is None:
            visits = self._visits[place][quarter].values()
            tally = self._tallies[place, quarter] = tally_of(visits, self.terms)
        return tally


def tally_of(visits: Iterable[VisitRow], terms: Terms) -> Tally:
    """The sums of some visits."""
    counts: Counter[str] = Counter()
    wait_ms = talk_ms = 0
    longest: int | None = None
    for visit in visits:
        numbers = visit_numbers(visit, terms)
        counts.update(numbers)
        wait_ms += (visit.wait_ms or 0) if "waits" in numbers else 0
        talk_ms += (visit.talk_ms or 0) if "talks" in numbers else 0
        if visit.wait_ms is not None:
            longest = visit.wait_ms if longest is None else max(longest, visit.wait_ms)
    return Tally(**counts, wait_ms=wait_ms, talk_ms=talk_ms, longest_ms=longest)


def total(tallies: Iterable[Tally]) -> Tally:
    """The sums of sums; the longest wait is the longest of all."""
    given = list(tallies)
    longest = max((tally.longest_ms for tally in given if tally.longest_ms is not None), default=None)
    return Tally(**{name: sum(getattr(tally, name) for tally in given) for name in _ADDED}, longest_ms=longest)


def agent_total(rows: Iterable[AgentRow]) -> AgentTally:
    given = list(rows)
    return AgentTally(
        sum(row.answered for row in given),
        sum(row.missed for row in given),
        sum(row.outbound for row in given),
        sum(row.talk_ms for row in given),
    )
