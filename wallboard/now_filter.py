"""What a supervisor asks of the page Now: filters and sorts; knows no HTML and no browser."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from wallboard.board import Agent, Board
from wallboard.calls import Call
from wallboard.events import Place
from wallboard.now_views import AgentLine, CallLine

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
    """What the filters let through."""

    def __init__(self, board: Board, asked: Asked) -> None:
        self._board = board
        self._asked = asked
        self._text = asked.q.casefold().strip()
        self._digits = "".join(filter(str.isdigit, asked.q)) if not any(map(str.isalpha, asked.q)) else ""

    def wants_call(self, call: Call) -> bool:
        asked = self._asked
        if asked.queue and all(place.name != asked.queue for place in call.visits):
            return False
        if asked.agent and asked.agent not in call.offers:
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
        calls = [self._board.calls[key] for key in agent.calls]
        if asked.queue and not any(place.name == asked.queue for call in calls for place in call.visits):
            return False
        if not self._text:
            return True
        return self._has((agent.name, agent.key)) or any(self._has(_names_of(call)) for call in calls)

    def wants_place(self, place: Place) -> bool:
        asked = self._asked
        if asked.queue:
            return place.name == asked.queue
        return not self._text or self._has((place.name,))

    def _state_of(self, call: Call) -> str:
        return "dialling" if call.state() == "ringing" and not call.is_inbound else call.state()

    def _texts_of(self, call: Call) -> Iterable[str | None]:
        yield from _names_of(call)
        for key in call.offers:
            yield key
            yield agent_name(self._board, key)

    def _has(self, texts: Iterable[str | None]) -> bool:
        for text in filter(None, texts):
            if self._text in text.casefold():
                return True
            if len(self._digits) >= 3 and self._digits.lstrip("0") in "".join(filter(str.isdigit, text)):
                return True
        return False


def _names_of(call: Call) -> Iterable[str | None]:
    yield from (call.caller_name, call.caller_number, call.dialled_number, call.id)
    yield from (place.name for place in call.visits)


def in_order(lines: Iterable[Any], sorts: dict[str, Callable[[Any], Any]], asked: str, usual: str) -> list[Any]:
    name = asked.removeprefix("-")
    key = sorts.get(name) or sorts[usual]
    return sorted(lines, key=key, reverse=asked.startswith("-"))


def agent_name(board: Board, key: str) -> str:
    agent = board.agents.get(key)
    return (agent.name if agent else None) or key
