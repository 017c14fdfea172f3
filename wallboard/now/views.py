"""What the page Now shows, as frozen values; knows no board, no HTML and no browser."""

from __future__ import annotations

from typing import Literal
from zlib import crc32

import msgspec

from wallboard.views import Alarm, Notice


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `lasted` is what the browser ticks on by itself, so it alone makes no row another."""

    lasted: str

    @property
    def version(self) -> str:
        """Rows of one version look the same: the browser leaves them alone."""
        return f"{crc32(msgspec.msgpack.encode(msgspec.structs.replace(self, lasted=''))):x}"


class StepLine(msgspec.Struct, frozen=True):
    """`lasted` is empty while it lasts."""

    time: str
    text: str
    lasted: str
    since_ms: int | None


class CallLine(Line, frozen=True, kw_only=True):
    key: str
    id: str
    address: str
    direction: Literal["inbound", "outbound"]
    state: str
    state_word: str
    since_ms: int
    name: str
    number: str
    dialled: str
    places: str
    agents: str
    alarm: Alarm
    alarm_word: str
    way: str
    steps: tuple[StepLine, ...]


class AgentLine(Line, frozen=True, kw_only=True):
    key: str
    number: str
    name: str
    state: str
    state_word: str
    since_ms: int | None
    with_whom: str
    answered: int
    missed: int
    outbound: int
    talk: str
    talk_ms: int


class PlaceLine(Line, frozen=True, kw_only=True):
    key: str
    name: str
    kind: str
    waiting: int
    ringing: int
    talking: int
    longest_since_ms: int | None
    alarm: Alarm
    alarm_word: str
    offered: int
    answered: int
    abandoned: int
    unanswered: int
    service_level_percent: int | None
    level_word: str
    target: str


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """The whole page. `alarm` is that of the longest wait, `waiting_alarm` of the worst.

    `all_…` count what is there without the filters.
    """

    notice: Notice
    waiting: int
    longest_since_ms: int | None
    longest: str
    alarm: Alarm
    waiting_alarm: Alarm
    talking: int
    busy: int
    idle: int
    callbacks: int
    voicemails_new: int
    calls: tuple[CallLine, ...]
    agents: tuple[AgentLine, ...]
    places: tuple[PlaceLine, ...]
    targets: tuple[str, ...]
    calls_found: int
    all_calls: int
    all_agents: int
    all_places: int
    heard: bool
