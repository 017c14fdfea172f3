"""The editor of one board as it is drawn: the fields, what can be chosen in them, and the draft beside them.

Knows no request and saves nothing.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from wallboard.board import Board
from wallboard.boards.definitions import MOST_PLACES, PANELS
from wallboard.boards.drafts import new_key
from wallboard.boards.form import BoardFields, filled_rows, label_of, raw_of, without_row
from wallboard.boards.kept import Boards
from wallboard.boards.reading import Reading, read
from wallboard.desk import Desk
from wallboard.screens import Screens
from wallboard.settings import Settings

NEW = "none"
"""What stands for the version of a board that does not exist yet."""
_KINDS = {"queues": "queue", "ring_groups": "ring_group"}


class Editor:
    """Draws the form of any board."""

    def __init__(self, settings: Settings, desk: Desk, board: Board, boards: Boards, screens: Screens) -> None:
        self._settings = settings
        self._desk = desk
        self._board = board
        self._boards = boards
        self._screens = screens

    def draw(
        self,
        fields: BoardFields,
        version: str,
        *,
        status: int = 200,
        problems: dict[str, str] | None = None,
        conflict: dict[str, Any] | None = None,
        trouble: str = "",
        done: str = "",
        is_blank: bool = False,
        is_copy: bool = False,
    ) -> Response:
        """The form as it was filled in, with what is to be said about it."""
        draft = fields.text("draft") or new_key()
        shown = self.preview(fields, draft)
        if is_blank or is_copy:
            blank = ("slug", "name") if is_blank else ("slug",)
            fields = BoardFields([(name, value) for name, value in fields.pairs() if name not in blank])
        slug = fields.text("slug")
        return self._desk.show(
            "boards/edit.html",
            "boards",
            status=status,
            fields=fields,
            rows=fields.rows,
            most_places=MOST_PLACES,
            version=version,
            is_new=version == NEW,
            slug=slug,
            problems=problems or {},
            label_of=label_of,
            conflict=conflict,
            trouble=trouble,
            done=done,
            panels=PANELS,
            known=self._known(fields),
            others=self._others(fields, slug),
            defaults=self._settings,
            **shown,
        )

    def preview(self, fields: BoardFields, draft: str) -> dict[str, Any]:
        """What the frame beside the form shows: the draft, or the last one without a mistake."""
        raw = raw_of(fields)
        reading = read({**raw, "slug": "x", "name": raw["name"] or "New board"})
        if reading.definition is not None:
            screen = self._screens.drafts.put(draft, reading.definition)
            self._screens.changed()
            return {"draft": draft, "preview": screen, "mistake": ""}
        return {
            "draft": draft,
            "preview": self._screens.drafts.get(f"draft-{draft}"),
            "mistake": next(f"{label_of(key)}: {words}" for key, words in reading.problems.items()),
        }

    def _known(self, fields: BoardFields) -> dict[str, list[tuple[str, str]]]:
        """What can be chosen of each kind, as value and label: what is chosen already first, known or not."""
        places = self._board.places
        agents = {agent.key: agent.name or agent.key for agent in self._board.agents.values()}
        names = {kind: {place.name: place.name for place in places if place.kind == kind} for kind in _KINDS.values()}
        known = {choice: names[kind] for choice, kind in _KINDS.items()} | {"agents": agents}
        return {
            choice: sorted(
                {**{chosen: chosen for chosen in fields.all(choice)}, **named}.items(),
                key=lambda item: (item[0] not in fields.all(choice), item[1].casefold(), item[0]),
            )
            for choice, named in known.items()
        }

    def _others(self, fields: BoardFields, slug: str) -> list[tuple[str, str]]:
        """The boards that this one may take turns with, those it does first and in their order."""
        names = {kept.definition.slug: kept.definition.name for kept in self._boards.all()}
        order = [*fields.all("rotation"), *(known for known in names if known not in fields.all("rotation"))]
        return [(one, names.get(one, "(no such board)")) for one in order if one != slug]


def read_fields(fields: BoardFields) -> Reading:
    """The definition, or the problems by the names of the form's own fields."""
    reading = read(raw_of(fields))
    rows = filled_rows(fields)
    problems = {_field_of(key, rows): words for key, words in reading.problems.items()}
    return Reading(reading.definition, problems)


def rearranged(fields: BoardFields) -> BoardFields | None:
    """The form with one row more or less, if that is what was asked for."""
    verb, _, row = fields.text("do").partition(":")
    if verb == "remove-row" and row.isdecimal():
        return without_row(fields, int(row))
    if verb != "add-row":
        return None
    free = max(fields.rows, default=-1) + 1
    return BoardFields([*fields.pairs(), (f"places.{free}.name", ""), (f"places.{free}.kind", "queue")])


def _field_of(key: str, rows: list[int]) -> str:
    """The form's name of a key: its rows are numbered with the empty ones, a definition's places without."""
    parts = key.split(".")
    if parts[0] == "places" and len(parts) == 3:
        return f"places.{rows[int(parts[1])]}.{parts[2]}"
    return key
