"""One agent as the webhooks tell of them: whose phone rings, who talks, since when; knows no queue and no sum."""

from __future__ import annotations

from datetime import datetime

import msgspec

from wallboard.meaning import OfferState

_PRECEDENCE: dict[OfferState, int] = {"talking": 3, "dialling": 2, "ringing": 1, "ended": 0}


class AgentTold(msgspec.Struct, frozen=True):
    key: str
    name: str | None
    heard_at: datetime
    idle_since: datetime | None


class Agent:
    """A PBX user: the number (or the name where there is none), the latest name, and what the phone does."""

    __slots__ = ("calls", "heard_at", "idle_since", "key", "name")

    def __init__(self, key: str, heard_at: datetime) -> None:
        self.key = key
        self.name: str | None = None
        self.heard_at = heard_at
        self.idle_since: datetime | None = None
        self.calls: dict[str, tuple[OfferState, datetime]] = {}

    @property
    def state(self) -> str:
        """`idle` as far as we know: the PBX tells of no pause and no log-out."""
        return self._busiest()[0] if self.calls else "idle"

    @property
    def since(self) -> datetime | None:
        return self._busiest()[1] if self.calls else self.idle_since

    def _busiest(self) -> tuple[OfferState, datetime]:
        return max(self.calls.values(), key=lambda phone: (_PRECEDENCE[phone[0]], -phone[1].timestamp()))
