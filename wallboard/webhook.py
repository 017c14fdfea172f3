"""The PBX's door over HTTP: token, limits, answers; a handler translates and does nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from wallboard.access.origins import Network, client_address, is_within
from wallboard.access.rules import PBX, Way
from wallboard.access.tokens import is_token
from wallboard.bodies import Unreadable
from wallboard.front import Front
from wallboard.intake import Intake
from wallboard.journal import JournalUnavailable

LARGEST_BODY = 256 * 1024
TOKEN_HEADER = "x-pbx-token"
MEANING_HEADER = "x-wallboard-meaning"


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
        yield Way("/webhooks/pbx", self.receive, "POST", PBX)
        yield Way("/webhooks/pbx/{rest:path}", self.receive, "POST", PBX)

    async def receive(self, request: Request) -> Response:
        """200 stored · 400 quarantined · 401 · 403 address · 413 · 415 · 503 with Retry-After (interface.md)."""
        if not self._comes_from_the_pbx(request):
            self._intake.refuse()
            return _refusal(403, "forbidden", "This address is not one of WALLBOARD_PBX_ADDRESSES.")
        given = request.headers.get(TOKEN_HEADER, "").encode("latin-1")
        if not self._is_known(given):
            if given and not self._intake.ready:  # a key that was made on the desk may not have been read yet
                return _busy("The board is starting.")
            self._intake.refuse()
            return _refusal(401, "unauthorized", "The X-Pbx-Token header is missing or wrong.")
        self._front.recognise(request.scope)
        if "content-encoding" in request.headers:
            return _refusal(415, "encoded", "Send the body as it is, without Content-Encoding.")
        if not self._intake.ready or self._intake.closing:
            return _busy("The board is starting or stopping.", ends=self._intake.closing)
        try:
            raw = await _body(request)
            receipt = await self._intake.accept(raw, _meaning(request))
        except TooLarge:
            return _refusal(413, "too_large", f"The body is over {LARGEST_BODY} bytes.")
        except Unreadable as error:
            return _refusal(400, "unreadable", f"The body was put into quarantine: {error}.")
        except JournalUnavailable:
            return _busy("The journal cannot be written.")
        except ClientDisconnect:
            return _refusal(400, "disconnected", "The body did not arrive whole.")
        return JSONResponse(
            {
                "accepted": receipt.accepted,
                "duplicates": receipt.duplicates,
                "unrecognised": receipt.unrecognised,
            }
        )

    def _is_known(self, given: bytes) -> bool:
        """Both are always asked, so that time does not tell which knew it."""
        return any((is_token(given, self._tokens), self._is_key(given)))

    def _comes_from_the_pbx(self, request: Request) -> bool:
        if not self._addresses:
            return True
        peer = request.client.host if request.client else None
        return is_within(client_address(peer, request.headers, self._trusted), self._addresses)


def _meaning(request: Request) -> str | None:
    """The Webhook object's own header; queues have names beyond ASCII, and such headers come as UTF-8."""
    value = request.headers.get(MEANING_HEADER)
    return None if value is None else value.encode("latin-1").decode("utf-8", "replace")


async def _body(request: Request) -> bytes:
    """The body, refused by its announced length before it is read, and by its real one while it is."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > LARGEST_BODY:
        raise TooLarge
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LARGEST_BODY:
            raise TooLarge
        chunks.append(chunk)
    return b"".join(chunks)


def _refusal(status: int, code: str, detail: str) -> Response:
    headers = {"Connection": "close"} if status in (401, 403, 413, 415) else None
    return JSONResponse({"error": code, "detail": detail}, status, headers)


def _busy(detail: str, *, ends: bool = False) -> Response:
    headers = {"Retry-After": "1", **({"Connection": "close"} if ends else {})}
    return JSONResponse({"error": "unavailable", "detail": detail}, 503, headers)
