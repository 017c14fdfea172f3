"""One body's fields under today's names, read into our own values; knows no event and no order of things.

Rules: pbx-webhooks.md ("Traps" and the older dialect). What cannot be read is `None`, never an error.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Literal

from wallboard.bodies import Body
from wallboard.events import Direction, Place

LONGEST_TEXT = 200
LONGEST_DURATION_MS = 366 * 86_400_000
# A time further from its arrival is no time of this event: a clock gone wrong, or a wrong century.
LONGEST_AGO = timedelta(days=400)
LONGEST_AHEAD = timedelta(days=1)

# The older dialect's names, accepted on any event (pbx-webhooks.md, last table).
_OLD_TYPES = {"inbound_call_to_user": "user_inbound"}
OLD_NAMES = {
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


def clean(text: str) -> str | None:
    """One line of at most 200 characters without control and bidi characters; `None` where nothing is left."""
    if text.isascii() and text.isprintable():  # nearly always, and most of the work
        line = text.strip()
        if "  " in line or len(line) > LONGEST_TEXT:
            line = " ".join(line.split())[:LONGEST_TEXT].rstrip()
    else:
        line = " ".join(text.translate(_INVISIBLE).split())[:LONGEST_TEXT].rstrip()
    return line if line and (len(line) != 4 or line.lower() != "null") else None


# The events of one call come close together, and say much the same; so they also share what they say.
_cleaned = lru_cache(maxsize=4096)(clean)


def moment(text: str, zone: tzinfo) -> datetime | None:
    """In UTC; `zone` is that of a text without one."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            at = at.replace(tzinfo=zone)
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


_moment = lru_cache(maxsize=4096)(moment)


def milliseconds(value: object) -> int | None:
    """A duration that came in seconds, as a number or a numeric string."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        duration = round(float(value) * 1000)
    except (ValueError, OverflowError):
        return None
    return duration if 0 <= duration <= LONGEST_DURATION_MS else None


@lru_cache(maxsize=1024)
def _place(kind: Literal["queue", "ring_group"], name: str) -> Place:
    return Place(kind, name)


@lru_cache(maxsize=1024)
def places(queue: str | None, group: str | None) -> tuple[Place, ...]:
    """The visits that an event is about; the queue first."""
    its = _place("queue", queue) if queue is not None else None
    of_group = _place("ring_group", group) if group is not None else None
    return tuple(place for place in (its, of_group) if place is not None)


class Fields:
    """One body's fields under today's names, each absent (`None`) in all the ways the PBX says so."""

    __slots__ = ("_body", "_received_at", "_zone")

    def __init__(self, body: Body, zone: tzinfo, received_at: datetime) -> None:
        self._body = body
        self._zone = zone
        self._received_at = received_at

    def _value(self, name: str) -> object:
        value = self._body.get(name)
        if value is None or value == "" or value == "null":
            old = OLD_NAMES.get(name)
            value = self._body.get(old) if old else None
        return value

    def text(self, name: str) -> str | None:
        """Cleaned of control and bidi characters, one line, at most 200 characters."""
        value = self._body.get(name)
        if not value or value == "null":
            value = self._value(name)
        if isinstance(value, str):
            return _cleaned(value) if len(value) <= LONGEST_TEXT else clean(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return None

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
        at = _moment(text, self._zone)
        return at if at is None or -LONGEST_AHEAD <= self._received_at - at <= LONGEST_AGO else None

    def milliseconds(self, name: str) -> int | None:
        """A duration that came in seconds, as a number or a numeric string."""
        return milliseconds(self._value(name))

    def agent(self) -> str | None:
        return self.text("user_number") or self.text("user_name")

    def places(self) -> tuple[Place, ...]:
        return places(self.text("queue_name"), self.text("ring_group_name"))

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
        offer = self.common(received_at, mark)
        offer["direction"] = direction
        offer["agent"] = agent
        offer["agent_name"] = self.text("user_name")
        offer["places"] = self.places() if direction == "inbound" else ()
        return offer

    def end(self) -> dict[str, Any]:
        return {
            "connected_at": self.instant("connected_at"),
            "call_duration_ms": self.milliseconds("call_duration"),
            "talk_ms": self.milliseconds("conversation_duration"),
        }
