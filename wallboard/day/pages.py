"""The day, its files and the calls behind its numbers, over HTTP; a handler translates and does nothing else."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from wallboard.access.rules import DESK, Way
from wallboard.day import charts, choice, exports, scope
from wallboard.day import figures as day_figures
from wallboard.day import lines as call_lines
from wallboard.day import tables as day_tables
from wallboard.day import words as say
from wallboard.day.behind import LISTS, calls_behind, count
from wallboard.day.choice import Choice, date_of
from wallboard.day.days import Days
from wallboard.day.explain import words
from wallboard.day.recount import RecountFailed
from wallboard.day.sheet import Sheet
from wallboard.desk import NO_STORE, Desk

CALLS_A_PAGE = 100
_DRAWN_KEPT = 16
_FILES: dict[str, Callable[[Choice, Sheet], bytes]] = {
    "intervals": exports.intervals,
    "queues": lambda chosen, sheet: exports.places("queue", chosen, sheet),
    "ring_groups": lambda chosen, sheet: exports.places("ring_group", chosen, sheet),
    "agents": exports.agents,
    "calls": exports.calls,
}


class DayPages:
    """Everything under /supervisor/day."""

    def __init__(self, desk: Desk, days: Days) -> None:
        self._desk = desk
        self._days = days
        self._drawn: OrderedDict[tuple[str, date, int], Response] = OrderedDict()

    def routes(self) -> Iterator[Way]:
        yield Way("/supervisor/day", self.day, "GET", DESK)
        yield Way("/supervisor/day/{day}", self.day, "GET", DESK)
        yield Way("/supervisor/day/{day}/calls", self.calls, "GET", DESK)
        yield Way("/supervisor/day/{day}/{what}.csv", self.file, "GET", DESK, exports="{what} of {day} as CSV")

    async def day(self, request: Request) -> Response:
        """200 the day · 204 if the part that moves is as it was `seen` · 303 from the pickers · 404 no such day."""
        day = self._day_of(request)
        if day is None and "day" in request.path_params:
            return self._no_day()
        chosen = choice.read(day, request.query_params)
        if (picked := self._picked(request, chosen)) is not None:
            return RedirectResponse(picked, 303, NO_STORE)
        shown = day or self._days.today
        if not self._days.has(shown):
            return self._no_day()
        try:
            sheet = await self._days.sheet(shown)
        except RecountFailed as error:
            return self._page("day/day.html", chosen, shown, state="failed", reason=str(error), status=200)
        if sheet is None:
            return self._page("day/day.html", chosen, shown, state="counting", reason="")
        return self._moving(request, chosen, sheet)

    def _moving(self, request: Request, chosen: Choice, sheet: Sheet) -> Response:
        """The whole page, or for htmx only the part that moves."""
        if "seen" not in request.query_params:
            return self._page("day/day.html", chosen, sheet.day, state="shown", reason="", **_values(chosen, sheet))
        seen_day, _, seen = request.query_params["seen"].partition("/")
        if seen_day != str(sheet.day):  # midnight has passed: the whole page is another one
            where = {"path": chosen.address, "target": "#desk", "select": "#desk", "swap": "outerHTML"}
            return Response(status_code=204, headers={"HX-Location": json.dumps(where), **NO_STORE})
        if seen == str(sheet.version):
            return Response(status_code=204, headers=NO_STORE)
        return self._drawn_once(chosen, sheet)

    def _drawn_once(self, chosen: Choice, sheet: Sheet) -> Response:
        """The moving part, drawn once for all who look at the same."""
        key = (chosen.address, sheet.day, sheet.version)
        if key not in self._drawn:
            self._drawn[key] = self._page(
                "day/moving.html", chosen, sheet.day, state="shown", reason="", **_values(chosen, sheet)
            )
            while len(self._drawn) > _DRAWN_KEPT:
                self._drawn.popitem(last=False)
        return self._drawn[key]

    async def calls(self, request: Request) -> Response:
        """200 the calls behind a number · 404 no such day or number."""
        day, number = self._day_of(request), request.query_params.get("number", "")
        if day is None or number not in LISTS or not self._days.has(day):
            return self._no_day()
        sheet = await self._days.sheet_or_none(day)
        chosen, agent = choice.read(day, request.query_params), request.query_params.get("agent") or None
        if sheet is None:
            return self._page("day/day.html", chosen, day, state="counting", reason="", again=str(request.url))
        if sheet.is_kept:
            return self._deleted(chosen, day)
        listed = calls_behind(
            sheet, number, scope.places_of(chosen, sheet), agent=agent, filtered=chosen.place is not None
        )
        pages = max(1, -(-len(listed) // CALLS_A_PAGE))
        page = min(max(_whole(request.query_params.get("page")), 1), pages)
        lines = listed[(page - 1) * CALLS_A_PAGE : page * CALLS_A_PAGE]
        whose = sheet.name_of(agent) if agent else scope.scope_of(number, chosen, sheet)
        return self._desk.show(
            "day/calls.html",
            "day",
            name=LISTS[number].title,
            whose=whose,
            words=words(LISTS[number], sheet.terms),
            count=count(listed),
            heading=say.heading(day, self._days.today),
            back=chosen.address,
            lines=[call_lines.call_line(each.row, sheet, each.visit, each.times) for each in lines],
            listed=len(listed),
            page=page,
            pages=pages,
            before=chosen.calls(day, number, page=page - 1, agent=agent) if page > 1 else None,
            after=chosen.calls(day, number, page=page + 1, agent=agent) if page < pages else None,
        )

    async def file(self, request: Request) -> Response:
        """200 text/csv · 404 · 503 while the day is being counted."""
        day, what = self._day_of(request), request.path_params["what"]
        if day is None or what not in _FILES or not self._days.has(day):
            return self._no_day()
        if what == "calls" and self._days.is_kept(day):
            return Response(f"{deletion_words(self._days)}\n", 404, NO_STORE, "text/plain")
        sheet = await self._days.sheet_or_none(day)
        if sheet is None:
            return Response(
                "This day is being counted. Try again in a moment.\n", 503, {"Retry-After": "2", **NO_STORE}
            )
        chosen = choice.read(day, request.query_params)
        name = exports.name_of(day, what, chosen)
        if what == "calls":
            content = await asyncio.to_thread(exports.calls, chosen, sheet)
        else:
            content = _FILES[what](chosen, sheet)
        return Response(
            content,
            media_type="text/csv; charset=utf-8; header=present",
            headers={"Content-Disposition": f'attachment; filename="{name}"', **NO_STORE},
        )

    def _page(
        self, template: str, chosen: Choice, day: date, *, state: str, reason: str, status: int = 200, **values: Any
    ) -> Response:
        today = self._days.today
        return self._desk.show(
            template,
            "day",
            status=status,
            choice=chosen,
            day=day,
            state=state,
            reason=reason,
            is_live=self._days.is_live(day),
            heading=say.heading(day, today),
            first=self._days.first,
            today=today,
            earlier=chosen.but(day=day - timedelta(days=1)).address if day > self._days.first else None,
            later=self._later(chosen, day),
            now_address=chosen.but(day=None).address,
            deleted=deletion_words(self._days) if self._days.is_kept(day) else "",
            **values,
        )

    def _deleted(self, chosen: Choice, day: date) -> Response:
        """In the place of a list of calls, where there are none any more."""
        heading, words = say.heading(day, self._days.today), deletion_words(self._days)
        return self._desk.show(
            "day/none.html", "day", what="calls", heading=heading, back=chosen.address, deleted=words
        )

    def _later(self, chosen: Choice, day: date) -> str | None:
        if day >= self._days.today:
            return None
        after = day + timedelta(days=1)
        return chosen.but(day=after if after < self._days.today else None).address

    def _day_of(self, request: Request) -> date | None:
        return date_of(request.path_params.get("day", ""))

    def _picked(self, request: Request, chosen: Choice) -> str | None:
        """Where the pickers lead: their fields are not how an address says it."""
        picked, shown = request.query_params.get("day"), request.query_params.get("show")
        if picked is None and shown is None:
            return None
        if (day := date_of(picked or "")) is not None:
            chosen = chosen.but(day=None if day == self._days.today else day)
        if shown is not None:
            scope = choice.shown(shown)
            chosen = chosen.but(kind=scope.kind, place=scope.place)
        return chosen.address

    def _no_day(self) -> Response:
        return self._desk.show(
            "day/none.html", "day", status=404, what="day", first=self._days.first, today=self._days.today
        )


def deletion_words(days: Days) -> str:
    """Why a day has figures and no calls."""
    return f"The calls of this day were deleted after {say.plural(days.retention_days, 'day')}; its figures are kept."


def _values(chosen: Choice, sheet: Sheet) -> dict[str, Any]:
    intervals = day_figures.intervals_of(chosen, sheet)
    return {
        "seen": f"{sheet.day}/{sheet.version}",
        "scope": scope.scope_name(chosen, sheet),
        "ways": list(scope.ways(chosen, sheet)),
        "figures": day_figures.figures_of(chosen, sheet),
        "call_figures": day_figures.call_figures(chosen, sheet),
        "intervals": day_figures.interval_table(intervals, sheet),
        "picture": charts.picture(intervals, minutes=chosen.width, target=sheet.terms.target) if intervals else None,
        "levels": day_figures.level_table(chosen, sheet),
        "level_words": day_figures.level_words(sheet),
        "tables": day_tables.tables(chosen, sheet),
        "ended": call_lines.ended_calls(chosen, sheet),
        "losses": day_figures.losses_words(sheet),
        "files": [(what, chosen.file(sheet.day, what)) for what in _FILES if what != "calls" or not sheet.is_kept],
    }


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 8 else 1
