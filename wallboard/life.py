"""A server's life: opening the journal, what runs beside the requests, and the end; knows no route and no page."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from types import FrameType
from typing import Any

import structlog
from starlette.applications import Starlette

from wallboard.access.origins import is_loopback
from wallboard.bell import Bell
from wallboard.boards.saving import Saving
from wallboard.choices import boards_of
from wallboard.commons import Commons
from wallboard.day.days import Days
from wallboard.front import Front
from wallboard.intake import Intake
from wallboard.journal import Journal, JournalError, JournalUnavailable
from wallboard.journal.engines import Spooling
from wallboard.journal.upkeep import Upkeep
from wallboard.logs import set_up, traced
from wallboard.people.accounts import FIRST
from wallboard.people.folds import People
from wallboard.people.operating import address_of
from wallboard.people.reception import AT_THE_COMMAND_LINE, Reception
from wallboard.retention import Retention
from wallboard.screens import Screens
from wallboard.settings import Settings, SettingsError
from wallboard.snapshots import Snapshots
from wallboard.turned_away import TurnedAway
from wallboard.webhook import Door

_JUST_NOW = timedelta(minutes=1)
_AGAIN_SECONDS = 1.0
log = structlog.get_logger()


def lifespan_of(
    intake: Intake,
    journal: Journal,
    commons: Commons,
    screens: Screens,
    bell: Bell,
    front: Front,
    door: Door,
    days: Days,
    retention: Retention,
    people: People,
    turned_away: TurnedAway,
    snapshots: Snapshots,
    spooling: Spooling | None,
    opened: Iterable[Callable[[], Awaitable[None]]],
) -> Callable[[Starlette], AbstractAsyncContextManager[dict[str, Any]]]:
    async def every_second() -> None:
        if journal.has_parted and not intake.closing:
            log.error("the journal is not what this process shows: it starts anew")
            signal.raise_signal(signal.SIGTERM)
        with suppress(JournalUnavailable):
            await intake.follow_clock()
        await turned_away.keep()
        await people.tend(intake)

    async def run() -> None:
        if spooling is not None:
            await spooling.open()
        await _until_open(intake, snapshots)
        gc.freeze()  # a day that was replayed is freed by its references alone; looking through it took half a second
        start = intake.start
        if start is not None:
            log.info("ready", sequence=journal.head, snapshot=start.snapshot, tail=start.tail, seconds=start.seconds)
        tasks = (
            bell.run(), commons.run(), retention.run(), people.audit.run(intake), snapshots.run(),
            *(work() for work in opened),
        )  # fmt: skip
        await asyncio.gather(screens.run(every_second), *tasks)

    def stop() -> None:
        intake.closing = True
        screens.farewell()
        bell.farewell()
        days.farewell()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        set_up(app.state.log_level)
        _on_exit(stop)
        task = asyncio.create_task(run())
        task.add_done_callback(_report)
        yield {"front": front, "door": door}
        stop()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await snapshots.stop()
        await commons.close()
        if spooling is not None:
            await spooling.close()
        await journal.close()

    return lifespan


async def _until_open(intake: Intake, snapshots: Snapshots) -> None:
    """A journal that cannot be opened now, for the disk is full or somebody holds it, may be in a moment.

    Each reason is said once, for a database may be away for hours.
    """
    complaint = ""
    while True:
        try:
            await intake.open(snapshots.begin)
            snapshots.opened()
            return
        except JournalError as error:
            if str(error) != complaint:
                complaint = str(error)
                log.error("the journal cannot be opened", reason=complaint)
        await asyncio.sleep(_AGAIN_SECONDS)


async def take_boards(settings: Settings, saving: Saving, upkeep: Upkeep) -> None:
    """Saves the deploy's boards, as soon as the journal can be written; of several processes the first does it."""
    try:
        boards = boards_of(settings)
    except SettingsError as error:
        log.error("the boards' file cannot be used", reason=str(error))
        return
    while True:
        with suppress(JournalUnavailable):
            async with upkeep.alone() as is_ours:
                if is_ours:
                    await saving.take_file(boards)
                    return
        await asyncio.sleep(1)


async def invite(settings: Settings, reception: Reception, upkeep: Upkeep) -> None:
    """Prints the way to the first account, where nobody could make it at the machine; of several processes that start
    together the first does it, for the link of another would end its own.
    """
    while not is_loopback(settings.host) and not reception.accounts:
        with suppress(JournalUnavailable):
            async with upkeep.alone() as is_ours:
                if is_ours:
                    print(await _invitation(settings, reception), flush=True)  # noqa: T201
                    return
        await asyncio.sleep(1)


async def _invitation(settings: Settings, reception: Reception) -> str:
    if not settings.is_sqlite and reception.has_invited_within(_JUST_NOW):
        return (
            "Nobody can sign in yet. Another process has printed a link just now; python -m wallboard admin makes one."
        )
    code = await reception.make_link(FIRST, AT_THE_COMMAND_LINE)
    said = "Nobody can sign in yet. This link makes an admin's account; it is good once, for 24 hours:"
    return f"{said}\n  {address_of(settings, code)}"


def start_anew(app: Starlette) -> None:
    """Ends this process as SIGTERM does; whoever runs it starts another one."""
    app.state.starts_anew = True
    signal.raise_signal(signal.SIGTERM)


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
        log.error("the board stopped", **traced(error))
