"""The queues and ring groups of a board as tiles, each kept until the place is touched; knows no agent and no HTML.

Whether the longest wait in one is grave by now is asked each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from msgspec.structs import replace

from wallboard import figures, views
from wallboard.boards.definitions import PlaceKind
from wallboard.events import Place
from wallboard.figures import Timed
from wallboard.lines import Wait
from wallboard.notices import RANK
from wallboard.scene import Scene, key_of, milliseconds, worst
from wallboard.standing import Standing
from wallboard.totals import VisitSums
from wallboard.views import Alarm

_WORDS: dict[Alarm, str] = {"calm": "", "warn": "Long wait", "alarm": "Too long"}
_Gravity = tuple[int, int, int, str, str]


class Places:
    """Those of one kind that the board shows."""

    def __init__(self, scene: Scene, kind: PlaceKind) -> None:
        self._kind = kind
        self._tiles: dict[Place, tuple[_Gravity, views.VisitTile]] = {}
        self.waits: dict[Place, Wait] = {}
        self._counts: dict[Place, Timed] = {}
        self._total: Timed | None = None
        self._panel = _panel(kind)
        board = scene.board
        self.follow(scene, {*board.places, *scene.day.visits, *board.standing, *scene.look.chosen_places})

    def follow(self, scene: Scene, places: Iterable[Place]) -> bool:
        """Whether any of these is shown."""
        shown = [place for place in places if place.kind == self._kind and scene.look.shows_place(place)]
        for place in shown:
            self._take(scene, place)
        return bool(shown)

    def _take(self, scene: Scene, place: Place) -> None:
        self._total = None
        sums, since = scene.day.visits.get(place), scene.board.standing.get(place, Standing()).longest_wait_since
        for kept in (self.waits, self._counts, self._tiles):
            kept.pop(place, None)
        if since is not None:
            self.waits[place] = Wait.of(since, (scene.goals(place),))
        if sums is not None:
            self._counts[place] = Timed.of(sums, scene.goals(None).service_level_seconds)
        if sums is not None or place in scene.board.places or _stands(scene, place):
            self._draw(scene, place)

    def _draw(self, scene: Scene, place: Place) -> None:
        wait = self.waits.get(place)
        tile = _tile(scene, place, "calm" if wait is None else wait.alarm(scene.now))
        self._tiles[place] = (_gravity(tile), tile)

    @property
    def counts(self) -> Timed | None:
        """The day's sums over all of them; `None` where there are none."""
        if self._total is None and self._counts:
            self._total = Timed.sum(self._counts.values())
        return self._total

    def of(self, names: Iterable[str]) -> list[Timed]:
        """The day's sums of these, where there are any."""
        return [counts for name in names if (counts := self._counts.get(Place(self._kind, name))) is not None]

    def panel(self, scene: Scene) -> views.Panel:
        """The worst first: who waits too long, the longest wait before the others, then whose day goes badly."""
        for place, wait in self.waits.items():
            if self._tiles[place][1].alarm != wait.alarm(scene.now):
                self._draw(scene, place)
        tiles = tuple(tile for _, tile in sorted(self._tiles.values(), key=itemgetter(0)))
        if tiles != self._panel.tiles:
            title = replace(self._panel.title, total=len(tiles))
            self._panel = replace(self._panel, title=title, tiles=tiles)
        return self._panel


def _panel(kind: PlaceKind) -> views.Panel:
    if kind == "queue":
        title = views.Title(key="queues-title", text="Queues", total=0, hidden=0)
        return views.Panel(key="queues", kind="queues", title=title, empty="No queue has been heard of yet", tiles=())
    title = views.Title(key="ring-groups-title", text="Ring groups", total=0, hidden=0)
    return views.Panel(key="ring-groups", kind="ring_groups", title=title, empty="", tiles=())


def _stands(scene: Scene, place: Place) -> bool:
    return place in scene.board.standing or place in scene.look.chosen_places


def _gravity(tile: views.VisitTile) -> _Gravity:
    since = tile.longest_wait_since_ms if tile.alarm != "calm" and tile.longest_wait_since_ms else 0
    day = RANK[worst(tile.service_level_alarm, tile.abandon_alarm)]
    return RANK[tile.alarm], since, day, tile.name.casefold(), tile.name


def _tile(scene: Scene, place: Place, alarm: Alarm) -> views.VisitTile:
    sums, standing = scene.day.visits.get(place) or VisitSums(), scene.board.standing.get(place) or Standing()
    goals = scene.goals(place)
    level = figures.service_level(sums, goals.service_level_formula, goals.service_level_seconds)
    speed = figures.average_speed_of_answer(sums)
    return views.VisitTile(
        key=key_of("visit", f"{place.kind}:{place.name}"),
        name=place.name,
        kind=place.kind,
        alarm=alarm,
        alarm_word=_WORDS[alarm],
        waiting=standing.waiting + standing.ringing,
        ringing=standing.ringing,
        talking=standing.talking,
        longest_wait_since_ms=milliseconds(standing.longest_wait_since),
        service_level_percent=percent(level),
        service_level_target_percent=round(goals.service_level_target * 100),
        service_level_alarm=goals.of_level(level),
        offered=sums.offered,
        answered=sums.answered,
        abandoned=sums.abandoned,
        unanswered=sums.unanswered,
        abandon_alarm=goals.of_abandons(figures.abandon_rate(sums)),
        average_speed_of_answer_seconds=None if speed is None else round(speed),
    )


def percent(ratio: float | None) -> int | None:
    return None if ratio is None else int(ratio * 100 + 0.5)
