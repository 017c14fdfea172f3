"""Board, intake, views and renderer without a server or a journal, as a server wires them; knows no load."""

from __future__ import annotations

import gc
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from wallboard import views
from wallboard.application import TEMPLATES
from wallboard.board import Board
from wallboard.boards.definitions import Definition, Targets
from wallboard.clock import Clock
from wallboard.intake import Intake
from wallboard.journal import Delivery, Entry
from wallboard.journal.sqlite import SqliteJournal
from wallboard.look import Look
from wallboard.parse import Reader
from wallboard.render import Renderer
from wallboard.rules import Rules
from wallboard.serving import COLLECT_AFTER
from wallboard.tiles import Composers

ZONE = ZoneInfo("UTC")
TARGETS = Targets(service_level_seconds=20, service_level_formula="default", service_level_target=0.8)


class Inside:
    """What happens to an event from its body to the bytes of the frame."""

    def __init__(self) -> None:
        gc.set_threshold(*COLLECT_AFTER)
        self.board = Board(Rules(zone=ZONE))
        journal = SqliteJournal(TEMPLATES / "never-opened.db")
        self._intake = Intake(Reader(zone=ZONE), self.board, journal, Clock(), lambda: None)
        self._renderer = Renderer(TEMPLATES)
        self._composer = Composers(self.board).composer(Look(definition=Definition(), defaults=TARGETS))
        self._shown: views.Board | None = None
        self._sequence = 0
        self.now = datetime.now(UTC)

    def apply(self, body: bytes, at: datetime | None = None) -> None:
        self._sequence += 1
        self.now = at or datetime.now(UTC)
        delivery = Delivery(received_at=self.now, body=body)
        self._intake.apply(Entry(sequence=self._sequence, schema=2, delivery=delivery))

    @property
    def taken(self) -> int:
        """Events that told something."""
        return self._intake.accepted

    def compose(self) -> views.Board:
        return self._composer.compose(self.now, sequence=self._sequence, trouble=None)

    def draw(self, after: views.Board) -> bytes:
        before, self._shown = self._shown, after
        return self._renderer.changes(before, after)

    def frame(self) -> bytes:
        """What a viewer is sent now."""
        return self.draw(self.compose())
