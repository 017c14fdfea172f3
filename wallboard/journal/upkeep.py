"""Old entries deleted and erased callers overwritten, beside the writers; knows not why, and no database.

Only one process at a time may do so: whoever begins must stand `alone`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from typing import Any, ParamSpec, Protocol, TypeVar

from wallboard.journal import Delivery, JournalUnavailable
from wallboard.journal.apart import ApartFailed, apart


class Rewriter(Protocol):
    """Hears of every entry before it is asked what becomes of any."""

    def begin(self) -> None:
        """All entries are asked for from the first on."""

    def take_up(self, learnt: Any) -> None:
        """Goes on from what a copy of it has learnt in another process."""

    @property
    def known(self) -> int:
        """Another number if it has found something that may bear on entries it was asked for before."""

    def find(self, delivery: Delivery) -> None:
        """Hears of one."""

    def rewrite(self, delivery: Delivery) -> Delivery | None:
        """What it becomes; `None` if it stays as it is."""


_PLANS = 5
P = ParamSpec("P")
T = TypeVar("T")
Before = Callable[[], Awaitable[None]]


async def nothing() -> None:
    """Nobody else is to be told beforehand."""


async def read_apart(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `function` returns in a process of its own; JournalUnavailable."""
    try:
        return await asyncio.to_thread(lambda: apart(function, *args, **kwargs))
    except ApartFailed as error:
        raise JournalUnavailable(f"it cannot be read just now ({error})") from None


async def carried_out(plan: Callable[[], Awaitable[bool | None]]) -> bool:
    """What `plan` returns once it has been carried out; asked again where it returns `None`, for too much has come
    meanwhile. JournalUnavailable.
    """
    for _ in range(_PLANS):
        if (done := await plan()) is not None:
            return done
    raise JournalUnavailable("too much comes of them just now")


class Upkeep(Protocol):
    """Every method may raise JournalUnavailable; what was begun is gone on with by the next `sweep`."""

    def alone(self) -> AbstractAsyncContextManager[bool]:
        """True if no other process does any of this as long as the block lasts, and all that others wrote before has
        been applied in this one. False if another one does just now.
        """

    async def purge(self, sequence: int, remains: str, now: datetime, before: date | None = None) -> bool:
        """Deletes everything up to `sequence` but for what is kept; `before` is the first day that stays.

        Nothing of it is left in any file that the server could clean, on return. False where there was nothing to
        delete.
        """

    async def sweep(self) -> None:
        """Ends what an earlier process had begun to delete; nothing happens where all is done."""

    async def forget_aside(self, before: datetime) -> None:
        """Deletes what mending kept of an older journal, if it was kept before then."""

    async def rewrite(
        self,
        rewriter: Rewriter,
        said: Callable[[], Delivery],
        written: Callable[[], None] = lambda: None,
        foretold: Before = nothing,
    ) -> bool:
        """Rewrites every entry that the rewriter wants otherwise; False if there was none. Nothing of what they were
        is left in any file on return that the server could clean. `said` makes the journal's own remark of it;
        `written` is called after that, `foretold` before, where other processes follow the journal.
        """
