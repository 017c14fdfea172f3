"""What it runs on: cores, versions, and what a process has used; knows no server and no load.

Linux only: figures come from /proc.
"""

from __future__ import annotations

import os
import platform
import resource
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("uvicorn", "uvloop", "httptools", "starlette", "sse-starlette", "jinja2", "msgspec")
CORES = sorted(os.sched_getaffinity(0))
GENERATOR, SERVER = CORES[0], CORES[-1]
BUSY_LOAD = 3.0


def raise_limit() -> None:
    """As many descriptors as this user may have: each viewer takes one here and one in the server."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pin_generator() -> None:
    """This process and all that it forks, but not the servers, on one core."""
    os.sched_setaffinity(0, {GENERATOR})


def pin_server() -> None:
    os.sched_setaffinity(0, {SERVER})


@contextmanager
def as_a_server() -> Iterator[None]:
    """What is measured in this process itself runs on the server's core."""
    pin_server()
    try:
        yield
    finally:
        pin_generator()


def family(pid: int) -> list[int]:
    """A process and its children, and theirs."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in family(int(child)))]


def cpu_seconds(*pids: int) -> float:
    """What all threads of these processes have used; what the kernel did for them is in it."""
    return _scheduled(pids, 0)


def waited_seconds(*pids: int) -> float:
    """How long their threads were ready to run while something else, or another of them, had the core."""
    return _scheduled(pids, 1)


def _scheduled(pids: Iterable[int], column: int) -> float:
    spent = 0
    for one in pids:
        for task in Path(f"/proc/{one}/task").iterdir():
            with suppress(OSError):
                spent += int((task / "schedstat").read_text().split()[column])
    return spent / 1e9


def resident_kb(pid: int) -> float:
    """Resident memory of a process and its children, kB (1,000 bytes)."""
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 1000


def described(folder: Path) -> dict[str, str]:
    """The machine and the versions of everything that was measured."""
    return {
        "processor": _processor(),
        "cores": f"{len(CORES)} (server on {SERVER}, generator on {GENERATOR})" if len(CORES) > 1 else "1, shared",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB",
        "load": f"{load():.1f}",
        "system": f"Linux {platform.release()}",
        "disk": _filesystem(folder),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "nginx": _said("nginx", "-v"),
        "nchan": _said("dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan"),
        "node": _said("node", "--version"),
    }


def load() -> float:
    """Of the last minute."""
    return os.getloadavg()[0]


def is_busy() -> bool:
    """Something else runs here, so that the figures are larger than they should be."""
    return load() >= BUSY_LOAD


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _filesystem(folder: Path) -> str:
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    _, kind = max((mount[1], mount[2]) for mount in mounts if str(folder).startswith(mount[1].rstrip("/") or "/"))
    return kind


def _said(program: str, *arguments: str) -> str:
    if shutil.which(program) is None:
        return "not there"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return (done.stdout or done.stderr).strip().removeprefix("nginx version: ") or "not there"
