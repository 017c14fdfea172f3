"""The bodies that nearly all are, typed and read at once; knows no older dialect and nothing odd, but when to pass.

What this makes of a body is what `fields` would make of it, or nothing: then `fields` reads it name by name.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from wallboard.bodies import Body, fingerprint
from wallboard.events import Answered, Completed, Direction, Rang, Summarised
from wallboard.fields import LONGEST_AGO, LONGEST_AHEAD, LONGEST_TEXT, OLD_NAMES, clean, milliseconds, moment, places

_MOST_KEPT = 8_192
_OLD = frozenset(OLD_NAMES.values())
_Read = TypeVar("_Read")


class _Body(msgspec.Struct):
    """Every field as the PBX documents it; a body with any other type in one of them is not plain."""

    unique_call_id: str
    call_start_at: str | None = None
    caller_id: str | None = None
    caller_name: str | None = None
    dest_number: str | None = None
    queue_name: str | None = None
    ring_group_name: str | None = None
    user_number: str | None = None
    user_name: str | None = None
    status: str | None = None
    connected_at: str | None = None
    call_duration: int | float | str | None = None
    conversation_duration: int | float | str | None = None


class _Kept(dict[str | None, _Read]):
    """Texts as they came -> as they are read. A call's events come close together, say much the same, and share it."""

    def keep(self, text: str | None, read: _Read) -> _Read:
        """Never more than 8,192, and none of a length that only a stranger would send."""
        if text is None or len(text) <= LONGEST_TEXT:
            if len(self) >= _MOST_KEPT:
                self.clear()
            self[text] = read
        return read


class _Texts(_Kept[str | None]):
    """Cleaned."""

    def __missing__(self, text: str | None) -> str | None:
        return self.keep(text, None if text is None else clean(text))


class _Instants(_Kept[datetime | None]):
    """In UTC; `zone` is that of a text without one."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def __missing__(self, text: str | None) -> datetime | None:
        line = None if text is None else clean(text)
        return self.keep(text, None if line is None else moment(line, self._zone))

    def near(self, text: str | None, received_at: datetime) -> datetime | None:
        at = self[text]
        return at if at is None or -LONGEST_AHEAD <= received_at - at <= LONGEST_AGO else None


_TEXTS = _Texts()
_instants = lru_cache(maxsize=8)(_Instants)


def read(kind: str, body: Body, zone: tzinfo, received_at: datetime) -> _Event | None:
    """The event, or `None` for whatever is to be read with more patience."""
    make = _MAKERS.get(kind)
    if make is None or not _OLD.isdisjoint(body):
        return None
    try:
        told = msgspec.convert(body, _Body)
    except msgspec.ValidationError:
        return None
    if _TEXTS[told.unique_call_id] is None:
        return None
    return make(told, _instants(zone), received_at, fingerprint(body))


_Event = Rang | Answered | Completed | Summarised
_Maker = Callable[[_Body, _Instants, datetime, int], _Event | None]
"""Each names what all events have by itself: a dict of that, made once for all of them, takes 8 % longer to read."""


def _offer(direction: Direction, cls: type[Rang | Answered | Completed]) -> _Maker:
    def make(told: _Body, instants: _Instants, received_at: datetime, mark: int) -> _Event | None:
        text = _TEXTS
        name = text[told.user_name]
        agent = text[told.user_number] or name
        if agent is None:
            return None
        rest: dict[str, Any] = {} if cls is Rang else {"connected_at": instants.near(told.connected_at, received_at)}
        if cls is Completed:
            rest |= _length(told)
        return cls(
            call_id=text[told.unique_call_id],  # type: ignore[arg-type]
            received_at=received_at,
            fingerprint=mark,
            call_started_at=instants.near(told.call_start_at, received_at),
            caller_number=text[told.caller_id],
            caller_name=text[told.caller_name],
            dialled_number=text[told.dest_number],
            direction=direction,
            agent=agent,
            agent_name=name,
            places=places(text[told.queue_name], text[told.ring_group_name]) if direction == "inbound" else (),
            **rest,
        )

    return make


def _summary(kind: str) -> _Maker:
    def make(told: _Body, instants: _Instants, received_at: datetime, mark: int) -> _Event | None:
        text = _TEXTS
        its = places(text[told.queue_name], None) if kind == "queue" else places(None, text[told.ring_group_name])
        if not its:
            return None
        status, name = text[told.status], text[told.user_name]
        return Summarised(
            call_id=text[told.unique_call_id],  # type: ignore[arg-type]
            received_at=received_at,
            fingerprint=mark,
            call_started_at=instants.near(told.call_start_at, received_at),
            caller_number=text[told.caller_id],
            caller_name=text[told.caller_name],
            dialled_number=text[told.dest_number],
            place=its[0],
            agent=text[told.user_number] or name,
            agent_name=name,
            status=status.lower() if status else None,
            connected_at=instants.near(told.connected_at, received_at),
            **_length(told),
        )

    return make


def _length(told: _Body) -> dict[str, Any]:
    return {
        "call_duration_ms": milliseconds(told.call_duration),
        "talk_ms": milliseconds(told.conversation_duration),
    }


_MAKERS: dict[str, _Maker] = {
    "user_inbound": _offer("inbound", Rang),
    "user_inbound_answered": _offer("inbound", Answered),
    "user_inbound_completed": _offer("inbound", Completed),
    "user_outbound": _offer("outbound", Rang),
    "user_outbound_answered": _offer("outbound", Answered),
    "user_outbound_completed": _offer("outbound", Completed),
    "queue_call": _summary("queue"),
    "ring_group_call": _summary("ring_group"),
}
