"""Today's numbers for the page Now, of the whole floor or of the part that somebody sees; knows no page and no now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from wallboard import figures
from wallboard.day.sheet import AgentTally, Sheet, Tally
from wallboard.events import Place
from wallboard.figures import LEVELS, share
from wallboard.look import Goals
from wallboard.totals import AgentSums, Day, VisitSums


class Numbers(Protocol):
    def places(self) -> Iterable[Place]: ...

    def place(self, place: Place) -> VisitSums | Tally: ...

    def level(self, place: Place, goals: Goals) -> float | None: ...

    def agent(self, key: str) -> AgentSums | AgentTally: ...


class WholeDay:
    """From the sums that the live board keeps at all times."""

    def __init__(self, day: Day) -> None:
        self._day = day

    def places(self) -> Iterable[Place]:
        return self._day.visits.keys()

    def place(self, place: Place) -> VisitSums:
        return self._day.visits.get(place) or VisitSums()

    def level(self, place: Place, goals: Goals) -> float | None:
        return figures.service_level(self.place(place), goals.service_level_formula, goals.service_level_seconds)

    def agent(self, key: str) -> AgentSums:
        return self._day.agents.get(key) or AgentSums()


class PartOfDay:
    """From a sheet that holds the calls of a part alone; it is judged by the same targets."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet

    def places(self) -> Iterable[Place]:
        return (*self._sheet.places("queue"), *self._sheet.places("ring_group"))

    def place(self, place: Place) -> Tally:
        return self._sheet.place(place)

    def level(self, place: Place, goals: Goals) -> float | None:
        return share(LEVELS[goals.service_level_formula], self.place(place))

    def agent(self, key: str) -> AgentTally:
        return self._sheet.agent(key)
