"""How long somebody waits for the journal: one timer for all who wait, for they come in order; knows no journal."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

Waited = asyncio.Future[Any]


class Patience:
    """Calls `give_up` with each future that has waited `seconds` and is not done."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, give_up: Callable[[Waited], None]) -> None:
        self._loop = loop
        self._seconds = seconds
        self._give_up = give_up
        self._waiting: deque[tuple[float, Waited]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, future: Waited) -> None:
        """From now on `future` is waited for."""
        now = self._loop.time()
        self._waiting.append((now + self._seconds, future))
        if self._timer is None:
            self._timer = self._loop.call_at(self._waiting[0][0], self._look)

    def forget(self) -> None:
        """Lets go of the first that are done."""
        while self._waiting and self._waiting[0][1].done():
            self._waiting.popleft()

    def _look(self) -> None:
        now = self._loop.time()
        while self._waiting and (self._waiting[0][1].done() or self._waiting[0][0] <= now):
            _, future = self._waiting.popleft()
            if not future.done():
                self._give_up(future)
        self._timer = self._loop.call_at(self._waiting[0][0], self._look) if self._waiting else None
