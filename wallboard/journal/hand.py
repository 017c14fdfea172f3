"""A thread of its own that does what it is asked in turn, for files that may not answer; knows no file."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

_T = TypeVar("_T")


class Hand:
    """The thread that all files are handled by; a disk that hangs does not keep the process from ending."""

    def __init__(self) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def do(self, what: Callable[[], _T]) -> _T:
        """What `what` returns, or raises."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="spool", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_T] = loop.create_future()

        def tell(result: _T | None, error: Exception | None) -> None:
            if not future.done():
                future.set_exception(error) if error is not None else future.set_result(result)  # type: ignore[arg-type]

        def task() -> None:
            result, error = None, None
            try:
                result = what()
            except Exception as caught:  # noqa: BLE001 - whoever asked is told
                error = caught
            with suppress(RuntimeError):  # the loop may have ended meanwhile
                loop.call_soon_threadsafe(tell, result, error)

        self._tasks.put(task)
        return await future

    def _work(self) -> None:
        while True:
            self._tasks.get()()
