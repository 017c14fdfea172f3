"""The supervisor's pages for making, editing and removing boards, over HTTP; knows no file and draws no form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from wallboard.access.rules import SUPERVISE, Way
from wallboard.boards.definitions import MAIN, MOST_BOARDS, Definition, difference_words
from wallboard.boards.editor import NEW, Editor, read_fields, rearranged
from wallboard.boards.form import BoardFields, fields_of
from wallboard.boards.kept import UNSAVED, Boards, Kept
from wallboard.boards.saving import Outcome, Saving
from wallboard.desk import Desk
from wallboard.forms import TooMuch, read_form, see, status_for, who
from wallboard.journal import JournalUnavailable
from wallboard.screens import Screens
from wallboard.settings import Settings

PLACE = "/supervisor/boards"


class BoardPages:
    """The section Boards of the desk."""

    def __init__(
        self, settings: Settings, desk: Desk, editor: Editor, boards: Boards, saving: Saving, screens: Screens
    ) -> None:
        self._settings = settings
        self._editor = editor
        self._desk = desk
        self._boards = boards
        self._saving = saving
        self._screens = screens

    def routes(self) -> Iterator[Way]:
        yield Way(f"{PLACE}", self.all, "GET", SUPERVISE)
        yield Way(f"{PLACE}/new", self.edit_new, "GET", SUPERVISE)
        yield Way(f"{PLACE}/new", self.save, "POST", SUPERVISE)
        yield Way(f"{PLACE}/preview", self.preview, "POST", SUPERVISE)
        yield Way(f"{PLACE}/{{slug}}", self.edit, "GET", SUPERVISE)
        yield Way(f"{PLACE}/{{slug}}", self.save, "POST", SUPERVISE)
        yield Way(f"{PLACE}/{{slug}}/remove", self.confirm, "GET", SUPERVISE)
        yield Way(f"{PLACE}/{{slug}}/remove", self.remove, "POST", SUPERVISE)

    async def all(self, request: Request) -> Response:
        """200 all boards."""
        return self._desk.show(
            "boards/list.html",
            "boards",
            boards=[(kept, self._local(kept), self._watching(kept)) for kept in self._boards.all()],
            is_full=len(self._boards) >= MOST_BOARDS,
            most=MOST_BOARDS,
            done=request.query_params.get("done", ""),
            which=request.query_params.get("which", ""),
        )

    async def edit_new(self, request: Request) -> Response:
        """200 the form for a board that does not exist yet, filled from the board `from` where one is named."""
        kept = self._boards.get(request.query_params.get("from", ""))
        if kept is None:
            return await self._draw(fields_of(Definition(slug="x", name="x")), NEW, is_blank=True)
        name = f"{kept.definition.name[:52]} (copy)"
        return await self._draw(fields_of(msgspec.structs.replace(kept.definition, name=name)), NEW, is_copy=True)

    async def edit(self, request: Request) -> Response:
        """200 the form · 404."""
        kept = self._boards.get(request.path_params["slug"])
        if kept is None:
            return self._missing()
        done = "saved" if "saved" in request.query_params else ""
        return await self._draw(fields_of(kept.definition), kept.version, done=done)

    async def save(self, request: Request) -> Response:
        """303 saved · 409 somebody else has saved it meanwhile · 413 · 422 with what is wrong · 503 not written.

        To htmx, which would show nothing of a 4xx, the same page comes as 200.
        """
        try:
            fields = await _typed(request)
        except TooMuch:
            return PlainTextResponse("This form is too large.\n", 413)
        version = fields.text("over") or fields.text("version")
        if "slug" in request.path_params:
            fields = BoardFields(
                [*((n, v) for n, v in fields.pairs() if n != "slug"), ("slug", request.path_params["slug"])]
            )
        again = rearranged(fields)
        if again is not None:
            return await self._draw(again, version)
        reading = read_fields(fields)
        if version == NEW and self._boards.get(fields.text("slug")) is not None:
            reading.problems.setdefault("slug", "There is a board at this address already: choose another.")
        if reading.definition is None or reading.problems:
            return await self._draw(fields, version, problems=reading.problems, status=status_for(request, 422))
        try:
            outcome = await self._saving.save(reading.definition, _replaces(version), by=who(request))
        except JournalUnavailable:
            trouble = "Not saved: the journal cannot be written right now. What you typed is kept here: try again."
            return await self._draw(fields, version, trouble=trouble, status=status_for(request, 503))
        return await self._saved(request, fields, reading.definition, version, outcome)

    async def preview(self, request: Request) -> Response:
        """200 the frame that shows the draft; it shows the last one without a mistake."""
        try:
            fields = await _typed(request)
        except TooMuch:
            return PlainTextResponse("This form is too large.\n", 413)
        shown = self._editor.preview(fields, fields.text("draft"))
        await self._screens.drafts.settle()  # the frame may be asked for at another process
        return self._desk.show("boards/preview.html", "boards", **shown)

    async def confirm(self, request: Request) -> Response:
        """200 asks whether it is meant · 404."""
        kept = self._boards.get(request.path_params["slug"])
        if kept is None or kept.definition.slug == MAIN:
            return self._missing()
        return self._desk.show("boards/remove.html", "boards", kept=kept, watching=self._watching(kept), trouble="")

    async def remove(self, request: Request) -> Response:
        """303 removed · 404 · 409 saved by somebody else since it was asked · 503 not written."""
        kept = self._boards.get(request.path_params["slug"])
        if kept is None or kept.definition.slug == MAIN:
            return self._missing()
        status, trouble = 503, "Not removed: the journal cannot be written right now. Try again."
        try:
            version = (await read_form(request)).text("version")
            outcome = await self._saving.remove(kept.definition.slug, version, by=who(request))
        except (JournalUnavailable, TooMuch):
            outcome = None
        if outcome is Outcome.SAVED:
            return see(f"{PLACE}?done=removed&which={kept.definition.slug}")
        if outcome is Outcome.OUTDATED:
            kept = self._boards.get(kept.definition.slug) or kept
            status, trouble = 409, "Somebody has changed this board since you asked. Look at it before you remove it."
        return self._desk.show(
            "boards/remove.html",
            "boards",
            status=status_for(request, status),
            kept=kept,
            watching=self._watching(kept),
            trouble=trouble,
        )

    # --- what the handlers share -------------------------------------------------------------------------

    async def _saved(
        self, request: Request, fields: BoardFields, definition: Definition, version: str, outcome: Outcome
    ) -> Response:
        kept = self._boards.get(definition.slug)
        if outcome is Outcome.SAVED or (kept is not None and kept.definition == definition):
            return see(f"{PLACE}/{definition.slug}?saved")
        if outcome is Outcome.FULL:
            trouble = f"Not saved: there can be {MOST_BOARDS} boards at most. Remove one first."
            return await self._draw(fields, version, trouble=trouble, status=status_for(request, 422))
        conflict = {
            "by": kept.by if kept else "",
            "at": self._local(kept) if kept else "",
            "differs": difference_words(kept.definition, definition) if kept else "",
            "over": kept.version or UNSAVED if kept else NEW,
            "is_removed": kept is None,
        }
        return await self._draw(fields, version, conflict=conflict, status=status_for(request, 409))

    async def _draw(self, fields: BoardFields, version: str, **more: Any) -> Response:
        """The frame beside the form may be asked for at another process."""
        answer = self._editor.draw(fields, version, **more)
        await self._screens.drafts.settle()
        return answer

    def _missing(self) -> Response:
        return self._desk.show("boards/missing.html", "boards", status=404)

    def _watching(self, kept: Kept) -> int:
        screen = self._screens.get(kept.definition.slug)
        return len(screen.feed) if screen else 0

    def _local(self, kept: Kept) -> str:
        at = kept.saved_at
        return at.astimezone(self._settings.zone).strftime("%Y-%m-%d %H:%M") if at else ""


async def _typed(request: Request) -> BoardFields:
    return BoardFields((await read_form(request)).pairs())


def _replaces(version: str) -> str | None:
    return None if version == NEW else version
