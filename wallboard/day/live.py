"""The sheet of a day that the live board still knows, brought up to date when somebody asks; knows no page, no journal.

Keeping a sheet costs nothing until then; only calls that have changed since are made into rows again, and in slices, so
that a day of 30,000 calls holds the event loop up for some milliseconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime

from wallboard.board import Board
from wallboard.day.explain import Standards
from wallboard.day.intervals import Cuts
from wallboard.day.rows import CallRow, row_of
from wallboard.day.sheet import Sheet

SLICE_SECONDS = 0.01
LOOK_EVERY = 50
MOST_REST_SECONDS = 0.9


class Live:
    """The sheet of a day that the live board still knows."""

    def __init__(self, day: date, board: Board, standards: Standards) -> None:
        self._board = board
        self._heard: dict[str, datetime] = {}
        self._presumed: set[str] = set()
        self._turn = asyncio.Lock()
        self._began: float | None = None
        self._rests_until = 0.0
        self.sheet = Sheet(day, Cuts.of(day, board.rules.zone, board.rules.day_starts_at), standards)

    async def brought_up(self, now: Callable[[], datetime]) -> Sheet:
        """The sheet with all that had been heard when this was called. Whoever asks meanwhile shares the work, and
        it takes a twentieth of the time at most: on a day of 30,000 calls one waits for half a second then.
        """
        asked = time.monotonic()
        async with self._turn:
            if self._began is None or self._began <= asked:
                await asyncio.sleep(max(0.0, self._rests_until - asked))
                self._began = time.monotonic()
                self._board.settle(now())
                await self._bring_up()
                done = time.monotonic()
                self._rests_until = done + min(MOST_REST_SECONDS, 20 * (done - self._began))
        return self.sheet

    async def _bring_up(self) -> None:
        sheet, board = self.sheet, self._board
        day = board.day(sheet.day)
        presumed = {call.key for call in board.presumed_calls()}
        changed = presumed ^ self._presumed
        self._presumed = presumed
        known = list(day.call_ids)
        for key in set(sheet.rows).difference(known):
            sheet.take_out(key)
        until = time.monotonic() + SLICE_SECONDS
        for n, key in enumerate(known):
            self._bring_up_call(key, key in changed)
            if n % LOOK_EVERY == 0 and time.monotonic() > until:
                await asyncio.sleep(0)
                until = time.monotonic() + SLICE_SECONDS
        sheet.agent_names = {agent.key: agent.name for agent in board.agents.values() if agent.name}
        sheet.tell(dict(self._messages()), tuple(day.losses))

    def _messages(self) -> Iterator[tuple[str, tuple[CallRow, int]]]:
        for key, count in self._board.voicemails_of(self.sheet.day).items():
            yield key, (self.sheet.rows.get(key) or row_of(self._board, self._board.calls[key]), count)

    def _bring_up_call(self, key: str, has_changed: bool) -> None:
        call = self._board.calls.get(key)
        if call is None:
            self.sheet.take_out(key)
            return
        # Every event that a call hears, and every step of the clock, gives it another instant.
        if self._heard.get(key) is call.last_received_at and not has_changed:
            return
        self._heard[key] = call.last_received_at
        if call.counts and self._board.rules.day_of(call.started_at) == self.sheet.day:
            self.sheet.put(row_of(self._board, call))
        else:
            self.sheet.take_out(key)
