"""The boards as a fold of the journal's remarks `board_saved` and `board_removed`; knows no form, file or screen.

`main` always exists. A board is saved from the version that its editor read: if another has been saved meanwhile,
the later saving is not applied, in whatever process it was made. A version that the fold has never heard of may be
one that a damaged journal has lost, and what was saved from it is applied.
Whoever deletes old entries must keep these remarks: a board is older than any call.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from wallboard.boards.definitions import MAIN, MOST_BOARDS, Definition

SAVED, REMOVED = "board_saved", "board_removed"
UNSAVED = ""
"""The version of `main` while nobody has ever saved it."""


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """`replaces` is the version it was made from, `None` for a new board; `from_file` if a deploy brought it."""

    board: Definition
    version: str
    replaces: str | None
    by: str = ""
    from_file: bool = False


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    slug: str
    replaces: str
    by: str = ""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A board as it stands, since when, and who saved it, as far as that is known."""

    definition: Definition
    version: str = UNSAVED
    saved_at: datetime | None = None
    by: str = ""


_MAIN = Kept(definition=Definition())


class Boards:
    """All boards by slug. `changed` is called whenever one of them has."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._kept: dict[str, Kept] = {MAIN: _MAIN}
        self._outdated: set[str] = set()
        self.from_file: dict[str, Definition] = {}

    @property
    def remarks(self) -> dict[str, Callable[[dict[str, Any], datetime], None]]:
        """What the intake is to hand over, by name."""
        return {SAVED: self._hear_saved, REMOVED: self._hear_removed}

    def __len__(self) -> int:
        return len(self._kept)

    def all(self) -> tuple[Kept, ...]:
        """`main`, then the others by name."""
        order = sorted(
            self._kept.values(),
            key=lambda kept: (
                kept.definition.slug != MAIN,
                kept.definition.name.casefold(),
                kept.definition.slug,
            ),
        )
        return tuple(order)

    @property
    def main(self) -> Definition:
        return self._kept[MAIN].definition

    def get(self, slug: str) -> Kept | None:
        return self._kept.get(slug)

    def is_outdated(self, slug: str, replaces: str | None) -> bool:
        """Whether a saving made from the version `replaces` would undo one that its maker has not seen."""
        kept = self._kept.get(slug)
        if kept is None:
            return False
        return kept.version != replaces and (replaces is None or replaces in self._outdated or replaces == UNSAVED)

    def is_full_for(self, slug: str) -> bool:
        return slug not in self._kept and len(self._kept) >= MOST_BOARDS

    def _hear_saved(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, Saved)
        slug = said.board.slug
        if said.from_file:
            self.from_file[slug] = said.board
        if self.is_outdated(slug, said.replaces) or self.is_full_for(slug):
            return
        self._retire(slug)
        self._kept[slug] = Kept(definition=said.board, version=said.version, saved_at=at, by=said.by)
        self._changed()

    def _hear_removed(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, Removed)
        if said.slug == MAIN or said.slug not in self._kept or self.is_outdated(said.slug, said.replaces):
            return
        self._retire(said.slug)
        del self._kept[said.slug]
        self._changed()

    def _retire(self, slug: str) -> None:
        if (kept := self._kept.get(slug)) is not None:
            self._outdated.add(kept.version)
