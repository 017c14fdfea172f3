"""The keys that admins make for programs and for the PBX, as a fold of the journal's remarks; knows no request.

A key is kept as the SHA-256 of its code. When it was last used is known to this process only.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from wallboard.people.accounts import Hear

MADE, REVOKED = "key_made", "key_revoked"
MOST_KEYS = 100
LONGEST_KEY_NAME = 60
Kind = Literal["api", "pbx"]


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """`hash` is the SHA-256 of the code; `ends` its last four characters, so that two can be told apart."""

    id: str
    kind: Kind
    name: str
    hash: str
    ends: str
    by: str
    address: str | None = None


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    by: str
    address: str | None = None


class Key(msgspec.Struct, frozen=True, kw_only=True):
    made: Made
    made_at: datetime

    @property
    def key(self) -> str:
        """What its streams are known by."""
        return f"key:{self.made.id}"


class Keys:
    """All keys by id. `ended` is called with the key of each that is revoked, so that its streams end."""

    def __init__(self, ended: Callable[[str], None]) -> None:
        self._ended = ended
        self._kept: dict[str, Key] = {}
        self.used_at: dict[str, datetime] = {}

    @property
    def remarks(self) -> Mapping[str, Hear]:
        """What the intake is to hand over, by name."""
        return {MADE: self._hear_made, REVOKED: self._hear_revoked}

    def __len__(self) -> int:
        return len(self._kept)

    def all(self) -> list[Key]:
        """The newest first."""
        return sorted(self._kept.values(), key=lambda key: key.made_at, reverse=True)

    def get(self, id: str) -> Key | None:
        return self._kept.get(id)

    def has(self, kind: Kind) -> bool:
        """Whether there is any of this kind."""
        return any(key.made.kind == kind for key in self._kept.values())

    def find(self, kind: Kind, given: bytes, now: datetime) -> Key | None:
        """The key that was shown; all of its kind are compared, so time does not tell which."""
        hashed = hashlib.sha256(given).hexdigest()
        of_kind = [key for key in self._kept.values() if key.made.kind == kind]
        found = [key for key in of_kind if hmac.compare_digest(key.made.hash, hashed)]
        if not given or not found:
            return None
        self.used_at[found[0].made.id] = now
        return found[0]

    def _hear_made(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, Made)
        if len(self._kept) < MOST_KEYS:
            self._kept[said.id] = Key(made=said, made_at=at)

    def _hear_revoked(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, Revoked)
        if (key := self._kept.pop(said.id, None)) is not None:
            self.used_at.pop(said.id, None)
            self._ended(key.key)
