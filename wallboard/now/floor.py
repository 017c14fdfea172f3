"""Board + what a supervisor asked for + now -> the page Now: calls, agents, queues; knows no HTML and no browser.

What the reader may see of it, and how much of a caller, is decided by their eyes, before anything is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache
from hashlib import blake2b

import msgspec

from wallboard.agents import Agent
from wallboard.board import Board
from wallboard.callbacks.lines import Line
from wallboard.callbacks.seen import lines_seen
from wallboard.calls import Call
from wallboard.day.choice import call_address
from wallboard.day.sheet import Sheet
from wallboard.events import Place
from wallboard.eyes import WITHHELD, Eyes
from wallboard.journal import Spooled
from wallboard.look import Goals, Look
from wallboard.measure import whose
from wallboard.notices import RANK, gravest, notices
from wallboard.now.filter import AGENT_SORTS, CALL_SORTS, STATES, Asked, Finder, in_order
from wallboard.now.numbers import Numbers, PartOfDay, WholeDay
from wallboard.now.views import AgentLine, CallLine, Now, PlaceLine, StepLine
from wallboard.scene import waiting_since, worst
from wallboard.standing import Standing, standings
from wallboard.views import Alarm
from wallboard.way import Step, in_one_line, way

MOST_CALLS = 400
_WAITS: dict[Alarm, str] = {"calm": "", "warn": "Long wait", "alarm": "Too long"}


class _Scene(msgspec.Struct, frozen=True, kw_only=True):
    """The floor at one instant; `goals` gives the targets of a place, or of all together."""

    eyes: Eyes
    now: datetime
    numbers: Numbers
    standing: dict[Place, Standing]
    look: Look
    goals: Callable[[Place | None], Goals]

    def wait_alarm(self, call: Call) -> Alarm:
        """As on the wall: by the strictest of the places where the caller stands."""
        waited = (self.now - waiting_since(call)).total_seconds()
        standing = self.eyes.places(call.standing)
        return worst(*(self.goals(place).of_wait(waited) for place in (*standing,) or (None,)))


def compose(
    eyes: Eyes,
    now: datetime,
    asked: Asked,
    look: Look,
    *,
    trouble: str | None,
    spooled: Spooled | None = None,
    sheet: Sheet | None = None,
) -> Now:
    """The page at `now`, measured by `look`; `trouble` is why the journal cannot be written.

    Whose eyes see only a part of the floor needs today's `sheet` as they see it.
    """
    board = eyes.board
    board.settle(now)
    day = board.day(board.rules.day_of(now))
    numbers = WholeDay(day) if sheet is None else PartOfDay(sheet)
    live = eyes.calls(board.live_calls())
    scene = _Scene(eyes=eyes, now=now, numbers=numbers, standing=standings(live), look=look, goals=cache(look.goals))
    health = board.pbx.health(board.last_event_at, now)
    waiting = sorted((call for call in live if call.is_inbound and call.state() != "talking"), key=waiting_since)
    since = waiting_since(waiting[0]) if waiting else None
    finder = Finder(eyes, asked)
    found = [call for call in live if finder.wants_call(call)]
    calls = in_order((_call(scene, call) for call in found), CALL_SORTS, asked.calls, "wait")
    people = [agent for agent in board.agents.values() if eyes.sees_agent(agent.key)]
    agents = [_agent(scene, agent) for agent in people if finder.wants_agent(agent)]
    agents.sort(key=lambda agent: (agent.name.casefold(), agent.number))
    places = eyes.places({*board.places, *numbers.places()})
    to_ring_back = [line for line in lines_seen(eyes) if line.closed is None]
    return Now(
        notice=gravest(notices(board, day, health, now, trouble, spooled)),
        waiting=len(waiting),
        longest_since_ms=_ms(since),
        longest=_lasted(since, now),
        alarm=scene.wait_alarm(waiting[0]) if waiting else "calm",
        waiting_alarm=worst("calm", *(scene.wait_alarm(call) for call in waiting)),
        talking=sum(call.state() == "talking" for call in live),
        busy=sum(bool(agent.calls) for agent in people),
        idle=sum(not agent.calls for agent in people),
        callbacks=len(to_ring_back),
        voicemails_new=_new_voicemails(eyes, to_ring_back),
        calls=tuple(calls[:MOST_CALLS]),
        agents=tuple(in_order(agents, AGENT_SORTS, asked.agents, "name")),
        places=_places(scene, [place for place in places if finder.wants_place(place)]),
        targets=tuple(_targets(scene, places)),
        calls_found=len(found),
        all_calls=len(live),
        all_agents=len(people),
        all_places=len(places),
        heard=board.last_event_at is not None,
    )


def _new_voicemails(eyes: Eyes, to_ring_back: list[Line]) -> int:
    if eyes.scope.is_all:
        return eyes.board.new_voicemails().total()
    return sum(len(line.voicemails) for line in to_ring_back)


def key_of_row(key: str, secret: bytes = b"") -> str:
    """Safe as an HTML id."""
    return blake2b(key.encode(), digest_size=6, key=secret).hexdigest()


def _call(scene: _Scene, call: Call) -> CallLine:
    eyes, now = scene.eyes, scene.now
    state, inbound = call.state(), call.is_inbound
    since = (call.answered_at if state == "talking" else None) or waiting_since(call)
    alarm = scene.wait_alarm(call) if inbound and state != "talking" else "calm"
    steps = way(call, eyes.agent, eyes.place)
    shown = "dialling" if state == "ringing" and not inbound else state
    name, number = eyes.name(call), eyes.number(call)
    return CallLine(
        key=key_of_row(call.key),
        id=call.id,
        address=call_address(call.key, eyes.board.rules.day_of(call.started_at)),
        direction="inbound" if inbound else "outbound",
        state=state,
        state_word=STATES[shown],
        since_ms=_milliseconds(since),
        lasted=_lasted(since, now),
        name=name,
        number=number or ("" if name else WITHHELD),
        dialled=eyes.own_number(call),
        places=", ".join(place.name for place in eyes.places(call.standing or tuple(call.visits))),
        agents=_some(eyes.names(call.phones())),
        alarm=alarm,
        alarm_word=_WAITS[alarm],
        way=in_one_line(steps),
        steps=tuple(_step(eyes.board, step) for step in steps),
    )


def _some(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def _step(board: Board, step: Step) -> StepLine:
    lasted = duration(step.lasted_ms // 1000) if step.lasted_ms is not None else ""
    return StepLine(
        time=step.at.astimezone(board.rules.zone).strftime("%H:%M:%S"),
        text=step.text,
        lasted="" if step.since else lasted,
        since_ms=_ms(step.since),
    )


def _agent(scene: _Scene, agent: Agent) -> AgentLine:
    eyes, now = scene.eyes, scene.now
    sums = scene.numbers.agent(agent.key)
    calls = eyes.calls(eyes.board.calls[key] for key in agent.calls)
    return AgentLine(
        key=key_of_row(agent.key),
        number=agent.key,
        name=agent.name or agent.key,
        state=agent.state,
        state_word=STATES[agent.state],
        since_ms=_ms(agent.since),
        lasted=_lasted(agent.since, now),
        with_whom=_some([eyes.party(call) for call in calls]),
        answered=sums.answered,
        missed=sums.missed,
        outbound=sums.outbound,
        talk=duration(sums.talk_ms // 1000),
        talk_ms=sums.talk_ms,
    )


def _places(scene: _Scene, places: list[Place]) -> tuple[PlaceLine, ...]:
    lines = [_place(scene, place) for place in places]
    return tuple(sorted(lines, key=lambda line: (RANK[line.alarm], line.name.casefold(), line.name, line.kind)))


def _place(scene: _Scene, place: Place) -> PlaceLine:
    sums, standing = scene.numbers.place(place), scene.standing.get(place) or Standing()
    goals, now = scene.goals(place), scene.now
    level = scene.numbers.level(place, goals)
    since = standing.longest_wait_since
    alarm = goals.of_wait((now - since).total_seconds()) if since else "calm"
    return PlaceLine(
        key=key_of_row(f"{place.kind}:{place.name}"),
        name=place.name,
        kind=place.kind,
        waiting=standing.waiting + standing.ringing,
        ringing=standing.ringing,
        talking=standing.talking,
        longest_since_ms=_ms(since),
        lasted=_lasted(since, now),
        alarm=alarm,
        alarm_word=_WAITS[alarm],
        offered=sums.offered,
        answered=sums.answered,
        abandoned=sums.abandoned,
        unanswered=sums.unanswered,
        service_level_percent=None if level is None else int(level * 100 + 0.5),
        level_word={"calm": "", "warn": "low", "alarm": "too low"}[goals.of_level(level)],
        target="" if _target(goals) == _target(scene.goals(None)) else _target(goals),
    )


def _target(goals: Goals) -> str:
    return f"{goals.service_level_target * 100:.0f} % within {goals.service_level_seconds} s"


def _targets(scene: _Scene, places: Iterable[Place]) -> Iterator[str]:
    """Whose targets they are, in sentences: those of all together, and of whoever has their own."""
    look = scene.look
    yield f"Target: {_target(scene.goals(None))}, {whose(look)}."
    own = sorted(place.name for place in places if whose(look, place) != whose(look))
    if own:
        yield f"{', '.join(own)}: as its own on the board “{look.definition.name}” says."


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
