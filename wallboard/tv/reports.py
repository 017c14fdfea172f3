"""What televisions say of themselves, over HTTP: their reports and /diag; knows no board's content and no desk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wallboard.access.rules import KNOWN, OPEN, SUPERVISE, Way
from wallboard.access.visitors import AT_THE_MACHINE, visitor_of
from wallboard.desk import NO_STORE, Desk
from wallboard.forms import TooMuch, read_body
from wallboard.tv.engines import engine_of, is_old, platform_of
from wallboard.tv.keys import TvKeys, key_of
from wallboard.tv.paired import PairedTv
from wallboard.tv.televisions import Answer, Id, Report, Televisions, TooMany

LARGEST_REPORT = 16 * 1024
_PAIRED_IDS = "paired-"


class TvReports:
    """`/tvs/<id>` for the televisions and for scripts, and the page on which a screen examines itself."""

    def __init__(self, televisions: Televisions, keys: TvKeys, desk: Desk, build: str) -> None:
        self._televisions = televisions
        self._keys = keys
        self._desk = desk
        self._build = build

    def routes(self) -> Iterator[Way]:
        yield Way("/tvs/{id}", self.report, "POST", KNOWN)
        yield Way("/tvs/{id}", self.last_report, "GET", SUPERVISE)
        yield Way("/diag", self.diag, "GET", OPEN)

    async def report(self, request: Request) -> Response:
        """200 `{name, engine, commands, id, home}` · 400 not a report · 404 no such name can be · 413 · 429 too often.

        A paired television is known by its key, whatever id it sends. A person's browser is no television: what it
        says is not kept.
        """
        paired = self._keys.tv_of(request)
        try:
            id = msgspec.convert(request.path_params["id"] if paired is None else paired.id, Id)
            if paired is None and id.startswith(_PAIRED_IDS):
                raise msgspec.ValidationError
        except msgspec.ValidationError:
            return _refusal(404, "not_found", "A television's id is 1 to 40 of a-z, 0-9 and -.")
        try:
            report = msgspec.json.decode(await read_body(request, LARGEST_REPORT), type=Report)
            answer, is_new = self._take(request, id, paired, report)
        except TooMuch:
            return _refusal(413, "too_large", f"A report has at most {LARGEST_REPORT} bytes.")
        except msgspec.DecodeError:  # a wrong field is one as well
            return _refusal(400, "unreadable", "This is not a television's report.")
        except TooMany:
            return _refusal(429, "too_many", "A television reports every 20 s.", {"Retry-After": "10"})
        told = JSONResponse(msgspec.to_builtins(answer), headers=NO_STORE)
        if paired is not None and is_new:
            self._keys.give(told, key_of(request))
        return told

    def _take(self, request: Request, id: str, paired: PairedTv | None, report: Report) -> tuple[Answer, bool]:
        """What it is told, and whether this is the first that is heard of this load of its page."""
        if paired is not None:
            before = self._televisions.get(id)
            is_new = before is None or before.report.page != report.page
            return self._televisions.report(id, report, given_name=paired.name, home=paired.board), is_new
        visitor = visitor_of(request)
        if visitor.is_person and visitor != AT_THE_MACHINE:
            return Answer(name="", engine=engine_of(report.agent), commands=(), id=id), False
        return self._televisions.report(id, report), False

    async def last_report(self, request: Request) -> Response:
        """200 how one television is, as JSON for scripts · 404."""
        one = self._televisions.standing(request.path_params["id"], self._build)
        if one is None:
            return _refusal(404, "not_found", "No television of that id has reported.")
        told = {"word": one.word, "heard_seconds": one.heard_seconds, "engine": one.tv.engine, "name": one.tv.name}
        parts = {"report": one.tv.report, "diagnosis": one.tv.diagnosis}
        return JSONResponse({**told, **msgspec.to_builtins(parts)}, headers=NO_STORE)

    async def diag(self, request: Request) -> Response:
        """200 the page on which a screen examines itself."""
        agent = request.headers.get("user-agent", "")
        return self._desk.show(
            "diag.html",
            "tvs",
            agent=agent[:300],
            engine=engine_of(agent),
            platform=platform_of(agent),
            is_old=is_old(agent),
        )


def _refusal(status: int, code: str, detail: str, headers: dict[str, Any] | None = None) -> Response:
    return JSONResponse({"error": code, "detail": detail}, status, {**NO_STORE, **(headers or {})})
