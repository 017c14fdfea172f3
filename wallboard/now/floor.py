"""Board + what a supervisor asked for + now -> the page Now: calls, agents, queues; knows no HTML and no browser.

Numbers of callers are shown whole: who sits at the desk rings them back.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b

import msgspec

from wallboard import figures
from wallboard.board import Agent, Board
from wallboard.callbacks.lines import other_party
from wallboard.callbacks.phone import key_of, written
from wallboard.calls import Call
from wallboard.events import Place
from wallboard.notices import RANK, gravest, notices
from wallboard.now.filter import AGENT_SORTS, CALL_SORTS, STATES, Asked, Finder, agent_name, in_order
from wallboard.now.views import AgentLine, CallLine, Now, PlaceLine, StepLine
from wallboard.settings import Formula
from wallboard.state import Standing, standings
from wallboard.totals import AgentSums, Day, VisitSums
from wallboard.views import Alarm
from wallboard.way import Step, in_one_line, way

MOST_CALLS = 400


class Rules(msgspec.Struct, frozen=True):
    """From which wait on a caller waits long, and how a service level is computed."""

    service_level_seconds: int
    target: float
    formula: Formula


def compose(board: Board, now: datetime, asked: Asked, rules: Rules, *, trouble: str | None) -> Now:
    """The page at `now`; `trouble` is why the journal cannot be written."""
    board.settle(now)
    day = board.day(board.rules.day_of(now))
    live = board.live_calls()
    health = board.pbx.health(board.last_event_at, now)
    waiting = [call for call in live if call.is_inbound and call.state() != "talking"]
    since = min((waiting_since(call) for call in waiting), default=None)
    finder = Finder(board, asked)
    found = [call for call in live if finder.wants_call(call)]
    calls = in_order((_call(board, call, now, rules) for call in found), CALL_SORTS, asked.calls, "wait")
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
        agents=tuple(in_order(agents, AGENT_SORTS, asked.agents, "name")),
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


def key_of_row(key: str) -> str:
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
        key=key_of_row(call.key),
        id=call.id,
        direction="inbound" if inbound else "outbound",
        state=state,
        state_word=STATES[shown],
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
        steps=tuple(_step(board, step) for step in steps),
    )


def shown_number(number: str | None, country: str) -> str:
    key = key_of(number, country)
    return written(key) if key else number or ""


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


def _agent(board: Board, agent: Agent, day: Day, now: datetime) -> AgentLine:
    sums = day.agents.get(agent.key) or AgentSums()
    calls = [board.calls[key] for key in agent.calls]
    return AgentLine(
        key=key_of_row(agent.key),
        number=agent.key,
        name=agent.name or agent.key,
        state=agent.state,
        state_word=STATES[agent.state],
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


def _places(
    places: list[Place], day: Day, standing: dict[Place, Standing], now: datetime, rules: Rules
) -> tuple[PlaceLine, ...]:
    lines = [_place(place, day, standing.get(place, Standing()), now, rules) for place in places]
    return tuple(sorted(lines, key=lambda line: (RANK[line.alarm], line.name.casefold(), line.name, line.kind)))


def _place(place: Place, day: Day, standing: Standing, now: datetime, rules: Rules) -> PlaceLine:
    sums = day.visits.get(place) or VisitSums()
    level = figures.service_level(sums, rules.formula, rules.service_level_seconds)
    since = standing.longest_wait_since
    alarm = wait_alarm(since, now, rules)
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
