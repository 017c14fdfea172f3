"""Slow and greedy clients on real sockets: what they get, and that the PBX notices nothing of them."""

from __future__ import annotations

import asyncio
import json
import re
import resource
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.conftest import API_TOKEN, TOKEN, Server, wait_until
from tests.samples import rang

pytestmark = pytest.mark.alone

STREAM = b"GET /boards/main/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
POST = b"POST /webhooks/pbx HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Pbx-Token: " + TOKEN.encode() + b"\r\n"
DESCRIPTORS, MOST_CONNECTIONS, MOST_VIEWERS = 256, 160, 120
READERS = 300
PROCESSES = get_context("spawn")
P99_SECONDS = 0.1  # above the longest that this machine takes without them


def metrics(server: Server) -> dict[str, float]:
    text = server.client.get("/metrics", headers={"Authorization": f"Bearer {API_TOKEN}"}).text
    return {name: float(value) for name, value in re.findall(r"^wallboard_(\w+) (\S+)$", text, re.M)}


def resident_kib(server: Server) -> int:
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


async def open_to(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", server.port, limit=1 << 20)


async def to_the_end(server: Server, *sent: bytes, pause: float = 0) -> tuple[bytes, float]:
    """All that the server said until it closed, and after how long; `sent` goes out with pauses between."""
    reader, writer = await open_to(server)
    began = time.monotonic()
    said = asyncio.create_task(reader.read())
    try:
        for piece in sent:
            if said.done():
                break
            writer.write(piece)
            await asyncio.wait((said,), timeout=pause)
        return await asyncio.wait_for(said, 30), time.monotonic() - began
    except ConnectionError:
        return b"", time.monotonic() - began
    finally:
        writer.close()


def posted(port: int, call: str) -> tuple[int, float]:
    """The answer to a webhook on a new connection, and the seconds it took."""
    body = json.dumps(rang(call=call)).encode()
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 10) as pbx:
        pbx.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        status = int(pbx.recv(4096).split()[1])
    return status, time.monotonic() - began


def post_on(port: int, told: Connection) -> None:
    """In a process of its own: sends how it went before anything else happened, then, once told, how it went since."""
    told.send([posted(port, f"before-{number}") for number in range(100)])
    answers: list[tuple[int, float]] = []
    while not told.poll(0.01):
        answers.append(posted(port, f"{len(answers)}"))
    told.send(answers)


def p99(answers: list[tuple[int, float]]) -> float:
    assert {status for status, _ in answers} == {200}
    return sorted(seconds for _, seconds in answers)[int(len(answers) * 0.99) - 1]


async def watch(server: Server, seen: list[int]) -> None:
    """A healthy viewer: the journal entry that each frame reaches to."""
    reader, writer = await open_to(server)
    writer.write(STREAM)
    try:
        while line := await reader.readline():
            if line.startswith(b"id: "):
                seen.append(int(line.rpartition(b":")[2]))
    finally:
        writer.close()


@asynccontextmanager
async def nobody_notices(server: Server) -> AsyncIterator[None]:
    """Every webhook meanwhile is answered 200, in time, and a healthy viewer sees the last of them."""
    ours, theirs = PROCESSES.Pipe()
    poster = PROCESSES.Process(target=post_on, args=(server.port, theirs), daemon=True)
    poster.start()
    seen: list[int] = []
    viewer = asyncio.create_task(watch(server, seen))
    usual = max(seconds for _, seconds in await asyncio.to_thread(ours.recv))
    await until(lambda: bool(seen))
    yield
    ours.send("enough")
    assert p99(await asyncio.to_thread(ours.recv)) < usual + P99_SECONDS
    poster.join()
    await until(lambda: max(seen) == metrics(server)["sequence"])
    viewer.cancel()


async def until(condition: Callable[[], bool], within: float = 5) -> None:
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.02)


def refusal(said: bytes) -> tuple[int, str]:
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    return int(head.split()[1]), json.loads(body)["error"]


def run(work: Awaitable[None]) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


# --- half-open and dripping


async def rest_between_two(server: Server) -> None:
    """Two webhooks on one connection, with a longer time between them than a request may take."""
    reader, writer = await open_to(server)
    body = json.dumps(rang()).encode()
    for pause in (12, 0):
        writer.write(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readuntil(b"}")
        with suppress(TimeoutError):
            assert await asyncio.wait_for(reader.read(1), pause) == b"never"
    writer.close()


def test_what_does_not_come_to_an_end_is_ended_and_what_is_kept_open_may_rest(server: Server) -> None:
    head = POST + b"Content-Length: 100\r\n\r\n"
    slow = [bytes((byte,)) for byte in POST * 2]

    async def work() -> None:
        async with nobody_notices(server):
            resting = asyncio.create_task(rest_between_two(server))
            silent, half_head, half_body, drip_head, drip_body, chunks, empty, again = await asyncio.gather(
                to_the_end(server),
                to_the_end(server, POST),
                to_the_end(server, head + b'{"type":'),
                to_the_end(server, *slow, pause=1),
                to_the_end(server, head, *[b"{"] * 60, pause=1),
                to_the_end(server, POST + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1\r\n{\r\n"] * 60, pause=1),
                to_the_end(server, *[b"\r\n"] * 60, pause=1),
                to_the_end(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + POST),
            )
            await resting
        for said, seconds in (half_head, half_body, drip_head, drip_body, chunks):
            assert refusal(said) == (408, "timeout")
            assert 9 < seconds < 13
        for said, seconds in (silent, empty):
            assert said == b""
            assert 19 < seconds < 23
        assert again[0].count(b"HTTP/1.1 200") == again[0].count(b"HTTP/1.1 408") == 1

    run(work())
    assert metrics(server)["requests_late_total"] == 8
    assert server.state()["webhooks"]["quarantined"] == 0


def test_half_a_request_does_not_hold_up_the_end(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as half:
        half.sendall(POST + b"Content-Length: 100\r\n\r\n{")
        wait_until(lambda: metrics(server)["connections"] == 2, "the half request is there")
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 2
        assert refusal(half.recv(4096)) == (503, "unavailable")
    assert "Traceback" not in (server.folder / "log").read_text()


# --- floods


@pytest.mark.parametrize("flood", [
    POST + b"X-A: 1\r\n" * 101 + b"Content-Length: 2\r\n\r\n{}",
    POST + b"X-A: " + b"a" * 33_000 + b"\r\n\r\n",
    b"GET /" + b"a" * 33_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    POST + b"".join(b"X-%d: %s\r\n" % (number, b"a" * 900) for number in range(40)),
    POST + b"X-A: " + b"a" * 8_000_000,
    b"\r\n" * 200_000,
    POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\nX-A: " + b"a" * 8_000_000,
], ids=["headers", "header", "an address", "large ones", "an endless one", "empty lines", "a trailer"])  # fmt: skip
def test_too_large_a_head_is_refused_before_it_is_held(server: Server, flood: bytes) -> None:
    async def work() -> None:
        async with nobody_notices(server):
            began, before = time.monotonic(), resident_kib(server)
            while time.monotonic() - began < 2:
                for said, _ in await asyncio.gather(*(to_the_end(server, flood) for _ in range(5))):
                    assert said == b"" or refusal(said) == (431, "head_too_large")
            assert resident_kib(server) - before < 36 * 1024

    run(work())
    assert metrics(server)["requests_oversized_total"] >= 20


def test_a_head_within_the_limits_is_fine(server: Server) -> None:
    headers = {f"X-{number}": "a" * 300 for number in range(90)}
    assert server.post(rang(), **headers).status_code == 200
    assert server.client.get("/healthz", headers={"Connection": "Upgrade", "Upgrade": "h2c"}).status_code == 200
    assert server.client.get("/healthz", headers={"Connection": "Upgrade", "Upgrade": "websocket"}).status_code == 200


# --- who sends ahead


def test_requests_sent_far_ahead_are_not_held(server: Server) -> None:
    """One answer each until it is too far, then an end: the client knows what to send again."""

    async def work() -> None:
        async with nobody_notices(server):
            before = resident_kib(server)
            ahead = [open_to(server) for _ in range(40)]
            writers = [writer for _, writer in await asyncio.gather(*ahead)]
            for number, writer in enumerate(writers):
                writer.write((STREAM if number % 2 else b"") + b"GET / HTTP/1.1\r\n\r\n" * 20_000)
            await asyncio.sleep(1)
            assert resident_kib(server) - before < 48 * 1024
            for writer in writers:
                writer.close()
        await until(lambda: metrics(server)["viewers"] == 0)
        for writer in writers:
            writer.transport.abort()  # what has not been sent would keep it open
        some = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        said, _ = await to_the_end(server, some * 1_000)
        assert 2 <= said.count(b"HTTP/1.1 200") < 1_000
        assert said.count(b"connection: close") == 1

    run(work())


def test_a_request_behind_a_stream_does_not_stop_the_board(server: Server) -> None:
    """It hid from the stream that its viewer had left; the write to nobody ended the board for everybody."""

    async def work() -> None:
        for request in (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"):
            reader, writer = await open_to(server)
            writer.write(STREAM + request)
            await reader.readuntil(b"tiles")
            writer.close()
        await until(lambda: metrics(server)["viewers"] == 0)
        reader, writer = await open_to(server)
        writer.write(STREAM)
        for _ in range(3):
            await asyncio.wait_for(reader.readuntil(b"event: heartbeat"), 5)
        writer.close()

    run(work())
    assert '"level": "error"' not in (server.folder / "log").read_text()


# --- who does not read


class Crowd(list[socket.socket]):
    """Connections that do nothing."""

    def join(self, server: Server, count: int, request: bytes = b"") -> None:
        for _ in range(count):
            self.append(one := socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(("127.0.0.1", server.port))
            one.sendall(request)

    def leave(self) -> None:
        for one in self:
            one.close()


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    crowd = Crowd()
    yield crowd
    crowd.leave()


def test_viewers_that_do_not_read_cost_little_and_are_dropped(server: Server, crowd: Crowd) -> None:
    for first in range(0, 300, 100):
        calls = [rang(f"{agent}", f"{agent}", queue=f"Queue {agent % 10}") for agent in range(first, first + 100)]
        assert server.post([call | {"caller_name": "A" * 200} for call in calls]).status_code == 200
    before = resident_kib(server)

    async def work() -> None:
        async with nobody_notices(server):
            await asyncio.to_thread(crowd.join, server, READERS, STREAM)
            began = time.monotonic()
            await until(lambda: metrics(server)["viewers_stalled"] == READERS, 15)
            assert (resident_kib(server) - before) / READERS < 150
            await until(lambda: metrics(server)["viewers"] == 1, 30)
            assert time.monotonic() - began < 30
        assert metrics(server)["viewers_dropped_total"] == READERS

    run(work())
    assert "Traceback" not in (server.folder / "log").read_text()


def test_a_stop_does_not_wait_for_who_does_not_read(server: Server, crowd: Crowd) -> None:
    server.post([rang(f"{agent}", f"{agent}") | {"caller_name": "A" * 200} for agent in range(300)])
    crowd.join(server, 20, STREAM)
    wait_until(lambda: metrics(server)["viewers_stalled"] == 20, "all stand still")
    server.stop(within=5)
    assert "Traceback" not in (server.folder / "log").read_text()


# --- descriptors


@pytest.fixture
def cramped(tmp_path: Path) -> Iterator[Server]:
    """A server that may have 256 descriptors."""
    server = Server(tmp_path)
    server.descriptors = DESCRIPTORS
    yield server.start()
    server.close()


def answered_streams(server: Server) -> float:
    values = metrics(server)
    return values["viewers"] + values["streams_refused_total"]


def test_viewers_leave_the_pbx_its_places(cramped: Server, crowd: Crowd) -> None:
    assert cramped.post(rang()).status_code == 200  # on a connection that is kept
    for _ in range(DESCRIPTORS // 16):
        crowd.join(cramped, 16, STREAM)
        wait_until(lambda: answered_streams(cramped) == len(crowd), "each is a viewer or refused")
    assert metrics(cramped)["viewers"] == MOST_VIEWERS
    refused = cramped.client.get("/boards/main/stream")
    assert (refused.status_code, refused.headers["retry-after"], refused.json()["error"]) == (503, "1", "crowded")
    assert cramped.client.get("/boards/main/tiles").status_code == 200
    assert cramped.post(rang(call="2")).status_code == 200
    assert {posted(cramped.port, f"n{number}")[0] for number in range(20)} == {200}
    crowd.leave()
    wait_until(lambda: metrics(cramped)["viewers"] == 0, "all have left")
    with cramped.client.stream("GET", "/boards/main/stream") as stream:
        assert stream.status_code == 200


def test_idle_connections_make_room_the_oldest_first(cramped: Server, crowd: Crowd) -> None:
    assert cramped.post(rang()).status_code == 200
    kept = cramped.client
    crowd.join(cramped, 2 * MOST_CONNECTIONS)
    wait_until(lambda: metrics(cramped)["connections_evicted_total"] > MOST_CONNECTIONS, "the oldest have gone")
    assert metrics(cramped)["connections"] == MOST_CONNECTIONS
    assert {posted(cramped.port, f"n{number}")[0] for number in range(20)} == {200}
    assert kept.post("/webhooks/pbx", json=rang(call="2"), headers={"X-Pbx-Token": TOKEN}).status_code == 200
    crowd[0].settimeout(2)
    assert crowd[0].recv(1) == b""
    crowd[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert crowd[-1].recv(100).startswith(b"HTTP/1.1 200")


def test_the_limit_is_raised_as_far_as_it_goes(server: Server) -> None:
    assert server.process is not None
    soft, hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    assert soft == min(hard, 20_000)
