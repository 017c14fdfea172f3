"""The desk's list of televisions and what it asks of them, over HTTP; knows no code and no key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from wallboard.access.rules import SUPERVISE, Way
from wallboard.access.visitors import visitor_of
from wallboard.boards.kept import Boards
from wallboard.desk import Desk
from wallboard.feed import message
from wallboard.forms import Fields, TooMuch, read_form, see, status_for, who
from wallboard.journal import JournalUnavailable
from wallboard.tv.enrolment import Enrolment
from wallboard.tv.listing import line, lines
from wallboard.tv.orders import Command, Order
from wallboard.tv.paired import PairedTv, PairedTvs
from wallboard.tv.televisions import LOST_AFTER_SECONDS, Televisions, tidy

LIST = "/supervisor/tvs"
_PLAIN_ORDERS: dict[str, Order] = {"reload": "reload", "identify": "identify"}
_UNWRITTEN = "Not done: the journal cannot be written right now. Try again."

Tell = Callable[[str, bytes], Awaitable[None]]
"""Sends one message by the stream of the board of that slug, if there is one."""


class TvPages:
    """The section TVs of the desk."""

    def __init__(
        self,
        televisions: Televisions,
        paired: PairedTvs,
        enrolment: Enrolment,
        boards: Boards,
        desk: Desk,
        tell: Tell,
        build: str,
    ) -> None:
        self._televisions = televisions
        self._paired = paired
        self._enrolment = enrolment
        self._boards = boards
        self._desk = desk
        self._tell = tell
        self._build = build
        self._relaying: set[asyncio.Future[str]] = set()

    def routes(self) -> Iterator[Way]:
        yield Way(LIST, self.all, "GET", SUPERVISE)
        yield Way(f"{LIST}/{{id}}", self.one, "GET", SUPERVISE)
        yield Way(f"{LIST}/{{id}}", self.order, "POST", SUPERVISE)

    async def all(self, request: Request) -> Response:
        """200 the list of all televisions, those that need somebody first."""
        return self._desk.show(
            "tvs/list.html",
            "tvs",
            lines=lines(self._paired, self._televisions, self._build),
            lost_after_seconds=int(LOST_AFTER_SECONDS),
            done=request.query_params.get("done", ""),
        )

    async def one(self, request: Request) -> Response:
        """200 what one television says of itself, its name, its board and its pairing to change · 404."""
        return self._show(request.path_params["id"], done=request.query_params.get("done", ""))

    async def order(self, request: Request) -> Response:
        """303 done, to where it came from · 400 not understood · 404 · 413 · 503 not written.

        POST do=reload, identify, rename (with name); forget one that is not paired; move (with board) or revoke one
        that is.
        """
        id = request.path_params["id"]
        try:
            form = await read_form(request)
        except TooMuch:
            return self._show(id, trouble="No form of this page is that large.", status=status_for(request, 413))
        if self._televisions.get(id) is None and self._paired.get(id) is None:
            return self._missing()
        try:
            address = await self._obey(id, form, visitor_of(request).name or who(request))
        except JournalUnavailable:
            return self._show(id, trouble=_UNWRITTEN, status=status_for(request, 503))
        if address is None:
            return self._show(id, trouble="This cannot be asked of it.", status=status_for(request, 400))
        return see(address)

    async def _obey(self, id: str, form: Fields, by: str) -> str | None:
        """Where to look now that it is done; None if it cannot be."""
        do, name, tv = form.text("do"), tidy(form.text("name")), self._paired.get(id)
        if do in _PLAIN_ORDERS:
            return await self._send(self._televisions.order(id, _PLAIN_ORDERS[do]), LIST)
        if do == "rename" and name:
            if tv is not None:
                await self._enrolment.rename(id, name, by=by)
            return await self._send(self._televisions.rename(id, name), f"{LIST}/{id}?done=renamed")
        if do == "forget" and tv is None:
            self._televisions.forget(id)
            return LIST
        return None if tv is None else await self._obey_for_paired(tv, do, form.text("board"), by)

    async def _obey_for_paired(self, tv: PairedTv, do: str, board: str, by: str) -> str | None:
        if do == "move" and self._boards.get(board) is not None:
            await self._enrolment.move(tv.id, board, by=by)
            return await self._send(self._televisions.order(tv.id, "move"), f"{LIST}/{tv.id}?done=moved")
        if do == "revoke":
            await self._enrolment.revoke(tv.id, by=by)
            self._televisions.forget(tv.id)
            return f"{LIST}?done=revoked"
        return None

    async def _send(self, command: Command | None, address: str) -> str:
        """By the stream of the board that it last showed; whoever else watches that board ignores it."""
        tv = None if command is None else self._televisions.get(command.tv)
        if tv is not None and tv.report.board:
            await self._tell(tv.report.board, message("command", msgspec.json.encode(command)))
        return address

    def relay(self, command: Command) -> None:
        """By the streams of this process, when the command was given at another."""
        task = asyncio.ensure_future(self._send(command, LIST))
        self._relaying.add(task)
        task.add_done_callback(self._relaying.discard)

    def _show(self, id: str, *, done: str = "", trouble: str = "", status: int = 200) -> Response:
        found = line(id, self._paired, self._televisions, self._build)
        if found is None:
            return self._missing()
        boards = [kept.definition for kept in self._boards.all()]
        return self._desk.show(
            "tvs/one.html", "tvs", status=status, line=found, boards=boards, done=done, trouble=trouble
        )

    def _missing(self) -> Response:
        return self._desk.show("tvs/missing.html", "tvs", status=404)
