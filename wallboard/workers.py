"""Several server processes behind one listening socket; knows no request and no journal.

The first process listens, forks and waits. Whoever of the others ends by itself is replaced; SIGTERM and SIGINT go to
all of them, and when it is gone they end as well. What it listens on stays open throughout, so nobody is refused.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

_ENDING = (signal.SIGTERM, signal.SIGINT)
_HEEDED = (*_ENDING, signal.SIGCHLD)
_SHORT_LIFE_SECONDS, _BREATH_SECONDS = 5.0, 1.0
"""A process that ends sooner would end again: the next one waits a moment."""


def run(count: int, serve: Callable[[], None]) -> None:
    """Runs `serve` in `count` processes until a signal ends them; then this process ends by the same signal."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEEDED)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    number = _Crew(serve, before).run(count)
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Crew:
    def __init__(self, serve: Callable[[], None], mask: set[signal.Signals] | set[int]) -> None:
        self._serve, self._mask = serve, mask
        self._born: dict[int, float] = {}
        self._theirs, self._ours = os.pipe()

    def run(self, count: int) -> signal.Signals:
        """The signal that has ended it."""
        for _ in range(count):
            self._fork()
        while (number := signal.sigwait(_HEEDED)) not in _ENDING:
            for born in self._bury():
                if time.monotonic() - born < _SHORT_LIFE_SECONDS:
                    time.sleep(_BREATH_SECONDS)
                self._fork()
        self._tell(number)
        while self._born:
            received = signal.sigwait(_HEEDED)
            if received in _ENDING:
                self._tell(received)
            self._bury()
        return signal.Signals(number)

    def _fork(self) -> None:
        if pid := os.fork():
            self._born[pid] = time.monotonic()
            return
        status = 1
        try:
            os.close(self._ours)
            threading.Thread(target=_end_with, args=(self._theirs,), daemon=True).start()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            self._serve()
            status = 0
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else 1
        except BaseException:  # noqa: BLE001 - nothing may go on in the place of the first process
            sys.excepthook(*sys.exc_info())  # says it as every end is said: in logs.py's words once those are set up
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

    def _bury(self) -> list[float]:
        """When those that have ended had begun."""
        ended = []
        while self._born:
            pid, _ = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            ended.append(self._born.pop(pid))
        return ended

    def _tell(self, number: int) -> None:
        for pid in self._born:
            os.kill(pid, number)


def _end_with(first: int) -> None:
    """Ends this process when the first one is gone, however it went: nothing is ever written into that pipe."""
    os.read(first, 1)
    os.kill(os.getpid(), signal.SIGTERM)
