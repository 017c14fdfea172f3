"""When a snapshot is taken up and when the next one is made; knows not what is in it, and no page.

A start goes on from the last one. While the server runs another process makes the next one from time to time, and at a
clean stop the server itself writes one, if that is done in a moment. docs/decisions/2026-11-24-snapshot.md
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec
import structlog

from wallboard.intake import Start
from wallboard.journal import JournalUnavailable
from wallboard.journal.beginnings import Beginnings, keep
from wallboard.journal.sqlite import SqliteJournal
from wallboard.logs import traced
from wallboard.refold import Question, RefoldFailed, Refolding, begun
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
_WITHIN_SECONDS = 1.0
log = structlog.get_logger()


class Snapshots:
    """Those of one server's fold."""

    def __init__(self, fold: Fold, journal: SqliteJournal, *, every: int = EVERY, fewest: int = FEWEST) -> None:
        self._fold = fold
        self._journal = journal
        self._beginnings = Beginnings(journal.path)
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
            await asyncio.to_thread(self._beginnings.forget)
            return 0
        except Exception as error:  # noqa: BLE001 - whatever it is, the journal has it all
            log.warning("the snapshot is not used", **traced(error))
            await asyncio.to_thread(self._beginnings.forget)
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

    def told(self) -> dict[str, float]:
        """For the log."""
        start = self._fold.intake.start
        return {} if start is None else msgspec.structs.asdict(start)

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
        question = Question(path=self._journal.path, rules=intake.board.rules, reader=intake.reader)
        try:
            self._refolding = await asyncio.to_thread(Refolding, question)
            stamp = await asyncio.to_thread(self._write_apart, self._refolding)
            return await self._keep(stamp)
        except (RefoldFailed, JournalUnavailable, OSError) as error:
            log.warning("no snapshot could be made", **traced(error))
            return False
        finally:
            if self._refolding is not None:
                self._refolding.stop()
            self._refolding = None

    def _write_apart(self, refolding: Refolding) -> Stamp:
        with self._beginnings.unfinished() as file:
            return refolding.into(file)

    async def _keep(self, stamp: Stamp) -> bool:
        kept = await self._journal.work(partial(keep, epoch=stamp.epoch, sequence=stamp.sequence, seal=stamp.seal))
        self._since = stamp.sequence if kept else 0
        return kept

    async def stop(self) -> None:
        """The server ends, and nothing comes any more: leaves a snapshot if that takes but a moment."""
        if self._refolding is not None:
            self._refolding.stop()
            self._beginnings.forget_unfinished()
        intake, board, since = self._fold.intake, self._fold.intake.board, max(self._since, self._journal.begins_after)
        if not intake.ready or intake.has_erased or self._journal.trouble is not None:
            return  # what was erased is in no snapshot because no snapshot is made of this process's memory
        if self._journal.head - since < _AT_STOP_FEWEST:
            return
        if len(board.calls) > _AT_STOP_CALLS or board.callers.stale > _AT_STOP_STALE:
            return
        with suppress(TimeoutError, OSError, JournalUnavailable):
            stamp = self._write_here()
            if stamp is not None:
                await asyncio.wait_for(self._keep(stamp), _WITHIN_SECONDS)

    def _write_here(self) -> Stamp | None:
        sequence, epoch = self._journal.head, self._journal.epoch
        seal = self._beginnings.seal(sequence)
        if epoch is None or not seal:
            return None
        stamp = stamp_for(self._fold, epoch=epoch, sequence=sequence, seal=seal)
        with self._beginnings.unfinished() as file:
            write(self._fold, stamp, file.write)
            file.flush()
            os.fsync(file.fileno())
        return stamp


def make_offline(fold_question: Question) -> bool:
    """For a journal that no server has open, such as before the first start of a new build; False if none was made."""
    beginnings = Beginnings(fold_question.path)
    if not Path(fold_question.path).exists():
        return False
    refolding = Refolding(fold_question)
    try:
        with beginnings.unfinished() as file:
            refolding.into(file)
        beginnings.adopt()
    except (RefoldFailed, OSError):
        beginnings.forget()
        return False
    finally:
        refolding.stop()
    return True
