"""The way in for a new screen, over HTTP: its page, its code, and that it is paired by now; knows no supervisor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from wallboard.access.gate import NO_STORE, Page
from wallboard.access.origins import network_of, origin_of
from wallboard.access.rules import OPEN, Way
from wallboard.access.visitors import AT_THE_MACHINE, visitor_of
from wallboard.allowances import Allowances
from wallboard.forms import TooMuch, read_body
from wallboard.tv.keys import TvKeys, digest_of, key_of, new_key
from wallboard.tv.newcomers import Crowded, Newcomer, Newcomers, grouped
from wallboard.tv.qr import qr_of

PAIR_PAGE = "/supervisor/tvs/pair"
_LARGEST = 1024
_BURST, _PER_SECOND = 20, 1 / 3  # new codes of one address: a hall of screens that are switched on together
_STARTING = {"Retry-After": "2", **NO_STORE}

Pixels = Annotated[int, msgspec.Meta(ge=0, le=100_000)]


class Screen(msgspec.Struct, frozen=True, kw_only=True):
    """What a new screen says of itself."""

    width: Pixels = 0
    height: Pixels = 0


class Entrance:
    """`/tv` and what its page asks. `is_ready` is false while it is not known yet which televisions are paired."""

    def __init__(
        self,
        newcomers: Newcomers,
        keys: TvKeys,
        page: Page,
        build: str,
        is_ready: Callable[[], bool],
        address: Callable[[Request], str | None],
    ) -> None:
        self._newcomers = newcomers
        self._keys = keys
        self._page = page
        self._build = build
        self._is_ready = is_ready
        self._address = address
        self._allowances = Allowances(_BURST, _PER_SECOND)

    def routes(self) -> Iterator[Way]:
        yield Way("/tv", self.enter, "GET", OPEN)
        yield Way("/tv/pairing", self.knock, "POST", OPEN)
        yield Way("/tv/pairing", self.ask, "GET", OPEN)

    async def enter(self, request: Request) -> Response:
        """200 the page that shows the code · 303 a paired television to its board."""
        tv = self._keys.tv_of(request)
        if tv is None or not self._is_ready():
            return self._page("pair.html", is_open=visitor_of(request) == AT_THE_MACHINE)
        query = f"?{request.url.query}" if request.url.query else ""
        return self._renewed(request, RedirectResponse(f"/boards/{tv.board}{query}", 303, NO_STORE))

    async def knock(self, request: Request) -> Response:
        """200 as GET, with a key in a cookie for a screen without one · 400 · 413 · 429 too many · 503 starting."""
        if not self._is_ready():
            return _refusal(503, "unavailable", "The journal is being replayed.", _STARTING)
        if self._keys.tv_of(request) is not None:
            return await self._said(request)
        try:
            screen = msgspec.json.decode(await read_body(request, _LARGEST), type=Screen)
        except TooMuch:
            return _refusal(413, "too_large", f"A screen says at most {_LARGEST} bytes.")
        except msgspec.DecodeError:
            return _refusal(400, "unreadable", "Send {width, height}.")
        return await self._let_wait(request, screen)

    async def ask(self, request: Request) -> Response:
        """200 `{state}`: `waiting` with `code`, `seconds` and `qr`, `paired` with `board`, or `unknown` · 503."""
        if not self._is_ready():
            return _refusal(503, "unavailable", "The journal is being replayed.", _STARTING)
        return await self._said(request)

    async def _let_wait(self, request: Request, screen: Screen) -> Response:
        address = self._address(request)
        key = key_of(request)
        is_known = await self._waiting_with(key) is not None
        if not is_known and not self._allowances.spend(network_of(address)):
            wait = str(ceil(self._allowances.wait_seconds(network_of(address))))
            return _refusal(429, "too_many", "Too many new screens at this address.", {"Retry-After": wait})
        if not is_known:
            key = new_key()
        try:
            newcomer = self._newcomers.knock(
                digest_of(key), address=address or "", agent=request.headers.get("user-agent", "")[:300],
                width=screen.width, height=screen.height, origin=_origin(request),
            )  # fmt: skip
        except Crowded:
            return _refusal(429, "too_many", "Too many screens wait to be paired.", {"Retry-After": "30"})
        await self._newcomers.settle()  # whichever process hears its next question, or the code
        answer = self._waiting(newcomer)
        self._keys.give(answer, key)
        return answer

    async def _waiting_with(self, key: str) -> Newcomer | None:
        """The screen that waits with this key, at whatever process it has knocked."""
        if not key:
            return None
        found = self._newcomers.ask(digest_of(key))
        if found is None:
            await self._newcomers.look_elsewhere()
            found = self._newcomers.ask(digest_of(key))
        return found

    async def _said(self, request: Request) -> Response:
        if (tv := self._keys.tv_of(request)) is not None:
            said = {"state": "paired", "board": tv.board, "build": self._build}
            return self._renewed(request, JSONResponse(said, headers=NO_STORE))
        key = key_of(request)
        newcomer = await self._waiting_with(key)
        if newcomer is None:
            return JSONResponse({"state": "unknown", "build": self._build}, headers=NO_STORE)
        return self._waiting(newcomer)

    def _waiting(self, newcomer: Newcomer) -> Response:
        qr = qr_of(f"{newcomer.origin}{PAIR_PAGE}#{newcomer.code}")
        said = {
            "state": "waiting",
            "code": grouped(newcomer.code),
            "seconds": self._newcomers.code_seconds(newcomer),
            "qr": msgspec.to_builtins(qr),
            "build": self._build,
        }
        return JSONResponse(said, headers=NO_STORE)

    def _renewed(self, request: Request, answer: Response) -> Response:
        self._keys.give(answer, key_of(request))
        return answer


def _origin(request: Request) -> str:
    """The address that the screen has open, for the phone that reads the QR code; a browser says it itself."""
    origin = request.headers.get("origin", "")
    if origin.startswith(("http://", "https://")) and urlsplit(origin).netloc == request.headers.get("host"):
        return origin
    return origin_of(request)


def _refusal(status: int, code: str, detail: str, headers: dict[str, Any] | None = None) -> Response:
    return JSONResponse({"error": code, "detail": detail}, status, {**NO_STORE, **(headers or {})})
