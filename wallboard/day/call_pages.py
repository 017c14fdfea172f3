"""One call's own page, over HTTP; a handler translates and does nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from wallboard.access.rules import DESK, Way
from wallboard.clock import Clock
from wallboard.day import lines as call_lines
from wallboard.day import words as say
from wallboard.day.archive import Archive, ArchiveUnreadable
from wallboard.day.choice import Choice, date_of
from wallboard.day.days import Days
from wallboard.day.pages import deletion_words
from wallboard.day.rows import CallRow
from wallboard.day.sheet import Sheet
from wallboard.day.steps import adds, offers_of, way_of
from wallboard.day.story import Story, tell
from wallboard.desk import Desk
from wallboard.parse import Reader


class CallPages:
    """/supervisor/calls/<id>."""

    def __init__(self, desk: Desk, days: Days, archive: Archive, reader: Reader, clock: Clock) -> None:
        self._desk = desk
        self._days = days
        self._archive = archive
        self._reader = reader
        self._clock = clock

    def routes(self) -> Iterator[Way]:
        yield Way("/supervisor/calls/{id:path}", self.call, "GET", DESK)

    async def call(self, request: Request) -> Response:
        """200 one call's way, what it adds to the numbers, and its events · 200 that its day's calls were deleted ·
        404 if no call of that id is known.
        """
        day = date_of(request.query_params.get("day", "")) or self._days.today
        nth = request.query_params.get("nth")
        key = request.path_params["id"] + (f"\n{nth}" if nth else "")
        known, sheet = await self._known(key, day, is_told="day" in request.query_params)
        if known is None and self._days.has(day) and self._days.is_kept(day):
            heading, back = say.heading(day, self._days.today), Choice(day=day).address
            words = deletion_words(self._days)
            return self._desk.show("day/none.html", "day", what="calls", heading=heading, back=back, deleted=words)
        if known is None or sheet is None:
            return self._desk.show("day/none.html", "day", status=404, what="call")
        try:
            story = await asyncio.to_thread(
                tell, self._archive, self._days.rules, self._reader, known, self._clock.now()
            )
        except ArchiveUnreadable as error:
            return self._call_page(known, sheet, None, str(error))
        return self._call_page(known, sheet, story, "")

    async def _known(self, key: str, day: date, *, is_told: bool) -> tuple[CallRow | None, Sheet | None]:
        """The row of a call on its day; without a day it is looked for today and yesterday."""
        for each in [day] if is_told else [day, day - timedelta(days=1)]:
            if self._days.has(each) and (sheet := await self._days.sheet_or_none(each)) is not None:
                if (row := sheet.rows.get(key)) is not None:
                    return row, sheet
        return None, None

    def _call_page(self, known: CallRow, sheet: Sheet, story: Story | None, reason: str) -> Response:
        row = (story.row if story else None) or known
        zone = sheet.cuts.zone
        has_call = story is not None and story.call is not None
        return self._desk.show(
            "day/call.html",
            "day",
            line=call_lines.call_line(row, sheet),
            row=row,
            day=say.heading(sheet.day, self._days.today),
            back=Choice(day=sheet.day).address,
            started=f"{row.started_at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
            steps=[
                (say.clock(step.at, zone), step.text, say.duration(step.seconds) if step.seconds else "", step.place)
                for step in (way_of(story.call, row, story.heard) if has_call and story and story.call else [])
            ],
            offers=offers_of(story.call, story.heard) if has_call and story and story.call else [],
            adds=list(adds(row, sheet.terms)),
            raw=[(raw, _instant(raw.received_at, sheet)) for raw in (story.raw if story else ())],
            is_cut=story is not None and story.is_cut,
            reason=reason,
        )


def _instant(moment: datetime, sheet: Sheet) -> str:
    return f"{moment.astimezone(sheet.cuts.zone):%Y-%m-%d %H:%M:%S.%f}"[:-3]
