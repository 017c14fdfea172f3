"""The bodies that nearly all are, typed and read at once; knows no older dialect and nothing odd, but when to pass.

What this makes of a body is what `fields` would make of it, or nothing: then `fields` reads it name by name.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any

import msgspec

from wallboard.bodies import Body, fingerprint
from wallboard.events import Answered, Completed, Direction, Rang, Summarised
from wallboard.fields import LONGEST_TEXT, OLD_NAMES, clean, is_near, milliseconds, moment, places

_MOST_KEPT = 8_192
_OLD = frozenset(OLD_NAMES.values())
_OFFERS: dict[str, tuple[Direction, type[Rang | Answered | Completed]]] = {
    "user_inbound": ("inbound", Rang),
    "user_inbound_answered": ("inbound", Answered),
    "user_inbound_completed": ("inbound", Completed),
    "user_outbound": ("outbound", Rang),
    "user_outbound_answered": ("outbound", Answered),
    "user_outbound_completed": ("outbound", Completed),
}


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


class _Texts(dict[str | None, str | None]):
    """Texts as they came -> cleaned. A call's events come close together and say much the same: they share it."""

    def __missing__(self, text: str | None) -> str | None:
        line = None if text is None else clean(text)
        if text is None or len(text) <= LONGEST_TEXT:
            if len(self) >= _MOST_KEPT:
                self.clear()
            self[text] = line
        return line


class _Instants(dict[str | None, datetime | None]):
    """Times as they came -> in UTC; `zone` is that of a text without one."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def __missing__(self, text: str | None) -> datetime | None:
        line = _TEXTS[text]
        at = None if line is None else moment(line, self._zone)
        if text is None or len(text) <= LONGEST_TEXT:
            if len(self) >= _MOST_KEPT:
                self.clear()
            self[text] = at
        return at


_TEXTS = _Texts()
_instants = lru_cache(maxsize=8)(_Instants)


def read(kind: str, body: Body, zone: tzinfo, received_at: datetime) -> Rang | Answered | Completed | Summarised | None:
    """The event, or `None` for whatever is to be read with more patience."""
    offer = _OFFERS.get(kind)
    if (offer is None and kind not in ("queue_call", "ring_group_call")) or not _OLD.isdisjoint(body):
        return None
    try:
        told = msgspec.convert(body, _Body)
    except msgspec.ValidationError:
        return None
    common = _common(told, zone, received_at)
    if common["call_id"] is None:
        return None
    common["fingerprint"] = fingerprint(body)
    return _summary(kind, told, common, zone) if offer is None else _offer(*offer, told, common, zone)


def _common(told: _Body, zone: tzinfo, received_at: datetime) -> dict[str, Any]:
    started_at = _instants(zone)[told.call_start_at]
    return {
        "call_id": _TEXTS[told.unique_call_id],
        "received_at": received_at,
        "call_started_at": started_at if started_at is None or is_near(started_at, received_at) else None,
        "caller_number": _TEXTS[told.caller_id],
        "caller_name": _TEXTS[told.caller_name],
        "dialled_number": _TEXTS[told.dest_number],
    }


def _offer(
    direction: Direction, make: type[Rang | Answered | Completed], told: _Body, common: dict[str, Any], zone: tzinfo
) -> Rang | Answered | Completed | None:
    name = _TEXTS[told.user_name]
    agent = _TEXTS[told.user_number] or name
    if agent is None:
        return None
    common["direction"], common["agent"], common["agent_name"] = direction, agent, name
    if direction == "inbound":
        common["places"] = places(_TEXTS[told.queue_name], _TEXTS[told.ring_group_name])
    if make is Answered:
        common["connected_at"] = _connected_at(told, common, zone)
    elif make is Completed:
        _end(told, common, zone)
    return make(**common)


def _summary(kind: str, told: _Body, common: dict[str, Any], zone: tzinfo) -> Summarised | None:
    queue, group = _TEXTS[told.queue_name], _TEXTS[told.ring_group_name]
    its = places(queue, None) if kind == "queue_call" else places(None, group)
    if not its:
        return None
    status, name = _TEXTS[told.status], _TEXTS[told.user_name]
    _end(told, common, zone)
    return Summarised(
        **common,
        place=its[0],
        agent=_TEXTS[told.user_number] or name,
        agent_name=name,
        status=status.lower() if status else None,
    )


def _end(told: _Body, common: dict[str, Any], zone: tzinfo) -> None:
    common["connected_at"] = _connected_at(told, common, zone)
    common["call_duration_ms"] = milliseconds(told.call_duration)
    common["talk_ms"] = milliseconds(told.conversation_duration)


def _connected_at(told: _Body, common: dict[str, Any], zone: tzinfo) -> datetime | None:
    at = _instants(zone)[told.connected_at]
    return at if at is None or is_near(at, common["received_at"]) else None
