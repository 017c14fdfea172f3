"""A process's folder in the spool, locked while that lives, and the files in it; knows not what is in a file."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections import deque
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from wallboard.journal.files import synchronise

NEW = ".new-"
"""What the name of a folder or a file begins with that is only being made, or tried."""
_LOCK = "lock"


class Segment:
    """One file. `size` is as far as it is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = int(path.name)
        self.events = self.size = 0


class Home:
    """One process's folder, locked as long as `lock` is open."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.lock = lock
        self.segments: deque[Segment] = deque()

    @classmethod
    def make(cls, folder: Path) -> Home:
        """It has its name only when it is locked, so that nobody takes it for one that was left behind."""
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
        unfinished, path = folder / f"{NEW}{name}", folder / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as on_failure:
            unfinished.mkdir(mode=0o700)
            on_failure.callback(shutil.rmtree, unfinished, ignore_errors=True)
            lock = os.open(unfinished / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            on_failure.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unfinished.rename(path)
            on_failure.callback(shutil.rmtree, path, ignore_errors=True)
            synchronise(folder)
            on_failure.pop_all()
        return cls(path, lock)

    @classmethod
    def left_behind(cls, path: Path) -> Home | None:
        """`None` while its process lives, or when it is gone."""
        try:
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_ino != os.stat(path / _LOCK).st_ino:
                raise FileNotFoundError
        except OSError:
            os.close(lock)
            return None
        home = cls(path, lock)
        home.segments.extend(Segment(file) for file in sorted(path.glob("[0-9]*")))
        return home

    def leave(self) -> None:
        """Lets go of it; it is gone if nothing is in it."""
        if not self.segments:
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)
