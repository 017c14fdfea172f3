"""Hashes passwords and compares them, in threads of their own; knows no account and no rule for passwords.

argon2id with 19 MiB, two passes, one lane: the parameters that OWASP's password storage cheat sheet names first, of
which two at a time fit into the smallest dyno beside the board.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_AT_ONCE = 2
_MOST_WAITING = 40
"""Some second's work: who comes after them is asked to come again, before a queue grows."""
_NOBODY = "a password that nobody has"
T = TypeVar("T")


class Busy(Exception):
    """Too many passwords are being compared right now."""


class Hashing:
    """Compares for an account that does not exist as well, so that time does not tell which names do."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._threads = ThreadPoolExecutor(_AT_ONCE, "passwords")
        self._waiting = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        return await self._run(self._hash, password)

    async def is_right(self, password: str, kept: str) -> bool:
        """Whether it is the password that was `kept`; the same work, and False, if that is empty."""
        return await self._run(self._is_right, password, kept)

    def is_outdated(self, kept: str) -> bool:
        """Whether it was hashed with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    async def _run(self, work: Callable[..., T], *args: str) -> T:
        if self._waiting >= _MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._waiting -= 1

    def _hash(self, password: str) -> str:
        return self._hasher.hash(password)

    def _is_right(self, password: str, kept: str) -> bool:
        if self._nobody is None:
            self._nobody = self._hasher.hash(_NOBODY)
        try:
            return self._hasher.verify(kept or self._nobody, password) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False
