"""The rows that a start from a snapshot did not look at, examined while the server runs; knows no fold, no writer.

In a thread, over a connection of its own that changes nothing. SQLite itself calls it back every hundred rows or so,
and then it sleeps: the interpreter is held for about a third of a millisecond at a time.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import structlog

from wallboard.journal.soundness import examine, is_damage
from wallboard.journal.store import untouched
from wallboard.journal.witness import Testimony
from wallboard.logs import reason

_STEPS = 1_000
"""Of SQLite's machine, a dozen a row."""
_RESTS = 4
"""Times as long as it works, each time."""
_TRIED_AGAIN_SECONDS = 5.0
log = structlog.get_logger()


class Examination:
    """Examines all of the journal at `path` and calls `done`, in its thread, with what is wrong.

    `testimony` gives the witness's word, as it stands when the rows are read.
    """

    def __init__(self, path: Path, testimony: Callable[[], Testimony], done: Callable[[list[str]], object]) -> None:
        self._path = path
        self._testimony = testimony
        self._done = done
        self._ended = threading.Event()
        self._since = 0.0
        self._thread = threading.Thread(target=self._run, name="examination", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """It is not wanted any more."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                reasons = self._reasons()
            except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
                if not self._ended.is_set():
                    log.warning("the journal could not be examined; it is tried again", reason=reason(error))
                self._ended.wait(_TRIED_AGAIN_SECONDS)
            else:
                self._done(reasons)
                return

    def _reasons(self) -> list[str]:
        told, self._since = self._testimony(), time.thread_time()
        try:
            with closing(untouched(self._path)) as connection:
                connection.set_progress_handler(self._breathe, _STEPS)
                return examine(connection, told).reasons
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if not is_damage(self._path, error, was_ours=True):
                raise
            return [f"unreadable: {reason(error)}"]

    def _breathe(self) -> bool:
        """Ends it early if it is not wanted any more."""
        ended = self._ended.wait((time.thread_time() - self._since) * _RESTS)
        self._since = time.thread_time()
        return ended
