"""Old entries deleted and erased callers overwritten in a SQLite file; see `wallboard.journal.upkeep`.

What reads much is done over a connection of its own; what writes, by the writer, between two commits. Nothing is done
before the whole journal has been examined: it would be the end of what is damaged, and of knowing so.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import date, datetime
from functools import partial
from pathlib import Path

import msgspec
import structlog

from wallboard.journal import EVENTS_PURGED, Delivery, JournalUnavailable
from wallboard.journal.base import AGED, AGING, FIRST, UNCLEAN, Base, Kept, base_of
from wallboard.journal.blanking import Blanking
from wallboard.journal.custody import Custody
from wallboard.journal.files import ASIDE, beside
from wallboard.journal.rows import COLUMNS, NOTES, Row, chained, seal_of, sound_notes, to_entry, to_row
from wallboard.journal.sqlite import SqliteJournal
from wallboard.journal.store import untouched
from wallboard.journal.upkeep import Before, Rewriter, carried_out, nothing, read_apart

_BREATH_SECONDS = 0.02
_TRIED_AGAIN_SECONDS = 2.0
_CHUNK = 2_000
_LAST = 2**63 - 1
_NEXT = f"SELECT {COLUMNS} FROM deliveries WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT {_CHUNK}"
log = structlog.get_logger()


class SqliteUpkeep:
    """See `Upkeep`. The file is one server's, which is alone with it."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self._one_at_a_time = asyncio.Lock()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[bool]:
        yield True

    async def purge(self, sequence: int, remains: str, now: datetime, before: date | None = None) -> bool:
        async with self._one_at_a_time:
            await self._journal.examined()
            base = Base(sequence=sequence, remains=remains, before=before)
            base, aged, found = await read_apart(_moved, self._journal.path, self._journal.base, base, now)
            if not found:
                return False
            await self._journal.work(lambda custody: (None, custody.declare(base, aged, now)))
            await self._sweep()
            log.info("old entries were deleted", entries=found, up_to=sequence)
            return True

    async def sweep(self) -> None:
        async with self._one_at_a_time:
            await self._journal.examined()
            if await self._journal.work(lambda custody: (custody.is_unclean(), [])):
                await self._sweep()

    async def forget_aside(self, before: datetime) -> None:
        kept = (beside(self._journal.path, word) for word in ASIDE)
        if any(path.exists() and path.stat().st_mtime < before.timestamp() for path in kept):
            await self._journal.work(_forgets_aside)

    async def rewrite(
        self,
        rewriter: Rewriter,
        said: Callable[[], Delivery],
        written: Callable[[], None] = lambda: None,
        foretold: Before = nothing,
    ) -> bool:
        async with self._one_at_a_time:
            await self._journal.examined()
            if await self._journal.work(lambda custody: (custody.is_unclean(), [])):
                await self._sweep()
            if not await carried_out(partial(self._rewrite, rewriter, said)):
                return False
            written()
            await self._scrub()
            return True

    async def _rewrite(self, rewriter: Rewriter, said: Callable[[], Delivery]) -> bool | None:
        plan, learnt = await read_apart(_planned, self._journal.path, self._journal.base, rewriter)
        rewriter.take_up(learnt)
        return await self._journal.work(partial(plan.carry_out, rewriter=rewriter, said=said))

    async def _sweep(self) -> None:
        after: int | None = 0
        while after is not None:
            after = await self._journal.work(_sweep_after(after))
            await asyncio.sleep(_BREATH_SECONDS)
        await self._scrub()

    async def _scrub(self) -> None:
        while not await self._scrubbed():
            log.warning("the journal's WAL is read by another program, so what was deleted still stands in it")
            await asyncio.sleep(_TRIED_AGAIN_SECONDS)

    async def _scrubbed(self) -> bool:
        if not await self._journal.work(lambda custody: (custody.empty_wal(), [])):
            return False
        blanking = await asyncio.to_thread(Blanking, self._journal.path)
        try:
            return await self._journal.work(lambda custody: (custody.scrub(blanking), []))
        finally:
            await asyncio.to_thread(blanking.close)


def deleted(path: Path) -> tuple[int, bool]:
    """Up to which entry of the journal at `path` entries were deleted, and whether nothing of them is left.

    For a journal that no server has open; of one that cannot be read nothing is known to be deleted.
    """
    with suppress(sqlite3.Error), closing(untouched(path)) as connection:
        notes = sound_notes(connection.execute(NOTES).fetchall())
        return (base_of(notes) or FIRST).sequence, notes.get(UNCLEAN) != "yes"
    return 0, True


def _forgets_aside(custody: Custody) -> tuple[None, list[Row]]:
    custody.forget_aside()
    return None, []


def _sweep_after(after: int) -> Callable[[Custody], tuple[int | None, list[Row]]]:
    return lambda custody: (custody.sweep(after), [])


def _moved(path: Path, before: Base, base: Base, now: datetime) -> tuple[Base, list[int], int]:
    """The new base in full, which kept entries are too old by now, and how many entries there are to delete."""
    kept, chain, aged = Kept(base), before.chain, []
    oldest, found = now - AGED, 0
    for row in _rows(path, 0, base.sequence):
        if row[0] > before.sequence:
            chain = chained(chain, seal_of(row))
            found += row[7] != EVENTS_PURGED and not base.lasts(row[7])
        if base.lasts(row[7]) and row[7].startswith(AGING) and to_entry(row).delivery.received_at < oldest:
            aged.append(row[0])
            found += 1
            continue
        kept.hear(row)
    return msgspec.structs.replace(base, chain=chain, kept=kept.count, kept_chain=kept.chain), aged, found


def _rows(path: Path, after: int, until: int) -> Iterator[Row]:
    """The entries of a stretch, in pieces, so that no reader keeps the writer from emptying its WAL."""
    with closing(untouched(path)) as connection:
        while rows := connection.execute(_NEXT, (after, until)).fetchall():
            yield from rows
            after = rows[-1][0]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be rewritten up to the entry `head`, and the chain there, before and after."""

    head: int
    before: bytes
    after: bytes
    rows: list[Row]

    def carry_out(
        self, custody: Custody, rewriter: Rewriter, said: Callable[[], Delivery]
    ) -> tuple[bool | None, list[Row]]:
        """Writes it, with what has come meanwhile: True and the entry that was added, or False if nothing was to do.

        `None` if what has come meanwhile calls for another plan.
        """
        known = rewriter.known
        _find(custody.path, self.head, rewriter)
        if rewriter.known != known:
            return None, []
        whole = _extended(self, custody.path, rewriter)
        if whole.before != custody.chain:
            raise JournalUnavailable("the journal has changed meanwhile")
        if not whole.rows:
            return False, []
        return True, custody.restate(whole.rows, whole.after, said())


def _planned(path: Path, base: Base, rewriter: Rewriter) -> tuple[Plan, Rewriter]:
    """Some microseconds an entry. Those at or before the base stay as they are."""
    _find(path, base.sequence, rewriter)
    rewriter.begin()
    plan = Plan(head=base.sequence, before=base.chain, after=base.chain, rows=[])
    return _extended(plan, path, rewriter), rewriter


def _find(path: Path, after: int, rewriter: Rewriter) -> None:
    for row in _rows(path, after, _LAST):
        rewriter.find(to_entry(row).delivery)


def _extended(plan: Plan, path: Path, rewriter: Rewriter) -> Plan:
    head, before, after, changed = plan.head, plan.before, plan.after, list(plan.rows)
    for row in _rows(path, plan.head, _LAST):
        rewritten = rewriter.rewrite(to_entry(row).delivery)
        now = row if rewritten is None else to_row(row[0], rewritten)
        if rewritten is not None:
            changed.append(now)
        head, before, after = row[0], chained(before, seal_of(row)), chained(after, seal_of(now))
    return Plan(head=head, before=before, after=after, rows=changed)
