"""The supervisor's side of pairing, over HTTP: the code, what the screen is, its board and name; knows no key."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from starlette.requests import Request
from starlette.responses import Response

from wallboard.access.rules import SUPERVISE, Way
from wallboard.access.visitors import visitor_of
from wallboard.allowances import Allowances
from wallboard.boards.definitions import MAIN
from wallboard.boards.kept import Boards
from wallboard.desk import Desk
from wallboard.forms import Fields, TooMuch, read_form, see, status_for, who
from wallboard.journal import JournalUnavailable
from wallboard.tv.engines import engine_of, platform_of
from wallboard.tv.enrolment import Enrolment
from wallboard.tv.entrance import PAIR_PAGE
from wallboard.tv.newcomers import Newcomer, Newcomers, grouped, plain
from wallboard.tv.paired import LONGEST_NAME, MOST
from wallboard.tv.televisions import tidy

_WRONG_AT_ONCE, _WRONG_PER_SECOND = 5, 0.1
"""newcomers.py says what that leaves to somebody who guesses."""


class Admitting:
    """`/supervisor/tvs/pair`. The code comes in a form, or in the address's fragment, which no server ever sees."""

    def __init__(self, newcomers: Newcomers, enrolment: Enrolment, boards: Boards, desk: Desk) -> None:
        self._newcomers = newcomers
        self._enrolment = enrolment
        self._boards = boards
        self._desk = desk
        self._guesses = Allowances(_WRONG_AT_ONCE, _WRONG_PER_SECOND)

    def routes(self) -> Iterator[Way]:
        yield Way(PAIR_PAGE, self.ask, "GET", SUPERVISE)
        yield Way(PAIR_PAGE, self.take, "POST", SUPERVISE)

    async def ask(self, request: Request) -> Response:
        """200 the form for the code."""
        return self._form()

    async def take(self, request: Request) -> Response:
        """POST code: 200 what the screen is. With do=pair, name and board: 303 paired.

        413 · 422 wrong code, no name, no such board · 429 too many wrong codes · 503 not written.
        """
        try:
            form = await read_form(request)
        except TooMuch:
            return self._form(problem="This is no code.", status=status_for(request, 413))
        typed = form.text("code")
        by = visitor_of(request)
        person = by.account or by.key
        if wait := ceil(self._guesses.wait_seconds(person)):
            words = f"Too many wrong codes. Try again in {wait} seconds."
            return self._form(typed, words, status=status_for(request, 429))
        newcomer = self._newcomers.find(typed)
        if newcomer is None and plain(typed):
            await self._newcomers.look_elsewhere()
            newcomer = self._newcomers.find(typed)
        if newcomer is None:
            self._guesses.spend(person)
            return self._form(typed, _wrong_words(typed), status=status_for(request, 422))
        if form.text("do") != "pair":
            return self._confirm(newcomer, Fields([("board", MAIN)]))
        return await self._pair(request, newcomer, form, by.name or who(request))

    async def _pair(self, request: Request, newcomer: Newcomer, form: Fields, by: str) -> Response:
        name, board = tidy(form.text("name")), form.text("board")
        if not name:
            return self._confirm(newcomer, form, "Give it a name.", status=status_for(request, 422))
        if self._boards.get(board) is None:
            return self._confirm(newcomer, form, "Choose a board.", status=status_for(request, 422))
        try:
            tv = await self._enrolment.pair(newcomer.key, name=name, board=board, by=by)
        except JournalUnavailable:
            words = "Not paired: the journal cannot be written right now. Try again."
            return self._confirm(newcomer, form, words, status=status_for(request, 503))
        if tv is None:
            words = f"There are {MOST} paired TVs, and cannot be more. Revoke one first."
            return self._confirm(newcomer, form, words, status=status_for(request, 422))
        self._newcomers.leave(newcomer.key)
        return see(f"/supervisor/tvs/{tv.id}?done=paired")

    def _form(self, typed: str = "", problem: str = "", *, status: int = 200) -> Response:
        return self._desk.show("tvs/pair.html", "tvs", status=status, typed=typed[:40], problem=problem)

    def _confirm(self, newcomer: Newcomer, form: Fields, problem: str = "", *, status: int = 200) -> Response:
        return self._desk.show(
            "tvs/confirm.html",
            "tvs",
            status=status,
            newcomer=newcomer,
            code=grouped(newcomer.code),
            engine=engine_of(newcomer.agent),
            platform=platform_of(newcomer.agent),
            waited_seconds=self._newcomers.waited_seconds(newcomer),
            boards=[kept.definition for kept in self._boards.all()],
            form=form,
            problem=problem,
            longest_name=LONGEST_NAME,
        )


def _wrong_words(typed: str) -> str:
    if not typed:
        return "Type the code that the screen shows."
    if not plain(typed):
        return "A code is eight letters and digits, as the screen shows them."
    return "No screen shows this code now. A code changes every ten minutes: look at the screen again."
