"""A server that has only one of the two ways to the PBX's door, so that they can be compared and told apart.

WAY=general python -m tests.ways serve    all posts go through the application
WAY=short python -m tests.ways serve      what comes through the application is answered 418
WAY=broken python -m tests.ways serve     both, but the short one ends in an error
"""

from __future__ import annotations

import os
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from wallboard import application, posts
from wallboard.__main__ import main
from wallboard.intake import Intake
from wallboard.webhook import Doorway


class Turnstile(Doorway):
    """Lets nobody through to the door."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/webhooks/") and scope["method"] == "POST":
            await PlainTextResponse("the general way", 418)(scope, receive, send)
            return
        await super().__call__(scope, receive, send)


def never(url: bytes) -> Any:
    """Nothing is at the door."""


class Broken(Intake):
    def accept_at_once(self, raw: bytes, meaning: str | None) -> Any:
        raise LookupError


if __name__ == "__main__":
    if os.environ["WAY"] == "general":
        vars(posts)["_AT_THE_DOOR"] = never
    elif os.environ["WAY"] == "broken":
        vars(application)["Intake"] = Broken
    else:
        vars(application)["Doorway"] = Turnstile
    main(prog_name="python -m tests.ways")
