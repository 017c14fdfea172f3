"""Erases one caller on the operator's word: from the journal, and from a running server's memory; knows no field.

The same for a server that runs, over the operator's door, and for a journal that no server has open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from wallboard.access.rules import OPERATE, Way
from wallboard.clock import Clock
from wallboard.day.days import Days
from wallboard.erasing import Counted, Eraser, NoNumber
from wallboard.intake import Intake
from wallboard.journal import CALLER_ERASED, Delivery, JournalUnavailable
from wallboard.journal.engines import Engine
from wallboard.journal.upkeep import Upkeep
from wallboard.rules import Rules


class Forgetting:
    """`POST /operator/forget`."""

    def __init__(self, intake: Intake, upkeep: Upkeep, days: Days, clock: Clock) -> None:
        self._intake = intake
        self._upkeep = upkeep
        self._days = days
        self._clock = clock

    def routes(self) -> Iterator[Way]:
        yield Way("/operator/forget", self.forget, "POST", OPERATE)

    async def forget(self, request: Request) -> Response:
        """200 what was erased · 400 not a number · 503 while the journal is replayed or cannot be written."""
        if not self._intake.ready:
            return JSONResponse({"error": "the journal is being replayed"}, 503)
        try:
            said = msgspec.json.decode(await request.body(), type=dict[str, str])
            eraser = Eraser(said.get("number", ""), self._intake.board.rules.country)
        except (msgspec.DecodeError, NoNumber) as error:
            return JSONResponse({"error": str(error)}, 400)
        try:
            await erase(self._upkeep, eraser, self._clock.now, lambda: self._forget(eraser))
        except JournalUnavailable as error:
            return JSONResponse({"error": f"The journal cannot be written: {error}."}, 409)
        return JSONResponse(msgspec.to_builtins(eraser.counted))

    def _forget(self, eraser: Eraser) -> None:
        self._days.forget_counted()
        self._intake.erase(eraser)


async def erase(
    upkeep: Upkeep, eraser: Eraser, now: Callable[[], datetime], erased: Callable[[], None] = lambda: None
) -> Counted:
    """From the journal; `erased` is called as soon as that is certain. JournalUnavailable."""

    def said() -> Delivery:
        return Delivery(received_at=now(), body=msgspec.json.encode(eraser.counted), remark=CALLER_ERASED)

    await upkeep.rewrite(eraser, said, erased)
    return eraser.counted


async def erase_offline(engine: Engine, rules: Rules, number: str) -> Counted:
    """From a journal that no server has open; NoNumber, JournalError, JournalUnavailable."""
    eraser = Eraser(number, rules.country)
    await engine.journal.open(lambda entry: None, after=engine.end())
    try:
        return await erase(engine.upkeep, eraser, Clock().now)
    finally:
        await engine.journal.close()
