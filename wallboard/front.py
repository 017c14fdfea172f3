"""Who is connected, and who must go when it gets crowded; knows no HTTP, no token and no socket.

Every connection costs a descriptor, and without one the PBX's next connection would find a closed door. So
there are three kinds. The PBX's, which has shown its token, is never sent away. Viewers, which keep a
stream open, have a share and are refused beyond it. All others go when a place is needed, the one that has
been without an answer for longest first: bytes that trickle in do not make a connection younger.
"""

from __future__ import annotations

import asyncio
import resource
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Protocol

_OWN_DESCRIPTORS = 96
"""The journal, the log, the listening socket and the loop: about 20; static files being read: 40; and some spare."""
_MOST_DESCRIPTORS = 20_000
"""More would be more memory than a board should ever take, even where a container's limit is a thousand million."""
_STARTS_A_TURN = 2


class Guest(Protocol):
    """A connection, as far as its place is concerned."""

    @property
    def stalled(self) -> bool: ...

    def evict(self) -> None: ...


def descriptors() -> int:
    """How many descriptors this process may have, after raising the soft limit as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


class Front:
    """All connections of one server that may have `descriptors` of them open."""

    def __init__(self, descriptors: int) -> None:
        self.most_connections = max(descriptors - _OWN_DESCRIPTORS, descriptors // 2)
        self.most_viewers = self.most_connections * 3 // 4
        self.evicted = self.refused = self.late = self.oversized = self.dropped = 0
        self._pbx: set[Guest] = set()
        self._viewers: set[Guest] = set()
        self._others: dict[Guest, None] = {}  # the longest without an answer first
        self._starts: deque[Callable[[], None]] = deque()

    def __len__(self) -> int:
        return len(self._pbx) + len(self._viewers) + len(self._others)

    @property
    def stalled(self) -> int:
        """Viewers that have not taken all they were sent."""
        return sum(viewer.stalled for viewer in self._viewers)

    def arrived(self, guest: Guest) -> None:
        """A new connection is let in; if that is one too many, another goes."""
        self._others[guest] = None
        if len(self) > self.most_connections:
            oldest = next(iter(self._others))
            del self._others[oldest]
            self.evicted += 1
            oldest.evict()

    def answered(self, guest: Guest) -> None:
        """The last answer is complete: a viewer is one no longer, and others are the youngest again."""
        if guest not in self._pbx and guest in self:
            self._forget(guest)
            self._others[guest] = None

    def left(self, guest: Guest) -> None:
        if guest in self._viewers and guest.stalled:
            self.dropped += 1
        self._forget(guest)

    def recognise(self, guest: Guest | None) -> None:
        """A request has come with the PBX's token; None under a server that has no connection of ours."""
        if guest is not None and guest not in self._pbx and guest in self:
            self._forget(guest)
            self._pbx.add(guest)

    def admit(self, scope: Mapping[str, Any]) -> bool:
        """Whether this request may open a stream; it counts as a viewer until it is answered to the end."""
        guest = _guest(scope)
        if guest not in self:
            return True
        if guest not in self._viewers and len(self._viewers) >= self.most_viewers:
            self.refused += 1
            return False
        self._forget(guest)
        self._viewers.add(guest)
        return True

    def queue(self, start: Callable[[], None]) -> None:
        """Starts a request when it is its turn: a thousand at once must not keep the PBX waiting."""
        if not self._starts:
            asyncio.get_running_loop().call_soon(self._start_some)
        self._starts.append(start)

    def _start_some(self) -> None:
        for _ in range(min(_STARTS_A_TURN, len(self._starts))):
            self._starts.popleft()()
        if self._starts:
            asyncio.get_running_loop().call_soon(self._start_some)

    def _forget(self, guest: Guest) -> None:
        self._pbx.discard(guest)
        self._viewers.discard(guest)
        self._others.pop(guest, None)

    def __contains__(self, guest: object) -> bool:
        return guest in self._others or guest in self._pbx or guest in self._viewers


def _guest(scope: Mapping[str, Any]) -> Any:
    """The request's connection; None under a server that has none of ours."""
    return scope.get("state", {}).get("connection")
