"""Boards in Chromium without a server: a board of our own making, drawn and dressed as the server would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from playwright.sync_api import Browser, Page, Route

from scripts.staged import Staged, bodies
from tests.complaints import heard_from
from tests.conftest import ROOT
from wallboard import views
from wallboard.board import Board
from wallboard.boards.definitions import Definition, Targets
from wallboard.look import Look
from wallboard.parse import Reader, Unrecognised
from wallboard.render import Renderer
from wallboard.rules import Rules
from wallboard.statics import WALL
from wallboard.tiles import compose

STATIC = ROOT / "static"
ADDRESS = "http://wall.example"
RENDERER = Renderer(ROOT / "templates")
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_LIVE = "document.documentElement.dataset.link = 'live'"
"""Instead of static/keeper.js, which owns the connection; and of static/tv.js, which would report to the server."""


def board_of(told: Iterable[dict[str, Any]], now: datetime) -> Board:
    reader, board = Reader(zone=ZoneInfo("UTC"), components={}), Board(Rules(zone=ZoneInfo("UTC")))
    for body in told:
        event = reader.read(body, now)
        assert not isinstance(event, Unrecognised)
        board.apply(event)
    return board


@cache
def drawn(floor: Staged | None, definition: Definition | None = None, defaults: Targets | None = None) -> views.Board:
    now = datetime.now(UTC)
    look = Look(definition=definition or Definition(), defaults=defaults or Targets())
    return compose(board_of(bodies(floor, now), now), now, look, sequence=1, trouble=None)


@contextmanager
def shown(browser: Browser, board: views.Board, width: int = 1920, height: int = 1080) -> Iterator[Page]:
    """A page that shows the board and has no server. Fails at the end if a script complained."""
    html = RENDERER.page(board, boot="boot", build="build", now_ms=int(datetime.now(UTC).timestamp() * 1000))
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    heard = heard_from(page)
    page.route("**/*", lambda route: _answer(route, html))
    page.goto(f"{ADDRESS}/boards/main")
    page.wait_for_function("window.wallboard && window.wallboard.turns")
    yield page
    context.close()
    assert heard == []


def _answer(route: Route, html: bytes) -> None:
    path = route.request.url.removeprefix(ADDRESS).partition("?")[0]
    if path == "/boards/main":
        route.fulfill(body=html, content_type="text/html; charset=utf-8")
    elif path == "/static/wall.js":
        scripts = [(STATIC / f"{name}.js").read_text() for name in WALL if name not in ("keeper", "tv")]
        route.fulfill(body="\n".join([*scripts, _LIVE]), content_type="text/javascript")
    else:
        file = ROOT / path.lstrip("/")
        route.fulfill(body=file.read_bytes(), content_type=_TYPES[file.suffix])


def push(page: Page, before: views.Board, after: views.Board) -> None:
    """What the stream would bring, and what the keeper does with it."""
    page.evaluate(
        "html => document.dispatchEvent(new CustomEvent('wallboard:swapped', { detail: wallboard.swap(html) }))",
        RENDERER.changes(before, after).decode(),
    )
