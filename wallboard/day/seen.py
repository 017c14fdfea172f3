"""One day's sheet as one sight lets it through: fewer calls, less of each, and sums made from those; knows no page.

Whatever draws a sheet may show all that is in it: what a reader must not see was never put in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping

import msgspec

from wallboard.day.rows import CallRow
from wallboard.day.sheet import Sheet
from wallboard.scope import Sight

SLICE_SECONDS = 0.01
_LOOK_EVERY = 50


class Seen:
    """Follows `whole`; as there, only calls that have changed are looked at again, and in slices."""

    def __init__(self, whole: Sheet, sight: Sight) -> None:
        self._whole = whole
        self._sight = sight
        self._known: dict[str, CallRow] = {}
        self._names: dict[str, str] = {}
        self._followed: int | None = None
        self._turn = asyncio.Lock()
        self._sheet = Sheet(whole.day, whole.cuts, whole.standards)

    async def brought_up(self) -> Sheet:
        """With all that is in the whole sheet now."""
        async with self._turn:
            if self._followed != self._whole.version or self._names != self._whole.agent_names:
                await self._follow()
        return self._sheet

    async def _follow(self) -> None:
        whole, sheet, is_first = self._whole, self._sheet, self._followed is None
        version, rows = whole.version, dict(whole.rows)
        if self._names != whole.agent_names:  # somebody may be chosen by a name
            self._names = dict(whole.agent_names)
            self._known.clear()
        sheet.agent_names = {k: name for k, name in self._names.items() if self._sight.scope.sees_agent(k, name)}
        for key in [key for key in sheet.rows if key not in rows]:
            sheet.take_out(key)
        await self._take_in(rows)
        sheet.tell(dict(self._messages()), whole.losses)
        sheet.judge(whole.standards)
        if is_first:  # never one that another sheet of the same sight had with less in it
            sheet.version = version
        self._followed = version

    async def _take_in(self, rows: dict[str, CallRow]) -> None:
        until = time.monotonic() + SLICE_SECONDS
        for n, (key, row) in enumerate(rows.items()):
            if self._known.get(key) is not row:
                self._put(key, row)
            if n % _LOOK_EVERY == 0 and time.monotonic() > until:
                await asyncio.sleep(0)
                until = time.monotonic() + SLICE_SECONDS
        self._known = rows

    def _put(self, key: str, row: CallRow) -> None:
        seen = row_seen(row, self._sight, self._names)
        if seen is None:
            self._sheet.take_out(key)
        else:
            self._sheet.put(seen)

    def _messages(self) -> Iterator[tuple[str, tuple[CallRow, int]]]:
        for key, (row, count) in self._whole.messages.items():
            if (seen := row_seen(row, self._sight, self._names)) is not None:
                yield key, (seen, count)


def row_seen(row: CallRow, sight: Sight, names: Mapping[str, str]) -> CallRow | None:
    """So much of a call as the sight lets through; `None` where that is nothing. `names` are the agents'."""
    scope = sight.scope
    if not scope.is_all:
        places = [visit.place for visit in row.visits]
        agents = [(key, names.get(key)) for key in (*(part.agent for part in row.agents), *row.others)]
        if not scope.sees_call(places, agents):
            return None
        row = msgspec.structs.replace(
            row,
            visits=tuple(visit for visit in row.visits if scope.sees_place(visit.place)),
            agents=tuple(part for part in row.agents if scope.sees_agent(part.agent, names.get(part.agent))),
            others=tuple(key for key in row.others if scope.sees_agent(key, names.get(key))),
        )
    return row if sight.numbers else _masked(row, sight)


def _masked(row: CallRow, sight: Sight) -> CallRow:
    """The number at our end of the line is no secret."""
    return msgspec.structs.replace(
        row,
        caller_name=sight.text(row.caller_name) or None,
        caller_number=(sight.text(row.caller_number) or None) if row.inbound else row.caller_number,
        dialled_number=row.dialled_number if row.inbound else sight.text(row.dialled_number) or None,
    )
