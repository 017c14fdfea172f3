"""Board + figures + now -> what a screen shows: alarms, masked numbers, stable keys; knows no HTML, no browser.

An event touches one call, one agent, two places. A composer keeps the views of its board from one event to the next
and makes anew those of what was touched (touched.py) and those that time has turned.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache

from wallboard import lamps, views
from wallboard.board import Board
from wallboard.crew import Crew
from wallboard.hero import Counts, hero
from wallboard.look import Look
from wallboard.notices import gravest, notices
from wallboard.places import Places
from wallboard.rows import Calls
from wallboard.scene import Scene, milliseconds
from wallboard.totals import Day
from wallboard.touched import Touches
from wallboard.usual import Health
from wallboard.views import Alarm


def compose(board: Board, now: datetime, look: Look, *, sequence: int, trouble: str | None) -> views.Board:
    """The whole screen at `now`, made from nothing."""
    return Composer(look).compose(board, now, sequence=sequence, trouble=trouble)


class Composer:
    """What one screen shows of one board, time after time."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._goals = cache(look.goals)
        self._kept: _Kept | None = None

    def compose(self, board: Board, now: datetime, *, sequence: int, trouble: str | None) -> views.Board:
        """The whole screen at `now`; `trouble` is why the journal cannot be written."""
        board.settle(now)
        scene = Scene(board=board, look=self._look, now=now, day=board.day(board.rules.day_of(now)), goals=self._goals)
        kept, self._kept = self._kept, None  # should anything raise, the next time begins anew
        kept = _followed(kept, scene)
        composed = _composed(kept, scene, sequence, trouble)
        self._kept = kept
        return composed

    def forget(self) -> None:
        """Nobody looks."""
        self._kept = None


class _Kept:
    """The views of a board as they were at a revision of what is shown."""

    def __init__(self, scene: Scene) -> None:
        self.day: Day = scene.day
        self.revision = scene.board.touched.revision
        self.calls = Calls(scene)
        self.queues, self.groups = Places(scene, "queue"), Places(scene, "ring_group")
        self.crew = Crew(scene, self.calls)

    def follow(self, scene: Scene, touches: Touches) -> None:
        self.revision = scene.board.touched.revision
        agents = {*touches.agents, *self.calls.follow(scene, touches.calls)}
        self.queues.follow(scene, touches.places)
        self.groups.follow(scene, touches.places)
        self.crew.follow(scene, self.calls, agents)


def _followed(kept: _Kept | None, scene: Scene) -> _Kept:
    if kept is None or kept.day is not scene.day:
        return _Kept(scene)
    touches = scene.board.touched.since(kept.revision)
    if touches is None:
        return _Kept(scene)
    kept.follow(scene, touches)
    return kept


def _composed(kept: _Kept, scene: Scene, sequence: int, trouble: str | None) -> views.Board:
    board, look = scene.board, scene.look
    health = board.pbx.health(board.last_event_at, scene.now)
    alarms = kept.calls.alarms(scene)
    panels = {panel.kind: panel for panel in _panels(kept, scene, alarms)}
    return views.Board(
        slug=look.slug,
        sequence=sequence,
        hero=hero(scene, kept.calls, alarms, Counts(scene, kept.queues, kept.groups, kept.crew)),
        panels=tuple(panels[kind] for kind in look.definition.panels if kind in panels),
        notice=gravest(notices(board, scene.day, health, scene.now, trouble)),
        footer=_footer(scene, health, trouble),
    )


def _panels(kept: _Kept, scene: Scene, alarms: list[Alarm]) -> Iterator[views.Panel]:
    """Those that are wanted; of queues and ring groups those that there are."""
    wanted = scene.look.definition.panels
    queues, groups = kept.queues.panel(scene), kept.groups.panel(scene)
    if queues.tiles or not groups.tiles:
        yield queues
    if groups.tiles:
        yield groups
    yield kept.crew.panel()
    if "waiting" in wanted:
        yield kept.calls.waiting_panel(scene, alarms)
    if "talking" in wanted:
        yield kept.calls.talking_panel(scene)
    if "ended" in wanted:
        yield kept.calls.ended_panel(scene)


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
