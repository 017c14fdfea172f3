"""A page rendered for each viewer: Jinja at every change, as many times as somebody watches.

`POST /publish` brings the mark and, by its length, how large a board is: `TILE` is drawn until it is as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from jinja2 import Environment
from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

TILE = """\
<article id="agent-{{ number }}" class="tile {{ state }}" data-agent="{{ number }}" data-state="{{ state }}">
 <h3><bdi>{{ name }}</bdi></h3><p class="state">{{ state }}</p>
 <p class="call"><bdi>{{ caller }}</bdi> <span data-since="{{ since }}"></span></p></article>"""
PAGE = "{{ mark }}{% for number, name, state, caller, since in tiles %}" + TILE + "{% endfor %}"
LENGTH = 320  # of a tile drawn

template = Environment(autoescape=True).from_string(PAGE.replace("\n", ""))
viewers: set[asyncio.Queue[tuple[str, int]]] = set()


async def publish(request: Request) -> Response:
    told = (await request.body()).decode()
    mark, size = told.split(" ", 1)[0] + " ", len(told)
    for viewer in viewers:
        viewer.put_nowait((mark, size))
    return Response()


async def stream(request: Request) -> Response:
    queue: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
    viewers.add(queue)

    async def events() -> AsyncIterator[dict[str, str]]:
        try:
            while True:
                mark, size = await queue.get()
                tiles = [
                    (1000 + n, f"Agent {n} & Co", "talking", f"+6125550{n:04}", 1_700_000_000 + n)
                    for n in range(max(1, size // LENGTH))
                ]
                yield {"event": "tiles", "data": template.render(mark=mark, tiles=tiles)}
        finally:
            viewers.discard(queue)

    return EventSourceResponse(events(), sep="\n")


app = Starlette(routes=[Route("/publish", publish, methods=["POST"]), Route("/stream", stream)])
