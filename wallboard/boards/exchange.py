"""Boards out as one file, and in again, over HTTP: first what would change, then the change; edits nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from wallboard.access.rules import SUPERVISE, Way
from wallboard.boards.definitions import MOST_BOARDS, Definition, difference_words
from wallboard.boards.file import BoardsFileError, read_boards, write
from wallboard.boards.kept import Boards
from wallboard.boards.pages import PLACE
from wallboard.boards.saving import Saving
from wallboard.desk import NO_STORE, Desk
from wallboard.forms import TooMuch, read_form, see, status_for, who
from wallboard.journal import JournalUnavailable


class BoardExchange:
    """Export and import."""

    def __init__(self, desk: Desk, boards: Boards, saving: Saving) -> None:
        self._desk = desk
        self._boards = boards
        self._saving = saving

    def routes(self) -> Iterator[Way]:
        yield Way(f"{PLACE}.toml", self.export, "GET", SUPERVISE, exports="all boards as TOML")
        yield Way(f"{PLACE}/import", self.ask, "GET", SUPERVISE)
        yield Way(f"{PLACE}/import", self.bring_in, "POST", SUPERVISE)

    async def export(self, request: Request) -> Response:
        """200 all boards as TOML."""
        headers = {**NO_STORE, "Content-Disposition": 'attachment; filename="boards.toml"'}
        document = write(kept.definition for kept in self._boards.all())
        return Response(document, headers=headers, media_type="application/toml")

    async def ask(self, request: Request) -> Response:
        """200 the page that takes a file."""
        return self._page("")

    async def bring_in(self, request: Request) -> Response:
        """200 what the file would change · 303 done · 413 · 422 with all that is wrong · 503 not written."""
        text = ""
        try:
            fields = await read_form(request)
            text = fields.text("toml")
            boards = read_boards(text)
            if fields.text("do") != "apply":
                return self._page(text, changes=[self._change(board) for board in boards])
            turned_away = await self._saving.take(boards, by=who(request))
        except TooMuch:
            return self._refuse(request, text, 413, ["The file is larger than 1 MB."])
        except BoardsFileError as error:
            return self._refuse(request, text, 422, error.problems)
        except JournalUnavailable:
            said = "The journal cannot be written right now, and perhaps not all boards are saved. Try again."
            return self._refuse(request, text, 503, [said])
        if turned_away:
            names = ", ".join(board.name for board in turned_away)
            said = f"There can be {MOST_BOARDS} boards at most: {names} found no room. The others are saved."
            return self._refuse(request, text, 422, [said])
        return see(f"{PLACE}?done=imported")

    def _change(self, board: Definition) -> dict[str, Any]:
        kept = self._boards.get(board.slug)
        differs = difference_words(kept.definition, board) if kept else ""
        kind = "new" if kept is None else "changed" if differs else "same"
        return {"board": board, "kind": kind, "differs": differs}

    def _refuse(self, request: Request, text: str, status: int, problems: list[str]) -> Response:
        return self._page(text, problems=problems, status=status_for(request, status))

    def _page(
        self,
        text: str,
        *,
        changes: list[dict[str, Any]] | None = None,
        problems: list[str] | None = None,
        status: int = 200,
    ) -> Response:
        return self._desk.show(
            "boards/import.html", "boards", status=status, text=text, changes=changes, problems=problems or []
        )
