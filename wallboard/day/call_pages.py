"""One call's own page, over HTTP; a handler translates and does nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo

from starlette.requests import Request
from starlette.responses import Response

from wallboard.access.rules import DESK, Way
from wallboard.calls import Call
from wallboard.clock import Clock
from wallboard.day import lines as call_lines
from wallboard.day import words as say
from wallboard.day.choice import Choice, date_of
from wallboard.day.days import Days
from wallboard.day.pages import deletion_words
from wallboard.day.rows import CallRow
from wallboard.day.seen import row_seen
from wallboard.day.sheet import Sheet
from wallboard.day.steps import adds, offers_of, way_of
from wallboard.day.story import Story, tell
from wallboard.desk import Desk
from wallboard.events import Place
from wallboard.eyes import ANOTHER, ANOTHER_AGENT
from wallboard.journal.archive import Archive, ArchiveUnreadable
from wallboard.parse import Reader
from wallboard.scope import Sight
from wallboard.sights import Sights
from wallboard.way import named


class CallPages:
    """/supervisor/calls/<id>."""

    def __init__(self, desk: Desk, days: Days, archive: Archive, reader: Reader, clock: Clock, sights: Sights) -> None:
        self._desk = desk
        self._days = days
        self._archive = archive
        self._reader = reader
        self._clock = clock
        self._sights = sights

    def routes(self) -> Iterator[Way]:
        yield Way("/supervisor/calls/{id:path}", self.call, "GET", DESK)

    async def call(self, request: Request) -> Response:
        """200 one call's way, what it adds to the numbers, and its events · 200 that its day's calls were deleted ·
        404 if no call of that id is known, or none that the reader may see.
        """
        day = date_of(request.query_params.get("day", "")) or self._days.today
        nth = request.query_params.get("nth")
        key, sight = request.path_params["id"] + (f"\n{nth}" if nth else ""), self._sights.of(request)
        known, sheet = await self._known(key, day, sight, is_told="day" in request.query_params)
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
            return self._call_page(known, sheet, sight, None, str(error))
        return self._call_page(known, sheet, sight, story, "")

    async def _known(self, key: str, day: date, sight: Sight, *, is_told: bool) -> tuple[CallRow | None, Sheet | None]:
        """The row of a call on its day; without a day it is looked for today and yesterday."""
        for each in [day] if is_told else [day, day - timedelta(days=1)]:
            if self._days.has(each) and (sheet := await self._days.seen_or_none(each, sight)) is not None:
                if (row := sheet.row(key)) is not None:
                    return row, sheet
        return None, None

    def _call_page(self, known: CallRow, sheet: Sheet, sight: Sight, story: Story | None, reason: str) -> Response:
        told = _Told(story.call if story else None, sight)
        row = (row_seen(story.row, sight, told.names) if story and story.row else None) or known
        zone = sheet.cuts.zone
        return self._desk.show(
            "day/call.html",
            "day",
            line=call_lines.call_line(row, sheet),
            row=row,
            day=say.heading(sheet.day, self._days.today),
            back=Choice(day=sheet.day).address,
            started=f"{row.started_at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
            steps=[
                (say.clock(step.at, zone), step.text, say.milliseconds(step.lasted_ms) if step.lasted_ms else "")
                for step in (way_of(told.call, row, told.person, told.place) if told.call else ())
            ],
            offers=offers_of(told.call, told.person) if told.call else [],
            recordings=list(told.recordings(zone)),
            adds=list(adds(row, sheet.standards)),
            is_whole=sight.is_whole,
            raw=[(raw, _instant(raw.received_at, sheet)) for raw in (story.raw if story and sight.is_whole else ())],
            is_cut=story is not None and story.is_cut,
            reason=reason,
        )


class _Told:
    """A call as it was told anew, with the names that a sight lets through."""

    def __init__(self, call: Call | None, sight: Sight) -> None:
        self.call = call
        self._sight = sight
        self.names = {key: offer.name for key, offer in call.offers.items() if offer.name} if call else {}

    def person(self, key: str) -> str:
        name = self.names.get(key)
        if not self._sight.scope.sees_agent(key, name):
            return ANOTHER_AGENT
        return key if name in (None, key) else f"{name} ({key})"

    def place(self, place: Place) -> str:
        return named(place) if self._sight.scope.sees_place(place) else ANOTHER[place.kind]

    def recordings(self, zone: tzinfo) -> Iterator[tuple[str, str]]:
        """What there is to listen to, and where; the address is empty where the reader may not be led there."""
        if self.call is None:
            return
        if self.call.recording:
            yield "Recording", self._sight.recording(self.call.recording)
        for at, left in self.call.voicemails.items():
            yield f"Voicemail of {say.clock(at or left.received_at, zone)}", self._sight.recording(left.link)


def _instant(moment: datetime, sheet: Sheet) -> str:
    return f"{moment.astimezone(sheet.cuts.zone):%Y-%m-%d %H:%M:%S.%f}"[:-3]
