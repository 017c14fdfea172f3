"""Which streams are open by which credential, so that taking it away ends them at once; knows no rule and no feed."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Protocol

from starlette.types import Receive, Scope, Send

from wallboard.stream import Stream


class _Connection(Protocol):
    def evict(self) -> None: ...


class Presence:
    """The connections of all open streams, by their visitors' keys."""

    def __init__(self) -> None:
        self._open: defaultdict[str, dict[_Connection, None]] = defaultdict(dict)

    def dismiss(self, key: str) -> None:
        """Closes all that was opened with the credential `key`; who comes back is looked at anew."""
        for connection in list(self._open.get(key, ())):
            connection.evict()

    def attend(self, key: str, stream: Stream) -> _Attended:
        """The same stream, known by its visitor's key for as long as it is open."""
        return _Attended(self._open, key, stream)


class _Attended(Stream):
    def __init__(self, open_: defaultdict[str, dict[_Connection, None]], key: str, stream: Stream) -> None:
        self._open, self._key, self._stream = open_, key, stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection: Any = scope.get("state", {}).get("connection")
        if connection is not None:
            self._open[self._key][connection] = None
        try:
            await self._stream(scope, receive, send)
        finally:
            if (mine := self._open.get(self._key)) is not None:
                mine.pop(connection, None)
                if not mine:
                    del self._open[self._key]
