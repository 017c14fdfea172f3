"""The PBX's door over HTTP: token, limits, answers; a handler translates and does nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from msgspec import structs
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from wallboard.access.origins import Network, client_address, is_within
from wallboard.access.rules import PBX, Way
from wallboard.access.tokens import is_token
from wallboard.bodies import Unreadable
from wallboard.front import Front
from wallboard.intake import Intake, Receipt
from wallboard.journal import JournalUnavailable
from wallboard.ready import Ready

LARGEST_BODY = 256 * 1024
TOKEN_HEADER = "x-pbx-token"
MEANING_HEADER = "x-wallboard-meaning"
_PATH = "/webhooks/pbx"
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
    ) -> None:
        """`is_key` knows the keys made on the desk. Without `addresses` all are let in; `trusted` are our proxies."""
        self._intake = intake
        self._tokens = tokens
        self._front = front
        self._is_key = is_key
        self._addresses = addresses
        self._trusted = trusted

    def routes(self) -> Iterator[Way]:
        yield Way(_PATH, self.receive, "POST", PBX)
        yield Way(f"{_PATH}/{{rest:path}}", self.receive, "POST", PBX)

    async def receive(self, request: Request) -> Ready:
        """200 stored · 400 quarantined · 401 · 403 address · 413 · 415 · 503 with Retry-After (interface.md)."""
        if not self._comes_from_the_pbx(request):
            self._intake.refuse()
            return _FOREIGN
        headers = dict(reversed(request.scope["headers"]))  # of two with the same name the first counts
        given = headers.get(_TOKEN, b"")
        if not self._is_known(given):
            if given and not self._intake.ready:  # a key that was made on the desk may not have been read yet
                return _STARTING
            self._intake.refuse()
            return _UNKNOWN
        self._front.recognise(request.scope)
        if b"content-encoding" in headers:
            return _ENCODED
        if not self._intake.takes:
            return _NO_MORE if self._intake.closing else _NOT_YET
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

    def _is_known(self, given: bytes) -> bool:
        """Both are always asked, so that time does not tell which knew it."""
        return any((is_token(given, self._tokens), self._is_key(given)))

    def _comes_from_the_pbx(self, request: Request) -> bool:
        if not self._addresses:
            return True
        peer = request.client.host if request.client else None
        return is_within(client_address(peer, request.headers, self._trusted), self._addresses)


class Doorway:
    """Stands before all else that a request passes, so that the PBX's take the short way to the door."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._receive = door.receive
        self._at, self._below = door.routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(_PATH):
            await self._app(scope, receive, send)
            return
        rest: str = scope["path"][len(_PATH) :]
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
