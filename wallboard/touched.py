"""What the fold has touched, the latest last, so that who shows it makes anew only that; knows not what it means."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from typing import TypeVar

import msgspec

from wallboard.events import Place

_MOST = 4_096
"""So many of each kind are told apart: whoever has not looked for longer makes everything anew."""

_Key = TypeVar("_Key", str, Place)


class Touches(msgspec.Struct, frozen=True):
    """What may be different now; all else is as it was."""

    calls: frozenset[str]
    agents: frozenset[str]
    places: frozenset[Place]


class Touched:
    """`revision` grows with each touch; `since` tells what is newer than a revision."""

    def __init__(self) -> None:
        self.revision = 0
        self._known_since = 0
        self._is_off = False
        self._told: tuple[int, int, Touches] | None = None
        self._calls: OrderedDict[str, int] = OrderedDict()
        self._agents: OrderedDict[str, int] = OrderedDict()
        self._places: OrderedDict[Place, int] = OrderedDict()

    def call(self, key: str) -> None:
        self._note(self._calls, key)

    def agent(self, key: str) -> None:
        self._note(self._agents, key)

    def place(self, place: Place) -> None:
        self._note(self._places, place)

    def agents(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._note(self._agents, key)

    def places(self, places: Iterable[Place]) -> None:
        for place in places:
            self._note(self._places, place)

    def everything(self) -> None:
        """Anything may be different: a day has turned, a clock was set, a name is another."""
        self.revision += 1
        self._known_since = self.revision
        for noted in (self._calls, self._agents, self._places):
            noted.clear()

    @contextmanager
    def off(self) -> Iterator[None]:
        """While nobody looks, nothing is noted; afterwards anything may be different."""
        self._is_off = True
        try:
            yield
        finally:
            self._is_off = False
            self.everything()

    def since(self, revision: int) -> Touches | None:
        """What was touched after that revision; `None` is anything."""
        if revision < self._known_since:
            return None
        if self._told is None or self._told[:2] != (revision, self.revision):
            self._told = (revision, self.revision, self._touches(revision))
        return self._told[2]

    def _touches(self, revision: int) -> Touches:
        return Touches(_newer(self._calls, revision), _newer(self._agents, revision), _newer(self._places, revision))

    def _note(self, noted: OrderedDict[_Key, int], key: _Key) -> None:
        if self._is_off:
            return
        self.revision += 1
        noted[key] = self.revision
        noted.move_to_end(key)
        if len(noted) > _MOST:
            self._known_since = max(self._known_since, noted.popitem(last=False)[1])


def _newer(noted: OrderedDict[_Key, int], revision: int) -> frozenset[_Key]:
    return frozenset(key for key, _ in takewhile(lambda at: at[1] > revision, reversed(noted.items())))
