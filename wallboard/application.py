"""Wiring: which part is handed what; holds no rule of its own."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount

from wallboard.access.gate import Gate, at_the_machine, machines, operators
from wallboard.access.origins import is_loopback
from wallboard.access.visitors import visitor_of
from wallboard.answers import Answers
from wallboard.api import Api
from wallboard.bell import Bell
from wallboard.board import Board
from wallboard.boards.editor import Editor
from wallboard.boards.exchange import BoardExchange
from wallboard.boards.kept import Boards
from wallboard.boards.pages import BoardPages
from wallboard.boards.saving import Saving
from wallboard.callbacks.pages import CallbackPages
from wallboard.choices import boards_of, defaults_of, rules_of
from wallboard.clock import Clock
from wallboard.control import OperatorsOnly, is_operator
from wallboard.day.call_pages import CallPages
from wallboard.day.days import Days
from wallboard.day.explain import Standards
from wallboard.day.pages import DayPages
from wallboard.day.shelf import Shelf
from wallboard.desk import Desk
from wallboard.forgetting import Forgetting
from wallboard.front import Front, descriptors
from wallboard.intake import Intake
from wallboard.journal import CALLER_ERASED, EVENTS_PURGED, JournalError, spool
from wallboard.journal.engines import engine_of
from wallboard.life import invite, lifespan_of, start_anew, take_boards
from wallboard.look import Look
from wallboard.measure import standards_of
from wallboard.now.pages import NowPages
from wallboard.pages import Pages
from wallboard.parse import Reader
from wallboard.people.account_pages import AccountPages
from wallboard.people.asking import Asking
from wallboard.people.attempts import Attempts
from wallboard.people.audit_pages import AuditPages
from wallboard.people.doors import Doors
from wallboard.people.folds import People
from wallboard.people.key_pages import KeyPages
from wallboard.people.operating import Operating
from wallboard.people.pages import PeoplePages
from wallboard.people.provider import Provider
from wallboard.people.provider_doors import ProviderDoors
from wallboard.people.reception import Reception
from wallboard.people.times import Times
from wallboard.remarks import heard_by_all, heard_later
from wallboard.render import Renderer
from wallboard.retention import Retention
from wallboard.screen import Source
from wallboard.screens import Screens, build_of
from wallboard.settings import Settings, SettingsError, read_settings, require_serving
from wallboard.sights import Sights
from wallboard.snapshot import Fold
from wallboard.snapshots import Snapshots
from wallboard.statics import Statics
from wallboard.turned_away import TurnedAway
from wallboard.tv.admitting import Admitting
from wallboard.tv.enrolment import Enrolment
from wallboard.tv.entrance import Entrance
from wallboard.tv.keys import TvKeys
from wallboard.tv.newcomers import Newcomers
from wallboard.tv.pages import TvPages
from wallboard.tv.paired import PairedTvs
from wallboard.tv.reports import TvReports
from wallboard.tv.televisions import Televisions
from wallboard.walls import OwnPagesOnly, Walls
from wallboard.webhook import Door, Doorway

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES, STATIC = ROOT / "templates", ROOT / "static"


def settings_or_exit(*, env_file: str | None = ".env", waits: bool = True, **overrides: object) -> Settings:
    """The settings of a server that can start; otherwise one message on stderr and exit status 2.

    One that `waits` starts on a full disk as well, refuses what comes and goes on by itself when there is room.
    """
    try:
        settings = read_settings(env_file=env_file, **overrides)
        require_serving(settings)
        boards_of(settings)
        if settings.spool is not None:
            spool.check(settings.spool)
        engine_of(settings.database_url).check()
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
    engine = engine_of(settings.database_url, clock)
    journal, archive, upkeep, commons = engine.journal, engine.archive, engine.upkeep, engine.commons
    defaults = defaults_of(settings)
    boards = Boards(lambda: boards_changed())
    source = Source(board, journal, clock, renderer, defaults, build_of(TEMPLATES, STATIC))
    screens = Screens(source, boards, commons)
    bell = Bell(screens.pulse)
    paired = PairedTvs(lambda id: look_anew(id))
    keys = TvKeys(paired, boards, lambda key: gate.presence.dismiss(key), is_framed=bool(settings.frame_ancestors))
    newcomers = Newcomers(commons=commons)
    reader = Reader(zone=settings.zone, components=settings.components)

    def changed() -> None:
        screens.changed()
        bell.ring()

    def look_anew(id: str) -> None:
        keys.look_anew(id)
        if (tv := paired.get(id)) is not None:
            newcomers.leave(tv.key)

    def boards_changed() -> None:
        screens.follow()
        keys.follow()

    people = People(clock, settings.secret_key, lambda key: gate.presence.dismiss(key))
    erased_and_purged = heard_later(lambda: (retention.remarks, forgetting.remarks), CALLER_ERASED, EVENTS_PURGED)
    remarks = heard_by_all(boards.remarks, people.remarks, paired.remarks, erased_and_purged)
    shelf = Shelf(archive)
    spooling = engine.spooling(settings.spool) if settings.spool is not None else None
    intake = Intake(reader, board, journal, clock, changed, remarks, shelf.placed, spooling)
    saving = Saving(intake, boards)
    front = Front(descriptors())
    api = Api(settings, intake, journal, clock, screens, front)
    pages = Pages(settings, intake, clock, boards, screens, renderer, front)
    desk = Desk(renderer.environment, clock, bell, front, boot=screens.boot, build=screens.build)
    exchange = BoardExchange(desk, boards, saving)
    editor = BoardPages(settings, desk, Editor(settings, desk, board, boards, screens), boards, saving, screens)

    def look() -> Look:
        """By which the desk measures."""
        return Look(definition=boards.main, defaults=defaults)

    def standards() -> Standards:
        return standards_of(look(), settings.short_abandon_seconds * 1000)

    days = Days(
        board,
        journal,
        archive,
        clock,
        reader,
        standards,
        retention_days=settings.retention_days,
        shelf=shelf,
    )
    retention = Retention(intake, journal, upkeep, days, shelf, clock)
    sights = Sights(boards, settings.recording_hosts)
    day_pages = DayPages(desk, days, sights)
    call_pages = CallPages(desk, days, archive, reader, clock, sights)
    now = NowPages(desk, renderer.environment, board, journal, clock, look, days, sights)
    callbacks = CallbackPages(
        desk, renderer.environment, intake, journal, clock, sights, lambda: people.secret.derived("call-back list")
    )
    door = Door(
        intake,
        settings.pbx_tokens,
        front,
        is_key=people.is_pbx,
        addresses=settings.pbx_addresses,
        trusted=settings.trusted_proxies,
        tells=settings.log_level == "debug",
    )
    reception = Reception(people, intake, clock, Attempts())
    who, times = Asking(settings.trusted_proxies), Times(clock, settings.zone)
    enrolment = Enrolment(intake, paired)
    televisions = Televisions(commons=commons, relay=lambda command: tv_pages.relay(command))
    tv_pages = TvPages(televisions, paired, enrolment, boards, desk, screens.tell, screens.build)
    tvs = (
        Entrance(newcomers, keys, pages.draw, screens.build, lambda: intake.ready, who.address),
        Admitting(newcomers, enrolment, boards, desk),
        TvReports(televisions, keys, desk, screens.build),
        tv_pages,
    )
    doors = Doors(
        reception, people.cookies, who, pages.draw,
        is_ready=lambda: intake.ready, has_accounts=lambda: has_accounts(), has_provider=bool(settings.oidc_issuer),
    )  # fmt: skip
    provider_doors: list[ProviderDoors] = []
    if settings.oidc_issuer:
        provider = Provider(settings, clock)
        provider_doors.append(ProviderDoors(provider, reception, people.cookies, who, pages.draw, lambda: intake.ready))
    account_pages = AccountPages(desk, reception, people.cookies, who, times)
    people_pages = PeoplePages(desk, reception, boards, who, times, clock, settings.public_url)
    key_pages = KeyPages(
        desk, reception, who, times, {"api": len(settings.api_tokens), "pbx": len(settings.pbx_tokens)}
    )
    audit_pages = AuditPages(desk, people.audit, times)
    fold = Fold(intake=intake, boards=boards, people=people, paired=paired, shelf=shelf, took_up=boards_changed)
    snapshots = Snapshots(fold, engine)
    forgetting = Forgetting(intake, upkeep, days, clock, commons, lambda: start_anew(app))
    turned_away = TurnedAway(intake, engine, commons)
    operating = Operating(reception)
    parts = (
        door, pages, doors, desk, now, callbacks, exchange, editor, day_pages, call_pages, *tvs, account_pages,
        people_pages, key_pages, audit_pages, operating, forgetting, api,
    )  # fmt: skip

    def has_accounts() -> bool:
        return len(people.accounts) > 0 or settings.oidc_issuer is not None

    def is_open() -> bool:
        return intake.ready and is_loopback(settings.host) and not has_accounts()

    gate = Gate(
        [
            operators(is_operator),
            machines(settings.api_tokens, people.program),
            people.signed_in,
            keys.identify,
            at_the_machine(is_open),
        ],
        is_ready=lambda: intake.ready,
        has_accounts=has_accounts,
        page=pages.draw,
        note=lambda request, what: people.audit.note(
            visitor_of(request), "exported", what, kind="export", address=who.address(request)
        ),
    )

    told = [Middleware(Answers)] if door.tells else []
    app = Starlette(
        routes=[
            *(gate.route(way) for part in parts for way in part.routes()),
            *(gate.route(way) for part in provider_doors for way in part.routes()),
            Mount("/static", Statics(STATIC, screens.build)),
        ],
        middleware=[
            *told,
            Middleware(Doorway, door=door),
            Middleware(Walls, ancestors=settings.frame_ancestors),
            Middleware(OwnPagesOnly),
            Middleware(OperatorsOnly),
        ],
        exception_handlers={Exception: _unexpected},
        lifespan=lifespan_of(
            intake,
            journal,
            commons,
            screens,
            bell,
            front,
            door,
            days,
            retention,
            people,
            turned_away,
            snapshots,
            spooling,
            (
                partial(take_boards, settings, saving, upkeep),
                partial(invite, settings, reception, upkeep),
                forgetting.run,
                *([] if spooling is None else [spooling.run]),
            ),
        ),
    )
    app.router.redirect_slashes = False
    app.state.starts_anew = False
    app.state.gate, app.state.log_level, app.state.journal = gate, settings.log_level, journal
    return app


async def _unexpected(request: Request, error: Exception) -> Response:
    """The PBX is asked to come again; nobody is shown a traceback."""
    if request.url.path.startswith("/webhooks/"):
        detail = "Something went wrong on our side."
        return JSONResponse({"error": "unavailable", "detail": detail}, 503, {"Retry-After": "1"})
    return PlainTextResponse("Something went wrong on our side.\n", 500)
