"""What a supervisor asks of the page Now: filters and sorts; knows no HTML and no browser."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from wallboard.agents import Agent
from wallboard.callbacks.lines import other_party
from wallboard.calls import Call
from wallboard.events import Place
from wallboard.eyes import Eyes
from wallboard.now.views import AgentLine, CallLine

STATES = {
    "waiting": "Waiting",
    "ringing": "Ringing",
    "dialling": "Dialling",
    "talking": "Talking",
    "idle": "Idle",
}
_AGENT_RANK = {"ringing": 0, "talking": 1, "dialling": 2, "idle": 3}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The address' query. A sort is a column of CALL_SORTS or AGENT_SORTS, with `-` in front for the other way."""

    queue: str = ""
    agent: str = ""
    q: str = ""
    state: str = ""
    calls: str = ""
    agents: str = ""

    @property
    def narrows(self) -> bool:
        return bool(self.queue or self.agent or self.q or self.state)


CALL_SORTS: dict[str, Callable[[CallLine], Any]] = {
    "wait": lambda call: (call.state == "talking" or call.direction == "outbound", call.since_ms),
    "caller": lambda call: (call.name.casefold(), call.number),
    "queue": lambda call: (call.places.casefold(), call.since_ms),
    "agent": lambda call: (call.agents.casefold(), call.since_ms),
}
AGENT_SORTS: dict[str, Callable[[AgentLine], Any]] = {
    "name": lambda agent: (agent.name.casefold(), agent.number),
    "state": lambda agent: (_AGENT_RANK[agent.state], agent.since_ms or 0),
    "answered": lambda agent: -agent.answered,
    "missed": lambda agent: -agent.missed,
    "outbound": lambda agent: -agent.outbound,
    "talk": lambda agent: -agent.talk_ms,
}


class Finder:
    """What the filters let through of what the reader may see: what is masked is not found by its digits."""

    def __init__(self, eyes: Eyes, asked: Asked) -> None:
        self._eyes = eyes
        self._board = eyes.board
        self._asked = asked
        self._text = asked.q.casefold().strip()
        self._digits = "".join(filter(str.isdigit, asked.q)) if not any(map(str.isalpha, asked.q)) else ""

    def wants_call(self, call: Call) -> bool:
        asked = self._asked
        if asked.queue and not self._came_to(call, asked.queue):
            return False
        if asked.agent and asked.agent not in self._eyes.agents(call.offers):
            return False
        if asked.state and self._state_of(call) != asked.state:
            return False
        return not self._text or self._has(self._texts_of(call))

    def wants_agent(self, agent: Agent) -> bool:
        asked = self._asked
        if asked.agent and agent.key != asked.agent:
            return False
        if asked.state and agent.state != asked.state:
            return False
        calls = self._eyes.calls(self._board.calls[key] for key in agent.calls)
        if asked.queue and not any(self._came_to(call, asked.queue) for call in calls):
            return False
        if not self._text:
            return True
        return self._has((agent.name, agent.key)) or any(self._has(self._names_of(call)) for call in calls)

    def wants_place(self, place: Place) -> bool:
        asked = self._asked
        if asked.queue:
            return place.name == asked.queue
        return not self._text or self._has((place.name,))

    def _came_to(self, call: Call, queue: str) -> bool:
        return any(place.name == queue for place in self._eyes.places(call.visits))

    def _state_of(self, call: Call) -> str:
        return "dialling" if call.state() == "ringing" and not call.is_inbound else call.state()

    def _texts_of(self, call: Call) -> Iterable[str]:
        yield from self._names_of(call)
        for key in self._eyes.agents(call.offers):
            yield key
            yield self._eyes.agent(key)

    def _names_of(self, call: Call) -> Iterable[str]:
        eyes = self._eyes
        yield from (eyes.name(call), eyes.sight.text(other_party(call)), eyes.own_number(call), call.id)
        yield from (place.name for place in eyes.places(call.visits))

    def _has(self, texts: Iterable[str | None]) -> bool:
        for text in filter(None, texts):
            if self._text in text.casefold():
                return True
            if len(self._digits) >= 3 and self._digits.lstrip("0") in "".join(filter(str.isdigit, text)):
                return True
        return False


def in_order(lines: Iterable[Any], sorts: dict[str, Callable[[Any], Any]], asked: str, usual: str) -> list[Any]:
    name = asked.removeprefix("-")
    key = sorts.get(name) or sorts[usual]
    return sorted(lines, key=key, reverse=asked.startswith("-"))
