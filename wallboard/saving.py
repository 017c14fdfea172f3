"""Saves and removes boards: a remark in the journal first, then they are what the fold says; knows no form."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from enum import Enum

import msgspec

from wallboard.boards import REMOVED, SAVED, Boards, Removed, Saved
from wallboard.definitions import Definition
from wallboard.intake import Intake


class Outcome(Enum):
    """What became of a saving. `OUTDATED`: somebody else has saved or removed the board meanwhile."""

    SAVED = "saved"
    OUTDATED = "outdated"
    FULL = "full"


class Saving:
    """Every method may raise JournalUnavailable, and then nothing was saved."""

    def __init__(self, intake: Intake, boards: Boards) -> None:
        self._intake = intake
        self._boards = boards

    async def save(self, board: Definition, replaces: str | None, *, by: str = "", from_file: bool = False) -> Outcome:
        """Durable and on the wall when it returns SAVED. `replaces` is the version edited, `None` for a new board."""
        if self._boards.is_full_for(board.slug):
            return Outcome.FULL
        if replaces is not None and self._boards.get(board.slug) is None:
            return Outcome.OUTDATED
        if self._boards.is_outdated(board.slug, replaces):
            return Outcome.OUTDATED
        version = secrets.token_hex(8)
        said = Saved(board=board, version=version, replaces=replaces, by=by, from_file=from_file)
        await self._intake.remark(SAVED, msgspec.to_builtins(said))
        kept = self._boards.get(board.slug)
        return Outcome.SAVED if kept is not None and kept.version == version else Outcome.OUTDATED

    async def remove(self, slug: str, replaces: str, *, by: str = "") -> Outcome:
        """SAVED when the board is no more."""
        if self._boards.is_outdated(slug, replaces):
            return Outcome.OUTDATED
        if self._boards.get(slug) is not None:
            said = Removed(slug=slug, replaces=replaces, by=by)
            await self._intake.remark(REMOVED, msgspec.to_builtins(said))
        return Outcome.SAVED if self._boards.get(slug) is None else Outcome.OUTDATED

    async def take(self, boards: Iterable[Definition], *, by: str = "", from_file: bool = False) -> list[Definition]:
        """Saves all boards that differ from what stands, over whatever stands; returns those that found no room."""
        turned_away = []
        for board in boards:
            kept = self._boards.get(board.slug)
            if not from_file and kept is not None and kept.definition == board:
                continue
            replaces = None if kept is None else kept.version
            if await self.save(board, replaces, by=by, from_file=from_file) is Outcome.FULL:
                turned_away.append(board)
        return turned_away

    async def take_file(self, boards: Iterable[Definition]) -> None:
        """Saves the boards of a deploy's file that differ from what that file said last.

        So what has been edited in the browser since is kept at every restart, and a changed file wins.
        """
        changed = [board for board in boards if self._boards.from_file.get(board.slug) != board]
        await self.take(changed, by="WALLBOARD_BOARDS_FILE", from_file=True)
