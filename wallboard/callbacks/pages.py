"""The list Call back over HTTP: draws it, takes supervisors' marks, and keeps who they are in a cookie."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, unquote, urlencode

import msgspec
from jinja2 import Environment
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from wallboard.access.rules import DESK, SUPERVISE, Way
from wallboard.access.visitors import visitor_of
from wallboard.callbacks.lines import Line
from wallboard.callbacks.list import MOST, PAGE, SHOWS, Asked, Listed, compose, since_ms, until_ms
from wallboard.callbacks.marks import LONGEST_NAME, LONGEST_NOTE, Marked, MarkKind
from wallboard.callbacks.phone import written
from wallboard.callbacks.seen import line_seen
from wallboard.clock import Clock
from wallboard.desk import NO_STORE, Desk, Drawing, Drawings
from wallboard.eyes import Eyes
from wallboard.fields import clean
from wallboard.forms import TooMuch, read_form
from wallboard.intake import Intake
from wallboard.journal import Journal, JournalUnavailable
from wallboard.scope import Sight
from wallboard.sights import Sights

NAME_COOKIE = "wallboard_name"
LIST = "/supervisor/callbacks"
_ONE_YEAR = 365 * 86_400
_MOST_BODY = 16_384
_MARKS: dict[str, MarkKind] = {
    "take": "take", "release": "release", "done": "done", "reopen": "reopen", "note": "note",
}  # fmt: skip


class Said(msgspec.Struct, frozen=True):
    """What became of a press, for the live region; `undo` is the row that can be opened again."""

    text: str
    is_refused: bool = False
    undo: str = ""


class CallbackPages:
    """`GET /supervisor/callbacks`, its living part, and the marks."""

    def __init__(
        self,
        desk: Desk,
        templates: Environment,
        intake: Intake,
        journal: Journal,
        clock: Clock,
        sights: Sights,
        secret: Callable[[], bytes] = lambda: b"",
    ) -> None:
        """`secret` is what all processes have alike: a row has the same name whichever of them draws it."""
        self._desk = desk
        self._templates = templates
        self._intake = intake
        self._board = intake.board
        self._journal = journal
        self._clock = clock
        self._sights = sights
        self._shared_secret = secret
        self._secret = secrets.token_bytes(16)
        self._drawings: Drawings[tuple[Asked, str, Sight, int, int]] = Drawings()

    def routes(self) -> Iterator[Way]:
        yield Way("/supervisor/callbacks", self.page, "GET", DESK)
        yield Way("/supervisor/callbacks/list", self.list, "GET", DESK)
        yield Way("/supervisor/callbacks/marks", self.mark, "POST", SUPERVISE)
        yield Way("/supervisor/name", self.name, "POST", SUPERVISE)

    async def page(self, request: Request) -> Response:
        """200 the whole page."""
        asked, me, eyes = asked_of(request), name_of(request), self._eyes(request)
        return self._desk.show(
            "callbacks/page.html",
            "callbacks",
            asked=asked,
            me=me,
            query=query_of(asked),
            shows=SHOWS,
            places=sorted({place.name for place in eyes.places(self._board.places)}, key=str.casefold),
            marks=eyes.sight.marks,
            said=_TOLD.get(request.query_params.get("said", ""), Said("")),
            listed=self._list(asked, me, eyes).html,
            longest_name=LONGEST_NAME,
        )

    async def list(self, request: Request) -> Response:
        """200 the part that changes, for the filters of the page that asks."""
        return self._list(asked_of(request), name_of(request), self._eyes(request)).answer(request)

    async def mark(self, request: Request) -> Response:
        """200 the list and what became of it (303 to the page for a browser without script) · 400 · 413."""
        try:
            form = await read_form(request, _MOST_BODY)
        except TooMuch:
            return PlainTextResponse("That is too long.\n", 413)
        kind = _MARKS.get(form.text("mark"))
        if kind is None or not form.text("caller"):
            return PlainTextResponse("There is no such mark.\n", 400)
        asked, me, eyes = asked_of(request), name_of(request), self._eyes(request)
        said = await self._mark(kind, form.text("caller"), form.text("text"), me, eyes)
        if request.headers.get("hx-request") != "true":
            told = {"said": "name"} if not me else {"said": "refused"} if said.is_refused else {}
            return RedirectResponse(f"{LIST}{query_of(asked, **told)}", 303, NO_STORE)
        html = self._templates.get_template("callbacks/said.html").render(said=said, query=query_of(asked), oob=True)
        return HTMLResponse(self._list(asked, me, eyes).html + Markup(html), headers=NO_STORE)

    async def name(self, request: Request) -> Response:
        """303 back to the list, the name kept for a year · 413."""
        try:
            form = await read_form(request, _MOST_BODY)
        except TooMuch:
            return PlainTextResponse("That is too long.\n", 413)
        answer = RedirectResponse(f"{LIST}{query_of(asked_of(request))}", 303, NO_STORE)
        name = as_name(form.text("name"))
        if name:
            answer.set_cookie(NAME_COOKIE, quote(name), max_age=_ONE_YEAR, httponly=True, samesite="lax", path="/")
        else:
            answer.delete_cookie(NAME_COOKIE, path="/")
        return answer

    async def _mark(self, kind: MarkKind, caller: str, text: str, me: str, eyes: Eyes) -> Said:
        if not me:
            return _TOLD["name"]
        line = line_seen(eyes, caller)
        if line is None:
            return Said("That caller is not on the list any more.", is_refused=True)
        if (refusal := _refusal(kind, line, me)) is not None:
            return refusal
        told = Marked(
            caller=caller,
            mark=kind,
            by=me,
            text=(clean_note(text) if kind == "note" else ""),
            until_ms=until_ms(line),
            since_ms=since_ms(line) if kind == "reopen" else None,
        )
        try:
            await self._intake.remark("caller_marked", msgspec.to_builtins(told))
        except JournalUnavailable:
            return Said("Not done: the journal cannot be written now.", is_refused=True)
        return self._became(told, me)

    def _became(self, told: Marked, me: str) -> Said:
        """After the journal has it: of two who press at once, the first has it."""
        line = self._board.callers.line(told.caller)
        who = _who(line) if line else "The caller"
        match told.mark:
            case "take":
                if line and line.owner not in (None, me):
                    return Said(f"{line.owner} was faster and has {who}.", is_refused=True)
                return Said(f"{who} is yours.")
            case "release":
                return Said(f"{who} is free for everybody.")
            case "done":
                return Said(f"{who} is done.", undo=told.caller)
            case "reopen":
                return Said(f"{who} is to be rung back again.")
            case _:
                return Said(f"The note on {who} is kept." if told.text else f"The note on {who} is gone.")

    def _eyes(self, request: Request) -> Eyes:
        return Eyes(self._board, self._sights.of(request))

    def _list(self, asked: Asked, me: str, eyes: Eyes) -> Drawing:
        """Drawn once a second and entry for all who see the same."""
        now = self._clock.now()
        reader = me if self._is_seen_by(asked, me) else ""
        key = (asked, reader, eyes.sight, self._journal.head, int(now.timestamp()))
        secret = b"" if eyes.sight.numbers else self._shared_secret() or self._secret
        return self._drawings.get(
            key, lambda: self._draw(asked, compose(eyes, now, asked, reader, secret), reader, eyes.sight.marks)
        )

    def _is_seen_by(self, asked: Asked, me: str) -> bool:
        """Whether the list looks different to `me` than to somebody who has taken nothing."""
        return bool(me) and (asked.show == "mine" or any(line.owner == me for line in self._board.callers.lines()))

    def _draw(self, asked: Asked, listed: Listed, me: str, marks: bool) -> str:
        template = self._templates.get_template("callbacks/list.html")
        more = query_of(msgspec.structs.replace(asked, most=min(MOST, asked.most + PAGE)))
        return template.render(
            listed=listed,
            asked=asked,
            me=me,
            marks=marks,
            query=query_of(asked),
            more=more,
            longest_note=LONGEST_NOTE,
            shows=SHOWS,
            tab=lambda show: f"{LIST}{query_of(msgspec.structs.replace(asked, show=show, most=PAGE))}",
        )


_TOLD = {
    "name": Said("Tell your name first, at the top: the others see who is on it.", is_refused=True),
    "refused": Said("Not done: somebody else was faster. The list shows how it stands.", is_refused=True),
}


def _refusal(kind: MarkKind, line: Line, me: str) -> Said | None:
    if kind == "take" and line.closed is not None:
        return Said(f"{_who(line)} is settled already.", is_refused=True)
    if kind == "take" and line.owner not in (None, me):
        return Said(f"{line.owner} was faster and has {_who(line)}.", is_refused=True)
    return None


def _who(line: Line) -> str:
    return line.name or (written(line.number) if line.number else "The withheld number")


def asked_of(request: Request) -> Asked:
    """Whatever stands in the address: what is unknown or too long is left out."""
    told = request.query_params
    most = told.get("most", "")
    return Asked(
        show=told.get("show", "") if told.get("show", "") in SHOWS else "open",
        queue=told.get("queue", "").strip()[:200],
        q=told.get("q", "").strip()[:200],
        short="hide" if told.get("short") == "hide" else "",
        most=max(PAGE, min(MOST, int(most))) if most.isascii() and most.isdigit() and len(most) < 6 else PAGE,
    )


def query_of(asked: Asked, **more: str) -> str:
    """The query that asks for the same; empty, or with its question mark."""
    usual = msgspec.structs.asdict(Asked())
    told: dict[str, Any] = {n: v for n, v in msgspec.structs.asdict(asked).items() if v != usual[n]} | more
    return f"?{urlencode(told)}" if told else ""


def name_of(request: Request) -> str:
    """Who is signed in; at a machine without accounts who the reader says to be, empty if that was never told."""
    if (visitor := visitor_of(request)).name:
        return visitor.name[:LONGEST_NAME]
    return as_name(unquote(request.cookies.get(NAME_COOKIE, "")))


def as_name(text: str) -> str:
    return (clean(text) or "")[:LONGEST_NAME].strip()


def clean_note(text: str) -> str:
    """Lines as they were typed, without what cannot be seen; at most 500 characters."""
    lines = (clean(line) or "" for line in text.splitlines())
    return "\n".join(lines).strip()[:LONGEST_NOTE]
