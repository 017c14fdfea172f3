"""Board + figures + now -> what a screen shows: alarms, masked numbers, stable keys; knows no HTML, no browser.

An event touches one call, one agent, two places. A composer keeps the views of its board from one event to the next
and makes anew those of what was touched (touched.py) and those that time has turned.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from weakref import WeakValueDictionary

import msgspec
from msgspec.structs import replace

from wallboard import lamps, views
from wallboard.board import Board
from wallboard.boards.definitions import Definition
from wallboard.crew import Crew
from wallboard.hero import Counts, hero
from wallboard.journal import Spooled
from wallboard.lines import unturned
from wallboard.look import Look
from wallboard.notices import gravest, notices
from wallboard.places import Places
from wallboard.rows import Calls
from wallboard.scene import Scene, milliseconds
from wallboard.totals import Day
from wallboard.touched import Touches
from wallboard.views import Alarm

_PLAIN = Definition()
_NOT_OF_THE_FLOOR = ("slug", "name", "theme", "message", "sound", "rotation", "rotation_seconds", "dim_from", "dim_to")
_Shown = tuple[views.Hero, tuple[views.Panel, ...]]


def compose(board: Board, now: datetime, look: Look, *, sequence: int, trouble: str | None) -> views.Board:
    """The whole screen at `now`, made from nothing."""
    return Composers(board).composer(look).compose(now, sequence=sequence, trouble=trouble)


class _Moment(msgspec.Struct, frozen=True):
    """What all screens show alike at one moment; the footer is nobody's yet. `of` says when that was."""

    of: tuple[datetime, int, str | None, Spooled | None]
    day: Day
    notice: views.Notice
    footer: views.Footer


class Composers:
    """What all screens show of one board. Those that look alike, but for what stands in the footer, share the floor."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self._floors: WeakValueDictionary[Look, _Floor] = WeakValueDictionary()
        self._moment: _Moment | None = None

    def composer(self, look: Look) -> Composer:
        bare = replace(look, definition=_bare(look.definition))
        floor = self._floors.get(bare)
        if floor is None:
            floor = self._floors[bare] = _Floor(bare)
        return Composer(self, look, floor)

    def moment(self, now: datetime, trouble: str | None, spooled: Spooled | None) -> _Moment:
        """Settles the board at `now`; worked out once for all who ask before anything else happens."""
        known = self._moment
        if known is None or known.of != (now, self.board.touched.revision, trouble, spooled):
            self.board.settle(now)
            known = self._moment = _moment(self.board, now, trouble, spooled)
        return known


def _moment(board: Board, now: datetime, trouble: str | None, spooled: Spooled | None) -> _Moment:
    day = board.day(board.rules.day_of(now))
    health = board.pbx.health(board.last_event_at, now)
    offset = now.astimezone(board.rules.zone).utcoffset()
    footer = views.Footer(
        name="",
        message="",
        theme="dark",
        time_zone=str(board.rules.zone),
        utc_offset_seconds=int(offset.total_seconds()) if offset else 0,
        last_event_at_ms=milliseconds(board.last_event_at),
        presumed_ended=day.presumed_ended,
        pbx=lamps.pbx(health, board.last_event_at, now),
        journal=lamps.journal(trouble, day.losses, spooled, board.rules.zone),
    )
    notice = gravest(notices(board, day, health, now, trouble, spooled))
    return _Moment((now, board.touched.revision, trouble, spooled), day, notice, footer)


def _bare(definition: Definition) -> Definition:
    """Without what makes no difference to the floor."""
    return replace(definition, **{name: getattr(_PLAIN, name) for name in _NOT_OF_THE_FLOOR})


class Composer:
    """What one screen shows, time after time."""

    def __init__(self, composers: Composers, look: Look, floor: _Floor) -> None:
        self._composers = composers
        self._look = look
        self._floor = floor

    def compose(
        self, now: datetime, *, sequence: int, trouble: str | None, spooled: Spooled | None = None
    ) -> views.Board:
        """The whole screen at `now`; `trouble` is why the journal cannot be written."""
        moment = self._composers.moment(now, trouble, spooled)
        shown, panels = self._floor.at(self._composers.board, now, moment.day)
        own = self._look.definition
        return views.Board(
            slug=own.slug,
            sequence=sequence,
            hero=shown,
            panels=panels,
            notice=moment.notice,
            footer=replace(moment.footer, name=own.name, message=own.message, theme=own.theme),
        )


class _Floor:
    """What is shown between notice and footer, made anew only where it may be different."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._goals = cache(look.goals)
        self._kept: _Kept | None = None

    def at(self, board: Board, now: datetime, day: Day) -> _Shown:
        scene = Scene(board=board, look=self._look, now=now, day=day, goals=self._goals)
        kept, self._kept = self._kept, None  # should anything raise, the next time begins anew
        if kept is None or not kept.follow(scene):
            kept = _Kept(scene)
        shown = kept.shown(scene)
        self._kept = kept
        return shown


class _Kept:
    """The views of a floor as they were at a revision of the board."""

    def __init__(self, scene: Scene) -> None:
        self._day: Day = scene.day
        self._revision = scene.board.touched.revision
        self._calls = Calls(scene)
        self._queues, self._groups = Places(scene, "queue"), Places(scene, "ring_group")
        self._crew = Crew(scene, self._calls)
        self._shown: _Shown | None = None
        self._unturned = (scene.now, scene.now)
        self._voicemails = 0

    def follow(self, scene: Scene) -> bool:
        """False where anything may be different."""
        touches = scene.board.touched.since(self._revision)
        if touches is None or self._day is not scene.day:
            return False
        if scene.board.touched.revision != self._revision:
            self._revision = scene.board.touched.revision
            self._take(scene, touches)
        return True

    def _take(self, scene: Scene, touches: Touches) -> None:
        touched, agents = self._calls.follow(scene, touches.calls)
        parts = (
            self._queues.follow(scene, touches.places),
            self._groups.follow(scene, touches.places),
            self._crew.follow(scene, self._calls, {*touches.agents, *agents}),
        )
        if touched or any(parts) or not scene.look.is_narrowed:  # which tells of the whole day
            self._shown = None

    def shown(self, scene: Scene) -> _Shown:
        """The same values as the last time where nothing was touched and no wait has become graver."""
        voicemails = scene.board.new_voicemails().total()
        since, until = self._unturned
        if self._shown is None or not since < scene.now <= until or voicemails != self._voicemails:
            waits = (*self._calls.waits.values(), *self._queues.waits.values(), *self._groups.waits.values())
            self._unturned, self._voicemails = unturned(waits, scene.now), voicemails
            self._shown = self._made(scene)
        return self._shown

    def _made(self, scene: Scene) -> _Shown:
        alarms = self._calls.alarms(scene)
        panels = {panel.kind: panel for panel in self._panels(scene, alarms)}
        counts = Counts(scene, self._queues, self._groups, self._crew)
        wanted = scene.look.definition.panels
        return hero(scene, self._calls, alarms, counts), tuple(panels[kind] for kind in wanted if kind in panels)

    def _panels(self, scene: Scene, alarms: list[Alarm]) -> Iterator[views.Panel]:
        """Those that there are; of queues and ring groups those that have any, but for a floor that has neither."""
        wanted = scene.look.definition.panels
        queues, groups = self._queues.panel(scene), self._groups.panel(scene)
        if queues.tiles or not groups.tiles:
            yield queues
        if groups.tiles:
            yield groups
        yield self._crew.panel()
        if "waiting" in wanted:
            yield self._calls.waiting_panel(scene, alarms)
        if "talking" in wanted:
            yield self._calls.talking_panel(scene)
        if "ended" in wanted:
            yield self._calls.ended_panel(scene)
