"""Writes webhook bodies as the PBX words them; knows no clock, no chance and no floor.

The wording follows the vendor's samples, its oddities included: durations in whole seconds, talk time as a
numeric string, and four spellings of "absent", of which each call keeps to one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import Any, Literal

import msgspec


class Spelling(Enum):
    """How the bodies of one call say that a value is absent."""

    NULL = "json null"
    WORD = "the string null"
    EMPTY = "an empty string"
    MISSING = "no key at all"


class Place(msgspec.Struct, frozen=True):
    """A queue or ring group, as a call visits it."""

    name: str
    kind: Literal["queue", "ring_group"] = "queue"


class Party(msgspec.Struct, frozen=True):
    """An agent as the bodies name one; the number is None where only a name is known."""

    name: str | None = None
    number: str | None = None


class Line(msgspec.Struct, frozen=True):
    """What all bodies of one call say alike. On an outbound call the caller is the company's own number."""

    call: str
    started_at: datetime
    caller_number: str | None = None
    caller_name: str | None = None
    dialled_number: str | None = None
    spelling: Spelling = Spelling.NULL


NOBODY = Party()
MAILBOX = "calls@example.org"


def stamp(at: datetime) -> str:
    """An aware instant in UTC with `Z`, a naive local time without any zone; both with milliseconds."""
    if at.tzinfo is None:
        return at.isoformat(timespec="milliseconds")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def component(line: Line, name: str) -> bytes:
    """The Webhook object in the call flow, which says user and means the caller."""
    return _write(
        line,
        "webhook_component_event",
        user_name=line.caller_name,
        user_number=line.caller_number,
        dest_number=line.dialled_number,
        call_start_at=stamp(line.started_at),
        component_name=name,
    )


def ringing(line: Line, agent: Party, place: Place | None) -> bytes:
    """The agent's phone rings: the same bytes for every ring of the same agent for the same place."""
    return _write(line, "user_inbound", **_inbound(line, agent), **_place(place))


def answered(line: Line, agent: Party, place: Place | None, connected_at: datetime) -> bytes:
    """The agent picks up."""
    fields = {**_inbound(line, agent), "connected_at": stamp(connected_at), **_place(place)}
    return _write(line, "user_inbound_answered", **fields)


def completed(
    line: Line, agent: Party, place: Place | None, connected_at: datetime | None, ended_at: datetime
) -> bytes:
    """The agent's part ends; `connected_at` is None for a ring that nobody took."""
    fields = _inbound(line, agent) | _durations(line, connected_at, ended_at) | _place(place)
    return _write(line, "user_inbound_completed", **fields)


def summary(
    line: Line, place: Place, agent: Party, connected_at: datetime | None, ended_at: datetime, status: str
) -> bytes:
    """What the queue or ring group says of the visit when the call has ended."""
    name = {f"{place.kind}_name": place.name}
    fields = _inbound(line, agent) | _durations(line, connected_at, ended_at) | name | {"status": status}
    return _write(line, f"{place.kind}_call", **fields)


def dialling(line: Line, agent: Party) -> bytes:
    """The agent calls out."""
    return _write(line, "user_outbound", **_outbound(line, agent))


def dialled_answered(line: Line, agent: Party, connected_at: datetime) -> bytes:
    """The called party picks up."""
    fields = _outbound(line, agent) | {"connected_at": stamp(connected_at)}
    return _write(line, "user_outbound_answered", **fields)


def dialled_completed(line: Line, agent: Party, connected_at: datetime | None, ended_at: datetime) -> bytes:
    """The outbound call ends, answered or not."""
    fields = _outbound(line, agent) | _durations(line, connected_at, ended_at)
    return _write(line, "user_outbound_completed", **fields)


def voicemail(line: Line, recorded_at: datetime) -> bytes:
    """The caller left a message."""
    fields = _recorded(line, recorded_at, "New voicemail") | {"audio_file": [f"voicemail-{line.call}.wav"]}
    return _write(line, "voicemail", **fields)


def recording(line: Line, recorded_at: datetime, dialled_by: Party | None = None) -> bytes:
    """The call's recording is ready; `dialled_by` names the agent of an outbound call."""
    fields = _recorded(line, recorded_at, "Call recording") | {
        "call_recording_link": f"https://pbx.example.org/recordings/{line.call}"
    }
    if dialled_by is None:
        return _write(line, "recording_inbound", **fields)
    fields |= {"user_name": dialled_by.name, "user_number": dialled_by.number}
    return _write(line, "recording_outbound", **fields)


def _inbound(line: Line, agent: Party) -> dict[str, Any]:
    return {
        "caller_id": line.caller_number,
        "caller_name": line.caller_name,
        "user_name": agent.name,
        "user_number": agent.number,
        "dest_number": line.dialled_number,
        "call_start_at": stamp(line.started_at),
    }


def _outbound(line: Line, agent: Party) -> dict[str, Any]:
    return {
        "caller_id": line.caller_number,
        "user_name": agent.name,
        "user_number": agent.number,
        "dest_number": line.dialled_number,
        "call_start_at": stamp(line.started_at),
    }


def _place(place: Place | None) -> dict[str, Any]:
    return {
        "queue_name": place.name if place and place.kind == "queue" else None,
        "ring_group_name": place.name if place and place.kind == "ring_group" else None,
    }


def _durations(line: Line, connected_at: datetime | None, ended_at: datetime) -> dict[str, Any]:
    talk = 0 if connected_at is None else _seconds(connected_at, ended_at)
    return {
        "connected_at": None if connected_at is None else stamp(connected_at),
        "call_duration": _seconds(line.started_at, ended_at),
        "conversation_duration": str(talk),
    }


def _recorded(line: Line, recorded_at: datetime, subject: str) -> dict[str, Any]:
    return {
        "caller_id": line.caller_number,
        "dest_number": line.dialled_number,
        "recorded_at": stamp(recorded_at),
        "emails": MAILBOX,
        "email_subject": subject,
        "email_message": None,
    }


def _seconds(begin: datetime, end: datetime) -> int:
    return round((end - begin).total_seconds())


def _write(line: Line, event: str, **fields: Any) -> bytes:
    spelt = {name: _spelt(value, line.spelling) for name, value in fields.items()}
    present = {name: value for name, value in spelt.items() if value is not Spelling.MISSING}
    return msgspec.json.encode({"type": event, "unique_call_id": line.call, **present})


def _spelt(value: Any, spelling: Spelling) -> Any:
    if value is not None:
        return value
    return {Spelling.NULL: None, Spelling.WORD: "null", Spelling.EMPTY: ""}.get(spelling, spelling)
