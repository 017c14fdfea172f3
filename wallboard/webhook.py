"""The PBX's door over HTTP: token, limits, answers; a handler translates and does nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from msgspec import structs
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from wallboard.access.origins import Network, client_address, is_within
from wallboard.access.rules import PBX, Way
from wallboard.access.tokens import is_token
from wallboard.bodies import Unreadable
from wallboard.front import Front, Guest
from wallboard.intake import Intake, Receipt
from wallboard.journal import JournalUnavailable
from wallboard.posts import BELOW, PATH, Head
from wallboard.ready import Named, Ready, named
from wallboard.walls import RawHeaders

LARGEST_BODY = 256 * 1024
TOKEN_HEADER = "x-pbx-token"
MEANING_HEADER = "x-wallboard-meaning"
_RETRY = {"Retry-After": "1"}
_CLOSE = {"Connection": "close"}
_TOKEN, _MEANING = TOKEN_HEADER.encode(), MEANING_HEADER.encode()


def _refusal(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> Ready:
    return Ready({"error": code, "detail": detail}, status, headers)


_STARTING = _refusal(503, "unavailable", "The board is starting.", _RETRY)
_NOT_YET = _refusal(503, "unavailable", "The board is starting or stopping.", _RETRY)
_NO_MORE = _refusal(503, "unavailable", "The board is starting or stopping.", _RETRY | _CLOSE)
_NO_JOURNAL = _refusal(503, "unavailable", "The journal cannot be written.", _RETRY)
_FOREIGN = _refusal(403, "forbidden", "This address is not one of WALLBOARD_PBX_ADDRESSES.", _CLOSE)
_UNKNOWN = _refusal(401, "unauthorized", "The X-Pbx-Token header is missing or wrong.", _CLOSE)
_ENCODED = _refusal(415, "encoded", "Send the body as it is, without Content-Encoding.", _CLOSE)
_TOO_LARGE = _refusal(413, "too_large", f"The body is over {LARGEST_BODY} bytes.", _CLOSE)
_HALF = _refusal(400, "disconnected", "The body did not arrive whole.")


@lru_cache(maxsize=256)
def _taken(receipt: Receipt) -> Ready:
    return Ready(structs.asdict(receipt))


class TooLarge(Exception):
    """The body is over `LARGEST_BODY`."""


class Door:
    """`POST /webhooks/pbx` and everything below it."""

    def __init__(
        self,
        intake: Intake,
        tokens: tuple[str, ...],
        front: Front,
        *,
        is_key: Callable[[bytes], bool] = lambda given: False,
        addresses: tuple[Network, ...] = (),
        trusted: tuple[Network, ...] = (),
        tells: bool = False,
    ) -> None:
        """`is_key` knows the keys made on the desk. Without `addresses` all are let in; `trusted` are our proxies. The
        log may tell of each answer.
        """
        self._intake = intake
        self._tokens = tokens
        self._front = front
        self._is_key = is_key
        self._addresses = addresses
        self._trusted = trusted
        self.tells = tells
        self.heads: dict[bytes, Head] = {}

    def routes(self) -> Iterator[Way]:
        yield Way(PATH, self.receive, "POST", PBX)
        yield Way(BELOW, self.receive, "POST", PBX)

    async def receive(self, request: Request) -> Ready:
        """200 stored · 400 quarantined · 401 · 403 address · 413 · 415 · 503 with Retry-After (interface.md)."""
        headers = named(request.scope["headers"])
        refusal = self._why_not(request.client and request.client.host, request.scope["headers"], headers)
        if refusal in (_FOREIGN, _UNKNOWN):
            self._intake.refuse()
        elif refusal is not _STARTING:
            self._front.recognise(request.scope.get("state", {}).get("connection"))
        if refusal is not None:
            return refusal
        try:
            raw = await _body(request.receive, headers.get(b"content-length", b""))
            return _taken(await self._intake.accept(raw, _meaning(headers.get(_MEANING))))
        except TooLarge:
            return _TOO_LARGE
        except Unreadable as error:
            return _refusal(400, "unreadable", f"The body was put into quarantine: {error}.")
        except JournalUnavailable:
            return _NO_JOURNAL
        except ClientDisconnect:
            return _HALF

    def admits(self, guest: Guest, address: str | None, raw: RawHeaders, headers: Named) -> bool:
        """Whether a POST from this connection would be taken by `receive`. No is for `receive` to say."""
        if self._why_not(address, raw, headers) is not None:
            return False
        self._front.recognise(guest)
        return True

    def take_at_once(self, body: bytes, headers: Named, answer: Callable[[Ready], None]) -> bool:
        """The rest of `receive` for one that it admits: calls `answer`. False, and nothing done, if it needs more."""
        future = self._intake.accept_at_once(body, _meaning(headers.get(_MEANING)))
        if future is None:
            return False
        future.add_done_callback(
            lambda future: answer(_taken(future.result()) if future.exception() is None else _NO_JOURNAL)
        )
        return True

    def _why_not(self, address: str | None, raw: RawHeaders, headers: Named) -> Ready | None:
        """What is said to a POST before its body is looked at; `None` if it is to be taken."""
        if self._addresses and not is_within(
            client_address(address, Headers(raw=list(raw)), self._trusted), self._addresses
        ):
            return _FOREIGN
        given = headers.get(_TOKEN, b"")
        if not self._is_known(given):
            # A key that was made on the desk may not have been read yet.
            return _STARTING if given and not self._intake.ready else _UNKNOWN
        if b"content-encoding" in headers:
            return _ENCODED
        if not self._intake.takes:
            return _NO_MORE if self._intake.closing else _NOT_YET
        return None

    def _is_known(self, given: bytes) -> bool:
        """Both are always asked, so that time does not tell which knew it."""
        return any((is_token(given, self._tokens), self._is_key(given)))


class Doorway:
    """Stands before all else that a request passes, so that the PBX's take the short way to the door."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._receive = door.receive
        self._at, self._below = door.routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return
        rest: str = scope["path"][len(PATH) :]
        if rest and not rest.startswith("/"):
            await self._app(scope, receive, send)
            return
        scope["route"] = self._below if rest else self._at
        answer = await self._receive(Request(scope, receive))
        await answer(scope, receive, send)


def _meaning(value: bytes | None) -> str | None:
    """The Webhook object's own header; queues have names beyond ASCII, and such headers come as UTF-8."""
    return None if value is None else value.decode("utf-8", "replace")


async def _body(receive: Receive, announced: bytes) -> bytes:
    """The body, refused by its announced length before it is read, and by its real one while it is."""
    if announced.isdigit() and int(announced) > LARGEST_BODY:
        raise TooLarge
    chunks, size, is_whole = [], 0, False
    while not is_whole:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > LARGEST_BODY:
            raise TooLarge
        chunks.append(chunk)
        is_whole = not message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
