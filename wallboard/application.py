"""Wiring, lifespan, the ticker; holds no rule of its own."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from types import FrameType

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from wallboard.api import Api
from wallboard.bell import Bell
from wallboard.board import Board
from wallboard.boards.exchange import BoardExchange
from wallboard.boards.kept import Boards
from wallboard.boards.pages import BoardPages
from wallboard.boards.saving import Saving
from wallboard.callbacks.pages import CallbackPages
from wallboard.choices import boards_of, defaults_of, desk_rules_of, rules_of, terms_of
from wallboard.clock import Clock
from wallboard.control import OperatorsOnly
from wallboard.day.archive import Archive
from wallboard.day.call_pages import CallPages
from wallboard.day.days import Days
from wallboard.day.pages import DayPages
from wallboard.day.shelf import Shelf
from wallboard.desk import Desk
from wallboard.forgetting import Forgetting
from wallboard.front import Front, descriptors
from wallboard.intake import Intake
from wallboard.journal import JournalError, JournalUnavailable
from wallboard.journal.sqlite import SqliteJournal, check
from wallboard.journal.upkeep import Upkeep
from wallboard.now.pages import NowPages
from wallboard.pages import Pages
from wallboard.parse import Reader
from wallboard.render import Renderer
from wallboard.retention import Retention
from wallboard.screen import Source
from wallboard.screens import Screens, build_of
from wallboard.settings import Settings, SettingsError, read_settings, require_serving
from wallboard.tv.pages import TvPages
from wallboard.tv.televisions import Televisions
from wallboard.walls import OwnPagesOnly, Walls
from wallboard.webhook import Door

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES, STATIC = ROOT / "templates", ROOT / "static"
log = structlog.get_logger()

_COMPRESSED = Middleware(GZipMiddleware, minimum_size=1000, compresslevel=6)
"""For the pages and what they load; never for the stream, whose bytes are shared by all who watch."""


def settings_or_exit(*, env_file: str | None = ".env", waits: bool = True, **overrides: object) -> Settings:
    """The settings of a server that can start; otherwise one message on stderr and exit status 2.

    One that `waits` starts on a full disk as well, refuses what comes and goes on by itself when there is room.
    """
    try:
        settings = read_settings(env_file=env_file, **overrides)
        require_serving(settings)
        boards_of(settings)
        check(settings.sqlite_path)
    except (SettingsError, JournalError) as error:
        if waits and isinstance(error, JournalError) and error.is_passing:
            return settings
        print(error, file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None
    return settings


def create_app(settings: Settings) -> Starlette:
    """The whole server as one ASGI application."""
    clock = Clock()
    renderer = Renderer(TEMPLATES)
    board = Board(rules_of(settings))
    journal = SqliteJournal(settings.sqlite_path)
    defaults = defaults_of(settings)
    boards = Boards(lambda: screens.follow())
    source = Source(board, journal, clock, renderer, defaults, build_of(TEMPLATES, STATIC))
    screens = Screens(source, boards)
    bell = Bell(screens.pulse)
    reader = Reader(zone=settings.zone, components=settings.components)

    def changed() -> None:
        screens.changed()
        bell.ring()

    archive = Archive(settings.sqlite_path.resolve())
    shelf = Shelf(archive, terms_of(settings))
    intake = Intake(reader, board, journal, clock, changed, boards.remarks, shelf.placed)
    saving = Saving(intake, boards)
    front = Front(descriptors())
    api = Api(settings, intake, journal, clock, screens, front)
    pages = Pages(settings, intake, clock, boards, screens, renderer, front)
    desk = Desk(renderer.environment, clock, bell, front, boot=screens.boot, build=screens.build)
    exchange = BoardExchange(desk, boards, saving)
    editor = BoardPages(settings, desk, board, boards, saving, screens)
    days = Days(
        board,
        journal,
        settings.sqlite_path,
        clock,
        reader,
        terms_of(settings),
        retention_days=settings.retention_days,
        shelf=shelf,
    )
    upkeep = Upkeep(journal)
    retention = Retention(intake, journal, upkeep, days, shelf, clock)
    day_pages = DayPages(desk, days)
    call_pages = CallPages(desk, days, archive, reader, clock)
    now = NowPages(desk, renderer.environment, board, journal, clock, desk_rules_of(settings))
    callbacks = CallbackPages(desk, renderer.environment, intake, journal, clock)
    tvs = TvPages(Televisions(), desk, screens.tell, screens.build)
    forgetting = Forgetting(intake, upkeep, days, clock)
    door = Door(intake, settings.pbx_tokens, front)

    app = Starlette(
        routes=[
            Route("/webhooks/pbx", door.receive, methods=["POST"]),
            Route("/webhooks/pbx/{rest:path}", door.receive, methods=["POST"]),
            Route("/", pages.guarded(pages.home)),
            Route("/setup", pages.guarded(pages.setup)),
            Route("/setup/seen", pages.guarded(pages.seen)),
            Route("/boards/{slug}", pages.guarded(pages.board), middleware=[_COMPRESSED]),
            Route("/boards/{slug}/stream", pages.guarded(pages.stream)),
            Route("/boards/{slug}/tiles", pages.guarded(pages.tiles)),
            *(
                Route(path, pages.guarded(handler), methods=[method])
                for part in (desk, now, callbacks, exchange, editor, day_pages, call_pages, tvs)
                for path, handler, method in part.routes()
            ),
            Route("/api/v1/state", api.state),
            Route("/healthz", api.healthz),
            Route("/readyz", api.readyz),
            Route("/metrics", api.metrics),
            Route("/operator/forget", forgetting.forget, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC), middleware=[_COMPRESSED]),
        ],
        middleware=[Middleware(Walls), Middleware(OwnPagesOnly), Middleware(OperatorsOnly)],
        exception_handlers={Exception: _unexpected},
        lifespan=_lifespan(
            intake, journal, screens, bell, front, days, retention, partial(_take_boards, settings, saving)
        ),
    )
    app.router.redirect_slashes = False
    return app


def _lifespan(
    intake: Intake,
    journal: SqliteJournal,
    screens: Screens,
    bell: Bell,
    front: Front,
    days: Days,
    retention: Retention,
    opened: Callable[[], Awaitable[None]],
) -> Callable[[Starlette], AbstractAsyncContextManager[dict[str, Front]]]:
    async def every_second() -> None:
        with suppress(JournalUnavailable):
            await intake.follow_clock()
        await _keep_refusals(intake, journal)

    async def run() -> None:
        while not await _opened(intake):
            await asyncio.sleep(1)
        log.info("ready", sequence=journal.head)
        await asyncio.gather(screens.run(every_second), bell.run(), retention.run(), opened())

    def stop() -> None:
        intake.closing = True
        screens.farewell()
        bell.farewell()
        days.farewell()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Front]]:
        _on_exit(stop)
        task = asyncio.create_task(run())
        task.add_done_callback(_report)
        yield {"front": front}
        stop()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await journal.close()

    return lifespan


async def _opened(intake: Intake) -> bool:
    """A journal that cannot be opened now, for the disk is full or somebody holds it, may be in a moment."""
    try:
        await intake.open()
    except JournalError as error:
        log.error("the journal cannot be opened", reason=str(error))
        return False
    return True


async def _take_boards(settings: Settings, saving: Saving) -> None:
    """Saves the deploy's boards, as soon as the journal can be written."""
    try:
        boards = boards_of(settings)
    except SettingsError as error:
        log.error("the boards' file cannot be used", reason=str(error))
        return
    while True:
        with suppress(JournalUnavailable):
            await saving.take_file(boards)
            return
        await asyncio.sleep(1)


async def _keep_refusals(intake: Intake, journal: SqliteJournal) -> None:
    """Nothing of a refused body is stored but a count and a time."""
    if not intake.ready or journal.noted("refused") == str(intake.refused) or intake.refused_at is None:
        return
    with suppress(JournalUnavailable):
        await journal.note("refused_at", intake.refused_at.isoformat())
        await journal.note("refused", str(intake.refused))


def _on_exit(stop: Callable[[], None]) -> None:
    """Calls `stop` as soon as SIGTERM or SIGINT comes: uvicorn ends the lifespan only after the last stream."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)

        def handle(received: int, frame: FrameType | None, before: object = before) -> None:
            loop.call_soon_threadsafe(stop)
            if callable(before):
                before(received, frame)

        signal.signal(number, handle)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the board stopped", error=type(error).__name__, reason=str(error))


async def _unexpected(request: Request, error: Exception) -> Response:
    """The PBX is asked to come again; nobody is shown a traceback."""
    if request.url.path.startswith("/webhooks/"):
        detail = "Something went wrong on our side."
        return JSONResponse({"error": "unavailable", "detail": detail}, 503, {"Retry-After": "1"})
    return PlainTextResponse("Something went wrong on our side.\n", 500)
