"""The paired televisions as a fold of the journal's remarks `tv_paired` to `tv_revoked`; knows no code and no HTTP.

Of a television's key only the SHA-256 is kept: who reads the journal, or a copy of it, cannot show a board with it.
Whoever deletes old entries must keep these remarks: a television hangs for longer than any call is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec.structs import replace

from wallboard.boards.definitions import Slug

PAIRED, MOVED, RENAMED, REVOKED = "tv_paired", "tv_moved", "tv_renamed", "tv_revoked"
MOST = 1_000
LONGEST_NAME = 60

Id = Annotated[str, msgspec.Meta(pattern=r"^paired-[0-9a-f]{12}\Z")]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]


class Pairing(msgspec.Struct, frozen=True, kw_only=True):
    """`key` is the SHA-256 of what the television shows; `by` who paired it, as far as that is known."""

    id: Id
    key: Digest
    name: Name
    board: Slug
    by: str = ""


class Moving(msgspec.Struct, frozen=True, kw_only=True):
    id: Id
    board: Slug
    by: str = ""


class Renaming(msgspec.Struct, frozen=True, kw_only=True):
    id: Id
    name: Name
    by: str = ""


class Revoking(msgspec.Struct, frozen=True, kw_only=True):
    id: Id
    by: str = ""


class PairedTv(msgspec.Struct, frozen=True, kw_only=True):
    """A television that belongs here, and the board that it is to show."""

    id: str
    key: str
    name: str
    board: str
    paired_at: datetime
    paired_by: str


class PairedTvs:
    """All of them. `changed` is called with the id of each that has been paired, moved or revoked."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._tvs: dict[str, PairedTv] = {}
        self._by_key: dict[str, str] = {}

    @property
    def remarks(self) -> dict[str, Callable[[dict[str, Any], datetime], None]]:
        """What the intake is to hand over, by name."""
        return {PAIRED: self._pair, MOVED: self._move, RENAMED: self._rename, REVOKED: self._revoke}

    def __len__(self) -> int:
        return len(self._tvs)

    def all(self) -> tuple[PairedTv, ...]:
        return tuple(self._tvs.values())

    def get(self, id: str) -> PairedTv | None:
        return self._tvs.get(id)

    def by_key(self, digest: str) -> PairedTv | None:
        return self._tvs.get(self._by_key.get(digest, ""))

    def is_full(self) -> bool:
        return len(self._tvs) >= MOST

    def _pair(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, Pairing)
        if said.id in self._tvs or said.key in self._by_key or self.is_full():
            return
        self._by_key[said.key] = said.id
        self._tvs[said.id] = PairedTv(
            id=said.id, key=said.key, name=said.name, board=said.board, paired_at=at, paired_by=said.by
        )
        self._changed(said.id)

    def _move(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, Moving)
        if (tv := self._tvs.get(said.id)) is not None and tv.board != said.board:
            self._tvs[said.id] = replace(tv, board=said.board)
            self._changed(said.id)

    def _rename(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, Renaming)
        if (tv := self._tvs.get(said.id)) is not None:
            self._tvs[said.id] = replace(tv, name=said.name)

    def _revoke(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, Revoking)
        if (tv := self._tvs.pop(said.id, None)) is not None:
            del self._by_key[tv.key]
            self._changed(said.id)
