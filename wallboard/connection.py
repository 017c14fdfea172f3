"""One connection before its request is understood: deadlines and limits; knows no route's meaning and no board.

uvicorn waits for ever for the rest of a request, holds whatever a header brings, and keeps what a client
does not read. Its parser, its requests and its answers are used as they are.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from wallboard.control import mark
from wallboard.front import Front
from wallboard.posts import Posting
from wallboard.refusals import (
    LARGEST_HEAD,
    MOST_HEADERS,
    REQUEST_SECONDS,
    STOPPING,
    TOO_LARGE,
    TOO_LATE,
    UNREADABLE,
    Refusal,
    written,
)
from wallboard.watching import STALLED_SECONDS

FIRST_BYTE_SECONDS = 20
"""Browsers open connections before they need them; longer than this they do without one."""
LAST_WORDS_SECONDS = 1
MOST_WAITING = 16
"""Requests sent ahead on one connection, before the answer to an earlier one: each costs some kilobytes."""
SEND_BUFFER = 64 * 1024
_PIECE = 16 * 1024
_DOOR = "/webhooks/"


class HeadTooLarge(Exception):
    """Request line and headers are over `LARGEST_HEAD` or `MOST_HEADERS`."""


class TooFarAhead(Exception):
    """More requests than `MOST_WAITING` wait on this connection."""


def prepare(listening: socket.socket) -> None:
    """What every accepted socket inherits: how much the kernel holds for a reader, and for how long."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; elsewhere only what the kernel does not take is noticed
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_SECONDS * 1000)


class Connection(Posting):
    """uvicorn's protocol with an end to its patience. The lifespan's state must hold the `front`."""

    __slots__ = ("_deadline", "_front", "_head", "_head_size", "_held", "_is_deaf", "is_operators")

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        self.is_operators = False
        """Whether it came through the operator's door."""
        self._front: Front = app_state["front"]
        self._deadline: asyncio.TimerHandle | None = None
        self._head = False  # from a request's first byte to the end of its head
        self._head_size = 0
        self._held = 0  # bytes that the parser has been given since it last gave something back
        self._is_deaf = False  # after what was sent too far ahead: the connection ends with the last answer

    def evict(self) -> None:
        self.transport.abort()

    # --- what the loop calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)
        self._set_deadline(FIRST_BYTE_SECONDS)
        self._front.arrived(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._front.left(self)
        self._clear_deadline()
        self._unset_keepalive_if_required()
        self.pipeline.clear()
        if self._served is not None and not self._served.response_complete:
            self._served.disconnected = True  # uvicorn tells the last request only
            self._served.message_event.set()
        super().connection_lost(exc)
        # Each of these leads back here. The collector would find that in the end, but a full collection waits until a
        # quarter of all that a board holds is new: an hour of screens that come and go was some 40 MB.
        self.cycle = self._served = self.scope = self.headers = None  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """In pieces, so that a limit is noticed before much has been taken in."""
        self._unset_keepalive_if_required()
        if self.take_known(data):
            self._clear_deadline()
            return
        before, is_first = self.cycle, not self._receiving
        for start in range(0, len(data), _PIECE):
            if self.transport.is_closing() or self._is_deaf:
                return
            self._feed(data[start : start + _PIECE])
        if self._deadline is None and (self._receiving or not self._is_answering):
            self._set_deadline(REQUEST_SECONDS)  # empty lines between requests begin none
        if is_first and self.cycle is not before:
            self.learn(data)

    def shutdown(self) -> None:
        """uvicorn is stopping: half a request is turned away, and who does not read is not waited for."""
        if self._receiving:
            self._refuse(STOPPING)
            return
        if self.stalled:
            self.loop.call_later(LAST_WORDS_SECONDS, self._abort_if_stalled)
        super().shutdown()

    # --- what the parser calls

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MOST_WAITING:
            raise TooFarAhead
        self._receiving = self._head = True
        self._head_size = 0
        self._clear_deadline()
        super().on_message_begin()
        self.scope["state"]["connection"] = self
        if self.is_operators:
            mark(self.scope["state"])

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= MOST_HEADERS:
            raise HeadTooLarge
        self._count(len(name) + len(value) + len(b": \r\n"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._held = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._receiving = False
        self._clear_deadline()
        super().on_message_complete()

    # --- what the answers call

    def answer(self, status_line: bytes, headers: bytes, body: bytes) -> bool:
        """See `ready.Line`: uvicorn's own way of sending, in one piece and with nothing left to look at."""
        served = self._served
        if served is None or served.response_started or self.stalled:
            return False
        served.waiting_for_100_continue = False
        if not served.disconnected:
            served.response_started = served.response_complete = True
            own = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
            end = b"\r\n" if served.keep_alive else b"connection: close\r\n\r\n"
            self.transport.write(b"".join((status_line, *own, headers, end, body)))
            served.message_event.set()
            if not served.keep_alive:
                self.transport.close()
            self.on_response_complete()
        return True

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._front.answered(self)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._served = cycle
        start: Callable[[], None] = partial(super()._start_asgi_task, cycle, app)
        if cycle.scope["path"].startswith(_DOOR):
            start()
        else:
            self._front.queue(start)

    # --- limits

    def _feed(self, piece: bytes) -> None:
        self._held += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            self.cycle.keep_alive = False  # we answer in HTTP/1.1, once: what follows is in another protocol
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, TooFarAhead):
                self._is_deaf, self.cycle.keep_alive = True, False  # the client knows by that what to send again
                return
            self._refuse(TOO_LARGE if isinstance(error.__context__, HeadTooLarge) else UNREADABLE)
        else:
            if self._held > LARGEST_HEAD:
                self._refuse(TOO_LARGE)

    def _count(self, size: int) -> None:
        self._held = 0
        self._head_size += size
        if self._head_size > LARGEST_HEAD:
            raise HeadTooLarge

    # --- deadlines

    def _set_deadline(self, seconds: float) -> None:
        self._clear_deadline()
        self._deadline = self.loop.call_later(seconds, self._late)

    def _clear_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        if self.flow.read_paused:
            self._set_deadline(REQUEST_SECONDS)  # it is we who have not read on
            return
        self._front.late += 1
        if self._receiving:
            self._refuse(TOO_LATE)
        else:
            self.transport.abort()

    def _abort_if_stalled(self) -> None:
        if self.stalled:
            self.transport.abort()

    # --- refusing

    def _refuse(self, refusal: Refusal) -> None:
        """Answers and closes; where an answer is under way, only closes: a second one would be read as part of it."""
        self._front.oversized += refusal is TOO_LARGE
        # Whether the answer under way would be to this request.
        own = not self._head and self._receiving and self.cycle is self._served
        if self._is_answering and (self.cycle.response_started or not own):
            self.transport.abort()
            return
        self.transport.write(written(refusal))
        self.transport.close()
        if self._is_answering:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
