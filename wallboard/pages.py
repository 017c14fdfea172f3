"""The pages that people open, over HTTP; a handler translates and does nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from wallboard import lamps
from wallboard.access.origins import origin_of
from wallboard.access.rules import BOARD, DESK, KNOWN, SUPERVISE, Answer, Way
from wallboard.access.visitors import asking, visitor_of
from wallboard.boards.kept import Boards
from wallboard.clock import Clock
from wallboard.front import Front
from wallboard.intake import Intake
from wallboard.ledger import Ledger, diagnose
from wallboard.masking import mask
from wallboard.notices import beyond_words, loss_words
from wallboard.parse import EVENT_TYPES
from wallboard.render import Renderer
from wallboard.screen import Screen
from wallboard.screens import Screens
from wallboard.settings import Settings
from wallboard.stream import Stream
from wallboard.walls import policy

# The eleven boxes of the PBX's Integration/API -> Webhooks page, by the vendor's names, and the Webhook object.
TRIGGERS = {
    "user_inbound": "User inbound call",
    "user_inbound_answered": "User inbound call answered",
    "user_inbound_completed": "User inbound call completion",
    "queue_call": "Queue call summary",
    "ring_group_call": "Ring group call summary",
    "voicemail": "Voicemail",
    "recording_inbound": "Inbound call recording",
    "user_outbound": "User outbound call",
    "user_outbound_answered": "User outbound call answered",
    "user_outbound_completed": "User outbound call completion",
    "recording_outbound": "Outbound call recording",
    "webhook_component_event": "Webhook object in the call flow",
}
_KEPT_AS_IT_IS = ("type", "unique_call_id")
_NO_STORE = {"Cache-Control": "no-store"}
_FRAMED = policy(ancestors="'self'")


class Pages:
    """The way in, the board, its stream, and the setup page."""

    def __init__(
        self,
        settings: Settings,
        intake: Intake,
        clock: Clock,
        boards: Boards,
        screens: Screens,
        renderer: Renderer,
        front: Front,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._intake = intake
        self._boards = boards
        self._screens = screens
        self._templates = renderer.environment
        self._front = front

    def routes(self) -> Iterator[Way]:
        yield Way("/", self.home, "GET", KNOWN)
        yield Way("/setup", self.setup, "GET", SUPERVISE)
        yield Way("/setup/seen", self.seen, "GET", SUPERVISE)
        yield Way("/boards/{slug}", self.board, "GET", BOARD, is_packed=True)
        yield Way("/boards/{slug}/stream", self.stream, "GET", BOARD)
        yield Way("/boards/{slug}/tiles", self.tiles, "GET", BOARD)

    async def home(self, request: Request) -> Response:
        """200 the board links, or the setup page while nothing has ever arrived · 303 a television to its board."""
        visitor = visitor_of(request)
        if visitor.home:
            return RedirectResponse(visitor.home, 303, _NO_STORE)
        nothing_came = self._intake.board.last_event_at is None and not self._intake.quarantined
        if nothing_came and SUPERVISE.admits(visitor):
            return await self.setup(request)
        boards = [kept.definition for kept in self._boards.all() if visitor.may_see_board(kept.definition.slug)]
        return self.draw("home.html", boards=boards, desk=DESK, supervise=SUPERVISE)

    async def board(self, request: Request) -> Response:
        """200 the board · 404, a page that becomes the board when there is one."""
        if (screen := await self._screen(request)) is None:
            return self._not_found()
        headers = {**_NO_STORE, **(_FRAMED if screen.definition.is_draft else {})}
        return HTMLResponse(screen.page(), headers=headers)

    async def stream(self, request: Request) -> Answer:
        """200 text/event-stream: a snapshot, then what changes, a heartbeat every 2 s · 404 · 503 if too many watch."""
        if (screen := await self._screen(request)) is None:
            return self._not_found()
        if not self._front.admit(request.scope):
            detail = "Too many boards are open: this one is told by /tiles until another closes."
            return JSONResponse({"error": "crowded", "detail": detail}, 503, {"Retry-After": "1", **_NO_STORE})
        return Stream(screen.feed)

    async def tiles(self, request: Request) -> Response:
        """200 the same as JSON, for screens that a middlebox keeps the stream from · 404."""
        if (screen := await self._screen(request)) is None:
            return JSONResponse({"error": "not_found", "detail": "There is no board of that name."}, 404, _NO_STORE)
        return JSONResponse(screen.polled(), headers=_NO_STORE)

    async def setup(self, request: Request) -> Response:
        """200 what to type into the PBX, and which of its events have been seen."""
        return self.draw(
            "setup.html",
            webhook_url=f"{origin_of(request)}/webhooks/pbx",
            token_header="X-Pbx-Token",
            token_hint=_hint(self._settings.pbx_tokens),
            triggers=TRIGGERS,
            **self._seen(),
        )

    async def seen(self, request: Request) -> Response:
        """200 the part of the setup page that fills by itself."""
        return self.draw("setup_seen.html", **self._seen())

    async def _screen(self, request: Request) -> Screen | None:
        return await self._screens.find(request.path_params["slug"])

    def _seen(self) -> dict[str, Any]:
        types, board = self._intake.arrivals.types, self._intake.board
        today = board.rules.day_of(self._clock.now())
        known = [(kind, TRIGGERS[kind], types.get(kind)) for kind in EVENT_TYPES]
        return {
            "known": [_row(kind, name, seen, self._local) for kind, name, seen in known],
            "others": [_row(kind, "", types[kind], self._local) for kind in types if kind not in TRIGGERS],
            "counts": self._intake.counts(),
            "refused_at": self._local(self._intake.refused_at),
            "last_event_at": self._local(board.last_event_at),
            "start": self._intake.start.words if self._intake.start else "",
            "lost": loss_words(board.day(today).losses),
            "spooled": self._spooled(),
            "beyond": beyond_words(board, today),
            "types_beyond": self._intake.arrivals.limit(),
            "set_aside": [
                {
                    "at": self._local(aside.received_at),
                    "sequence": aside.sequence,
                    "reason": aside.reason,
                    "body": mask(aside.body.decode("utf-8", "replace"))[:500],
                }
                for aside in self._intake.arrivals.set_aside
            ],
            **self._completeness(self._clock.now()),
        }

    def _spooled(self) -> str:
        waits = self._intake.spooled
        return "" if waits is None else lamps.spool_words(self._intake.trouble, waits, self._settings.zone)

    def _completeness(self, now: datetime) -> dict[str, Any]:
        """How the PBX stands, and what did not come of what today's calls imply."""
        board = self._intake.board
        board.settle(now)
        today = board.rules.day_of(now)
        sums, health = board.book.ledger(today, now), board.pbx.health(board.last_event_at, now)
        seen = {trigger for trigger, at in board.book.heard_at.items() if board.rules.day_of(at) == today}
        return {
            "pbx": {
                "state": health.state,
                "alarm": lamps.pbx(health, board.last_event_at, now).alarm,
                "words": lamps.silence_words(health, board.last_event_at, now),
                "clock": lamps.clock_words(health),
            },
            "ledger": {
                "counts": _counts(sums, board.day(today).presumed_ended),
                "triggers": [(row, TRIGGERS[row.trigger]) for row in diagnose(sums, seen)],
            },
        }

    def _local(self, moment: datetime | None) -> str:
        return moment.astimezone(self._settings.zone).strftime("%Y-%m-%d %H:%M:%S") if moment else ""

    def draw(
        self, template: str, *, status: int = 200, headers: dict[str, str] | None = None, **values: Any
    ) -> Response:
        """One page that stands by itself."""
        page = self._templates.get_template(template).render(build=self._screens.build, visitor=asking.get(), **values)
        return HTMLResponse(page, status, headers or _NO_STORE)

    def _not_found(self) -> Response:
        return self.draw("missing.html", status=404)


def _row(kind: str, name: str, seen: Any, local: Callable[[datetime | None], str]) -> dict[str, Any]:
    if seen is None:
        return {"type": kind, "name": name, "count": 0, "last_at": "", "body": ""}
    body = json.dumps(_masked(seen.last_body), ensure_ascii=False, indent=1) if seen.last_body else ""
    return {
        "type": kind or "(no type)",
        "name": name,
        "count": seen.count,
        "last_at": local(seen.last_at),
        "body": body[:4_000],
    }


def _counts(sums: Ledger, presumed_ended: int) -> list[tuple[str, int]]:
    return [
        ("Calls complete", sums.calls_complete),
        ("Calls incomplete", sums.calls_incomplete),
        ("Calls without an end", sums.calls_without_end),
        ("Summaries without offers", sums.summaries_without_offers),
        ("Offers without their answer", sums.offers_without_answer),
        ("Offers without their completion", sums.offers_without_completion),
        ("Repeated today", sums.duplicates),
        ("Presumed ended", presumed_ended),
    ]


def _masked(value: Any, name: str = "") -> Any:
    """A body as it may be shown: numbers masked, links left out, times and the call's id as they are."""
    if isinstance(value, dict):
        return {key: _masked(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, name) for inner in value]
    if name in _KEPT_AS_IT_IS or name.endswith("_at"):
        return value
    if name in ("call_recording_link", "audio_file", "emails"):
        return "…"
    if isinstance(value, str):
        return mask(value)
    return mask(str(value)) if isinstance(value, int) and abs(value) > 9_999_999 else value


def _hint(tokens: tuple[str, ...]) -> str:
    """How a token ends, so that two can be told apart; nothing of a short one."""
    return ", ".join(f"…{token[-4:]}" if len(token) >= 16 else "(set)" for token in tokens)
