"""Posts changes: each at its time, however late the answers are, or as fast as the answers come; knows no meaning."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, cast

import msgspec


class Posted(msgspec.Struct):
    """What became of the posts: when each was due and answered (monotonic seconds), and how many were not taken."""

    due: list[float]
    answered: list[float]
    refused: int = 0

    def milliseconds(self) -> list[float]:
        """From when each was due to its answer, in order."""
        return sorted((done - due) * 1000 for due, done in zip(self.due, self.answered, strict=True) if done)


class _Line(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._held = b""
        self.number = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(Any, transport)

    def send(self, number: int, request: bytes) -> None:
        self.number = number
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        held = self._held = self._held + data if self._held else data
        if is_whole(held):
            self._held = b""
            self._office.answered(self, held.startswith(b"HTTP/1.1 2"))

    def close(self) -> None:
        self._transport.close()


class Office:
    """Some connections and what waits for one."""

    def __init__(self) -> None:
        self._idle: deque[_Line] = deque()
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._lines: list[_Line] = []
        self._requests: Iterator[bytes] | None = None
        self._until = 0.0
        self.posted = Posted([], [])

    async def open(self, port: int, connections: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, line = await loop.create_connection(lambda: _Line(self), "127.0.0.1", port)
            self._lines.append(line)
            self._idle.append(line)

    def close(self) -> None:
        for line in self._lines:
            line.close()

    async def post_on_time(self, requests: Sequence[bytes], rate: float) -> None:
        """Open loop: post n is due n / rate after the first, and its time is counted from then."""
        began = time.monotonic() + 0.02
        for number, request in enumerate(requests):
            due = began + number / rate
            if (early := due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            self._begin(due, request)
        await self._settled()

    async def post_at_once(self, requests: Iterator[bytes], seconds: float) -> None:
        """Closed loop: each connection posts as soon as it was answered."""
        self._requests, self._until = requests, time.monotonic() + seconds
        for _ in range(len(self._idle)):
            self._begin(time.monotonic(), next(requests))
        await self._settled()

    def answered(self, line: _Line, is_taken: bool) -> None:
        now = time.monotonic()
        self.posted.answered[line.number] = now
        self.posted.refused += not is_taken
        self._idle.append(line)
        if self._requests is not None and now < self._until:
            request = next(self._requests, None)
            if request is not None:
                self._begin(now, request)
        elif self._waiting:
            self._send(*self._waiting.popleft())

    def _begin(self, due: float, request: bytes) -> None:
        number = len(self.posted.due)
        self.posted.due.append(due)
        self.posted.answered.append(0.0)
        if self._idle:
            self._send(number, request)
        else:
            self._waiting.append((number, request))

    def _send(self, number: int, request: bytes) -> None:
        self._idle.popleft().send(number, request)

    async def _settled(self, within: float = 30.0) -> None:
        until = time.monotonic() + within
        while len(self._idle) < len(self._lines) and time.monotonic() < until:
            await asyncio.sleep(0.005)


def is_whole(answer: bytes) -> bool:
    """An answer with its body."""
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    at = head.lower().find(b"content-length:")
    if at < 0:
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(head[at + 15 :].split(b"\r\n", 1)[0])
