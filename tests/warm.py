"""Starts servers at once: a process that has imported the wallboard already forks one for each that is asked for.

Two thirds of a second of a server's start are its imports, and the tests start hundreds. What is forked is a process of
its own in every other respect: its environment, its files, its signals, its end. Whoever needs the real first steps of
one (a wrapper, a preloaded library, coverage) starts `python -m wallboard` instead.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_LARGEST = 1 << 20
_IMPORTED = ("wallboard.__main__", "uvloop", "uvicorn.lifespan.on", "uvicorn.loops.uvloop")


class Forked:
    """A process as subprocess has it, of which only the number and the end are known."""

    def __init__(self, pid: int, end: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._end = end

    def poll(self) -> int | None:
        self._heed(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        self._heed(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(f"the server {self.pid}", timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _heed(self, timeout: float | None) -> None:
        if self.returncode is None and select.select([self._end], [], [], timeout)[0]:
            said = os.read(self._end, 16)
            os.close(self._end)
            assert said, "the process that forks is gone"
            self.returncode = int(said)


class Nest:
    """The process that forks, and the line to it."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        number = theirs.fileno()
        command = [sys.executable, "-m", "tests.warm", str(number)]
        self._process = subprocess.Popen(command, cwd=_ROOT, pass_fds=[number], stdin=subprocess.DEVNULL)
        theirs.close()
        atexit.register(self._end)

    def _end(self) -> None:
        self._line.close()
        self._process.wait(5)

    def start(self, module: str, arguments: Sequence[str], environment: dict[str, str], out: int, err: int) -> Forked:
        """`python -m <module> <arguments>` in the project's folder; `out` and `err` are descriptors."""
        told, end = os.pipe()
        asked = json.dumps({"module": module, "arguments": arguments, "environment": environment})
        socket.send_fds(self._line, [asked.encode()], [out, err, end])
        os.close(end)
        return Forked(int(self._line.recv(16)), told)


@cache
def nest() -> Nest:
    """One for each process that runs tests; it ends when that does."""
    return Nest()


# --- in the process that forks


def _serve(line: socket.socket) -> None:
    ends: dict[int, int] = {}
    ours, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready = select.select([line, ours], [], [])[0]
        if ours in ready:
            ours.recv(4096)
            _bury(ends)
        if line not in ready:
            continue
        asked, files, _, _ = socket.recv_fds(line, _LARGEST, 3)
        if not asked:
            return
        if pid := os.fork():
            ends[pid] = files.pop()
            for descriptor in files:
                os.close(descriptor)
            line.send(str(pid).encode())
            continue
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(files[0], 1)
        os.dup2(files[1], 2)
        for descriptor in (*files, *ends.values()):
            os.close(descriptor)
        for one in (line, ours, wake):
            one.close()
        _become(**json.loads(asked))


def _become(module: str, arguments: list[str], environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = [module, *arguments]
    sys.modules.pop(f"{module}.__main__", None)  # or Python warns that it is run a second time
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit()


def _bury(ends: dict[int, int]) -> None:
    """Tells how each that has ended did: its exit status, or its signal below zero."""
    while ends:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        end = ends.pop(pid)
        with contextlib.suppress(BrokenPipeError):
            os.write(end, str(os.waitstatus_to_exitcode(status)).encode())
        os.close(end)


if __name__ == "__main__":
    for name in _IMPORTED:
        __import__(name)
    _serve(socket.socket(fileno=int(sys.argv[1])))
