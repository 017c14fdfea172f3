"""What happened at the PBX, as our own frozen, typed facts; knows no vendor spelling, storage or screen.

Instants are aware UTC datetimes, durations whole milliseconds; `None` means "not known", never zero.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Direction = Literal["inbound", "outbound"]


class Place(msgspec.Struct, frozen=True, order=True, cache_hash=True, array_like=True, gc=False):
    """A queue or a ring group, by the name that the PBX gives it."""

    kind: Literal["queue", "ring_group"]
    name: str


class Event(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """What every event carries.

    `fingerprint` is the same for two bodies of the same content. It tells a redelivery from news, but not
    always: a second ring of the same phone is byte for byte the first (pbx-webhooks.md, "Traps").
    """

    call_id: str
    received_at: datetime
    fingerprint: int
    call_started_at: datetime | None = None
    caller_number: str | None = None
    caller_name: str | None = None
    dialled_number: str | None = None

    @property
    def known_at(self) -> datetime:
        """An instant at which its call had begun, should the event not tell when."""
        return self.received_at


class OfferEvent(Event, frozen=True, kw_only=True, gc=False):
    """News of one agent's part in a call; `agent` is the number, or the name where there is none."""

    direction: Direction
    agent: str
    agent_name: str | None
    places: tuple[Place, ...] = ()


class Rang(OfferEvent, frozen=True, kw_only=True, gc=False):
    """An agent's phone began to ring (or, outbound, to dial)."""


class Answered(OfferEvent, frozen=True, kw_only=True, gc=False):
    """The agent (or, outbound, the called party) answered."""

    connected_at: datetime | None


class Completed(OfferEvent, frozen=True, kw_only=True, gc=False):
    """A ring or a talk of one agent ended; `call_duration_ms` counts from the call's start."""

    connected_at: datetime | None
    call_duration_ms: int | None
    talk_ms: int | None


class Summarised(Event, frozen=True, kw_only=True, gc=False):
    """The PBX's last word on a visit; `status` is lower case, or `None` where it was absent."""

    place: Place
    agent: str | None
    agent_name: str | None
    status: str | None
    connected_at: datetime | None
    call_duration_ms: int | None
    talk_ms: int | None


class VoicemailLeft(Event, frozen=True, kw_only=True, gc=False):
    """A caller left a voicemail in the box of `dialled_number`."""

    recorded_at: datetime | None
    link: str | None = None

    @property
    def known_at(self) -> datetime:
        return self.recorded_at or self.received_at


class Recorded(Event, frozen=True, kw_only=True, gc=False):
    """A recording of the call can be had at `link`."""

    link: str | None
    recorded_at: datetime | None = None

    @property
    def known_at(self) -> datetime:
        return self.recorded_at or self.received_at


class ComponentPassed(Event, frozen=True, kw_only=True, gc=False):
    """A caller passed a Webhook object in the call flow; `entered` and `timed_out` say what it means, if known."""

    component: str
    entered: Place | None = None
    timed_out: Place | None = None


AnyEvent = Rang | Answered | Completed | Summarised | VoicemailLeft | Recorded | ComponentPassed
