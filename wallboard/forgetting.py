"""Erases one caller on the operator's word: from the journal, and from every server's memory; knows no field.

The same for a server that runs, over the operator's door, and for a command beside the servers or without one. The
journal's remark of it says nothing of the caller, so other processes are told beforehand, apart from it, whom it means;
one that could not hear it in time ends, and starts anew without the caller.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wallboard.access.rules import OPERATE, Way
from wallboard.clock import Clock
from wallboard.commons import Commons
from wallboard.day.days import Days
from wallboard.erasing import Counted, Eraser, NoNumber
from wallboard.intake import Intake
from wallboard.journal import CALLER_ERASED, Delivery, JournalUnavailable
from wallboard.journal.engines import Engine
from wallboard.journal.upkeep import Upkeep
from wallboard.remarks import Heed
from wallboard.rules import Rules

_KIND = "erased"
FORETOLD_SECONDS = 600.0
"""For how long other processes can ask whom an erasing meant."""
_MOST_FORETOLD = 20
_PATIENCE_SECONDS = 60
log = structlog.get_logger()


class Foretold(msgspec.Struct, frozen=True):
    """Whom an erasing means, for those that are to forget the same: never in the journal."""

    number: str
    ids: tuple[str, ...]
    names: tuple[str, ...]


class Forgetting:
    """`POST /operator/forget`."""

    def __init__(
        self,
        intake: Intake,
        upkeep: Upkeep,
        days: Days,
        clock: Clock,
        commons: Commons,
        start_anew: Callable[[], None] = lambda: None,
    ) -> None:
        self._intake = intake
        self._upkeep = upkeep
        self._days = days
        self._clock = clock
        self._commons = commons
        self._start_anew = start_anew
        self._own: set[str] = set()
        self._foretold: OrderedDict[str, Foretold] = OrderedDict()
        self._heard: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()
        commons.hear(_KIND, self._take)

    @property
    def remarks(self) -> dict[str, Heed]:
        """What the intake is to hand over, by name."""
        return {CALLER_ERASED: self._hear_erased}

    def routes(self) -> Iterator[Way]:
        yield Way("/operator/forget", self.forget, "POST", OPERATE)

    async def forget(self, request: Request) -> Response:
        """200 what was erased · 400 not a number · 409 the journal cannot be written · 503 while it is replayed."""
        if not self._intake.ready:
            return JSONResponse({"error": "the journal is being replayed"}, 503)
        try:
            said = msgspec.json.decode(await request.body(), type=dict[str, str])
            eraser = Eraser(said.get("number", ""), self._intake.board.rules.country)
        except (msgspec.DecodeError, NoNumber) as error:
            return JSONResponse({"error": str(error)}, 400)
        try:
            key = secrets.token_hex(8)
            self._own.add(key)
            await erase(self._upkeep, eraser, self._clock.now, self._commons, key, lambda: self._forget(eraser))
        except JournalUnavailable as error:
            return JSONResponse({"error": f"The journal cannot be written: {error}."}, 409)
        return JSONResponse(msgspec.to_builtins(eraser.counted))

    def _forget(self, eraser: Eraser) -> None:
        self._days.forget_counted()
        self._intake.erase(eraser)

    # --- in other processes

    async def run(self) -> None:
        """Follows what others erase."""
        while True:
            key, is_live = await self._heard.get()
            while not await self._commons.refresh():
                await asyncio.sleep(1)
            foretold = self._foretold.pop(key, None)
            if foretold is not None:
                self._forget(_taught(foretold, self._intake.board.rules))
            elif is_live:
                log.error("a caller was erased while this process could not hear whom, so it starts anew")
                self._start_anew()

    def _take(self, key: str, value: bytes | None, ago: float) -> None:
        self._foretold[key] = msgspec.json.decode(value or b"", type=Foretold)
        while len(self._foretold) > _MOST_FORETOLD:
            self._foretold.popitem(last=False)

    def _hear_erased(self, value: dict[str, Any], at: datetime) -> None:
        """What is read at a start was rewritten before, or is about to be."""
        key, is_live = value.get("key"), self._intake.ready
        if key is None or key in self._own:
            return
        if is_live or self._clock.now() - at < timedelta(seconds=FORETOLD_SECONDS):
            self._heard.put_nowait((key, is_live))


async def erase(
    upkeep: Upkeep,
    eraser: Eraser,
    now: Callable[[], datetime],
    commons: Commons,
    key: str,
    erased: Callable[[], None] = lambda: None,
) -> Counted:
    """From the journal; `erased` is called as soon as that is certain. `key` is this erasing's alone.
    JournalUnavailable.
    """

    def said() -> Delivery:
        told = {**msgspec.to_builtins(eraser.counted), "key": key}
        return Delivery(received_at=now(), body=msgspec.json.encode(told), remark=CALLER_ERASED)

    async def foretold() -> None:
        told = Foretold(number=eraser.key, ids=tuple(eraser.ids), names=tuple(eraser.names))
        commons.tell(_KIND, key, msgspec.json.encode(told), FORETOLD_SECONDS)
        if not await commons.settle():
            raise JournalUnavailable("other processes cannot be told whom to forget")

    async with _alone(upkeep):
        await upkeep.rewrite(eraser, said, erased, foretold)
    return eraser.counted


@asynccontextmanager
async def _alone(upkeep: Upkeep) -> AsyncIterator[None]:
    """Waits a while for another process that deletes or erases just now."""
    for _ in range(_PATIENCE_SECONDS):
        async with upkeep.alone() as is_ours:
            if is_ours:
                yield
                return
        await asyncio.sleep(1)
    raise JournalUnavailable("another process deletes old entries just now")


def _taught(foretold: Foretold, rules: Rules) -> Eraser:
    eraser = Eraser(foretold.number, rules.country)
    eraser.ids, eraser.names = set(foretold.ids), set(foretold.names)
    return eraser


async def erase_offline(engine: Engine, clock: Clock, rules: Rules, number: str) -> Counted:
    """From a journal that no server has open; NoNumber, JournalError, JournalUnavailable."""
    eraser = Eraser(number, rules.country)
    await engine.journal.open(lambda entry: None, after=engine.end())
    try:
        return await erase(engine.upkeep, eraser, clock.now, engine.commons, secrets.token_hex(8))
    finally:
        await engine.commons.close()
        await engine.journal.close()
