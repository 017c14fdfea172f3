"""What televisions say and are asked, over HTTP: their reports, /diag, the desk's list; knows no board's content."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from wallboard.access.rules import KNOWN, OPEN, SUPERVISE, Way
from wallboard.desk import NO_STORE, Desk
from wallboard.feed import message
from wallboard.forms import TooMuch, read_form, see
from wallboard.tv.engines import engine_of, is_old, platform_of
from wallboard.tv.televisions import LOST_AFTER_SECONDS, Command, Id, Order, Report, Televisions, TooMany

LARGEST_REPORT = 16 * 1024
_LIST = "/supervisor/tvs"
_PLAIN_ORDERS: dict[str, Order] = {"reload": "reload", "identify": "identify"}

Tell = Callable[[str, bytes], Awaitable[None]]
"""Sends one message by the stream of the board of that slug, if there is one."""


class TvPages:
    """`/tvs/<id>` for the televisions and for scripts; the rest for people."""

    def __init__(self, televisions: Televisions, desk: Desk, tell: Tell, build: str) -> None:
        self._televisions = televisions
        self._desk = desk
        self._tell = tell
        self._build = build

    def routes(self) -> Iterator[Way]:
        yield Way("/supervisor/tvs", self.all, "GET", SUPERVISE)
        yield Way("/supervisor/tvs/{id}", self.one, "GET", SUPERVISE)
        yield Way("/supervisor/tvs/{id}", self.order, "POST", SUPERVISE)
        yield Way("/tvs/{id}", self.report, "POST", KNOWN)
        yield Way("/tvs/{id}", self.last_report, "GET", SUPERVISE)
        yield Way("/diag", self.diag, "GET", OPEN)

    async def report(self, request: Request) -> Response:
        """200 `{name, engine, commands}` · 400 not a report · 404 no such name can be · 413 · 429 too often."""
        try:
            id = msgspec.convert(request.path_params["id"], Id)
        except msgspec.ValidationError:
            return _refusal(404, "not_found", "A television's id is 1 to 40 of a-z, 0-9 and -.")
        try:
            body = await _body(request)
            answer = self._televisions.report(id, msgspec.json.decode(body, type=Report))
        except TooLarge:
            return _refusal(413, "too_large", f"A report has at most {LARGEST_REPORT} bytes.")
        except (msgspec.DecodeError, ClientDisconnect):  # a wrong field is a DecodeError as well
            return _refusal(400, "unreadable", "This is not a television's report.")
        except TooMany:
            return _refusal(429, "too_many", "A television reports every 20 s.", {"Retry-After": "10"})
        return JSONResponse(msgspec.to_builtins(answer), headers=NO_STORE)

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

    async def all(self, request: Request) -> Response:
        """200 the list of all televisions, those that need somebody first."""
        return self._show_all()

    async def one(self, request: Request) -> Response:
        """200 what one television says of itself, and its name to change · 404."""
        standing = self._televisions.standing(request.path_params["id"], self._build)
        if standing is None:
            return self._desk.show("tv_missing.html", "tvs", status=404)
        return self._desk.show("tv.html", "tvs", one=standing)

    async def order(self, request: Request) -> Response:
        """POST do=reload, identify, rename (with name) or forget: 303 to where it came from · 400 · 404 · 413."""
        id = request.path_params["id"]
        try:
            form = await read_form(request)
        except TooMuch:
            return _refusal(413, "too_large", "No form of this page is that large.")
        do, name = form.text("do"), form.text("name")
        if self._televisions.get(id) is None:
            return self._desk.show("tv_missing.html", "tvs", status=404)
        if do == "forget":
            self._televisions.forget(id)
            return see(_LIST)
        if (command := self._command(id, do, name)) is None:
            return _refusal(400, "unreadable", "Ask for do=reload, identify, forget, or rename with a name.")
        await self._send(command)
        return see(f"{_LIST}/{id}" if do == "rename" else _LIST)

    def _command(self, id: str, do: str, name: str) -> Command | None:
        if do == "rename":
            return self._televisions.rename(id, name)
        return self._televisions.order(id, _PLAIN_ORDERS[do]) if do in _PLAIN_ORDERS else None

    async def _send(self, command: Command) -> None:
        """By the stream of the board that it last showed; whoever else watches that board ignores it."""
        tv = self._televisions.get(command.tv)
        if tv is not None and tv.report.board:
            await self._tell(tv.report.board, message("command", msgspec.json.encode(command)))

    def _show_all(self) -> Response:
        return self._desk.show(
            "tvs.html",
            "tvs",
            standings=self._televisions.standings(self._build),
            lost_after_seconds=int(LOST_AFTER_SECONDS),
        )


class TooLarge(Exception):
    """The body is over `LARGEST_REPORT`."""


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_REPORT:
            raise TooLarge
    return body


def _refusal(status: int, code: str, detail: str, headers: dict[str, Any] | None = None) -> Response:
    return JSONResponse({"error": code, "detail": detail}, status, {**NO_STORE, **(headers or {})})
