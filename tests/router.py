"""A small router as hosts have one: a port whose connections go to one process after the other; knows no HTTP."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from itertools import count


class Router:
    """`targets` are the ports that new connections go to; connections that are open stay where they are."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.targets: list[int] = []
        self._turns = count()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),), daemon=True)
        self._thread.start()
        assert self._is_up.wait(5)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(5)
        self._loop.close()

    async def _run(self) -> None:
        self._ended = asyncio.Event()
        server = await asyncio.start_server(self._route, "127.0.0.1", self.port)
        self._is_up.set()
        await self._ended.wait()
        server.close()
        for writer in self._writers:
            writer.transport.abort()
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0.01)

    async def _route(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        targets = list(self.targets)
        first = next(self._turns)
        for place in range(len(targets)):
            with suppress(OSError):
                there = await asyncio.open_connection("127.0.0.1", targets[(first + place) % len(targets)])
                self._writers |= {writer, there[1]}
                await asyncio.gather(_pass_on(reader, there[1]), _pass_on(there[0], writer))
                self._writers -= {writer, there[1]}
                return
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(1 << 16):
            writer.write(chunk)
            await writer.drain()
    writer.close()
