"""Where snapshots of the fold are kept, and whether the journal still says the same; knows not what is in one.

Where something was deleted or erased after a snapshot was begun, it is believed no more: it may hold what is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import BinaryIO, Protocol

import msgspec

from wallboard.journal.base import Base
from wallboard.journal.rows import Row


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Which snapshot it is: `version` is the build and the settings that it is for, `seal` that of its last entry."""

    version: str
    epoch: str
    sequence: int
    seal: bytes


class Beginnings(Protocol):
    """What is no coroutine blocks: call it in a thread or in a process of its own."""

    def opened(self, version: str) -> BinaryIO | None:
        """The last snapshot, to be closed by whoever asked; `None` also where it is plain that it is of no use."""

    def latest(self, version: str) -> int:
        """The last entry of the snapshot that another process has made; 0 where there is none, or no other process."""

    def stands(self, mark: Mark) -> bool:
        """Whether the journal has this entry as it was then, and nothing was deleted or erased since."""

    def seal(self, sequence: int) -> bytes:
        """The seal of one entry; nothing where there is none."""

    def entries(self, after: int) -> Iterator[Row]:
        """What stands after an entry, but for what counts as deleted."""

    def epoch(self) -> str | None:
        """The name of the history."""

    def base(self) -> Base:
        """Up to where entries were deleted on purpose."""

    def making(self) -> AbstractAsyncContextManager[BinaryIO | None]:
        """A file to write the next one to, gone afterwards; `None` while another process makes one. OSError."""

    async def keep(self, file: BinaryIO, mark: Mark) -> bool:
        """What was written takes the last one's place, unless it holds what has been deleted since it was begun."""

    def forget(self, version: str) -> None:
        """Neither a snapshot nor a part of one is left."""
