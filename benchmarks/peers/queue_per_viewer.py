"""sse-starlette as its manual shows: a queue and a dict per viewer. `POST /publish` sends its body to all who watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

viewers: set[asyncio.Queue[str]] = set()


async def publish(request: Request) -> Response:
    told = (await request.body()).decode()
    for viewer in viewers:
        viewer.put_nowait(told)
    return Response()


async def stream(request: Request) -> Response:
    queue: asyncio.Queue[str] = asyncio.Queue()
    viewers.add(queue)

    async def events() -> AsyncIterator[dict[str, str]]:
        try:
            while True:
                yield {"event": "tiles", "data": await queue.get()}
        finally:
            viewers.discard(queue)

    return EventSourceResponse(events(), sep="\n")


app = Starlette(routes=[Route("/publish", publish, methods=["POST"]), Route("/stream", stream)])
