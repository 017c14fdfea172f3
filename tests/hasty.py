"""A server that acknowledges before it commits: what looks for lost events must find it out.

    python -m tests.hasty serve
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from wallboard.__main__ import main
from wallboard.intake import Receipt
from wallboard.journal import Delivery, JournalUnavailable, engines
from wallboard.journal.sqlite import SqliteJournal


class HastyJournal(SqliteJournal):
    """Takes a delivery, says that all is well, and writes it when it comes to that."""

    def enqueue(self, delivery: Delivery) -> asyncio.Future[Any]:
        task = asyncio.create_task(self._append_later(delivery))
        self._later.add(task)
        task.add_done_callback(self._later.discard)
        said = asyncio.get_running_loop().create_future()
        said.set_result(Receipt(accepted=1))
        return said

    _later: set[asyncio.Task[None]] = set()  # noqa: RUF012 - one journal a process

    async def _append_later(self, delivery: Delivery) -> None:
        with suppress(JournalUnavailable):
            await super().enqueue(delivery)


if __name__ == "__main__":
    vars(engines)["SqliteJournal"] = HastyJournal
    main(prog_name="python -m tests.hasty")
