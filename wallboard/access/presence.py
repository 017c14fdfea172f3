"""Which streams are open by which credential, so that taking it away ends them at once; knows no rule and no feed."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import Protocol

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

    def attend(self, key: str, stream: Stream) -> Stream:
        """The same stream, known by its visitor's key for as long as it is open."""
        stream.came, stream.went = partial(self._came, key), partial(self._went, key)
        return stream

    def _came(self, key: str, connection: _Connection | None) -> None:
        if connection is not None:
            self._open[key][connection] = None

    def _went(self, key: str, connection: _Connection | None) -> None:
        if connection is None or (mine := self._open.get(key)) is None:
            return
        mine.pop(connection, None)
        if not mine:
            del self._open[key]
