"""Tells the supervisors' pages that something has changed; knows neither what nor who asks for it then.

A desk is filtered and sorted by whoever reads it, so its HTML is nobody else's: the stream carries a doorbell, at most
once a second, and each page fetches what it shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from wallboard.feed import Feed, message

RING_SECONDS = 1.0
BEAT_SECONDS = 2.0


class Bell:
    """`pulse` is what a heartbeat says: server time, boot, build and sequence."""

    def __init__(self, pulse: Callable[[], dict[str, Any]]) -> None:
        self._pulse = pulse
        self._rung = asyncio.Event()
        self.feed = Feed(lambda: self._message("changed"))

    def ring(self) -> None:
        """Something has changed; the desks hear it within a second."""
        self._rung.set()

    def farewell(self) -> None:
        self.feed.close(message("farewell", b"{}"))

    async def run(self) -> None:
        await asyncio.gather(self._ringing(), self._beating())

    async def _ringing(self) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            await self.feed.publish(self._message("changed"))
            await asyncio.sleep(RING_SECONDS)

    async def _beating(self) -> None:
        while True:
            await self.feed.beat(self._message("heartbeat"))
            await asyncio.sleep(BEAT_SECONDS)

    def _message(self, event: str) -> bytes:
        return message(event, msgspec.json.encode(self._pulse()))
