"""The load of a soak: a floor whose rate comes in waves, backlogs, viewers that come and go; knows not how it is borne.

20 events/s on average, in waves from 15 to 24, and every eight minutes a backlog of some 1,200 finished calls, as after
an outage. A day's calls are held by design: without waves and backlogs their number would grow as steadily as the
time, and nobody could tell a leak from a call.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from math import pi, sin
from random import Random
from time import perf_counter
from typing import Any, cast

from scripts.soak_report import WAVE_SECONDS, Run
from wallboard.sender import Sender, Webhook
from wallboard.simulator_calls import arrivals, busy_rate, some_call
from wallboard.simulator_floor import Floor, Process

AGENTS, SPEED, STAFF = 50, 8.0, "staff of the soak"
EVENTS_PER_SECOND, SWING, EVENTS_PER_CALL = 20.0, 0.5, 5.2
BACKLOG_OF = timedelta(minutes=59)
LIFE_SECONDS = (5.0, 120.0)
SLOW_SHARE, SLOW_BUFFER, SLOW_SECONDS = 0.1, 16_384, (4.0, 0.2)


def live(start: datetime) -> Iterator[Webhook]:
    """The floor's webhooks from `start` on, their rate in waves."""
    floor = Floor(start, agents=AGENTS, speed=SPEED, seed="soak", staff_seed=STAFF)
    floor.begin(_waves(floor))
    return floor.webhooks()


def _waves(floor: Floor) -> Process:
    calls_per_second = EVENTS_PER_SECOND / EVENTS_PER_CALL / SPEED
    while True:
        swing = 1 - SWING * sin(2 * pi * floor.now / SPEED / WAVE_SECONDS)
        yield floor.rng.expovariate(calls_per_second * swing)
        floor.begin(some_call(floor))


def backlog(now: datetime) -> list[Webhook]:
    """The calls that began and ended in the hour before `now`."""
    floor = Floor(now - BACKLOG_OF, agents=AGENTS, speed=1.0, seed=f"backlog {now}", staff_seed=STAFF)
    floor.begin(arrivals(floor, busy_rate(AGENTS)))
    webhooks = list(floor.webhooks(BACKLOG_OF.total_seconds()))
    return [webhook for webhook in webhooks if webhook.call not in floor.live]


class TimedSender(Sender):
    """A sender that keeps the milliseconds of every answer until they are asked for."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, token, say=lambda text: print(text, flush=True))
        self._milliseconds: list[float] = []

    async def _attempt(self, webhook: Webhook) -> int | None:
        began = perf_counter()
        status = await super()._attempt(webhook)
        self._milliseconds.append((perf_counter() - began) * 1000)
        return status

    def take(self) -> list[float]:
        taken, self._milliseconds = self._milliseconds, []
        return sorted(taken)


class Viewer(asyncio.Protocol):
    """One open stream whose bytes are thrown away; a slow one reads a little every few seconds."""

    def __init__(self, slow: bool) -> None:
        self.lost = asyncio.get_running_loop().create_future()
        self._slow = slow

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(Any, transport)  # uvloop's is an asyncio.Transport in all but name
        self._transport.write(b"GET /boards/main/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        if self._slow:
            self._pause()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.lost.done():
            self.lost.set_result(None)

    def _pause(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(SLOW_SECONDS[0], self._resume)

    def _resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()
            asyncio.get_running_loop().call_later(SLOW_SECONDS[1], self._pause)


async def watch(port: int, rng: Random, run: Run) -> None:
    """Viewers one after the other, each for its own while; `dropped` counts those the server sent away."""
    loop = asyncio.get_running_loop()
    while True:
        slow = rng.random() < SLOW_SHARE
        plain = socket.socket()
        if slow:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BUFFER)
        plain.setblocking(False)
        await loop.sock_connect(plain, ("127.0.0.1", port))
        transport, viewer = await loop.create_connection(partial(Viewer, slow), sock=plain)
        run.connected += 1
        try:
            await asyncio.wait_for(viewer.lost, rng.uniform(*LIFE_SECONDS))
            run.dropped += 1
        except TimeoutError:
            transport.abort() if slow else transport.close()
