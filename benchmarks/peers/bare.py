"""A bare Starlette handler: it reads the body and answers 200, and does nothing else."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def receive(request: Request) -> Response:
    await request.body()
    return Response()


app = Starlette(routes=[Route("/publish", receive, methods=["POST"])])
