"""Board + figures + now -> what a screen shows: alarms, masked numbers, stable keys; knows no HTML, no browser."""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import blake2b
from typing import Literal

import msgspec

from wallboard import figures, lamps, views
from wallboard.board import Agent, Board
from wallboard.calls import Call
from wallboard.events import Place
from wallboard.notices import RANK, gravest, notices
from wallboard.settings import Formula
from wallboard.state import Standing, standings
from wallboard.totals import AgentSums, Day, VisitSums
from wallboard.usual import Health
from wallboard.views import Alarm

CALLS_SHOWN = 8
_DIGITS = re.compile(r"\+?\d(?:[\s().\-/]*\d){4,}")
_RESULTS = {"answered": "Answered", "abandoned": "Abandoned", "missed": "Missed", "unanswered": "No answer"}


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator chose for a board. `target` is a ratio, `service_level_seconds` the T of the formula."""

    slug: str = "main"
    name: str = "Wallboard"
    target: float = 0.8
    service_level_seconds: int = 20
    formula: Formula = "default"


def mask(text: str | None) -> str:
    """Every run of five or more digits down to its last three: names carry numbers as well."""
    return _DIGITS.sub(lambda found: "…" + re.sub(r"\D", "", found.group())[-3:], text) if text else ""


def compose(board: Board, now: datetime, look: Look, *, sequence: int, trouble: str | None) -> views.Board:
    """The whole screen at `now`; `trouble` is why the journal cannot be written."""
    board.settle(now)
    day = board.day(board.rules.day_of(now))
    health = board.pbx.health(board.last_event_at, now)
    live = board.live_calls()
    standing = standings(live)
    queues = _places(board, "queue", day, standing, look, now)
    groups = _places(board, "ring_group", day, standing, look, now)
    panels = [
        _panel("queues", "queues", "Queues", "No queue has been heard of yet", queues),
        _panel("agents", "agents", "Agents", "No agent has been heard of yet", _agents(board, day)),
        *_calls(board, now, live, look),
    ]
    if groups:
        panels.insert(1, _panel("ring-groups", "ring_groups", "Ring groups", "", groups))
    return views.Board(
        slug=look.slug,
        sequence=sequence,
        header=_header(board, now, day, look, health, trouble),
        notice=gravest(notices(board, day, health, now, trouble)),
        hero=_hero(board, day, live, look, now),
        panels=tuple(panels),
    )


def _header(board: Board, now: datetime, day: Day, look: Look, health: Health, trouble: str | None) -> views.Header:
    offset = now.astimezone(board.rules.zone).utcoffset()
    return views.Header(
        name=look.name,
        time_zone=str(board.rules.zone),
        utc_offset_seconds=int(offset.total_seconds()) if offset else 0,
        last_event_at_ms=_ms(board.last_event_at),
        presumed_ended=day.presumed_ended,
        pbx=lamps.pbx(health, board.last_event_at, now),
        journal=lamps.journal(trouble, day.losses),
    )


def _hero(board: Board, day: Day, live: list[Call], look: Look, now: datetime) -> views.Hero:
    waiting = [call for call in live if call.is_inbound and call.state() in ("waiting", "ringing")]
    since = min((_waiting_since(call) for call in waiting), default=None)
    queued = day.figures("queue")
    level = figures.service_level(queued, look.formula, look.service_level_seconds)
    alarm = _wait_alarm(since, look, now)
    return views.Hero(
        waiting=len(waiting),
        waiting_alarm=alarm,
        longest_wait_since_ms=_ms(since),
        longest_wait_alarm=alarm,
        service_level_percent=_percent(level),
        service_level_target_percent=round(look.target * 100),
        service_level_seconds=look.service_level_seconds,
        service_level_alarm=_level_alarm(level, look),
        offered=day.offered,
        answered=day.answered,
        missed=day.missed,
        abandoned=queued.abandoned,
        voicemails_today=day.voicemails.total(),
        voicemails_new=board.new_voicemails().total(),
        outbound_placed=day.placed,
        outbound_answered=day.placed_answered,
    )


def _waiting_since(call: Call) -> datetime:
    entered = [visit.entered_at for visit in call.visits.values() if visit.entered_at]
    return min(entered, default=call.started_at)


def _places(
    board: Board,
    kind: Literal["queue", "ring_group"],
    day: Day,
    standing: dict[Place, Standing],
    look: Look,
    now: datetime,
) -> tuple[views.VisitTile, ...]:
    places = {place for place in (*board.places, *day.visits, *standing) if place.kind == kind}
    tiles = [_place(place, day, standing.get(place, Standing()), look, now) for place in places]
    return tuple(sorted(tiles, key=lambda tile: (RANK[tile.alarm], tile.name.casefold(), tile.name)))


def _place(place: Place, day: Day, standing: Standing, look: Look, now: datetime) -> views.VisitTile:
    sums = day.visits.get(place) or VisitSums()
    level = figures.service_level(sums, look.formula, look.service_level_seconds)
    wait, low = _wait_alarm(standing.longest_wait_since, look, now), _level_alarm(level, look)
    alarm = min(wait, "warn" if low == "alarm" else low, key=RANK.__getitem__)
    speed = figures.average_speed_of_answer(sums)
    return views.VisitTile(
        key=_key("visit", f"{place.kind}:{place.name}"),
        name=place.name,
        kind=place.kind,
        alarm=alarm,
        alarm_word="" if alarm == "calm" else "Long wait" if wait != "calm" else "Low level",
        waiting=standing.waiting + standing.ringing,
        ringing=standing.ringing,
        talking=standing.talking,
        longest_wait_since_ms=_ms(standing.longest_wait_since),
        service_level_percent=_percent(level),
        service_level_target_percent=round(look.target * 100),
        offered=sums.offered,
        answered=sums.answered,
        abandoned=sums.abandoned,
        unanswered=sums.unanswered,
        average_speed_of_answer_seconds=None if speed is None else round(speed),
    )


def _agents(board: Board, day: Day) -> tuple[views.AgentTile, ...]:
    agents = sorted(board.agents.values(), key=lambda agent: ((agent.name or agent.key).casefold(), agent.key))
    return tuple(_agent(board, agent, day.agents.get(agent.key) or AgentSums()) for agent in agents)


def _agent(board: Board, agent: Agent, sums: AgentSums) -> views.AgentTile:
    calls = [board.calls[call_id] for call_id in agent.calls]
    return views.AgentTile(
        key=_key("agent", agent.key),
        number=agent.key,
        name=agent.name or agent.key,
        state=agent.state,  # type: ignore[arg-type]
        since_ms=_ms(agent.since),
        with_whom=_caller(calls[-1]) if calls else "",
        answered=sums.answered,
        missed=sums.missed,
        outbound=sums.outbound,
    )


def _calls(board: Board, now: datetime, live: list[Call], look: Look) -> list[views.Panel]:
    by_state: dict[str, list[Call]] = {"ringing": [], "talking": []}
    for call in reversed(live):
        state = call.state()
        by_state["talking" if state == "talking" else "ringing"].append(call)
    ended = board.ended_calls(board.rules.day_of(now), CALLS_SHOWN)
    return [
        _call_panel(board, "ringing", "Waiting and ringing", "Nobody waits", by_state["ringing"], look, now),
        _call_panel(board, "talking", "Talking", "No call is on", by_state["talking"], look, now),
        _call_panel(board, "ended", "Just completed", "No calls yet today", ended, look, now),
    ]


def _call_panel(
    board: Board, name: str, title: str, empty: str, calls: list[Call], look: Look, now: datetime
) -> views.Panel:
    rows = tuple(_row(board, call, look, now) for call in calls[:CALLS_SHOWN])
    return _panel(f"calls-{name}", "calls", title, empty, rows, total=len(calls))


def _row(board: Board, call: Call, look: Look, now: datetime) -> views.CallRow:
    state = call.state()
    since = {"ended": call.ended_at, "talking": call.answered_at}.get(state) or _waiting_since(call)
    agents = list(call.offers if state == "ended" else call.phones())
    return views.CallRow(
        key=_key("call", call.key),
        id=call.id,
        direction="inbound" if call.is_inbound else "outbound",
        state=state,
        result=_RESULTS[call.outcome()] if state == "ended" else "",
        caller=_caller(call),
        place=", ".join(place.name for place in call.standing),
        agents=", ".join(_agent_name(board, agent) for agent in agents[:3]) + (" …" if len(agents) > 3 else ""),
        since_ms=_ms(since),
        talk_seconds=None if call.talk_ms is None else call.talk_ms // 1000,
        voicemail=bool(call.voicemails),
        alarm=_wait_alarm(since, look, now) if state in ("waiting", "ringing") and call.is_inbound else "calm",
    )


def _agent_name(board: Board, key: str) -> str:
    agent = board.agents.get(key)
    return (agent.name if agent else None) or key


def _caller(call: Call) -> str:
    """The other party as a wall may show it: the name and the number's last three digits."""
    number = call.caller_number if call.is_inbound else call.dialled_number
    name = mask(call.caller_name) if call.is_inbound else ""
    return " ".join(filter(None, (name, mask(number)))) or "Unknown caller"


def _panel(
    key: str,
    kind: Literal["queues", "ring_groups", "agents", "calls"],
    title: str,
    empty: str,
    tiles: tuple[views.VisitTile, ...] | tuple[views.AgentTile, ...] | tuple[views.CallRow, ...],
    total: int | None = None,
) -> views.Panel:
    count = len(tiles) if total is None else total
    return views.Panel(
        key=key, kind=kind, title=title, empty=empty, total=count, hidden=count - len(tiles), tiles=tiles
    )


def _wait_alarm(since: datetime | None, look: Look, now: datetime) -> Alarm:
    if since is None:
        return "calm"
    waited = (now - since).total_seconds()
    if waited > 3 * look.service_level_seconds:
        return "alarm"
    return "warn" if waited > look.service_level_seconds else "calm"


def _level_alarm(level: float | None, look: Look) -> Alarm:
    if level is None or level >= look.target:
        return "calm"
    return "warn" if level >= look.target - 0.2 else "alarm"


def _percent(ratio: float | None) -> int | None:
    return None if ratio is None else int(ratio * 100 + 0.5)


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)


def _key(prefix: str, name: str) -> str:
    return f"{prefix}-{blake2b(name.encode(), digest_size=6).hexdigest()}"
