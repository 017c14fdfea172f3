"""Which part of the floor somebody may see, and how much of a caller; knows no call, no board of calls and no request.

A board that chooses queues, ring groups or agents shows the chosen ones, and the calls that touch one of them. What
it does not choose of a kind it shows all of, but that brings no call in. Who is limited to some boards sees what
they show together, and no more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache

import msgspec

from wallboard.boards.definitions import Definition, PlaceKind
from wallboard.boards.kept import Boards
from wallboard.events import Place
from wallboard.masking import mask
from wallboard.recordings import playable

Agents = Iterable[tuple[str, str | None]]
"""Keys and names."""


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What one board chooses; `None` is no choice. `places` are the chosen queues and ring groups together."""

    queues: frozenset[str] | None
    ring_groups: frozenset[str] | None
    agents: frozenset[str] | None
    places: frozenset[Place]

    @property
    def is_narrowed(self) -> bool:
        """Something is chosen, so it is not about the whole floor."""
        return not (self.queues is self.ring_groups is self.agents is None)

    def shows_place(self, place: Place) -> bool:
        chosen = self.queues if place.kind == "queue" else self.ring_groups
        return chosen is None or place.name in chosen

    def shows_agent(self, key: str, name: str | None) -> bool:
        """An agent is chosen by number or by name."""
        return self.agents is None or key in self.agents or name in self.agents

    def touches(self, places: Collection[Place], agents: Agents) -> bool:
        """Whether a call that visited these places and rang these agents belongs to it."""
        if not self.is_narrowed or not self.places.isdisjoint(places):
            return True
        return self.agents is not None and any(self.shows_agent(*agent) for agent in agents)


def chosen_of(definition: Definition) -> Chosen:
    return _chosen(definition.queues, definition.ring_groups, definition.agents)


@lru_cache(maxsize=256)
def _chosen(
    queues: tuple[str, ...] | None, ring_groups: tuple[str, ...] | None, agents: tuple[str, ...] | None
) -> Chosen:
    return Chosen(
        queues=None if queues is None else frozenset(queues),
        ring_groups=None if ring_groups is None else frozenset(ring_groups),
        agents=None if agents is None else frozenset(agents),
        places=frozenset((*_places("queue", queues), *_places("ring_group", ring_groups))),
    )


def _places(kind: PlaceKind, names: tuple[str, ...] | None) -> Iterator[Place]:
    yield from (Place(kind, name) for name in names or ())


class Scope(msgspec.Struct, frozen=True):
    """What some boards show together: `None` is everything, and no board at all is nothing."""

    boards: frozenset[Chosen] | None = None

    @property
    def is_all(self) -> bool:
        return self.boards is None

    def sees_place(self, place: Place) -> bool:
        return self.boards is None or any(board.shows_place(place) for board in self.boards)

    def sees_agent(self, key: str, name: str | None) -> bool:
        return self.boards is None or any(board.shows_agent(key, name) for board in self.boards)

    def sees_call(self, places: Collection[Place], agents: Collection[tuple[str, str | None]]) -> bool:
        """A call that visited these places and was offered to these agents."""
        return self.boards is None or any(board.touches(places, agents) for board in self.boards)


EVERYTHING = Scope()


def scope_of(boards: Boards, slugs: Collection[str] | None) -> Scope:
    """What the boards at these addresses show together; `None` is no limit. One that is no more shows nothing."""
    if slugs is None:
        return EVERYTHING
    chosen = {chosen_of(kept.definition) for slug in slugs if (kept := boards.get(slug)) is not None}
    return Scope(frozenset(chosen)) if all(each.is_narrowed for each in chosen) else EVERYTHING


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What one reader of the desk may see. Without `numbers` callers' numbers are masked wherever they stand.

    `hosts` are those whose recordings the reader may be led to, `marks` says whether they may mark callers. Readers
    with the same sight see the same, so that what is drawn for one is drawn for all of them.
    """

    scope: Scope = EVERYTHING
    numbers: bool = True
    hosts: tuple[str, ...] = ()
    marks: bool = True

    @property
    def is_whole(self) -> bool:
        """Nothing of a call is kept back."""
        return self.scope.is_all and self.numbers

    def text(self, text: str | None) -> str:
        """A caller's name or number, or what somebody has written about them, as this reader may read it."""
        return (text or "") if self.numbers else mask(text)

    def recording(self, link: str | None) -> str:
        """Where a recording can be listened to; empty where this reader may not be led there."""
        return playable(link, self.hosts) or ""


WHOLE = Sight()
