"""The figures of a day whose calls have been deleted; knows no call, no caller and no page.

They are written down as they stood when the calls went, and are never counted anew: the seconds of the service level
and of a short abandon are those of that time. Every formula can still be had, for all of them are made of these counts.
"""

from __future__ import annotations

import base64
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

import msgspec

from wallboard.day.explain import Terms
from wallboard.day.intervals import Cuts
from wallboard.day.sheet import AgentTally, Sheet, Tally, total
from wallboard.events import Place

DAY_KEPT = "day_kept"
"""The remark's name; it is kept for ever."""


class PlaceFigures(msgspec.Struct, frozen=True):
    """One queue or ring group: its visits by quarter of an hour, and its calls' agents."""

    place: Place
    quarters: dict[int, Tally]
    agents: dict[str, AgentTally]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    start: datetime
    end: datetime
    zone: str
    service_level_ms: int
    short_abandon_ms: int
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

    def __init__(self, day: date, cuts: Cuts, terms: Terms, figures: Figures | None = None) -> None:
        super().__init__(day, cuts, terms)
        self._places: dict[Place, PlaceFigures] = {}
        if figures is None:
            return
        self.calls = Counter(figures.calls)
        self.agent_names = figures.agent_names
        self.voicemails, self.losses = figures.voicemails, figures.losses
        self._places = {each.place: each for each in figures.places}
        self._agent_tallies = dict(figures.agents)

    def places(self, kind: str) -> list[Place]:
        known = (place for place in self._places if place.kind == kind)
        return sorted(known, key=lambda place: (place.name.casefold(), place.name))

    def agents(self) -> list[str]:
        return sorted(self._agent_tallies)

    def by_quarter(self, places: Iterable[Place]) -> dict[int, Tally]:
        found: dict[int, list[Tally]] = {}
        for place in places:
            for quarter, tally in self._quarters_of(place).items():
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

    def _quarters(self, place: Place) -> Iterator[Tally]:
        yield from self._quarters_of(place).values()

    def _quarters_of(self, place: Place) -> dict[int, Tally]:
        return self._places[place].quarters if place in self._places else {}


def record_of(sheet: Sheet) -> Record:
    """A counted day, to be written down for ever."""
    figures = Figures(
        start=sheet.cuts.start,
        end=sheet.cuts.end,
        zone=str(sheet.cuts.zone),
        service_level_ms=sheet.terms.service_level_ms,
        short_abandon_ms=sheet.terms.short_abandon_ms,
        places=tuple(
            PlaceFigures(place, sheet.by_quarter([place]), sheet.agents_in([place]))
            for place in (*sheet.places("queue"), *sheet.places("ring_group"))
        ),
        agents={agent: sheet.agent(agent) for agent in sheet.agents()},
        agent_names={agent: sheet.agent_names[agent] for agent in sheet.agents() if agent in sheet.agent_names},
        calls={name: count for name, count in sheet.calls.items() if count},
        voicemails=sheet.voicemails,
        losses=sheet.losses,
    )
    packed = base64.b64encode(zlib.compress(msgspec.json.encode(figures), 9)).decode()
    return Record(sheet.day, packed)


def sheet_of(body: bytes, terms: Terms) -> Kept:
    """The sheet of a remark's body; what is not of its counts is by the present `terms`."""
    record = msgspec.json.decode(body, type=Record)
    figures = msgspec.json.decode(zlib.decompress(base64.b64decode(record.figures)), type=Figures)
    cuts = Cuts(figures.start, figures.end, ZoneInfo(figures.zone))
    of_then = {"service_level_ms": figures.service_level_ms, "short_abandon_ms": figures.short_abandon_ms}
    return Kept(record.day, cuts, msgspec.structs.replace(terms, **of_then), figures)


def has_anything(sheet: Sheet) -> bool:
    return bool(sheet.rows or sheet.voicemails or sheet.losses)
