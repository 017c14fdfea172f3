"""Streams over real sockets: written by the connection, or relayed where a server or a client leaves no other way."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from wallboard import watching
from wallboard.access.presence import Presence
from wallboard.connection import Connection, prepare
from wallboard.feed import Feed, message
from wallboard.front import Front
from wallboard.server import Server
from wallboard.stream import Stream

HELLO = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
PROTOCOLS: dict[str, Any] = {"ours": Connection, "uvicorn's": "httptools"}
BIG = 400_000
"""More than the kernel holds for both ends."""


def ask(method: str = "GET", version: str = "1.1", header: str = "") -> bytes:
    return f"{method} /stream HTTP/{version}\r\nHost: x\r\n{header}\r\n".encode()


class Studio:
    """A server with one feed, in this loop."""

    def __init__(self) -> None:
        self.snapshots = 0
        self.padding = b""
        self.feed = Feed(self._snapshot)
        self.presence = Presence()
        self.front = Front(1_000)
        self.port = 0
        self._writers: list[asyncio.StreamWriter] = []

    def _snapshot(self) -> bytes:
        self.snapshots += 1
        return message("tiles", b"whole %d " % self.feed.frames + self.padding)

    async def publish(self) -> None:
        await self.feed.publish(message("tiles", b"part %d" % (self.feed.frames + 1)))

    def app(self) -> Starlette:
        @asynccontextmanager
        async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Front]]:
            yield {"front": self.front}

        async def stream(request: Request) -> Stream:
            self.front.admit(request.scope)
            return self.presence.attend("key", Stream(self.feed))

        async def hello(request: Request) -> PlainTextResponse:
            return PlainTextResponse("hello")

        return Starlette(routes=[Route("/stream", stream), Route("/hello", hello)], lifespan=lifespan)

    async def visit(self, request: bytes, receive_buffer: int | None = None) -> tuple[Reader, asyncio.StreamWriter]:
        own = socket.socket()
        if receive_buffer is not None:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        own.connect(("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=own, limit=4096 if receive_buffer else 1 << 20)
        self._writers.append(writer)
        writer.write(request)
        return Reader(reader), writer

    def leave(self) -> None:
        """All who came."""
        for writer in self._writers:
            writer.transport.abort()


class Reader:
    """An answer as a client reads it."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.raw = reader
        self.text = b""

    async def head(self) -> bytes:
        return (await asyncio.wait_for(self.raw.readuntil(b"\r\n\r\n"), 10)).lower()

    async def until(self, words: bytes) -> None:
        """Chunk by chunk; fails where the framing is wrong."""
        while words not in self.text:
            assert await self._chunk(), "the stream is over"

    async def rest(self) -> bytes:
        while await self._chunk():
            pass
        return self.text

    async def _chunk(self) -> bool:
        async with asyncio.timeout(10):
            size = int(await self.raw.readuntil(b"\r\n"), 16)
            self.text += await self.raw.readexactly(size)
            assert await self.raw.readexactly(2) == b"\r\n"
            return size > 0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def run(work: Callable[[Studio], Awaitable[None]], protocol: str) -> None:
    async def whole() -> None:
        studio = Studio()
        config = uvicorn.Config(
            studio.app(), http=PROTOCOLS[protocol], ws="none", log_config=None, timeout_graceful_shutdown=2
        )
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            studio.port = listening.getsockname()[1]
            prepare(listening)
            server = Server(config)
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            await until(lambda: server.started)
            try:
                await work(studio)
            finally:
                studio.leave()
                server.should_exit = True
                await serving

    uvloop.run(whole())


both = pytest.mark.parametrize("protocol", PROTOCOLS)


@both
def test_a_stream_is_told_all_and_its_connection_used_again_after_the_farewell(protocol: str) -> None:
    async def work(studio: Studio) -> None:
        reader, writer = await studio.visit(ask())
        head = await reader.head()
        assert b"200 ok" in head
        assert b"transfer-encoding: chunked" in head
        await reader.until(b"whole 0")
        for _ in range(3):
            await studio.publish()
            await reader.until(b"part %d" % studio.feed.frames)
            await studio.feed.beat(message("heartbeat", b"beat %d" % studio.feed.frames))
            await reader.until(b"beat %d" % studio.feed.frames)
        assert len(studio.feed) == 1
        studio.feed.close(message("farewell", b"bye"))
        assert (await reader.rest()).endswith(b"event: farewell\ndata: bye\n\n")
        assert studio.snapshots == 1
        assert len(studio.feed) == 0
        writer.write(HELLO)
        assert b"200 ok" in await reader.head()
        assert await reader.raw.readexactly(5) == b"hello"

    run(work, protocol)


@both
@pytest.mark.parametrize("is_together", [True, False])
def test_what_was_sent_behind_the_stream_is_answered_after_it(protocol: str, is_together: bool) -> None:
    async def work(studio: Studio) -> None:
        reader, writer = await studio.visit(ask() + (HELLO if is_together else b""))
        await reader.head()
        await reader.until(b"whole 0")
        if not is_together:
            writer.write(HELLO)
        await studio.publish()
        await reader.until(b"part 1")
        studio.feed.close(message("farewell", b"bye"))
        assert (await reader.rest()).endswith(b"bye\n\n")
        assert b"200 ok" in await reader.head()
        assert await reader.raw.readexactly(5) == b"hello"

    run(work, protocol)


@both
@pytest.mark.parametrize(
    "request_", [ask(version="1.0"), ask(header="Connection: close\r\n")], ids=["HTTP/1.0", "close"]
)
def test_a_connection_that_was_not_to_be_kept_ends_with_the_farewell(protocol: str, request_: bytes) -> None:
    async def work(studio: Studio) -> None:
        reader, _ = await studio.visit(request_)
        assert b"connection: close" in await reader.head()
        await reader.until(b"whole 0")
        studio.feed.close(message("farewell", b"bye"))
        assert (await reader.rest()).endswith(b"bye\n\n")
        assert await reader.raw.read() == b""

    run(work, protocol)


@both
def test_whoever_comes_after_the_farewell_is_told_all_and_sent_away(protocol: str) -> None:
    async def work(studio: Studio) -> None:
        studio.feed.close(message("farewell", b"bye"))
        reader, _ = await studio.visit(ask())
        await reader.head()
        said = await reader.rest()
        assert said.startswith(b"event: tiles\ndata: whole 0")
        assert said.endswith(b"bye\n\n")

    run(work, protocol)


@both
def test_a_head_alone_opens_no_stream(protocol: str) -> None:
    async def work(studio: Studio) -> None:
        reader, _ = await studio.visit(ask("HEAD") + HELLO)
        assert b"text/event-stream" in await reader.head()
        assert b"text/plain" in await reader.head()
        assert studio.snapshots == len(studio.feed) == 0

    run(work, protocol)


@both
def test_who_lags_gets_the_newest_board_and_holds_up_nobody(protocol: str) -> None:
    async def work(studio: Studio) -> None:
        quick, _ = await studio.visit(ask())
        await quick.head()
        await quick.until(b"whole 0")
        studio.padding = b"x" * BIG
        slow, _ = await studio.visit(ask(), receive_buffer=4096)
        await until(lambda: studio.snapshots == 2 and len(studio.feed.awake) == 1)
        for _ in range(9):
            await studio.publish()
            await quick.until(b"part %d" % studio.feed.frames)
        await slow.head()
        await slow.until(b"whole 9 " + studio.padding)
        assert slow.text.count(b"whole") == 2
        assert b"part" not in slow.text
        await until(lambda: len(studio.feed.awake) == 2)
        await studio.publish()
        await slow.until(b"part 10")

    run(work, protocol)


@both
def test_who_leaves_is_gone_also_in_the_midst_of_a_frame(protocol: str) -> None:
    async def work(studio: Studio) -> None:
        studio.padding = b"x" * BIG
        for receive_buffer in (4096, None):
            reader, writer = await studio.visit(ask(), receive_buffer)
            await reader.head()
            writer.transport.abort()
        await until(lambda: studio.snapshots == 2 and len(studio.feed) == 0)
        await studio.publish()

    run(work, protocol)


def test_a_credential_that_is_taken_away_ends_its_streams() -> None:
    async def work(studio: Studio) -> None:
        for request in (ask(), ask() + HELLO):
            reader, _ = await studio.visit(request)
            await reader.head()
            await reader.until(b"whole 0")
            studio.presence.dismiss("key")
            with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
                await reader.rest()
            await until(lambda: len(studio.feed) == len(studio.front) == 0)

    run(work, "ours")


def test_a_slow_reader_may_stay_as_long_as_it_goes_on_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that has stopped is dropped."""
    seconds = 1
    monkeypatch.setattr(watching, "STALLED_SECONDS", seconds)
    monkeypatch.setattr(watching, "_LOOK_SECONDS", seconds / 8)

    async def work(studio: Studio) -> None:
        studio.padding = b"x" * 3 * BIG
        slow, _ = await studio.visit(ask(), 4096)
        stopped, _ = await studio.visit(ask(), 4096)
        await until(lambda: studio.front.stalled == 2)
        began = time.monotonic()
        while len(studio.feed) == 2 or time.monotonic() < began + 2 * seconds:
            assert await slow.raw.read(8192)
            await asyncio.sleep(0.05)
        assert studio.front.stalled == 1, "it was no longer slow"
        assert studio.front.dropped == 1
        await stopped.head()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await stopped.rest()

    run(work, "ours")
