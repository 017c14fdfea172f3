"""Board + figures + now -> what a screen shows: alarms, masked numbers, stable keys; knows no HTML, no browser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from wallboard import figures, lamps, rows, views
from wallboard.agents import Agent
from wallboard.board import Board
from wallboard.boards.definitions import PanelKind
from wallboard.events import Place
from wallboard.look import Look
from wallboard.notices import RANK, gravest, notices
from wallboard.scene import Scene, belongs, key_of, milliseconds, waiting_since, worst
from wallboard.state import Standing
from wallboard.totals import AgentSums, VisitSums
from wallboard.usual import Health

_STATES: tuple[views.AgentState, ...] = ("ringing", "talking", "dialling", "idle")


def compose(board: Board, now: datetime, look: Look, *, sequence: int, trouble: str | None) -> views.Board:
    """The whole screen at `now`; `trouble` is why the journal cannot be written."""
    board.settle(now)
    scene = Scene.of(board, look, now)
    health = board.pbx.health(board.last_event_at, now)
    return views.Board(
        slug=look.slug,
        sequence=sequence,
        hero=_hero(scene),
        panels=tuple(sorted(_panels(scene), key=lambda panel: look.definition.panels.index(panel.kind))),
        notice=gravest(notices(board, scene.day, health, now, trouble)),
        footer=_footer(scene, health, trouble),
    )


def _footer(scene: Scene, health: Health, trouble: str | None) -> views.Footer:
    board, definition, zone = scene.board, scene.look.definition, scene.board.rules.zone
    offset = scene.now.astimezone(zone).utcoffset()
    return views.Footer(
        name=definition.name,
        message=definition.message,
        theme=definition.theme,
        time_zone=str(zone),
        utc_offset_seconds=int(offset.total_seconds()) if offset else 0,
        last_event_at_ms=milliseconds(board.last_event_at),
        presumed_ended=scene.day.presumed_ended,
        pbx=lamps.pbx(health, board.last_event_at, scene.now),
        journal=lamps.journal(trouble, scene.day.losses),
    )


# --- the hero row --------------------------------------------------------------------------------------


def _hero(scene: Scene) -> views.Hero:
    goals, counts = scene.goals(None), _Counts(scene)
    level = figures.service_level(counts.visits, goals.service_level_formula, goals.service_level_seconds)
    waiting = scene.waiting()
    alarms = [scene.wait_alarm(call) for call in waiting]
    longest = waiting[0] if waiting else None
    return views.Hero(
        waiting=len(waiting),
        waiting_too_long=sum(alarm != "calm" for alarm in alarms),
        waiting_alarm=worst("calm", *alarms),
        longest_wait_since_ms=milliseconds(waiting_since(longest)) if longest else None,
        longest_wait_alarm=alarms[0] if alarms else "calm",
        longest_caller=" ".join(filter(None, scene.caller(longest))) if longest else "",
        longest_place=rows.where(scene, longest) if longest else "",
        service_level_percent=_percent(level),
        service_level_target_percent=round(goals.service_level_target * 100),
        service_level_seconds=goals.service_level_seconds,
        service_level_alarm=goals.of_level(level),
        offered=counts.offered,
        answered=counts.answered,
        missed=counts.missed,
        abandoned=counts.abandoned,
        abandon_alarm=goals.of_abandons(figures.abandon_rate(counts.visits)),
        voicemails_today=None if scene.look.is_narrowed else scene.day.voicemails.total(),
        voicemails_new=None if scene.look.is_narrowed else scene.board.new_voicemails().total(),
        outbound_placed=counts.placed,
        outbound_answered=counts.placed_answered,
    )


class _Counts:
    """The day's numbers of what the board is about: of all calls, of the chosen places, or of the chosen agents.

    `visits` are what the service level is computed from: the queues', or the ring groups' where no queue is shown.
    """

    def __init__(self, scene: Scene) -> None:
        look, day = scene.look, scene.day
        self.visits = _sums_shown(scene, "queue") or _sums_shown(scene, "ring_group") or VisitSums()
        self.offered: int | None = day.offered
        self.answered, self.missed = day.answered, day.missed
        self.placed: int | None = day.placed
        self.placed_answered: int | None = day.placed_answered
        self.abandoned: int | None = self.visits.abandoned
        if look.chosen_places:
            self._take_places(look.chosen_places, scene)
        elif look.definition.agents is not None:
            self._take_agents(scene)

    def _take_places(self, places: tuple[Place, ...], scene: Scene) -> None:
        total = VisitSums()
        for place in places:
            total.add(scene.day.visits.get(place) or VisitSums())
        self.offered, self.answered, self.abandoned = total.offered, total.answered, total.abandoned
        self.missed = total.abandoned + total.unanswered
        self.placed = self.placed_answered = None

    def _take_agents(self, scene: Scene) -> None:
        sums = [scene.day.agents.get(agent.key) or AgentSums() for agent in _agents_shown(scene)]
        self.answered, self.missed = sum(own.answered for own in sums), sum(own.missed for own in sums)
        self.placed = sum(own.outbound for own in sums)
        self.offered = self.abandoned = self.placed_answered = None


def _sums_shown(scene: Scene, kind: Literal["queue", "ring_group"]) -> VisitSums | None:
    """The sums of the day over all shown places of the kind; `None` where there are none."""
    found = [sums for place, sums in scene.day.visits.items() if place.kind == kind and scene.look.shows_place(place)]
    if not found:
        return None
    total = VisitSums()
    for sums in found:
        total.add(sums)
    return total


# --- the floor -----------------------------------------------------------------------------------------


def _panels(scene: Scene) -> Iterator[views.Panel]:
    wanted = scene.look.definition.panels
    queues, groups = _places(scene, "queue"), _places(scene, "ring_group")
    if "queues" in wanted and (queues or not groups):
        yield _panel("queues", "queues", "Queues", "No queue has been heard of yet", queues)
    if "ring_groups" in wanted and groups:
        yield _panel("ring-groups", "ring_groups", "Ring groups", "", groups)
    if "agents" in wanted:
        tiles = tuple(_agent(scene, agent) for agent in _agents_shown(scene))
        yield _panel("agents", "agents", "Agents", "No agent has been heard of yet", tiles, _tally(tiles))
    if "waiting" in wanted:
        yield rows.waiting(scene)
    if "talking" in wanted:
        yield rows.talking(scene)
    if "ended" in wanted:
        yield rows.ended(scene)


def _panel(
    key: str,
    kind: PanelKind,
    title: str,
    empty: str,
    tiles: tuple[views.VisitTile, ...] | tuple[views.AgentTile, ...],
    tally: str = "",
) -> views.Panel:
    head = views.Title(key=f"{key}-title", text=title, total=len(tiles), hidden=0, tally=tally)
    return views.Panel(key=key, kind=kind, title=head, empty=empty, tiles=tiles)


def _tally(agents: tuple[views.AgentTile, ...]) -> str:
    states = Counter(agent.state for agent in agents)
    return " · ".join(f"{states[state]} {state}" for state in _STATES if states[state])


def _places(scene: Scene, kind: Literal["queue", "ring_group"]) -> tuple[views.VisitTile, ...]:
    """The worst first: who waits too long, the longest wait before the others, then whose day goes badly."""
    known = {*scene.board.places, *scene.day.visits, *scene.standing, *scene.look.chosen_places}
    tiles = [_place(scene, place) for place in known if place.kind == kind and scene.look.shows_place(place)]
    return tuple(sorted(tiles, key=_gravity))


def _gravity(tile: views.VisitTile) -> tuple[int, int, int, str, str]:
    since = tile.longest_wait_since_ms if tile.alarm != "calm" and tile.longest_wait_since_ms else 0
    day = RANK[worst(tile.service_level_alarm, tile.abandon_alarm)]
    return RANK[tile.alarm], since, day, tile.name.casefold(), tile.name


def _place(scene: Scene, place: Place) -> views.VisitTile:
    sums, standing = scene.day.visits.get(place) or VisitSums(), scene.standing.get(place) or Standing()
    goals = scene.goals(place)
    since = standing.longest_wait_since
    level = figures.service_level(sums, goals.service_level_formula, goals.service_level_seconds)
    speed = figures.average_speed_of_answer(sums)
    wait = goals.of_wait((scene.now - since).total_seconds()) if since else "calm"
    low, abandons = goals.of_level(level), goals.of_abandons(figures.abandon_rate(sums))
    return views.VisitTile(
        key=key_of("visit", f"{place.kind}:{place.name}"),
        name=place.name,
        kind=place.kind,
        alarm=wait,
        alarm_word={"calm": "", "warn": "Long wait", "alarm": "Too long"}[wait],
        waiting=standing.waiting + standing.ringing,
        ringing=standing.ringing,
        talking=standing.talking,
        longest_wait_since_ms=milliseconds(since),
        service_level_percent=_percent(level),
        service_level_target_percent=round(goals.service_level_target * 100),
        service_level_alarm=low,
        offered=sums.offered,
        answered=sums.answered,
        abandoned=sums.abandoned,
        unanswered=sums.unanswered,
        abandon_alarm=abandons,
        average_speed_of_answer_seconds=None if speed is None else round(speed),
    )


def _agents_shown(scene: Scene) -> list[Agent]:
    shown = [agent for agent in scene.board.agents.values() if scene.look.shows_agent(agent.key, agent.name)]
    return sorted(shown, key=lambda agent: ((agent.name or agent.key).casefold(), agent.key))


def _agent(scene: Scene, agent: Agent) -> views.AgentTile:
    calls = [scene.board.calls[call_id] for call_id in agent.calls]
    calls = [call for call in calls if belongs(scene.board, scene.look, call)]
    sums = scene.day.agents.get(agent.key) or AgentSums()
    return views.AgentTile(
        key=key_of("agent", agent.key),
        number=agent.key,
        name=agent.name or agent.key,
        state=agent.state,  # type: ignore[arg-type]
        since_ms=milliseconds(agent.since),
        with_whom=" ".join(filter(None, scene.caller(calls[-1]))) if calls else "",
        answered=sums.answered,
        missed=sums.missed,
        outbound=sums.outbound,
    )


def _percent(ratio: float | None) -> int | None:
    return None if ratio is None else int(ratio * 100 + 0.5)
