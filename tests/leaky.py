"""A server with a defect in its door, which the body that comes in gets into: what searches the logs must find one out.

    LEAKY=told python -m tests.leaky serve      writes each body to the log
    LEAKY=raised python -m tests.leaky serve    ends each body in an error that quotes it
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import structlog

from wallboard import application
from wallboard.__main__ import main
from wallboard.intake import Intake


class LeakyIntake(Intake):
    async def accept(self, raw: bytes, meaning: str | None) -> Any:
        if os.environ["LEAKY"] == "told":
            structlog.get_logger().debug("a body came", body=raw.decode())
            return await super().accept(raw, meaning)
        # Noticed by nobody but the loop, which writes both the error and the task down when they are collected.
        self._forgotten = asyncio.create_task(self._fail(raw), name=raw.decode())
        await asyncio.sleep(0)
        del self._forgotten
        raise KeyError(raw.decode()) from ValueError(raw)

    def accept_at_once(self, raw: bytes, meaning: str | None) -> None:
        """All goes through the defect."""

    async def _fail(self, raw: bytes) -> None:
        raise LookupError(raw.decode())


if __name__ == "__main__":
    vars(application)["Intake"] = LeakyIntake
    main(prog_name="python -m tests.leaky")
