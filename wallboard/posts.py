"""The PBX's posts by the short way: what nearly all of them are; knows no rule of the door and no board.

For each request uvicorn makes a scope, a cycle, an event and a task, and Starlette wraps it twice. A POST of known
length that is taken needs none of them. All that is out of the ordinary goes the general way, and so does whatever is
refused, for there the same door says why.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.server import ServerState

from wallboard.answers import tell
from wallboard.ready import Named, Ready, named
from wallboard.walls import RawHeaders, is_secret
from wallboard.watching import Nobody, Watched

PATH = "/webhooks/pbx"
BELOW = f"{PATH}/{{rest:path}}"
_AT_THE_DOOR = re.compile(PATH.encode() + rb"(/[\w/.-]*)?").fullmatch
_END = b"\r\n\r\n"
_MOST_HEADS, _LONGEST_HEAD = 1_000, 2_000
"""Two megabytes at most, of those who have shown a token."""


class Head(NamedTuple):
    """As uvicorn's parser has read it."""

    route: str
    raw: RawHeaders
    headers: Named
    length: int


class Door(Protocol):
    """What the short way asks of `webhook.Door`. `heads` are those of posts that it took, by their bytes; where the log
    `tells` of each answer, these are told as well.
    """

    heads: dict[bytes, Head]
    tells: bool

    def admits(self, guest: Any, address: str | None, raw: RawHeaders, headers: Named) -> bool: ...

    def take_at_once(self, body: bytes, headers: Named, answer: Callable[[Ready], None]) -> bool: ...


class Post:
    """In the place of uvicorn's cycle: what the connection asks of a request that it answers."""

    __slots__ = (
        "began", "body", "disconnected", "headers", "keep_alive", "response_complete", "response_started", "route",
        "waiting_for_100_continue",
    )  # fmt: skip
    message_event = Nobody()

    def __init__(self, route: str, headers: Named) -> None:
        self.route, self.headers = route, headers
        self.began = time.monotonic()
        self.body = bytearray()
        self.keep_alive = True
        self.disconnected = self.response_started = self.response_complete = self.waiting_for_100_continue = False


class Posting(Watched):
    """uvicorn's protocol with a short way to the `door` of the lifespan's state, if there is one."""

    __slots__ = ("_door",)

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        super().__init__(config, server_state, app_state)
        is_plain = not (config.access_log or self.root_path or self.limit_concurrency)
        self._door: Door | None = app_state.get("door") if is_plain else None

    def answer(self, status_line: bytes, headers: bytes, body: bytes) -> bool:
        """See `ready.Line`."""
        raise NotImplementedError

    def take_known(self, data: bytes) -> bool:
        """Takes a whole post whose head is byte for byte one that was read before: as a PBX says the same each time,
        the parser, which would say the same as well, need not see it. False, and nothing done, for anything else.
        """
        end = data.find(_END) + len(_END)
        door = self._door
        if door is None or (head := door.heads.get(data[:end])) is None or len(data) != end + head.length:
            return False
        if self._receiving or self._is_answering or self.stalled or self.transport.is_closing():
            return False
        post = Post(head.route, head.headers)
        if not self._is_let_in(head.raw, head.headers) or not self._is_taken(post, data[end:]):
            return False
        self.cycle = self._served = post  # type: ignore[assignment]
        return True

    def learn(self, data: bytes) -> None:
        """Remembers the head, if `data` was one whole post and nothing else."""
        post, door = self.cycle, self._door
        if door is None or not isinstance(post, Post) or self._receiving:
            return
        end, length = data.find(_END) + len(_END), int(post.headers[b"content-length"])
        if end + length != len(data) or end > _LONGEST_HEAD:
            return
        if len(door.heads) >= _MOST_HEADS:
            door.heads.clear()
        door.heads[data[:end]] = Head(post.route, self.headers, post.headers, length)

    def on_headers_complete(self) -> None:
        if (post := self._post()) is None:
            super().on_headers_complete()
            return
        self.cycle = self._served = post  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        if isinstance(self.cycle, Post):
            self.cycle.body += body
            return
        super().on_body(body)

    def on_message_complete(self) -> None:
        post = self.cycle
        if not isinstance(post, Post):
            super().on_message_complete()
            return
        body = bytes(post.body)
        post.body.clear()
        if not self._is_taken(post, body):
            self._take_generally(body)

    def _post(self) -> Post | None:
        """The request whose head has come, if nothing about it is out of the ordinary and it is let in."""
        parser, door = self.parser, self._door
        if door is None or (at := _AT_THE_DOOR(self.url)) is None or parser.get_method() != b"POST":
            return None
        if not parser.should_keep_alive() or parser.should_upgrade() or parser.get_http_version() != "1.1":
            return None
        if self._is_answering:
            return None
        headers = named(self.headers)
        length = headers.get(b"content-length", b"")
        if not length.isdigit() or int(length) > HIGH_WATER_LIMIT or b"transfer-encoding" in headers:
            return None
        if self.expect_100_continue or self.stalled:
            return None
        return Post(BELOW if at[1] else PATH, headers) if self._is_let_in(self.headers, headers) else None

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _is_let_in(self, raw: RawHeaders, headers: Named) -> bool:
        assert self._door is not None
        try:
            return self._door.admits(self, self.client and self.client[0], raw, headers)
        except Exception:  # noqa: BLE001 - the general way meets it again, and tells of it
            return False

    def _is_taken(self, post: Post, body: bytes) -> bool:
        assert self._door is not None
        try:
            return self._door.take_at_once(body, post.headers, partial(self._answer, post))
        except Exception:  # noqa: BLE001 - the same
            return False

    def _take_generally(self, body: bytes) -> None:
        """What has come of it once more, for uvicorn."""
        self.cycle = self._served = None  # type: ignore[assignment]
        super().on_headers_complete()
        super().on_body(body)
        super().on_message_complete()

    def _answer(self, post: Post, ready: Ready) -> None:
        if self._served is not post:  # type: ignore[comparison-overlap]
            return
        ready.hand_over(self, is_secret=is_secret(self.scheme, post.headers.get(b"x-forwarded-proto", b"")))
        if self._door is not None and self._door.tells:
            tell("POST", post.route, ready.status_code, post.began)
