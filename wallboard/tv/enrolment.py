"""Pairs, moves, renames and revokes televisions: a remark in the journal first, then it is so; knows no HTTP.

Here and nowhere else it is told that one of these was done, and by whom: each remark carries `by`.
"""

from __future__ import annotations

import secrets

import msgspec

from wallboard.intake import Intake
from wallboard.tv.paired import (
    MOVED,
    PAIRED,
    RENAMED,
    REVOKED,
    Moving,
    PairedTv,
    PairedTvs,
    Pairing,
    Renaming,
    Revoking,
)


class Enrolment:
    """Every method may raise JournalUnavailable, and then nothing was done."""

    def __init__(self, intake: Intake, tvs: PairedTvs) -> None:
        self._intake = intake
        self._tvs = tvs

    async def pair(self, key: str, *, name: str, board: str, by: str) -> PairedTv | None:
        """The television whose key has the digest `key`, durably; None if there is no room for one more."""
        said = Pairing(id=f"paired-{secrets.token_hex(6)}", key=key, name=name, board=board, by=by)
        if self._tvs.by_key(key) is None and not self._tvs.is_full():
            await self._tell(PAIRED, said)
        return self._tvs.by_key(key)

    async def move(self, id: str, board: str, *, by: str) -> None:
        await self._tell(MOVED, Moving(id=id, board=board, by=by))

    async def rename(self, id: str, name: str, *, by: str) -> None:
        await self._tell(RENAMED, Renaming(id=id, name=name, by=by))

    async def revoke(self, id: str, *, by: str) -> None:
        await self._tell(REVOKED, Revoking(id=id, by=by))

    async def _tell(self, name: str, said: msgspec.Struct) -> None:
        await self._intake.remark(name, msgspec.to_builtins(said))
