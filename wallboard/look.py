"""What one board looks for: its definition over the settings' defaults; knows no board of calls, no time and no HTML.

What a choice of queues, ring groups or agents means is scope.py's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from wallboard.boards.definitions import Definition, PlaceTargets, Targets
from wallboard.events import Place
from wallboard.scope import Agents, chosen_of
from wallboard.settings import Formula
from wallboard.views import Alarm

_SERVICE_LEVEL_SECONDS, _SERVICE_LEVEL_TARGET = 20, 0.8
_FAR_BELOW_TARGET = 0.2
_FAR_TOO_LONG = 3


class Goals(msgspec.Struct, frozen=True, kw_only=True):
    """The targets of one place, or of the board as a whole, with nothing left open but what is not watched (`None`)."""

    service_level_seconds: int
    service_level_formula: Formula
    service_level_target: float
    wait_warn_seconds: int
    wait_alarm_seconds: int
    abandon_warn: float | None
    abandon_alarm: float | None

    def of_wait(self, seconds: float) -> Alarm:
        if seconds > self.wait_alarm_seconds:
            return "alarm"
        return "warn" if seconds > self.wait_warn_seconds else "calm"

    def of_level(self, level: float | None) -> Alarm:
        if level is None or level >= self.service_level_target:
            return "calm"
        return "warn" if level >= self.service_level_target - _FAR_BELOW_TARGET else "alarm"

    def of_abandons(self, rate: float | None) -> Alarm:
        if rate is None:
            return "calm"
        if self.abandon_alarm is not None and rate > self.abandon_alarm:
            return "alarm"
        return "warn" if self.abandon_warn is not None and rate > self.abandon_warn else "calm"


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A board's definition, and what the settings say where it says nothing."""

    definition: Definition = Definition()
    defaults: Targets = Targets()

    @property
    def slug(self) -> str:
        return self.definition.slug

    @property
    def is_narrowed(self) -> bool:
        """Something is chosen, so the board is not about the whole floor."""
        return chosen_of(self.definition).is_narrowed

    @property
    def chosen_places(self) -> tuple[Place, ...]:
        queues, groups = self.definition.queues or (), self.definition.ring_groups or ()
        return (*(Place("queue", name) for name in queues), *(Place("ring_group", name) for name in groups))

    def shows_place(self, place: Place) -> bool:
        return chosen_of(self.definition).shows_place(place)

    def shows_agent(self, key: str, name: str | None) -> bool:
        """An agent is chosen by number or by name."""
        return chosen_of(self.definition).shows_agent(key, name)

    def touches(self, places: Collection[Place], agents: Agents) -> bool:
        """Whether a call that visited these places and rang these agents (key and name) belongs on the board."""
        return chosen_of(self.definition).touches(places, agents)

    def goals(self, place: Place | None = None) -> Goals:
        """The place's own targets, else the board's, else the settings'; without a place those of the board."""
        layers = [*self._own(place), self.definition.targets, self.defaults]
        seconds = _first(layers, "service_level_seconds", _SERVICE_LEVEL_SECONDS)
        warn = _first(layers, "wait_warn_seconds", seconds)
        return Goals(
            service_level_seconds=seconds,
            service_level_formula=_first(layers, "service_level_formula", "default"),
            service_level_target=_first(layers, "service_level_target", _SERVICE_LEVEL_TARGET),
            wait_warn_seconds=warn,
            wait_alarm_seconds=_first(layers, "wait_alarm_seconds", _FAR_TOO_LONG * warn),
            abandon_warn=_first(layers, "abandon_warn", None),
            abandon_alarm=_first(layers, "abandon_alarm", None),
        )

    def _own(self, place: Place | None) -> list[PlaceTargets]:
        if place is None:
            return []
        return [own for own in self.definition.places if (own.kind, own.name) == (place.kind, place.name)]


def _first(layers: Sequence[Targets], name: str, otherwise: Any) -> Any:
    return next((value for layer in layers if (value := getattr(layer, name)) is not None), otherwise)
