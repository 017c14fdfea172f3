"""What a screen shows, as small frozen values with stable ids; knows no HTML and no browser.

Instants are milliseconds since the epoch (`_ms`), because the browser ticks from them; `None` means
"not known" and is drawn as a dash. `key` is unique on a board, stable across restarts and safe as an
HTML id. Alarms and masking are decided before a view is made: a template decides neither.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from wallboard.boards.definitions import PanelKind, Theme

Alarm = Literal["calm", "warn", "alarm"]
AgentState = Literal["idle", "ringing", "dialling", "talking"]
CallState = Literal["waiting", "ringing", "talking", "ended"]


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A value that one partial draws. Equal views give equal HTML."""


class Lamp(View, frozen=True, kw_only=True):
    """One link of the chain from the PBX to the wall: `state` for scripts, `text` for people."""

    state: Literal["normal", "quiet", "learning", "nothing", "fine", "mended", "trouble"]
    alarm: Alarm
    text: str


class Footer(View, frozen=True, kw_only=True):
    """The strip at the bottom; clock, data age and the viewer's own link are ticked by the browser."""

    name: str
    message: str
    theme: Theme
    time_zone: str
    utc_offset_seconds: int
    last_event_at_ms: int | None
    presumed_ended: int
    pbx: Lamp
    journal: Lamp


class Notice(View, frozen=True, kw_only=True):
    """One line of bad or first-minute news across the board; nothing is drawn when `text` is empty."""

    alarm: Alarm
    text: str


class Hero(View, frozen=True, kw_only=True):
    """The numbers that are read from six metres, and the day's. `waiting_too_long` of `waiting` are over their limit.

    What cannot be told of a part of the floor is `None`, and not drawn.
    """

    waiting: int
    waiting_too_long: int
    waiting_alarm: Alarm
    longest_wait_since_ms: int | None
    longest_wait_alarm: Alarm
    longest_caller: str
    longest_place: str
    service_level_percent: int | None
    service_level_target_percent: int
    service_level_seconds: int
    service_level_alarm: Alarm
    offered: int | None
    answered: int
    missed: int
    abandoned: int | None
    abandon_alarm: Alarm
    voicemails_today: int | None
    voicemails_new: int | None
    outbound_placed: int | None
    outbound_answered: int | None


class VisitTile(View, frozen=True, kw_only=True):
    """One queue or ring group; `waiting` are all whom nobody has answered yet, `ringing` those of them that ring.

    `alarm` is about who waits now, and fills the tile; the day's figures have alarms of their own.
    """

    key: str
    name: str
    kind: Literal["queue", "ring_group"]
    alarm: Alarm
    alarm_word: str
    waiting: int
    ringing: int
    talking: int
    longest_wait_since_ms: int | None
    service_level_percent: int | None
    service_level_target_percent: int
    service_level_alarm: Alarm
    offered: int
    answered: int
    abandoned: int
    unanswered: int
    abandon_alarm: Alarm
    average_speed_of_answer_seconds: int | None


class AgentTile(View, frozen=True, kw_only=True):
    """One agent: the name, what the phone does and since when."""

    key: str
    number: str
    name: str
    state: AgentState
    since_ms: int | None
    with_whom: str
    answered: int
    missed: int
    outbound: int


class CallRow(View, frozen=True, kw_only=True):
    """One call that rings, talks or has just ended; the caller is masked already, `number` stands beside a name.

    `lasted_seconds` is the talk; of a call that nobody answered, the wait.
    """

    key: str
    id: str
    direction: Literal["inbound", "outbound"]
    state: CallState
    result: str
    caller: str
    number: str
    place: str
    agents: str
    since_ms: int | None
    lasted_seconds: int | None
    voicemail: bool
    longest: bool
    alarm: Alarm


class Title(View, frozen=True, kw_only=True):
    """What stands above a panel's tiles; `hidden` counts the tiles that are not listed, `tally` what the others do."""

    key: str
    text: str
    total: int
    hidden: int
    tally: str = ""


class Panel(View, frozen=True, kw_only=True):
    """A titled group of tiles. Its title is drawn apart, for its numbers change more often than its tiles."""

    key: str
    kind: PanelKind
    title: Title
    empty: str
    tiles: tuple[VisitTile, ...] | tuple[AgentTile, ...] | tuple[CallRow, ...]


class Board(View, frozen=True, kw_only=True):
    """Everything on one screen at one instant, in the order in which it is drawn."""

    slug: str
    sequence: int
    hero: Hero
    panels: tuple[Panel, ...]
    notice: Notice
    footer: Footer
