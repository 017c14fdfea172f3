"""The servers that are measured, each a process of its own on its own core: ours, and the yardsticks; knows no load."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import msgspec

from benchmarks import machine
from benchmarks.crowd import Watch
from scripts.screenshots import TOKEN as PBX_TOKEN
from scripts.screenshots import afternoon, stage
from scripts.staged import Staged

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "benchmarks" / "peers"
BUILD = ROOT / "build"
API_TOKEN = "an-api-token-for-measuring"
BETTER_SSE = "better-sse@0.16.1"
NGINX_MODULES = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules")
MARK = b"bench-mark:"
START_SECONDS = 20.0


class Missing(Exception):
    """A yardstick cannot be had here; says why."""


class Target(msgspec.Struct, frozen=True):
    """A running server: where it listens, how it is asked for a stream and given a change.

    `base` is the number of its last change: the next one posted is that plus one.
    """

    name: str
    pid: int
    watch: Watch
    path: str
    headers: str
    base: int = 0
    client: httpx.Client | None = None

    @property
    def port(self) -> int:
        return self.watch.port

    def post(self, body: bytes) -> bytes:
        """A change as a request."""
        head = f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{self.headers}Content-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def state(self) -> dict[str, Any]:
        assert self.client is not None
        answer = self.client.get("/api/v1/state")
        answer.raise_for_status()
        return dict(answer.json())


def marked(number: int, size: int) -> bytes:
    """A change for a peer: HTML on one line, as long as asked for."""
    tile = b'<article id="agent-1001" class="tile talking" data-state="talking"><bdi>ACME Pty Ltd</bdi></article>'
    mark = MARK + b"%d " % number
    return (mark + tile * (size // len(tile) + 1))[: max(size, len(mark))]


@contextmanager
def wallboard(floor: Staged | None = None, folder: Path | None = None, **settings: str) -> Iterator[Target]:
    """`python -m wallboard serve` on loopback, without accounts: its streams are open."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir=places()) as own:
        data = folder or Path(own)
        port = free_port()
        plain = {name: value for name, value in os.environ.items() if not name.startswith("WALLBOARD_")}
        environment = {
            "PORT": str(port), "DATABASE_URL": f"sqlite:///{data}/wallboard.db", "WEB_CONCURRENCY": "1",
            "WALLBOARD_PBX_TOKENS": PBX_TOKEN, "WALLBOARD_API_TOKENS": API_TOKEN, "WALLBOARD_TIME_ZONE": afternoon(),
        }  # fmt: skip
        with started([sys.executable, "-m", "wallboard", "serve"], plain | environment | settings, data) as process:
            url = f"http://127.0.0.1:{port}"
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {API_TOKEN}"}, timeout=60) as client:
                wait_for(process, lambda: client.get("/readyz").status_code == 200, within=600)
                stage(url, floor)
                yield ours(process.pid, port, client)


def ours(pid: int, port: int, client: httpx.Client, slug: str = "main") -> Target:
    boot: str = client.get("/healthz").json()["boot"]
    return Target(
        name="wallboard",
        pid=pid,
        watch=Watch(port, get(f"/boards/{slug}/stream"), f"id: {boot}:".encode(), b"\n"),
        path="/webhooks/pbx",
        headers=f"X-Pbx-Token: {PBX_TOKEN}\r\n",
        base=client.get("/readyz").json()["sequence"],
        client=client,
    )


@contextmanager
def python_peer(module: str) -> Iterator[Target]:
    """One of benchmarks/peers under uvicorn with uvloop and httptools."""
    port = free_port()
    command = [
        sys.executable, "-m", "uvicorn", f"benchmarks.peers.{module}:app", "--port", str(port), "--loop", "uvloop",
        "--http", "httptools", "--no-access-log", "--log-level", "warning", "--backlog", "4096",
    ]  # fmt: skip
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir=places()) as folder,
        started(command, dict(os.environ), Path(folder)) as process,
    ):
        yield _peer(module, process, port)


@contextmanager
def nchan() -> Iterator[Target]:
    """nginx with nchan: one worker."""
    modules = next((folder for folder in NGINX_MODULES if Path(folder, "ngx_nchan_module.so").exists()), None)
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None or modules is None:
        raise Missing("nginx + nchan is not there: apt-get install nginx-light libnginx-mod-nchan")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        os.chmod(folder, 0o755)
        text = (PEERS / "nchan.conf").read_text().replace("modules/", f"{modules}/")
        Path(folder, "nginx.conf").write_text(text.replace("PORT", str(port)).replace("FOLDER", folder))
        command = [program, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"]
        with started(command, dict(os.environ), Path(folder)) as process:
            yield _peer("nchan", process, port)


@contextmanager
def better_sse() -> Iterator[Target]:
    """Node with better-sse."""
    folder = _node_folder()
    port = free_port()
    with started(["node", "better_sse.mjs"], os.environ | {"PORT": str(port)}, folder, cwd=folder) as process:
        yield _peer("better-sse", process, port)


@lru_cache(maxsize=1)
def _node_folder() -> Path:
    """A folder with the package and the peer in it; stays until the run ends."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Missing("better-sse is not there: it needs node and npm")
    folder = Path(_kept.name)
    command = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(folder), BETTER_SSE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        raise Missing(f"better-sse could not be installed: {done.stderr.strip().splitlines()[-1:]}")
    shutil.copy(PEERS / "better_sse.mjs", folder)
    return folder


_kept = tempfile.TemporaryDirectory(prefix="bench-node-")


def _peer(name: str, process: subprocess.Popen[bytes], port: int) -> Target:
    wait_for(process, lambda: bool(httpx.post(f"http://127.0.0.1:{port}/publish", content=marked(0, 20)).is_success))
    return Target(name, process.pid, Watch(port, get("/stream"), MARK, b" "), "/publish", "")


@contextmanager
def started(
    command: list[str], environment: dict[str, str], folder: Path, cwd: Path = ROOT
) -> Iterator[subprocess.Popen[bytes]]:
    """A process on the server's core; what it says is shown only if it ends by itself."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=cwd, stdout=log, stderr=log, preexec_fn=machine.pin_server
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def get(path: str) -> bytes:
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
        f"Authorization: Bearer {API_TOKEN}\r\n\r\n"
    ).encode()


def wait_for(process: subprocess.Popen[bytes], is_ready: Callable[[], bool], within: float = START_SECONDS) -> None:
    until = time.monotonic() + within
    while time.monotonic() < until and process.poll() is None:
        try:
            if is_ready():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.02)
    raise SystemExit(f"a server did not start: {process.args!r}")


def places() -> Path:
    """Where journals lie while they are measured: beside the project, for /tmp may be no disk."""
    BUILD.mkdir(exist_ok=True)
    return BUILD


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
