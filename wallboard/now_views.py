"""What the page Now shows, as frozen values; knows no board, no HTML and no browser."""

from __future__ import annotations

from typing import Literal

import msgspec

from wallboard.views import Alarm, Notice


class StepLine(msgspec.Struct, frozen=True):
    time: str
    text: str
    lasted: str
    since_ms: int | None


class CallLine(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    id: str
    direction: Literal["inbound", "outbound"]
    state: str
    state_word: str
    since_ms: int
    lasted: str
    name: str
    number: str
    dialled: str
    places: str
    agents: str
    alarm: Alarm
    alarm_word: str
    way: str
    steps: tuple[StepLine, ...]


class AgentLine(msgspec.Struct, frozen=True, kw_only=True):
    number: str
    name: str
    state: str
    state_word: str
    since_ms: int | None
    lasted: str
    with_whom: str
    answered: int
    missed: int
    outbound: int
    talk: str
    talk_ms: int


class PlaceLine(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    kind: str
    waiting: int
    ringing: int
    talking: int
    longest_since_ms: int | None
    longest: str
    alarm: Alarm
    alarm_word: str
    offered: int
    answered: int
    abandoned: int
    unanswered: int
    service_level_percent: int | None
    is_low: bool


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """The whole page. `all_…` count what is there without the filters."""

    notice: Notice
    waiting: int
    longest_since_ms: int | None
    longest: str
    alarm: Alarm
    talking: int
    busy: int
    idle: int
    callbacks: int
    voicemails_new: int
    calls: tuple[CallLine, ...]
    agents: tuple[AgentLine, ...]
    places: tuple[PlaceLine, ...]
    calls_found: int
    all_calls: int
    all_agents: int
    all_places: int
    heard: bool
