"""Thousands of viewers that do not read: what the PBX and a healthy viewer notice of them, and what they cost.

    python -m benchmarks.greedy [--readers 5000] [--rate 20] [--agents 300] [--runs 3]

Everything is on 127.0.0.1. A post's latency counts from the moment it was due, not from when it could be
sent; a viewer's from the same moment to the last byte of the frame that shows it, and both in the phase in
which the post was due. The readers are a process
of their own with small receive buffers; they ask for the stream and never read.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

TOKEN, API_TOKEN = "a-pbx-token-for-measuring", "an-api-token-for-measuring"
GET = b"GET %b HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + API_TOKEN.encode() + b"\r\n\r\n"
PHASES = ("before", "while they connect", "while they are stalled", "while they are dropped", "afterwards")
POSTERS = 4
PHASE_SECONDS = 12.0
GIVE_UP_SECONDS = 90.0


@dataclass
class Phase:
    """What was measured in one phase, milliseconds each."""

    old: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)
    viewer: list[float] = field(default_factory=list)
    failed: int = 0
    rss: int = 0


@dataclass
class Run:
    """One server, one crowd."""

    phases: dict[str, Phase] = field(default_factory=lambda: {name: Phase() for name in PHASES})
    phase: str = PHASES[0]
    sequence: int = 0
    due: dict[int, tuple[float, Phase]] = field(default_factory=dict)
    seen: tuple[int, float] = (0, 0.0)
    snapshot: int = 0
    connecting: float = 0.0
    dropped_after: float = 0.0
    dropped_within: float = 0.0
    kernel: int = 0

    @property
    def now(self) -> Phase:
        return self.phases[self.phase]


# --- the readers, in a process of their own


def stall(port: int, readers: int) -> None:
    """Opens streams and reads nothing; says `connected`, then waits for its stdin to end."""
    raise_limit()
    crowd = []
    for _ in range(readers):
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", port))
        reader.sendall(GET % b"/boards/main/stream")
        crowd.append(reader)
    print("connected", flush=True)
    sys.stdin.read()


def raise_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# --- the PBX and the healthy viewer


def body(kind: str, call: str, agent: int) -> bytes:
    fields = {
        "type": kind,
        "unique_call_id": call,
        "caller_id": "+61290000001",
        "caller_name": "ACME Pty Ltd",
        "dest_number": "+61380000000",
        "call_start_at": datetime.now(UTC).isoformat(),
        "user_number": str(1000 + agent),
        "user_name": f"Agent {1000 + agent}",
        "queue_name": f"Queue {agent % 10}",
    }
    if kind != "user_inbound":
        fields["connected_at"] = fields["call_start_at"]
    return json.dumps(fields).encode()


def post(raw: bytes) -> bytes:
    lines = ("POST /webhooks/pbx HTTP/1.1", "Host: 127.0.0.1", f"X-Pbx-Token: {TOKEN}", f"Content-Length: {len(raw)}")
    return "\r\n".join((*lines, "", "")).encode() + raw


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
    return int(head.split()[1]), await reader.readexactly(int(length))


async def ask(port: int, request: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await answer(reader)
    finally:
        writer.close()


async def viewers(port: int) -> tuple[int, int]:
    """How many stand still now, and how many have been dropped."""
    _, text = await ask(port, GET % b"/metrics")
    values = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
    return int(float(values["wallboard_viewers_stalled"])), int(float(values["wallboard_viewers_dropped_total"]))


async def post_on_time(port: int, run: Run, rate: float, agents: int) -> None:
    """Open loop: a slow answer holds back no later post. Each fifth comes on a new connection."""
    loop = asyncio.get_running_loop()
    idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(POSTERS):
        idle.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    began, tasks = loop.time(), set()
    for number in range(sys.maxsize):
        due = began + number / rate
        await asyncio.sleep(max(0.0, due - loop.time()))
        task = asyncio.create_task(_post_one(port, run, idle, due, number, agents))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def _post_one(port: int, run: Run, idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]],
                    due: float, number: int, agents: int) -> None:  # fmt: skip
    phase, fresh = run.now, number % 5 == 4
    kind = ("user_inbound", "user_inbound_completed")[number % 2]  # as many calls at the end as at the start
    request = post(body(kind, f"live-{number // 2}", number // 2 % agents))
    if fresh:
        status, _ = await ask(port, request)
    else:
        reader, writer = await idle.get()
        writer.write(request)
        status, _ = await answer(reader)
        idle.put_nowait((reader, writer))
    (phase.new if fresh else phase.old).append((asyncio.get_running_loop().time() - due) * 1000)
    phase.failed += status != 200
    run.sequence += 1
    run.due[run.sequence] = due, phase
    _show(run)


async def view(port: int, run: Run) -> None:
    """A healthy viewer: a frame is there when its last byte is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    writer.write(GET % b"/boards/main/stream")
    await reader.readuntil(b"\r\n\r\n")
    held = b""
    while size := int(await reader.readline(), 16):
        held += await reader.readexactly(size)
        await reader.readexactly(2)
        *events, held = held.split(b"\n\n")
        for event in events:
            run.snapshot = max(run.snapshot, len(event))
            _seen(run, event)


def _seen(run: Run, event: bytes) -> None:
    """A frame's id ends with the last journal entry that it shows."""
    if event.startswith(b"id: "):
        mark = event.split(b"\n", 1)[0]
        run.seen = int(mark.rpartition(b":")[2]), asyncio.get_running_loop().time()
        _show(run)


def _show(run: Run) -> None:
    """The answer to a post and the frame that shows it may come in either order; the phase is the post's."""
    sequence, at = run.seen
    for shown in [one for one in run.due if one <= sequence]:
        due, phase = run.due.pop(shown)
        phase.viewer.append((at - due) * 1000)


# --- one run


async def measure(port: int, server: int, readers: int, rate: float, agents: int) -> Run:
    run = Run()
    for agent in range(agents):
        call = str(agent)
        for kind in ("user_inbound", "user_inbound_answered"):
            status, _ = await ask(port, post(body(kind, call, agent)))
            assert status == 200
            run.sequence += 1
    tasks = [asyncio.create_task(view(port, run)), asyncio.create_task(post_on_time(port, run, rate, agents))]
    await asyncio.sleep(2)
    run.phases[PHASES[0]] = Phase()
    await asyncio.sleep(PHASE_SECONDS)
    run.now.rss = resident(server)
    await _crowd(port, server, run, readers)
    run.phase = PHASES[4]
    await asyncio.sleep(PHASE_SECONDS)
    run.now.rss = resident(server)
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
    return run


async def _crowd(port: int, server: int, run: Run, readers: int) -> None:
    clock = asyncio.get_running_loop().time
    kernel, run.phase, began = kernel_pages(), PHASES[1], clock()
    command = (sys.executable, "-m", "benchmarks.greedy", "--stall", str(port), "--readers", str(readers))
    crowd = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert crowd.stdout is not None
    await crowd.stdout.readline()
    while sum(await viewers(port)) < readers and clock() - began < GIVE_UP_SECONDS:
        await asyncio.sleep(0.25)
    run.connecting, all_there = clock() - began, clock()
    run.now.rss, run.phase = resident(server), PHASES[2]
    while (await viewers(port))[1] == 0 and clock() - began < GIVE_UP_SECONDS:
        run.now.rss, run.kernel = resident(server), kernel_pages() - kernel
        await asyncio.sleep(0.25)
    run.dropped_after, run.phase = clock() - all_there, PHASES[3]
    while (await viewers(port))[1] < readers and clock() - began < GIVE_UP_SECONDS:
        run.now.rss = resident(server)
        await asyncio.sleep(0.25)
    run.dropped_within = clock() - all_there
    crowd.terminate()
    await crowd.wait()


def resident(pid: int) -> int:
    """KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


def kernel_pages() -> int:
    """What all TCP sockets of this machine hold, in pages, both sides of each."""
    line = next(line for line in Path("/proc/net/sockstat").read_text().splitlines() if line.startswith("TCP"))
    return int(line.split()[-1])


def serve(folder: Path, port: int) -> subprocess.Popen[bytes]:
    settings = {
        "PORT": str(port),
        "DATABASE_URL": f"sqlite:///{folder}/wallboard.db",
        "WALLBOARD_PBX_TOKENS": TOKEN,
        "WALLBOARD_API_TOKENS": API_TOKEN,
        "WEB_CONCURRENCY": "1",
    }
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "wallboard", "serve"], env=os.environ | settings, stdout=log, stderr=log
        )


async def ready(port: int) -> None:
    while True:
        with suppress(OSError):
            if (await ask(port, GET % b"/readyz"))[0] == 200:
                return
        await asyncio.sleep(0.05)


async def one_run(options: argparse.Namespace) -> Run:
    with tempfile.TemporaryDirectory() as name, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        server = serve(Path(name), port)
        try:
            await asyncio.wait_for(ready(port), 20)
            return await measure(port, server.pid, options.readers, options.rate, options.agents)
        finally:
            server.terminate()
            server.wait(20)
            print((Path(name) / "log").read_text()[-3000:], file=sys.stderr)


# --- telling


def tell(run: Run, readers: int) -> None:
    columns = f"{'':24}{'old conn. p50 / p99':>24}{'new conn. p50 / p99':>24}{'viewer p50 / p99':>24}{'RSS MiB':>9}"
    print(columns)
    for name, phase in run.phases.items():
        figures = "".join(f"{both(values):>24}" for values in (phase.old, phase.new, phase.viewer))
        failed = f"  {phase.failed} NOT 200" if phase.failed else ""
        print(f"{name:24}{figures}{phase.rss / 1024:9.0f}{failed}")
    stalled = run.phases[PHASES[2]].rss or run.phases[PHASES[1]].rss
    each = (stalled - run.phases[PHASES[0]].rss) / readers
    print(
        f"snapshot {run.snapshot / 1024:.0f} KiB; all stalled {run.connecting:.1f} s after the first connected;"
        f" from then the first was dropped after {run.dropped_after:.1f} s, the last after {run.dropped_within:.1f} s;"
        f" {each:.0f} KiB of the process and {run.kernel * 4 / readers:.0f} KiB of the kernel (both ends) a reader\n",
        flush=True,
    )


def both(values: list[float]) -> str:
    if not values:
        return "–"
    ordered = sorted(values)
    return f"{statistics.median(ordered):.1f} / {ordered[int(len(ordered) * 0.99)]:.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--readers", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--agents", type=int, default=300)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--stall", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stall:
        stall(options.stall, options.readers)
        return
    parts = ("uvicorn", "uvloop", "httptools", "starlette", "sse-starlette")
    print(f"Python {platform.python_version()}, Linux {platform.release()}, {os.cpu_count()} processors, "
          + ", ".join(f"{part} {version(part)}" for part in parts))  # fmt: skip
    print(f"{options.readers} readers, {options.agents} agents, {options.rate:g} events/s\n", flush=True)
    for _ in range(options.runs):
        tell(asyncio.run(one_run(options)), options.readers)


if __name__ == "__main__":
    main()
