"""Many screens at once: an end with five hundred of them open, and ten thousand that come and go."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import API_TOKEN, Server, wait_until
from tests.posting import Posting, assert_nothing_lost, posting, shown

pytestmark = pytest.mark.alone

STREAMS, RECONNECTS, AT_ONCE = 500, 10_000, 50
REQUEST = b"GET /boards/main/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Screen:
    """One open stream over a plain socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Screen:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        writer.write(REQUEST)
        return cls(reader, writer)

    async def snapshot(self) -> bytes:
        """The first message's data: every tile as it is now."""
        received = await self._reader.readuntil(b"\n\n")
        assert received.startswith(b"HTTP/1.1 200 "), received[:80]
        return received[received.index(b"event: tiles") :].split(b"\n", 1)[1]

    async def rest(self) -> bytes:
        """What comes until the server closes, or is no more."""
        chunks = []
        with suppress(ConnectionResetError):
            while chunk := await self._reader.read(1 << 16):
                chunks.append(chunk)
        self.close()
        return b"".join(chunks)

    def close(self) -> None:
        self._writer.close()


async def open_screens(port: int) -> tuple[list[Screen], set[bytes]]:
    """Five hundred screens, and the different snapshots that they were shown."""
    screens = await asyncio.gather(*(Screen.open(port) for _ in range(STREAMS)))
    return screens, set(await asyncio.gather(*(screen.snapshot() for screen in screens)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_end_with_five_hundred_streams_open(server: Server, number: signal.Signals) -> None:
    async def run() -> Posting:
        screens, _ = await open_screens(server.port)
        posted = Posting(server)
        posted.start()
        await asyncio.to_thread(posted.wait_for, 200, 0)
        rests = [asyncio.ensure_future(screen.rest()) for screen in screens]
        server.send(number)
        assert server.process is not None
        await asyncio.to_thread(server.process.wait, 5)
        said = await asyncio.wait_for(asyncio.gather(*rests), 5)
        if number == signal.SIGTERM:
            assert sum(b"event: farewell" in rest for rest in said) == STREAMS
        await asyncio.to_thread(posted.stop)
        assert {answer.status for answer in posted.answers} <= {200, 503, 0}
        await asyncio.to_thread(server.start)
        screens, snapshots = await open_screens(server.port)
        assert len(snapshots) == 1, "all see the same board"
        for screen in screens:
            screen.close()
        return posted

    posted = asyncio.run(run())
    assert "Traceback" not in (server.folder / "log").read_text()
    assert posted.acknowledged() <= shown(server)
    assert_nothing_lost(server, posted)


class Footprint(NamedTuple):
    """What a server holds; memory in bytes."""

    descriptors: int
    tasks: int
    viewers: int
    memory: int


def footprint(server: Server) -> Footprint:
    assert server.process is not None
    proc = Path(f"/proc/{server.process.pid}")
    text = server.client.get("/metrics", headers={"Authorization": f"Bearer {API_TOKEN}"}).text
    gauges = dict(line.split() for line in text.splitlines() if line.startswith("wallboard_"))
    pages = int((proc / "statm").read_text().split()[1])
    return Footprint(
        len(list((proc / "fd").iterdir())),
        int(float(gauges["wallboard_tasks"])),
        int(float(gauges["wallboard_viewers"])),
        pages * os.sysconf("SC_PAGE_SIZE"),
    )


async def come_and_go(port: int, times: int) -> None:
    async def one_after_the_other() -> None:
        for _ in range(times // AT_ONCE):
            screen = await Screen.open(port)
            await screen.snapshot()
            screen.close()

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


def test_ten_thousand_reconnects_leave_nothing_behind(server: Server) -> None:
    with posting(server) as posted:
        asyncio.run(come_and_go(server.port, RECONNECTS // 5))
    quick = sorted(answer.at - answer.sent_at for answer in posted.answers)
    assert quick[len(quick) * 95 // 100] < 0.5
    wait_until(lambda: footprint(server).viewers == 0, "the first are gone")
    before = footprint(server)
    asyncio.run(come_and_go(server.port, RECONNECTS * 4 // 5))
    wait_until(lambda: footprint(server)[:3] == before[:3], "descriptors, tasks and viewers are as they were")
    assert footprint(server).memory - before.memory < 4 << 20, "not half a kilobyte each"


def test_connections_leave_no_cycles_behind(tmp_path: Path) -> None:
    """Full collections come only when a quarter of all objects is new, so these grew with the hours."""
    said = tmp_path / "uncollected"
    server = Server(tmp_path, build="tests.uncollected", UNCOLLECTED=str(said)).start()
    try:
        asyncio.run(come_and_go(server.port, AT_ONCE))
        uncollected(server, said)  # what the start left behind
        asyncio.run(come_and_go(server.port, 4 * AT_ONCE))
        assert uncollected(server, said) < AT_ONCE
    finally:
        server.close()


def uncollected(server: Server, said: Path) -> int:
    wait_until(lambda: footprint(server).viewers == 0, "all are gone")
    server.send(signal.SIGUSR1)
    wait_until(lambda: said.exists() and said.read_text().endswith("\n"), "it says what it found")
    found = int(said.read_text())
    said.unlink()
    return found
