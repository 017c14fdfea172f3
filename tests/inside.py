"""The whole application in this process, asked by whomever a test says; knows no browser."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
from starlette.applications import Starlette

from tests.conftest import API_TOKEN, TOKEN
from wallboard.access.gate import Gate
from wallboard.access.visitors import AT_THE_MACHINE, Visitor
from wallboard.application import create_app
from wallboard.settings import read_settings

T = TypeVar("T")
OURS = {"Sec-Fetch-Site": "same-origin"}
PAGE = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}


class Inside:
    """One application with its journal in `folder`."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        given = {"pbx_tokens": TOKEN, "api_tokens": API_TOKEN, "database_url": f"sqlite:///{folder}/wallboard.db"}
        self.app: Starlette = create_app(read_settings(env_file=None, **(given | settings)))
        self.gate: Gate = self.app.state.gate
        self._ways_in = self.gate._identify
        self._started = threading.Event()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._live(),))
        self._thread.start()
        assert self._started.wait(10), "the application is ready"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)
        self._loop.close()

    async def _live(self) -> None:
        async with self.app.router.lifespan_context(self.app):
            while (await self._ask("GET", "/readyz", {})).status_code != 200:
                await asyncio.sleep(0.01)
            self._started.set()
            await self._stopping.wait()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Something in the application's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def ask(
        self, method: str, path: str, *, visitor: Visitor | None = AT_THE_MACHINE, page: bool = False, **options: Any
    ) -> httpx.Response:
        """The answer to `visitor`; with None, to whom the application makes of the request. No redirect is followed."""
        self.gate._identify = self._ways_in if visitor is None else (lambda request: visitor,)
        headers = {**(OURS if method not in ("GET", "HEAD") else {}), **(PAGE if page else {})}
        return self.do(self._ask(method, path, {**headers, **options.pop("headers", {})}, **options))

    async def _ask(self, method: str, path: str, headers: dict[str, str], **options: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, client=("192.0.2.7", 1234))
        async with httpx.AsyncClient(transport=transport, base_url="https://wall.example") as client:
            return await client.request(method, path, headers=headers, **options)
