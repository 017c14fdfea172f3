"""Board + what a supervisor asked for + now -> the page Now: calls, agents, queues; knows no HTML and no browser.

Numbers of callers are shown whole: who sits at the desk rings them back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal

import msgspec

from wallboard import figures
from wallboard.board import Agent, Board
from wallboard.callbacks import other_party
from wallboard.calls import Call
from wallboard.events import Place
from wallboard.notices import RANK, gravest, notices
from wallboard.phone import key_of, written
from wallboard.settings import Formula
from wallboard.state import Standing, standings
from wallboard.totals import AgentSums, Day, VisitSums
from wallboard.views import Alarm, Notice
from wallboard.way import Step, in_one_line, way

MOST_CALLS = 400
_STATE_WORDS = {
    "waiting": "Waiting",
    "ringing": "Ringing",
    "dialling": "Dialling",
    "talking": "Talking",
    "idle": "Idle",
}
STATES = tuple(_STATE_WORDS.items())
_AGENT_RANK = {"ringing": 0, "talking": 1, "dialling": 2, "idle": 3}

Sort = str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The address' query. A sort is a column of CALL_SORTS or AGENT_SORTS, with `-` in front for the other way."""

    queue: str = ""
    agent: str = ""
    q: str = ""
    state: str = ""
    calls: Sort = ""
    agents: Sort = ""

    @property
    def narrows(self) -> bool:
        return bool(self.queue or self.agent or self.q or self.state)


class Rules(msgspec.Struct, frozen=True):
    """From which wait on a caller waits long, and how a service level is computed."""

    service_level_seconds: int
    target: float
    formula: Formula


class StepLine(msgspec.Struct, frozen=True):
    time: str
    text: str
    lasted: str
    since_ms: int | None


class CallLine(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    id: str
    direction: Literal["inbound", "outbound"]
    state: str
    state_word: str
    since_ms: int
    lasted: str
    name: str
    number: str
    dialled: str
    places: str
    agents: str
    alarm: Alarm
    alarm_word: str
    way: str
    steps: tuple[StepLine, ...]


class AgentLine(msgspec.Struct, frozen=True, kw_only=True):
    number: str
    name: str
    state: str
    state_word: str
    since_ms: int | None
    lasted: str
    with_whom: str
    answered: int
    missed: int
    outbound: int
    talk: str
    talk_ms: int


class PlaceLine(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    kind: str
    waiting: int
    ringing: int
    talking: int
    longest_since_ms: int | None
    longest: str
    alarm: Alarm
    alarm_word: str
    offered: int
    answered: int
    abandoned: int
    unanswered: int
    service_level_percent: int | None
    is_low: bool


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """The whole page. `all_…` count what is there without the filters."""

    notice: Notice
    waiting: int
    longest_since_ms: int | None
    longest: str
    alarm: Alarm
    talking: int
    busy: int
    idle: int
    callbacks: int
    voicemails_new: int
    calls: tuple[CallLine, ...]
    agents: tuple[AgentLine, ...]
    places: tuple[PlaceLine, ...]
    calls_found: int
    all_calls: int
    all_agents: int
    all_places: int
    heard: bool


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


def compose(board: Board, now: datetime, asked: Asked, rules: Rules, *, trouble: str | None) -> Now:
    """The page at `now`; `trouble` is why the journal cannot be written."""
    board.settle(now)
    day = board.day(board.rules.day_of(now))
    live = board.live_calls()
    health = board.pbx.health(board.last_event_at, now)
    waiting = [call for call in live if call.is_inbound and call.state() != "talking"]
    since = min((waiting_since(call) for call in waiting), default=None)
    finder = _Finder(board, asked)
    found = [call for call in live if finder.wants_call(call)]
    calls = _sorted((_call(board, call, now, rules) for call in found), CALL_SORTS, asked.calls, "wait")
    agents = [_agent(board, agent, day, now) for agent in board.agents.values() if finder.wants_agent(agent)]
    agents.sort(key=lambda agent: (agent.name.casefold(), agent.number))
    places = {*board.places, *day.visits}
    standing = standings(live)
    return Now(
        notice=gravest(notices(board, day, health, now, trouble)),
        waiting=len(waiting),
        longest_since_ms=_ms(since),
        longest=_lasted(since, now),
        alarm=wait_alarm(since, now, rules),
        talking=sum(call.state() == "talking" for call in live),
        busy=sum(bool(agent.calls) for agent in board.agents.values()),
        idle=sum(not agent.calls for agent in board.agents.values()),
        callbacks=board.callers.open(),
        voicemails_new=board.new_voicemails().total(),
        calls=tuple(calls[:MOST_CALLS]),
        agents=tuple(_sorted(agents, AGENT_SORTS, asked.agents, "name")),
        places=_places([place for place in places if finder.wants_place(place)], day, standing, now, rules),
        calls_found=len(found),
        all_calls=len(live),
        all_agents=len(board.agents),
        all_places=len(places),
        heard=board.last_event_at is not None,
    )


def waiting_since(call: Call) -> datetime:
    entered = [visit.entered_at for visit in call.visits.values() if visit.entered_at]
    return min(entered, default=call.started_at)


def wait_alarm(since: datetime | None, now: datetime, rules: Rules) -> Alarm:
    """As on the wall: amber from the service level's seconds on, red from three times as long."""
    if since is None:
        return "calm"
    waited = (now - since).total_seconds()
    if waited > 3 * rules.service_level_seconds:
        return "alarm"
    return "warn" if waited > rules.service_level_seconds else "calm"


class _Finder:
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


def _sorted(lines: Iterable[Any], sorts: dict[str, Callable[[Any], Any]], asked: str, usual: str) -> list[Any]:
    name = asked.removeprefix("-")
    key = sorts.get(name) or sorts[usual]
    return sorted(lines, key=key, reverse=asked.startswith("-"))


def key_of_call(key: str) -> str:
    """Safe as an HTML id."""
    return blake2b(key.encode(), digest_size=6).hexdigest()


def _call(board: Board, call: Call, now: datetime, rules: Rules) -> CallLine:
    state, inbound = call.state(), call.is_inbound
    since = (call.answered_at if state == "talking" else None) or waiting_since(call)
    alarm = wait_alarm(since, now, rules) if inbound and state != "talking" else "calm"
    steps = way(call, lambda key: agent_name(board, key))
    number = other_party(call)
    phones = list(call.phones())
    shown = "dialling" if state == "ringing" and not inbound else state
    return CallLine(
        key=key_of_call(call.key),
        id=call.id,
        direction="inbound" if inbound else "outbound",
        state=state,
        state_word=_STATE_WORDS[shown],
        since_ms=_milliseconds(since),
        lasted=_lasted(since, now),
        name=(call.caller_name or "") if inbound else "",
        number=shown_number(number, board.rules.country) or ("" if inbound and call.caller_name else "Number withheld"),
        dialled=shown_number(call.dialled_number if inbound else call.caller_number, board.rules.country),
        places=", ".join(place.name for place in call.standing or tuple(call.visits)),
        agents=_some([agent_name(board, key) for key in phones]),
        alarm=alarm,
        alarm_word="" if alarm == "calm" else "Long wait",
        way=in_one_line(steps),
        steps=tuple(_step(board, step, now) for step in steps),
    )


def shown_number(number: str | None, country: str) -> str:
    key = key_of(number, country)
    return written(key) if key else number or ""


def _some(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def _step(board: Board, step: Step, now: datetime) -> StepLine:
    lasted = duration(step.lasted_ms // 1000) if step.lasted_ms is not None else ""
    return StepLine(
        time=step.at.astimezone(board.rules.zone).strftime("%H:%M:%S"),
        text=step.text,
        lasted=_lasted(step.since, now) if step.since else lasted,
        since_ms=_ms(step.since),
    )


def _agent(board: Board, agent: Agent, day: Day, now: datetime) -> AgentLine:
    sums = day.agents.get(agent.key) or AgentSums()
    calls = [board.calls[key] for key in agent.calls]
    return AgentLine(
        number=agent.key,
        name=agent.name or agent.key,
        state=agent.state,
        state_word=_STATE_WORDS[agent.state],
        since_ms=_ms(agent.since),
        lasted=_lasted(agent.since, now),
        with_whom=_some([_party(call, board.rules.country) for call in calls]),
        answered=sums.answered,
        missed=sums.missed,
        outbound=sums.outbound,
        talk=duration(sums.talk_ms // 1000),
        talk_ms=sums.talk_ms,
    )


def _party(call: Call, country: str) -> str:
    name = call.caller_name if call.is_inbound else None
    return name or shown_number(other_party(call), country) or "Number withheld"


def agent_name(board: Board, key: str) -> str:
    agent = board.agents.get(key)
    return (agent.name if agent else None) or key


def _places(
    places: list[Place], day: Day, standing: dict[Place, Standing], now: datetime, rules: Rules
) -> tuple[PlaceLine, ...]:
    lines = [_place(place, day, standing.get(place, Standing()), now, rules) for place in places]
    return tuple(sorted(lines, key=lambda line: (RANK[line.alarm], line.name.casefold(), line.name, line.kind)))


def _place(place: Place, day: Day, standing: Standing, now: datetime, rules: Rules) -> PlaceLine:
    sums = day.visits.get(place) or VisitSums()
    level = figures.service_level(sums, rules.formula)
    since = standing.longest_wait_since
    alarm = wait_alarm(since, now, rules)
    return PlaceLine(
        name=place.name,
        kind=place.kind,
        waiting=standing.waiting + standing.ringing,
        ringing=standing.ringing,
        talking=standing.talking,
        longest_since_ms=_ms(since),
        longest=_lasted(since, now),
        alarm=alarm,
        alarm_word="" if alarm == "calm" else "Long wait",
        offered=sums.offered,
        answered=sums.answered,
        abandoned=sums.abandoned,
        unanswered=sums.unanswered,
        service_level_percent=None if level is None else int(level * 100 + 0.5),
        is_low=level is not None and level < rules.target,
    )


def duration(seconds: int) -> str:
    """`1:05`, `1:02:03`: as static/timers.js writes it."""
    minutes, rest = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _lasted(since: datetime | None, now: datetime) -> str:
    return "" if since is None else duration(int((now - since).total_seconds()))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else _milliseconds(moment)
