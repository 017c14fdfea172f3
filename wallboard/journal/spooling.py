"""Takes the PBX's deliveries into the spool while PostgreSQL is away, drains it in order; knows no file and no fold.

What has waited goes into the journal before anything newer of this process does. Each file of the spool is one commit,
which notes the file's number: after a kill between that and the file's removal it is known to stand.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime
from heapq import heappop, heappush
from typing import Any

import msgspec
import structlog

from wallboard.journal import Delivery, JournalUnavailable, Spooled
from wallboard.journal.hand import Hand
from wallboard.journal.postgres import PostgresJournal
from wallboard.journal.postgres_drain import forget, put_once
from wallboard.journal.spool import FILE_EVENTS, MOST_BYTES, MOST_EVENTS, Spool
from wallboard.journal.spool_records import Kept
from wallboard.logs import traced

FULL = "the spool is full"
_KEPT_WITHIN_SECONDS = 1.5
_LOOK_EVERY_SECONDS = 0.2
_ADOPT_EVERY_SECONDS = 10.0
_CLOSE_WITHIN_SECONDS = 2.0
_HELD_SECONDS = 0.5
_BREATH_SECONDS = 0.005
log = structlog.get_logger()


class _Waiting(msgspec.Struct, order=True):
    """One that is to be written, by its arrival."""

    arrival: int
    payload: bytes
    future: asyncio.Future[None]


class Spooling:
    """All public methods belong to the event loop's thread. `most_events` and `most_bytes` are what the spool holds."""

    def __init__(
        self, journal: PostgresJournal, spool: Spool, most_events: int = MOST_EVENTS, most_bytes: int = MOST_BYTES
    ) -> None:
        self._journal = journal
        self._spool = spool
        self._most_events, self._most_bytes = most_events, most_bytes
        self._hand = Hand()
        self._arrivals = 0
        self._under_way: set[int] = set()
        self._waiting: list[_Waiting] = []
        self._waiting_bytes = self._being_written = 0
        self._news = asyncio.Event()
        self._gate = asyncio.Lock()
        self._since: datetime | None = None
        self._writer: asyncio.Task[None] | None = None
        self._drains = False
        self.is_open = False

    @property
    def is_in_use(self) -> bool:
        """Whether what comes now goes into the spool."""
        return bool(self._events) or not self._drains or self._journal.trouble is not None

    @property
    def _events(self) -> int:
        return self._spool.events + len(self._waiting) + self._being_written

    async def open(self) -> None:
        """Takes over what was left behind; from then on it takes deliveries, be the journal open or not."""
        with suppress(OSError):
            self._begin(await self._hand.do(self._spool.adopt))
        self._writer = asyncio.create_task(self._write(), name="spool")
        self.is_open = True
        self._tell()
        if self._spool.events:
            log.warning("events wait in the spool", entries=self._spool.events)

    async def append(self, delivery: Delivery) -> Any:
        """What the journal's `append` returns, or `None`: it is in the spool, and what it is shows when it is drained.
        JournalUnavailable if there is no room there either.
        """
        async with self._gate:
            self._arrivals += 1
            arrival = self._arrivals
        if self.is_in_use:
            return await self._kept(arrival, delivery, None)
        head = self._journal.head
        self._under_way.add(arrival)
        try:
            return await self._journal.append(delivery)
        except JournalUnavailable:
            kept = self._kept(arrival, delivery, head)
        finally:
            self._under_way.discard(arrival)
            if self._waiting:
                self._news.set()
        return await kept

    def _kept(self, arrival: int, delivery: Delivery, tried_after: int | None) -> Any:
        """In its place at once; to be awaited until it is durable."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if (payload := self._payload(delivery, tried_after)) is None:
            future.set_exception(JournalUnavailable(FULL))
            return future
        heappush(self._waiting, _Waiting(arrival, payload, future))
        self._waiting_bytes += len(payload)
        self._begin(delivery.received_at)
        self._tell()
        self._news.set()
        return self._durable(future)

    async def _durable(self, future: asyncio.Future[None]) -> None:
        try:
            await asyncio.wait_for(future, _KEPT_WITHIN_SECONDS)
        except TimeoutError:
            raise JournalUnavailable("the spool's disk does not answer") from None

    def _payload(self, delivery: Delivery, tried_after: int | None) -> bytes | None:
        """`None` where there is no room for it, or it has a text that cannot be stored."""
        kept = Kept(delivery.received_at, delivery.body, delivery.meaning, delivery.refusal, tried_after)
        is_full = self._events >= self._most_events or self._spool.size + self._waiting_bytes >= self._most_bytes
        if not self.is_open or is_full:
            return None
        with suppress(ValueError):
            return msgspec.msgpack.encode(kept)
        return None

    # --- writing -------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while self.is_open or self._waiting:
            self._news.clear()
            group = self._next()
            if not group:
                await self._news.wait()
                continue
            self._being_written = len(group)
            await self._keep(group)
            self._being_written = 0
            self._tell()

    def _next(self) -> list[_Waiting]:
        """What waits together, in the order of arrival: none before one that the journal is still asked for."""
        first = min(self._under_way, default=self._arrivals + 1)
        group: list[_Waiting] = []
        while self._waiting and self._waiting[0].arrival < first and len(group) < FILE_EVENTS:
            waiting = heappop(self._waiting)
            self._waiting_bytes -= len(waiting.payload)
            if not waiting.future.done():
                group.append(waiting)
        return group

    async def _keep(self, group: list[_Waiting]) -> None:
        payloads = [waiting.payload for waiting in group]
        error: Exception | None = None
        try:
            await self._hand.do(lambda: self._spool.keep(payloads))
        except Exception as caught:  # noqa: BLE001 - without its writer nothing could be taken any more
            log.error("the spool cannot be written", **traced(caught))
            error = JournalUnavailable(f"the spool cannot be written ({type(caught).__name__})")
        for waiting in group:
            if waiting.future.done():
                continue
            if error is not None:
                waiting.future.set_exception(error)
                continue
            waiting.future.set_result(None)

    # --- draining ------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Drains whenever the journal can be written; to be called when that is open."""
        self._drains = True
        looked_at = asyncio.get_running_loop().time()
        while True:
            try:
                if self._journal.trouble is None:
                    await self._drain()
                    if asyncio.get_running_loop().time() - looked_at >= _ADOPT_EVERY_SECONDS:
                        looked_at = asyncio.get_running_loop().time()
                        self._begin(await self._hand.do(self._spool.adopt))
            except (JournalUnavailable, TimeoutError):
                pass  # it has gone again
            except Exception as error:  # noqa: BLE001 - what waits must not wait for ever
                log.error("the spool cannot be drained", **traced(error))
            self._tell()
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _drain(self) -> None:
        """The last of it while whoever comes is kept waiting for a moment: under load it would never end."""
        if not self._events:
            return
        log.info("the spool is drained", entries=self._events)
        while self._events > FILE_EVENTS:
            await self._take()
        async with self._gate, asyncio.timeout(_HELD_SECONDS):
            while self._events:
                await self._take()

    async def _take(self) -> None:
        """The oldest file. May be broken off anywhere: what has been put is not put again."""
        batch = await self._hand.do(self._spool.oldest)
        if batch is None:
            await asyncio.sleep(_BREATH_SECONDS)  # it is being written
            return
        await put_once(self._journal, batch.series, batch.number, batch.kept)
        if await self._hand.do(lambda: self._spool.remove(batch)):
            with suppress(JournalUnavailable):
                await forget(self._journal, batch.series)

    async def close(self) -> None:
        """Ends what is being written; the rest is the next start's."""
        if not self.is_open:
            return
        self.is_open = False
        self._news.set()
        assert self._writer is not None
        await asyncio.wait([self._writer], timeout=_CLOSE_WITHIN_SECONDS)
        self._writer.cancel()
        if self._spool.events:
            log.warning("events are left in the spool: the next start drains them", entries=self._spool.events)
        with suppress(TimeoutError, OSError):
            await asyncio.wait_for(self._hand.do(self._spool.close), _CLOSE_WITHIN_SECONDS)

    def _begin(self, at: datetime | None) -> None:
        if at is not None:
            self._since = at if self._since is None else min(self._since, at)

    def _tell(self) -> None:
        if not self._events:
            self._since = None
        self._journal.spooled = Spooled(self._events, self._since) if self._since is not None else None
