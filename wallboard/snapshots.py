"""When a snapshot is taken up and when the next one is made; knows not what is in it, and no page.

A start goes on from the last one. While the server runs another process makes the next one from time to time, and at a
clean stop the server itself writes one, if that is done in a moment. docs/decisions/2026-11-24-snapshot.md
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import BinaryIO

import structlog

from wallboard.intake import Start
from wallboard.journal import JournalUnavailable
from wallboard.journal.engines import Engine
from wallboard.logs import traced
from wallboard.refold import Question, RefoldFailed, Refolding, begun, fold_of
from wallboard.snapshot import Fold, Stamp, Unusable, stamp_for, write

EVERY = 20_000
"""Entries: folding them takes a second or two."""
FEWEST = 5_000
"""A shorter journal is folded as fast as a snapshot is taken up."""
_AT_STOP_FEWEST = 1_000
_AT_STOP_CALLS = 50_000
"""Some 20 µs each."""
_AT_STOP_STALE = 1_000
"""Callers to work out first, some 30 µs each; where a wall is shown there are hardly any."""
_LOOKED_SECONDS = 5.0
_TRIED_AGAIN_SECONDS = 60.0
_WITHIN_SECONDS = 3.0
log = structlog.get_logger()


class Snapshots:
    """Those of one server's fold."""

    def __init__(self, fold: Fold, engine: Engine, *, every: int = EVERY, fewest: int = FEWEST) -> None:
        self._fold = fold
        self._url = engine.url
        self._journal = engine.journal
        self._beginnings = engine.beginnings
        self._every = every
        self._fewest = fewest
        self._since = 0
        self._began = (time.monotonic(), time.process_time())
        self._refolding: Refolding | None = None

    async def begin(self) -> int:
        """Called by the journal before anything of it is applied: after which entry it is to go on."""
        try:
            stamp = await asyncio.to_thread(begun, self._fold, self._beginnings)
        except Unusable as error:
            log.info("the snapshot is not used", reason=str(error))
            await asyncio.to_thread(self._beginnings.forget, self._fold.version)
            return 0
        except Exception as error:  # noqa: BLE001 - whatever it is, the journal has it all
            log.warning("the snapshot is not used", **traced(error))
            await asyncio.to_thread(self._beginnings.forget, self._fold.version)
            return 0
        self._since = 0 if stamp is None else stamp.sequence
        return self._since

    def opened(self) -> None:
        """The start is made."""
        wall, processor = self._began
        self._fold.intake.start = Start(
            snapshot=self._since,
            tail=max(0, self._journal.head - self._since),
            seconds=time.monotonic() - wall,
            processor_seconds=time.process_time() - processor,
        )

    async def run(self) -> None:
        """Has the next one made when it is due; one at a time."""
        while True:
            await asyncio.sleep(_LOOKED_SECONDS)
            if self._is_due() and not await self.make():
                await asyncio.sleep(_TRIED_AGAIN_SECONDS)

    def _is_due(self) -> bool:
        if not self._since:
            return self._journal.head - self._journal.begins_after >= self._fewest
        return self._journal.head - self._since >= self._every

    async def make(self) -> bool:
        """Has one made in another process; False if none came of it."""
        intake = self._fold.intake
        question = Question(url=self._url, rules=intake.board.rules, reader=intake.reader)
        try:
            async with self._beginnings.making() as file:
                if file is None or await self._has_another():
                    return file is not None
                self._refolding = await asyncio.to_thread(Refolding, question)
                return await self._keep(file, await asyncio.to_thread(self._refolding.into, file))
        except (RefoldFailed, JournalUnavailable, OSError) as error:
            log.warning("no snapshot could be made", **traced(error))
            return False
        finally:
            if self._refolding is not None:
                self._refolding.stop()
            self._refolding = None

    async def _has_another(self) -> bool:
        """Whether another process has made the one that is due."""
        latest = await asyncio.to_thread(self._beginnings.latest, self._fold.version)
        self._since = max(self._since, latest)
        return bool(latest) and not self._is_due()

    async def _keep(self, file: BinaryIO, stamp: Stamp) -> bool:
        kept = await self._beginnings.keep(file, stamp.mark)
        self._since = stamp.sequence if kept else 0
        return kept

    async def stop(self) -> None:
        """The server ends, and nothing comes any more: leaves a snapshot if that takes but a moment."""
        if self._refolding is not None:
            self._refolding.stop()
        intake, board, since = self._fold.intake, self._fold.intake.board, max(self._since, self._journal.begins_after)
        if not intake.ready or intake.has_erased or self._journal.trouble is not None:
            return  # what was erased is in no snapshot because no snapshot is made of this process's memory
        if self._journal.head - since < _AT_STOP_FEWEST:
            return
        if len(board.calls) > _AT_STOP_CALLS or board.callers.stale > _AT_STOP_STALE:
            return
        with suppress(TimeoutError, OSError, JournalUnavailable):
            async with asyncio.timeout(_WITHIN_SECONDS), self._beginnings.making() as file:
                if file is None or await self._has_another():
                    return
                stamp = await self._stamp()
                if stamp is not None:
                    write(self._fold, stamp, file.write)
                    await self._keep(file, stamp)

    async def _stamp(self) -> Stamp | None:
        """Of the fold as it stands; `None` where it moves on while it is asked for."""
        sequence, epoch = self._journal.head, self._journal.epoch
        seal = await asyncio.to_thread(self._beginnings.seal, sequence)
        if epoch is None or not seal or self._journal.head != sequence:
            return None
        return stamp_for(self._fold, epoch=epoch, sequence=sequence, seal=seal)


async def made_ahead(engine: Engine, question: Question, within_seconds: float, fewest: int = FEWEST) -> int:
    """One of this build and these settings, for the processes that are about to start: the entries that it spares
    each of them, 0 where it was not worth it or did not come off. Whatever happens is no reason to stop a release.
    """
    try:
        if engine.archive.head() - engine.beginnings.base().sequence < fewest:
            return 0
        version = fold_of(question, engine).version
        async with asyncio.timeout(within_seconds):
            while (made := await _made(engine, question, version)) is None:
                await asyncio.sleep(1)
            return made
    except Exception as error:  # noqa: BLE001 - a start can do without
        log.warning("no snapshot could be made", **traced(error))
        return 0


async def _made(engine: Engine, question: Question, version: str) -> int | None:
    """`None` as long as another process makes one, for the processes that run now."""
    async with engine.beginnings.making() as file:
        if file is None:
            return None
        if latest := engine.beginnings.latest(version):
            return latest
        refolding = Refolding(question)
        try:
            stamp = await asyncio.to_thread(refolding.into, file)
            return stamp.sequence if await engine.beginnings.keep(file, stamp.mark) else 0
        finally:
            refolding.stop()
