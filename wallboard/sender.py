"""Posts webhook bodies to a board as the PBX does; knows nothing of what a body means or who wrote it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Self

import httpx
import msgspec

DOOR = "/webhooks/pbx"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
CONNECTIONS = 8
LANE_LENGTH = 64
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0
TRY_AGAIN = {429, 500, 502, 503, 504}

Say = Callable[[str], None]
Lane = asyncio.Queue["Webhook | None"]
Pause = Callable[[float], Awaitable[None]]


class SenderError(Exception):
    """Posting makes no sense: `str()` is for the person at the terminal and never holds the token."""

    exit_status = 2


class Webhook(msgspec.Struct, frozen=True):
    """One planned POST, `due_seconds` after the plan's start. Those with the same `call` keep their order."""

    due_seconds: float
    call: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Counts(msgspec.Struct, frozen=True):
    """What came of the posting; `tried_again` counts further attempts, not bodies."""

    taken: int = 0
    turned_away: int = 0
    tried_again: int = 0

    def __str__(self) -> str:
        return f"{self.taken} taken, {self.turned_away} turned away, {self.tried_again} further attempts"


def endpoint(url: str) -> str:
    """The webhook address of the board at `url`, which may already name the door and segments after it.

    Raises SenderError for anything that is not an http(s) address.
    """
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL as wrong:
        raise SenderError(f"The board's address cannot be read: {wrong}") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise SenderError(f"The board's address must look like http://127.0.0.1:8000, not {url!r}")
    path = parsed.path.rstrip("/")
    if f"{DOOR}/" not in f"{path}/":
        path += DOOR
    return str(parsed.copy_with(path=path))


class Sender:
    """Keeps a few connections to the board open; use it as an async context manager.

    A call always takes the same connection, so that its webhooks arrive in the order given. A board that is
    away (5xx, 429, nobody listening) is tried again with growing pauses until it is back.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        say: Say,
        connections: int = CONNECTIONS,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._url = endpoint(url)
        self._say = say
        self._pause = pause
        self._connections = connections
        self._away = False
        self._complained: set[int] = set()
        self.counts = Counts()
        self._client = httpx.AsyncClient(
            headers={"X-Pbx-Token": _header_value(token), "Content-Type": "application/json"},
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            timeout=httpx.Timeout(10.0),
            trust_env=httpx.URL(self._url).host not in LOOPBACK,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()
        self._say(f"Webhooks: {self.counts}.")

    async def post_all(self, webhooks: Iterable[Webhook], *, paced: bool = False) -> None:
        """Returns when every webhook has been taken or turned away; `paced` holds each back until it is due.

        Raises SenderError when the board does not accept the token.
        """
        lanes: list[Lane] = [asyncio.Queue(LANE_LENGTH) for _ in range(self._connections)]
        try:
            async with asyncio.TaskGroup() as group:
                for lane in lanes:
                    group.create_task(self._empty(lane))
                await self._fill(lanes, webhooks, paced)
        except BaseExceptionGroup as failures:
            raise _first(failures) from None

    async def _fill(self, lanes: list[Lane], webhooks: Iterable[Webhook], paced: bool) -> None:
        clock = asyncio.get_running_loop().time
        began = clock()
        for webhook in webhooks:
            early = began + webhook.due_seconds - clock()
            if paced and early > 0:
                await self._pause(early)
            await lanes[zlib.crc32(webhook.call.encode()) % len(lanes)].put(webhook)
        for lane in lanes:
            await lane.put(None)

    async def _empty(self, lane: Lane) -> None:
        while (webhook := await lane.get()) is not None:
            await self._post(webhook)

    async def _post(self, webhook: Webhook) -> None:
        seconds = FIRST_PAUSE_SECONDS
        while (status := await self._attempt(webhook)) is None:
            self._count(tried_again=1)
            await self._pause(seconds)
            seconds = min(seconds * 2, LONGEST_PAUSE_SECONDS)
        self._note(status)

    async def _attempt(self, webhook: Webhook) -> int | None:
        """The board's answer, or None where the same body must be tried again."""
        try:
            answer = await self._client.post(self._url, content=webhook.body, headers=_encoded(webhook))
        except httpx.TransportError as gone:
            self._board_away(type(gone).__name__)
            return None
        if answer.status_code in TRY_AGAIN:
            self._board_away(f"it answers {answer.status_code}")
            return None
        self._board_back()
        return answer.status_code

    def _board_away(self, why: str) -> None:
        if not self._away:
            self._say(f"The board does not take webhooks ({why}); trying again until it does.")
        self._away = True

    def _board_back(self) -> None:
        if self._away:
            self._say("The board takes webhooks again.")
        self._away = False

    def _note(self, status: int) -> None:
        if status == 401:
            raise SenderError(
                "The board does not accept this token (401). It must be one of WALLBOARD_PBX_TOKENS there."
            )
        if status == 200:
            self._count(taken=1)
            return
        self._count(turned_away=1)
        if status not in self._complained:
            self._complained.add(status)
            self._say(f"The board turned a webhook away with {status}; that is said once and counted.")

    def _count(self, taken: int = 0, turned_away: int = 0, tried_again: int = 0) -> None:
        was = self.counts
        self.counts = Counts(was.taken + taken, was.turned_away + turned_away, was.tried_again + tried_again)


def _encoded(webhook: Webhook) -> list[tuple[bytes, bytes]]:
    """Headers as UTF-8, on one line: a queue may be named in any script, and a line break would split it."""
    return [(name.encode(), " ".join(value.split()).encode()) for name, value in webhook.headers]


def _header_value(token: str) -> str:
    """The token as it is, or SenderError where HTTP cannot carry it."""
    if token.isascii() and token.isprintable() and token.strip() == token and token:
        return token
    raise SenderError("The token must be printable ASCII without spaces around it, as a header carries it.")


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The reason to stop, where several connections came upon it at once; anything else as it came."""
    stopped = failures.subgroup(SenderError)
    return stopped.exceptions[0] if stopped and not failures.split(SenderError)[1] else failures
