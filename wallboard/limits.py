"""How many names of each kind the board tells apart, and what the others go by; knows no call and no number.

The PBX's names come with its webhooks, so a wrong or hostile sender could make any number of queues. Beyond the
limit a newcomer is folded into one remainder of its kind: its calls still count, and the numbers still add up.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from wallboard.events import AnyEvent, ComponentPassed, OfferEvent, Place, Summarised

Kind = Literal["queues", "ring_groups", "agents", "voicemail_boxes", "components", "call_events"]

MOST: dict[Kind, int] = {
    "queues": 100,
    "ring_groups": 100,
    "agents": 1_000,
    "voicemail_boxes": 200,
    "components": 200,
}
REMAINDER: dict[Kind, str] = {
    "queues": "(other queues)",
    "ring_groups": "(other ring groups)",
    "agents": "(other agents)",
    "voicemail_boxes": "(other boxes)",
    "components": "(other components)",
}
_KIND_OF_PLACE: dict[str, Kind] = {"queue": "queues", "ring_group": "ring_groups"}


class Limit(msgspec.Struct, frozen=True):
    """`most` are told apart; `beyond` counts what was folded into the remainder today."""

    most: int
    beyond: int


class Names:
    """The names that the board tells apart, by kind, and when each was last heard."""

    def __init__(self) -> None:
        self._heard: dict[Kind, dict[str, datetime]] = {kind: {} for kind in MOST}
        self._day: date | None = None
        self._beyond: Counter[Kind] = Counter()

    def beyond(self, today: date) -> Counter[Kind]:
        """How often something was folded into a remainder today, by kind; only kinds that were."""
        return Counter(self._beyond) if today == self._day else Counter()

    def pass_over(self, kind: Kind) -> None:
        """One more that goes beyond a limit."""
        self._beyond[kind] += 1

    def admit(self, kind: Kind, name: str, at: datetime) -> str:
        """The name to keep, its own as long as there is room, else the remainder's."""
        heard = self._heard[kind]
        if name in heard or len(heard) < MOST[kind]:
            heard[name] = at
            return name
        if name != REMAINDER[kind]:
            self.pass_over(kind)
        return REMAINDER[kind]

    def within(self, event: AnyEvent) -> AnyEvent:
        """The event in the names that the board keeps; the very same one wherever all are known or have room."""
        at = event.received_at
        match event:
            case OfferEvent(agent=agent, places=places):
                kept, admitted = self.admit("agents", agent, at), places
                for place in places:
                    if (its := self._place(place, at)) is not place:
                        admitted = tuple([its if other is place else other for other in admitted])
                if kept == agent and admitted is places:
                    return event
                name = event.agent_name if kept == agent else None
                return msgspec.structs.replace(event, agent=kept, agent_name=name, places=admitted)
            case Summarised(place=place, agent=agent):
                called, admitted_place = self._known_agent(agent), self._place(place, at)
                if called == agent and admitted_place is place:
                    return event
                return msgspec.structs.replace(event, place=admitted_place, agent=called)
            case ComponentPassed(component=component, entered=entered, timed_out=timed_out):
                if entered is None and timed_out is None:
                    return msgspec.structs.replace(event, component=self.admit("components", component, at))
                return msgspec.structs.replace(
                    event,
                    entered=self._place(entered, at) if entered else None,
                    timed_out=self._place(timed_out, at) if timed_out else None,
                )
        return event

    def turn(self, day: date, forgotten_before: datetime) -> None:
        """A new day counts anew, and names of which nothing was heard for long make room."""
        if day != self._day:
            self._day = day
            self._beyond.clear()
        for kind, heard in self._heard.items():
            self._heard[kind] = {name: at for name, at in heard.items() if at > forgotten_before}

    def told(self) -> dict[Kind, dict[str, datetime]]:
        """Every name by kind, and when it was last heard."""
        return {kind: dict(heard) for kind, heard in self._heard.items() if heard}

    def take_up(self, told: dict[Kind, dict[str, datetime]]) -> None:
        for kind, heard in told.items():
            self._heard[kind].update(heard)

    def step_clock(self, by: timedelta) -> None:
        """Restates by our own clock, which was stepped, when each name was heard."""
        for kind, heard in self._heard.items():
            self._heard[kind] = {name: at + by for name, at in heard.items()}

    def _place(self, place: Place, at: datetime) -> Place:
        kept = self.admit(_KIND_OF_PLACE[place.kind], place.name, at)
        return place if kept == place.name else Place(place.kind, kept)

    def _known_agent(self, agent: str | None) -> str | None:
        """A summary makes no agent; whom it names is among the others if that agent's offers would be."""
        heard = self._heard["agents"]
        return agent if agent is None or agent in heard or len(heard) < MOST["agents"] else REMAINDER["agents"]
