"""The numbers that are read from six metres, and the day's, of what the board is about; knows no tile and no HTML."""

from __future__ import annotations

from wallboard import figures, views
from wallboard.crew import Crew
from wallboard.figures import Timed
from wallboard.places import Places, percent
from wallboard.rows import Calls, where
from wallboard.scene import Scene, milliseconds, waiting_since, worst
from wallboard.views import Alarm


def hero(scene: Scene, calls: Calls, alarms: list[Alarm], counts: Counts) -> views.Hero:
    """`alarms` are those of the callers who wait, the longest first."""
    goals = scene.goals(None)
    level = figures.level(counts.visits, goals.service_level_formula)
    longest = next(iter(calls.waiting), None)
    return views.Hero(
        waiting=len(alarms),
        waiting_too_long=len(alarms) - alarms.count("calm"),
        waiting_alarm=worst("calm", *alarms),
        longest_wait_since_ms=milliseconds(waiting_since(longest)) if longest else None,
        longest_wait_alarm=alarms[0] if alarms else "calm",
        longest_caller=calls.caller(longest.key) if longest else "",
        longest_place=where(scene, longest) if longest else "",
        service_level_percent=percent(level),
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


class Counts:
    """The day's numbers of what the board is about: of all calls, of the chosen places, or of the chosen agents.

    `visits` are what the service level is computed from: the queues', or the ring groups' where no queue is shown.
    """

    def __init__(self, scene: Scene, queues: Places, groups: Places, crew: Crew) -> None:
        day = scene.day
        self.visits = queues.counts or groups.counts or Timed()
        self.offered: int | None = day.offered
        self.answered, self.missed = day.answered, day.missed
        self.placed: int | None = day.placed
        self.placed_answered: int | None = day.placed_answered
        self.abandoned: int | None = self.visits.abandoned
        if scene.look.chosen_places:
            self._take_places(scene, queues, groups)
        elif scene.look.definition.agents is not None:
            self._take_agents(crew)

    def _take_places(self, scene: Scene, queues: Places, groups: Places) -> None:
        chosen = scene.look.definition
        total = Timed.sum([*queues.of(chosen.queues or ()), *groups.of(chosen.ring_groups or ())])
        self.offered, self.answered, self.abandoned = total.offered, total.answered, total.abandoned
        self.missed = total.abandoned + total.unanswered
        self.placed = self.placed_answered = None

    def _take_agents(self, crew: Crew) -> None:
        tiles = tuple(crew.tiles)
        self.answered, self.missed = sum(tile.answered for tile in tiles), sum(tile.missed for tile in tiles)
        self.placed = sum(tile.outbound for tile in tiles)
        self.offered = self.abandoned = self.placed_answered = None
