"""The vendor's bodies as our own events, or the reason why not; knows no HTTP, no clock and no board.

Rules: pbx-webhooks.md ("Events", "Traps"). Odd or missing fields never refuse an event: what cannot be
read is `None`. Only a body that is no JSON object (or array of objects) raises `Unreadable`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import msgspec

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

LONGEST_TEXT = 200
LONGEST_DURATION_MS = 366 * 86_400_000
# A time further from its arrival is no time of this event: a clock gone wrong, or a wrong century.
LONGEST_AGO = timedelta(days=400)
LONGEST_AHEAD = timedelta(days=1)

_NEVER = datetime.min.replace(tzinfo=UTC)

Meanings = Mapping[str, tuple[str, str]]

# The older dialect's names, accepted on any event (pbx-webhooks.md, last table).
_OLD_TYPES = {"inbound_call_to_user": "user_inbound"}
_OLD_NAMES = {
    "caller_id": "from_number",
    "caller_name": "from_name",
    "user_number": "exten",
    "user_name": "to_name",
    "dest_number": "to_number",
    "call_start_at": "start_at",
}
# Control, bidi and zero-width characters, and lone surrogates: (first, past the last) code points.
_UNSEEN = ((0x00, 0x20), (0x7F, 0xA0), (0x200B, 0x2010), (0x2028, 0x202F), (0x2060, 0x2070), (0xD800, 0xE000))
_INVISIBLE = dict.fromkeys((0xFEFF, *(code for span in _UNSEEN for code in range(*span))), " ")


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
        fields = _Fields(body, self.zone, received_at)
        kind = fields.type()
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
    return _Fields(body, UTC, _NEVER).type()


def clean(text: str) -> str | None:
    """One line of at most 200 characters without control and bidi characters; `None` where nothing is left."""
    line = " ".join(text.translate(_INVISIBLE).split())[:LONGEST_TEXT].rstrip()
    return line if line and line.lower() != "null" else None


class _Fields:
    """One body's fields under today's names, each absent (`None`) in all the ways the PBX says so."""

    __slots__ = ("_body", "_received_at", "_zone")

    def __init__(self, body: Body, zone: tzinfo, received_at: datetime) -> None:
        self._body = body
        self._zone = zone
        self._received_at = received_at

    def _value(self, name: str) -> object:
        value = self._body.get(name)
        if value is None or value == "" or value == "null":
            old = _OLD_NAMES.get(name)
            value = self._body.get(old) if old else None
        return value

    def text(self, name: str) -> str | None:
        """Cleaned of control and bidi characters, one line, at most 200 characters."""
        value = self._value(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str):
            return None
        return clean(value)

    def first_text(self, name: str) -> str | None:
        """The first of a list of texts, or the bare text where there is no list."""
        value = self._value(name)
        if not isinstance(value, list):
            return self.text(name)
        return next((text for item in value if isinstance(item, str) and (text := clean(item))), None)

    def call_id(self) -> str | None:
        return self.text("unique_call_id")

    def type(self) -> str:
        kind = self.text("type") or ""
        return _OLD_TYPES.get(kind, kind)

    def instant(self, name: str) -> datetime | None:
        """`None` also for what lies too far from the event's arrival to be true."""
        text = self.text(name)
        if text is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=self._zone)
            moment = moment.astimezone(UTC)
        except (ValueError, OverflowError):
            return None
        return moment if -LONGEST_AHEAD <= self._received_at - moment <= LONGEST_AGO else None

    def milliseconds(self, name: str) -> int | None:
        """A duration that came in seconds, as a number or a numeric string."""
        value = self._value(name)
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            return None
        try:
            duration = round(float(value) * 1000)
        except (ValueError, OverflowError):
            return None
        return duration if 0 <= duration <= LONGEST_DURATION_MS else None

    def agent(self) -> str | None:
        return self.text("user_number") or self.text("user_name")

    def places(self) -> tuple[Place, ...]:
        queue, group = self.text("queue_name"), self.text("ring_group_name")
        named: list[Place] = []
        if queue:
            named.append(Place("queue", queue))
        if group:
            named.append(Place("ring_group", group))
        return tuple(named)

    def common(self, received_at: datetime, mark: int) -> dict[str, Any]:
        return {
            "call_id": self.call_id(),
            "received_at": received_at,
            "fingerprint": mark,
            "call_started_at": self.instant("call_start_at"),
            "caller_number": self.text("caller_id"),
            "caller_name": self.text("caller_name"),
            "dialled_number": self.text("dest_number"),
        }

    def offer(self, direction: Direction, received_at: datetime, mark: int) -> dict[str, Any] | None:
        agent = self.agent()
        if agent is None:
            return None
        return self.common(received_at, mark) | {
            "direction": direction,
            "agent": agent,
            "agent_name": self.text("user_name"),
            "places": self.places() if direction == "inbound" else (),
        }

    def end(self) -> dict[str, Any]:
        return {
            "connected_at": self.instant("connected_at"),
            "call_duration_ms": self.milliseconds("call_duration"),
            "talk_ms": self.milliseconds("conversation_duration"),
        }


_Maker = Callable[[_Fields, datetime, int], AnyEvent | None]


def _rang(direction: Direction) -> _Maker:
    def make(fields: _Fields, received_at: datetime, mark: int) -> Rang | None:
        offer = fields.offer(direction, received_at, mark)
        return Rang(**offer) if offer else None

    return make


def _answered(direction: Direction) -> _Maker:
    def make(fields: _Fields, received_at: datetime, mark: int) -> Answered | None:
        offer = fields.offer(direction, received_at, mark)
        return Answered(**offer, connected_at=fields.instant("connected_at")) if offer else None

    return make


def _completed(direction: Direction) -> _Maker:
    def make(fields: _Fields, received_at: datetime, mark: int) -> Completed | None:
        offer = fields.offer(direction, received_at, mark)
        return Completed(**offer, **fields.end()) if offer else None

    return make


def _summarised(kind: str) -> _Maker:
    def make(fields: _Fields, received_at: datetime, mark: int) -> Summarised | None:
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


def _voicemail(fields: _Fields, received_at: datetime, mark: int) -> VoicemailLeft:
    return VoicemailLeft(
        **fields.common(received_at, mark),
        recorded_at=fields.instant("recorded_at"),
        link=fields.first_text("audio_file"),
    )


def _recorded(fields: _Fields, received_at: datetime, mark: int) -> Recorded:
    return Recorded(
        **fields.common(received_at, mark),
        link=fields.text("call_recording_link"),
        recorded_at=fields.instant("recorded_at"),
    )


def _component(fields: _Fields, received_at: datetime, mark: int) -> ComponentPassed | None:
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
