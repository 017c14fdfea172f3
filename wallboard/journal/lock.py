"""The lock beside the journal, which one process holds; knows not what it guards."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

PATIENCE_SECONDS = 1.0
"""A start waits so long for the lock: a server that was killed may have had a child that has yet to let go of it."""
TAKEN = "another wallboard is running on it; stop that one first"


def lock_at(path: Path, patience_seconds: float = 0) -> int:
    """The open file, which is locked as long as it is; BlockingIOError if another process has it, OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait_for(descriptor, time.monotonic() + patience_seconds)
    except BlockingIOError:
        os.close(descriptor)
        raise BlockingIOError(TAKEN) from None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _wait_for(descriptor: int, until: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.05)
