"""Who stands where right now: callers waiting, ringing and talking, place by place; knows no board and not the time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from wallboard.calls import Call
from wallboard.events import Place
from wallboard.meaning import CallState


class Standing(msgspec.Struct, frozen=True):
    """How one place stands: callers waiting, ringing, talking, and since when the oldest waits."""

    waiting: int = 0
    ringing: int = 0
    talking: int = 0
    longest_wait_since: datetime | None = None


Stand = tuple[Place, CallState, datetime | None]
"""One live call's part in a place, and since when it waits there."""


def stands(call: Call) -> tuple[Stand, ...]:
    """Where a live call stands."""
    return tuple(_stands(call))


def _stands(call: Call) -> Iterator[Stand]:
    for visit in call.visits.values():
        state = call.visit_state(visit)
        if state != "ended":
            yield visit.place, state, None if state == "talking" else call.visit_since(visit)


def standings(calls: Iterable[Call]) -> dict[Place, Standing]:
    """Counts live calls by the places that they stand in."""
    found = Standings()
    for call in calls:
        found.move(call.key, stands(call))
    return found.by_place


class Standings:
    """The same, followed from one look to the next: a call that moves touches the places it leaves and comes to."""

    def __init__(self) -> None:
        self.by_place: dict[Place, Standing] = {}
        self._of_call: dict[str, tuple[Stand, ...]] = {}
        self._at: dict[Place, dict[str, Stand]] = {}

    def move(self, key: str, stands: tuple[Stand, ...]) -> set[Place]:
        """The call stands there now, and nowhere else; which places that touched."""
        before = self._of_call.pop(key, ())
        if stands:
            self._of_call[key] = stands
        if before == stands:
            return set()
        for place, _, _ in before:
            del self._at[place][key]
        for stand in stands:
            self._at.setdefault(stand[0], {})[key] = stand
        touched = {stand[0] for stand in (*before, *stands)}
        for place in touched:
            self._count(place)
        return touched

    def _count(self, place: Place) -> None:
        standing = self._at[place].values()
        if not standing:
            del self._at[place], self.by_place[place]
            return
        states = [state for _, state, _ in standing]
        waits = [since for _, _, since in standing if since is not None]
        self.by_place[place] = Standing(
            waiting=states.count("waiting"),
            ringing=states.count("ringing"),
            talking=states.count("talking"),
            longest_wait_since=min(waits, default=None),
        )
