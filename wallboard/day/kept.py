"""The figures of a day whose calls have been deleted; knows no call, no caller and no page.

They are written down as they stood when the calls went, and are never counted anew: the targets and seconds are those
of that time. Every formula can still be had, for all of them are made of these counts.
"""

from __future__ import annotations

import base64
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec

from wallboard.day.explain import Standards, Terms
from wallboard.day.intervals import Cuts
from wallboard.day.sheet import AgentTally, Sheet, Tally, total
from wallboard.events import Place

DAY_KEPT = "day_kept"
"""The remark's name; it is kept for ever."""


class PlaceFigures(msgspec.Struct, frozen=True):
    """One queue or ring group: its visits by quarter of an hour, and its calls' agents.

    `quarters` are counted as all places together are, `own_quarters` by the place's `own` terms where it has any.
    """

    place: Place
    quarters: dict[int, Tally]
    agents: dict[str, AgentTally]
    own: Terms | None = None
    own_quarters: dict[int, Tally] = {}


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    start: datetime
    end: datetime
    zone: str
    terms: Terms
    places: tuple[PlaceFigures, ...]
    agents: dict[str, AgentTally]
    agent_names: dict[str, str]
    calls: dict[str, int]
    voicemails: int
    losses: tuple[int, ...]


class Record(msgspec.Struct, frozen=True):
    """The remark. `figures` are packed: a year of them is read at every start, and only the days are wanted then."""

    day: date
    figures: str


class Kept(Sheet):
    """A sheet without rows: the same sums, asked in the same way."""

    is_kept = True

    def __init__(self, day: date, cuts: Cuts, standards: Standards, figures: Figures | None = None) -> None:
        super().__init__(day, cuts, standards)
        self._places: dict[Place, PlaceFigures] = {}
        self._voicemails = 0
        if figures is None:
            return
        self.calls = Counter(figures.calls)
        self.agent_names = figures.agent_names
        self._voicemails, self.losses = figures.voicemails, figures.losses
        self._places = {each.place: each for each in figures.places}
        self._agent_tallies = dict(figures.agents)

    @property
    def voicemails(self) -> int:
        return self._voicemails

    def judge(self, standards: Standards) -> None:
        """What was counted cannot be counted by others any more."""

    def places(self, kind: str) -> list[Place]:
        known = (place for place in self._places if place.kind == kind)
        return sorted(known, key=lambda place: (place.name.casefold(), place.name))

    def agents(self) -> list[str]:
        return sorted(self._agent_tallies)

    def by_quarter(self, places: Iterable[Place], terms: Terms | None = None) -> dict[int, Tally]:
        found: dict[int, list[Tally]] = {}
        for place in places:
            for quarter, tally in self._quarters_of(place, terms or self.standards.general).items():
                found.setdefault(quarter, []).append(tally)
        return {quarter: total(tallies) for quarter, tallies in sorted(found.items())}

    def agent(self, agent: str) -> AgentTally:
        return self._agent_tallies.get(agent, AgentTally())

    def agents_in(self, places: Iterable[Place]) -> dict[str, AgentTally]:
        """Of one place, as the day's page asks."""
        return {
            agent: tally
            for place in places
            if place in self._places
            for agent, tally in self._places[place].agents.items()
        }

    def _quarters(self, place: Place, terms: Terms) -> Iterator[Tally]:
        yield from self._quarters_of(place, terms).values()

    def _quarters_of(self, place: Place, terms: Terms) -> dict[int, Tally]:
        figures = self._places.get(place)
        if figures is None:
            return {}
        return figures.own_quarters if terms == figures.own else figures.quarters


def record_of(sheet: Sheet) -> Record:
    """A counted day, to be written down for ever."""
    figures = Figures(
        start=sheet.cuts.start,
        end=sheet.cuts.end,
        zone=str(sheet.cuts.zone),
        terms=sheet.standards.general,
        places=tuple(_place_figures(sheet, place) for kind in ("queue", "ring_group") for place in sheet.places(kind)),
        agents={agent: sheet.agent(agent) for agent in sheet.agents()},
        agent_names={agent: sheet.agent_names[agent] for agent in sheet.agents() if agent in sheet.agent_names},
        calls={name: count for name, count in sheet.calls.items() if count},
        voicemails=sheet.voicemails,
        losses=sheet.losses,
    )
    packed = base64.b64encode(zlib.compress(msgspec.json.encode(figures), 9)).decode()
    return Record(sheet.day, packed)


def _place_figures(sheet: Sheet, place: Place) -> PlaceFigures:
    own = sheet.standards.own.get(place)
    by_its_own = sheet.by_quarter([place], own) if own is not None else {}
    return PlaceFigures(place, sheet.by_quarter([place]), sheet.agents_in([place]), own, by_its_own)


def sheet_of(body: bytes) -> Kept:
    """The sheet of a remark's body."""
    record = msgspec.json.decode(body, type=Record)
    figures = msgspec.json.decode(zlib.decompress(base64.b64decode(record.figures)), type=Figures)
    cuts = Cuts(figures.start, figures.end, ZoneInfo(figures.zone))
    own = {each.place: each.own for each in figures.places if each.own is not None}
    return Kept(record.day, cuts, Standards(figures.terms, own), figures)


def has_anything(sheet: Sheet) -> bool:
    return bool(sheet.rows or sheet.messages or sheet.losses)
