"""A disk and a clock that fail on demand, for the tests that run a real server on them."""

from __future__ import annotations

import errno
import mmap
import os
import shlex
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).with_name("faults.c")
ROOT = SOURCE.parent.parent
FIELDS = ("sync_errno", "sync_failures", "sync_delay_ms", "write_errno", "clock_ms", "syncs", "syncs_failed",
          "writes_failed")  # fmt: skip


def compiled(folder: Path) -> Path:
    """tests/faults.c as a library in `folder`."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    assert compiler, "no C compiler: apt-get install gcc libc6-dev"
    library = folder / "faults.so"
    subprocess.run(
        [compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True
    )
    return library


class Faults:
    """The switches of one server's faults.c; `environment` is what that server must be started with."""

    def __init__(self, library: Path, folder: Path) -> None:
        path = folder.parent / f"{folder.name}.faults"
        path.write_bytes(bytes(8 * len(FIELDS)))
        with path.open("r+b") as file:
            self._control = mmap.mmap(file.fileno(), 0)
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAULTS_CONTROL": str(path),
            "FAULTS_FOLDER": str(folder.resolve()),
        }

    def _set(self, field: str, value: int) -> None:
        struct.pack_into("q", self._control, 8 * FIELDS.index(field), value)

    def counted(self, field: str) -> int:
        """`syncs`, `syncs_failed` or `writes_failed` so far; any other switch as it stands."""
        value: int = struct.unpack_from("q", self._control, 8 * FIELDS.index(field))[0]
        return value

    @property
    def clock_seconds(self) -> float:
        """How far the server's time of day is off the real one."""
        return self.counted("clock_ms") / 1000

    def step_clock(self, seconds: float) -> None:
        """Puts the server's time of day so far off the real one."""
        self._set("clock_ms", round(seconds * 1000))

    def set_clock(self, there: float) -> None:
        """Puts the server's time of day to the instant `there`, seconds since the epoch."""
        self.step_clock(there - time.time())

    @contextmanager
    def syncs_fail(self, times: int = -1, code: int = errno.EIO) -> Iterator[None]:
        self._set("sync_failures", times)
        self._set("sync_errno", code)
        try:
            yield
        finally:
            self._set("sync_errno", 0)

    @contextmanager
    def syncs_take(self, seconds: float) -> Iterator[None]:
        self._set("sync_delay_ms", round(seconds * 1000))
        try:
            yield
        finally:
            self._set("sync_delay_ms", 0)

    @contextmanager
    def writes_fail(self, code: int) -> Iterator[None]:
        self._set("write_errno", code)
        try:
            yield
        finally:
            self._set("write_errno", 0)


_PRIVATE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-m"]


def may_mount() -> bool:
    """False in a container that may not, where nothing but the container's maker could help."""
    return subprocess.run([*_PRIVATE, "true"], check=False, capture_output=True).returncode == 0


class SmallDisk:
    """A tmpfs of its own in a private mount namespace: it goes when its keeper goes, whatever happens here."""

    def __init__(self, folder: Path, kilobytes: int) -> None:
        self._folder = folder
        mount = f"mount -t tmpfs -o size={kilobytes}k none {shlex.quote(str(folder))} && echo mounted && exec sleep 600"
        self._keeper = subprocess.Popen([*_PRIVATE, "sh", "-c", mount], stdout=subprocess.PIPE, text=True)
        assert self._keeper.stdout is not None
        with self._keeper.stdout as said:
            assert said.readline() == "mounted\n", f"could not mount a tmpfs on {folder}"

    @property
    def inside(self) -> Path:
        """The folder as it is on the small disk."""
        return Path(f"/proc/{self._keeper.pid}/root{self._folder}")

    @property
    def wrapper(self) -> list[str]:
        """What a command must begin with to see the small disk."""
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        enter = ["nsenter", f"--target={self._keeper.pid}", *user, "--mount"]
        return [*enter, "sh", "-c", f'cd {shlex.quote(str(ROOT))} && exec "$@"', "sh"]

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leaves not one byte, also where the server gives some back, as others on a full disk would."""
        filling, ended = self.inside / "filling", threading.Event()
        filler = threading.Thread(target=self._fill, args=(filling, ended), daemon=True)
        filler.start()
        try:
            yield
        finally:
            ended.set()
            filler.join(5)
            filling.unlink()

    def _fill(self, filling: Path, ended: threading.Event) -> None:
        size = 65536
        with filling.open("wb", buffering=0) as file:
            while not ended.wait(0 if size > 1 else 0.001):
                try:
                    file.write(bytes(size))
                except OSError:
                    size = max(1, size // 2)

    def close(self) -> None:
        self._keeper.terminate()
        self._keeper.wait(5)
