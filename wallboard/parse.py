"""The vendor's bodies as our own events, or the reason why not; knows no HTTP, no clock and no board.

Rules: pbx-webhooks.md ("Events", "Traps"). Odd or missing fields never refuse an event: what cannot be
read is `None`. Only a body that is no JSON object (or array of objects) raises `Unreadable`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo

import msgspec

from wallboard import plain
from wallboard.bodies import Body, fingerprint
from wallboard.events import (
    Answered,
    AnyEvent,
    Completed,
    ComponentPassed,
    Direction,
    Place,
    Rang,
    Recorded,
    Summarised,
    VoicemailLeft,
)
from wallboard.fields import Fields, clean

_NEVER = datetime.min.replace(tzinfo=UTC)

Meanings = Mapping[str, tuple[str, str]]


class Unrecognised(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was kept but means nothing to us yet: of unknown type, or without its call or agent."""

    type: str
    reason: str


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """Turns bodies into events; `zone` reads timestamps without a zone, `components` maps Webhook objects."""

    zone: tzinfo
    components: Meanings = {}

    def read(
        self, body: Body, received_at: datetime, meaning: tuple[str, str] | None = None
    ) -> AnyEvent | Unrecognised:
        """One event; `meaning` is what the Webhook object's own header said (call-model.md, "Waiting")."""
        kind = type_of(body)
        if (event := plain.read(kind, body, self.zone, received_at)) is not None:
            return event
        return self.read_patiently(kind, body, received_at, meaning)

    def read_patiently(
        self, kind: str, body: Body, received_at: datetime, meaning: tuple[str, str] | None = None
    ) -> AnyEvent | Unrecognised:
        """The same for every body, however odd."""
        fields = Fields(body, self.zone, received_at)
        make = _MAKERS.get(kind)
        if make is None:
            return Unrecognised(type=kind, reason="unknown type" if kind else "no type")
        if fields.call_id() is None:
            return Unrecognised(type=kind, reason="no unique_call_id")
        event = make(fields, received_at, fingerprint(body))
        if isinstance(event, ComponentPassed):
            return _with_meaning(event, meaning or self.components.get(event.component))
        return event if event is not None else Unrecognised(type=kind, reason=_MISSING[kind])


def type_of(body: Body) -> str:
    """The event's type in today's words, for a count by type; empty where there is none."""
    kind = body.get("type")
    if isinstance(kind, str) and kind in _MAKERS:
        return kind
    return Fields(body, UTC, _NEVER).type()


_Maker = Callable[[Fields, datetime, int], AnyEvent | None]


def _rang(direction: Direction) -> _Maker:
    def make(fields: Fields, received_at: datetime, mark: int) -> Rang | None:
        offer = fields.offer(direction, received_at, mark)
        return Rang(**offer) if offer else None

    return make


def _answered(direction: Direction) -> _Maker:
    def make(fields: Fields, received_at: datetime, mark: int) -> Answered | None:
        offer = fields.offer(direction, received_at, mark)
        return Answered(**offer, connected_at=fields.instant("connected_at")) if offer else None

    return make


def _completed(direction: Direction) -> _Maker:
    def make(fields: Fields, received_at: datetime, mark: int) -> Completed | None:
        offer = fields.offer(direction, received_at, mark)
        return Completed(**offer, **fields.end()) if offer else None

    return make


def _summarised(kind: str) -> _Maker:
    def make(fields: Fields, received_at: datetime, mark: int) -> Summarised | None:
        place = next((place for place in fields.places() if place.kind == kind), None)
        if place is None:
            return None
        status = fields.text("status")
        return Summarised(
            **fields.common(received_at, mark),
            **fields.end(),
            place=place,
            agent=fields.agent(),
            agent_name=fields.text("user_name"),
            status=status.lower() if status else None,
        )

    return make


def _voicemail(fields: Fields, received_at: datetime, mark: int) -> VoicemailLeft:
    return VoicemailLeft(
        **fields.common(received_at, mark),
        recorded_at=fields.instant("recorded_at"),
        link=fields.first_text("audio_file"),
    )


def _recorded(fields: Fields, received_at: datetime, mark: int) -> Recorded:
    return Recorded(
        **fields.common(received_at, mark),
        link=fields.text("call_recording_link"),
        recorded_at=fields.instant("recorded_at"),
    )


def _component(fields: Fields, received_at: datetime, mark: int) -> ComponentPassed | None:
    component = fields.text("component_name")
    if component is None:
        return None
    # Here, and only here, user_number and user_name are the caller's (pbx-webhooks.md, "Traps").
    common = fields.common(received_at, mark) | {
        "caller_number": fields.text("user_number"),
        "caller_name": fields.text("user_name"),
    }
    return ComponentPassed(**common, component=component)


def _with_meaning(event: ComponentPassed, meaning: tuple[str, str] | None) -> ComponentPassed:
    if meaning is None:
        return event
    verb, queue = meaning[0], clean(meaning[1])  # a header may hold what no field may
    if queue is None:
        return event
    place = Place("queue", queue)
    if verb == "queue_entered":
        return msgspec.structs.replace(event, entered=place)
    return msgspec.structs.replace(event, timed_out=place)


_MAKERS: dict[str, _Maker] = {
    "user_inbound": _rang("inbound"),
    "user_inbound_answered": _answered("inbound"),
    "user_inbound_completed": _completed("inbound"),
    "user_outbound": _rang("outbound"),
    "user_outbound_answered": _answered("outbound"),
    "user_outbound_completed": _completed("outbound"),
    "queue_call": _summarised("queue"),
    "ring_group_call": _summarised("ring_group"),
    "voicemail": _voicemail,
    "recording_inbound": _recorded,
    "recording_outbound": _recorded,
    "webhook_component_event": _component,
}
_MISSING = {
    kind: "neither user_number nor user_name" for kind in _MAKERS if kind.startswith("user_")
} | {
    "queue_call": "no queue_name",
    "ring_group_call": "no ring_group_name",
    "webhook_component_event": "no component_name",
}  # fmt: skip

EVENT_TYPES = tuple(_MAKERS)
