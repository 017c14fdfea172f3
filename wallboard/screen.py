"""One board's screens: draws the board for all who watch it, and hands the frame to its feed; knows no other board."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
import structlog

from wallboard import views
from wallboard.board import Board
from wallboard.boards.definitions import Definition, Targets
from wallboard.clock import Clock
from wallboard.feed import Feed, message
from wallboard.journal import Journal
from wallboard.logs import traced
from wallboard.look import Look
from wallboard.render import Renderer
from wallboard.tiles import Composer, Composers

log = structlog.get_logger()


class Source(msgspec.Struct, frozen=True):
    """What every screen draws from. `defaults` hold where a board's definition says nothing."""

    board: Board
    journal: Journal
    clock: Clock
    renderer: Renderer
    defaults: Targets
    build: str
    boot: str = msgspec.field(default_factory=lambda: secrets.token_hex(6))
    composers: Composers = msgspec.UNSET  # type: ignore[assignment]  # a field's default cannot look at the board

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "composers", Composers(self.board))

    def pulse(self) -> dict[str, Any]:
        """What a heartbeat says to everybody."""
        return {
            "server_now": self.clock.now().isoformat(timespec="milliseconds"),
            "clock_steps": self.clock.steps,
            "boot": self.boot,
            "build": self.build,
            "sequence": self.journal.head,
        }


class Screen:
    """One board as it is shown, and its viewers."""

    def __init__(self, source: Source, definition: Definition) -> None:
        self._source = source
        self._shown: views.Board | None = None
        self._snapshot: tuple[views.Board, bytes] | None = None
        self.is_stuck = False
        self.feed = Feed(self._snapshot_message)
        self.define(definition)
        self._is_redefined = False

    def define(self, definition: Definition) -> None:
        """Shows the board by another definition from the next frame on."""
        self.definition = definition
        self._composer: Composer | None = None
        self._is_redefined = True
        self._layout = "." + hashlib.sha256(repr(definition.behaviour).encode()).hexdigest()[:8]

    @property
    def build(self) -> str:
        """Another one reloads the page, for the browser then has something else to do by itself."""
        return self._source.build + self._layout

    def page(self) -> bytes:
        now = self._source.clock.now()
        return self._source.renderer.page(
            self._compose(now),
            boot=self._source.boot,
            build=self._source.build,
            layout=self._layout,
            now_ms=int(now.timestamp() * 1000),
            definition=self.definition,
        )

    def polled(self) -> dict[str, Any]:
        """What a screen fetches where a middlebox swallows the stream."""
        board = self._compose(self._source.clock.now())
        html = self._source.renderer.snapshot(board).decode()
        return {**self.pulse(), "sequence": board.sequence, "html": html}

    def farewell(self, reason: str = "") -> None:
        """`removed`: the board is no more, and its screens must say so."""
        self.feed.close(message("farewell", msgspec.json.encode({"reason": reason})))

    async def publish(self, now: datetime | None = None) -> bool:
        """Shows what has changed by `now`, which all screens may share, and without it by this moment; False if nothing
        has.

        A board that cannot be drawn is tried again, and its screens say that it is old.
        """
        try:
            has_changed = await self._publish(now or self._source.clock.now())
        except Exception as error:  # noqa: BLE001 - the ticker's guard
            self._shown, self.is_stuck = None, True
            log.error("the board could not be drawn", slug=self.definition.slug, **traced(error))
            return True
        self.is_stuck = False
        return has_changed

    async def beat(self) -> None:
        if not self.is_stuck:
            await self.feed.beat(message("heartbeat", msgspec.json.encode(self.pulse())))

    def pulse(self) -> dict[str, Any]:
        """What a heartbeat says to those who watch this board."""
        said = {**self._source.pulse(), "build": self.build}
        return said if self._shown is None else {**said, "sequence": self._shown.sequence}

    async def _publish(self, now: datetime) -> bool:
        if not self.feed:
            self._shown, self._snapshot, self._is_redefined = None, None, False
            self._composer = None
            return False
        after = self._compose(now)
        before = None if self._is_redefined else self._shown
        # Before the frame is handed out: whoever comes meanwhile is shown `after`.
        self._shown, self._is_redefined = after, False
        fragments = self._source.renderer.changes(before, after)
        if fragments:
            await self.feed.publish(_frame(fragments, self._id(after)))
        return bool(fragments)

    def _snapshot_message(self) -> bytes:
        """The board that the others see, whole; so that the next frame's changes fit for everybody."""
        if self._shown is None:
            self._shown = self._compose(self._source.clock.now())
        if self._snapshot is None or self._snapshot[0] is not self._shown:
            html = self._source.renderer.snapshot(self._shown)
            self._snapshot = (self._shown, message("tiles", html, id=self._id(self._shown)))
        return self._snapshot[1]

    def _compose(self, now: datetime) -> views.Board:
        if self._composer is None:
            look = Look(definition=self.definition, defaults=self._source.defaults)
            self._composer = self._source.composers.composer(look)
        journal = self._source.journal
        return self._composer.compose(now, sequence=journal.head, trouble=journal.trouble, spooled=journal.spooled)

    def _id(self, board: views.Board) -> str:
        return f"{self._source.boot}:{board.sequence}"


@lru_cache(maxsize=4)
def _frame(html: bytes, id: str) -> bytes:
    """Boards that look alike are sent the same bytes, and those are made once."""
    return message("tiles", html, id=id)
