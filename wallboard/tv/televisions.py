"""The screens that show boards: what each last said of itself and what it is asked to do; knows no HTTP, no page.

A television tells of itself every 20 s, to whichever process it comes; all of that is in memory only, as it is told
anew within seconds of a restart. A paired one has its id and its name from its pairing; that of another is kept by the
television itself and comes back with its reports. Other processes are told of reports apart from commands, so that
neither takes the other's place.
"""

from __future__ import annotations

import secrets
import time
import unicodedata
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec.structs import replace

from wallboard.allowances import Allowances
from wallboard.commons import Commons
from wallboard.tv.engines import engine_of, platform_of
from wallboard.tv.orders import Command, Order, Orders

LOST_AFTER_SECONDS = 60.0
CLOSED_KEPT_SECONDS = 600.0
KEPT_SECONDS = 86_400.0
"""For how long a process that starts anew is told of a television that is silent."""
MOST = 1_000
LONGEST_NAME = 60
_BURST, _PER_SECOND = 6.0, 0.5  # reports of one television
_BURST_OF_ALL, _PER_SECOND_OF_ALL = 2_000.0, 200.0
_ALL = "all"
_KIND = "tv"

Alarm = Literal["calm", "warn", "alarm"]
RANK: dict[Alarm, int] = {"alarm": 0, "warn": 1, "calm": 2}
Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")]
Word = Annotated[str, msgspec.Meta(max_length=40)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Milliseconds = Annotated[int, msgspec.Meta(ge=-(10**13), le=10**13)]


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What /diag found. `stream` is `held_back` if events came in bursts, `swallowed` if only polling works."""

    verdict: Literal["fit", "unfit"]
    missing: Annotated[tuple[Word, ...], msgspec.Meta(max_length=40)] = ()
    stream: Literal["live", "held_back", "swallowed", "refused"]
    first_tiles_ms: Count | None = None
    heartbeat_ms: Count | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a television says of itself. `page` names one load of the page, `board` is empty on /diag.

    `clock_offset_ms` is its own clock less the server's; sizes are CSS pixels.
    """

    page: Word
    board: Word = ""
    build: Word = ""
    name: Annotated[str, msgspec.Meta(max_length=200)] = ""
    agent: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    width: Count = 0
    height: Count = 0
    pixel_ratio: Annotated[float, msgspec.Meta(ge=0, le=100)] = 1.0
    features: Annotated[tuple[Word, ...], msgspec.Meta(max_length=40)] = ()
    clock_offset_ms: Milliseconds | None = None
    link: Literal["live", "stale", "closed"] = "stale"
    transport: Literal["stream", "poll", ""] = ""
    reconnects: Count = 0
    heartbeat_age_ms: Count | None = None
    missing_fragments: Count = 0
    errors: Count = 0
    last_error: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    wake_lock: Literal["held", "refused", "absent"] = "absent"
    sound: Literal["off", "ready", "blocked", "absent"] = "off"
    diagnosis: Diagnosis | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a television is told when it has reported. A paired one has another `id` here, and a board as its `home`."""

    name: str
    engine: str
    commands: tuple[Command, ...]
    id: str = ""
    home: str = ""


class Television(msgspec.Struct, frozen=True, kw_only=True):
    """One screen as it last was heard, at `heard_at` on the steady clock of `Televisions`."""

    id: str
    report: Report
    heard_at: float
    name: str
    diagnosis: Diagnosis | None = None

    @property
    def shown_name(self) -> str:
        return self.name or self.id

    @property
    def engine(self) -> str:
        return engine_of(self.report.agent)

    @property
    def platform(self) -> str:
        return platform_of(self.report.agent)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list: how a television is, in a word, and how urgent that is."""

    tv: Television
    heard_seconds: int
    alarm: Alarm
    word: str
    is_lost: bool
    asked: tuple[Order, ...]


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """A television as other processes are told of it."""

    report: Report
    name: str
    diagnosis: Diagnosis | None


class TooMany(Exception):
    """Reports come faster than any screen of ours sends them."""


class Televisions:
    """At most `MOST`; the one that has been silent for longest is forgotten for a new one."""

    def __init__(
        self,
        steady: Callable[[], float] = time.monotonic,
        commons: Commons | None = None,
        relay: Callable[[Command], None] = lambda command: None,
    ) -> None:
        """`relay` sends a command that was given in another process by the streams of this one."""
        self._steady = steady
        self._commons = commons or Commons()
        self._commons.hear(_KIND, self._take)
        self._orders = Orders(steady, self._commons, self._heed, relay)
        self._all: dict[str, Television] = {}  # the longest silent first
        self._of_each = Allowances(_BURST, _PER_SECOND, steady)
        self._of_all = Allowances(_BURST_OF_ALL, _PER_SECOND_OF_ALL, steady)

    def __len__(self) -> int:
        return len(self._all)

    def get(self, id: str) -> Television | None:
        return self._all.get(id)

    def report(self, id: str, report: Report, *, given_name: str = "", home: str = "") -> Answer:
        """Keeps what a television says of itself; `TooMany` if it says so too often.

        `given_name` and `home` are those of a paired one.
        """
        self._allow(id)
        report = replace(
            report, name=tidy(report.name), agent=tidy(report.agent, 300), last_error=tidy(report.last_error, 200)
        )
        before = self._all.pop(id, None)
        name = given_name or (before.name if before is not None and before.name != "" else report.name)
        tv = self._all[id] = Television(
            id=id,
            report=report,
            heard_at=self._steady(),
            name=name,
            diagnosis=report.diagnosis or (before.diagnosis if before else None),
        )
        self._tell(tv)
        self._forget_the_oldest()
        commands = self._orders.hand_out(id, report.page)
        return Answer(name=name, engine=engine_of(report.agent), commands=commands, id=id, home=home)

    def order(self, id: str, do: Order, name: str = "") -> Command | None:
        """A command for the load of the page that reported last; None if there is no such television."""
        tv = self._all.get(id)
        if tv is None:
            return None
        command = Command(id=secrets.token_hex(6), tv=id, do=do, page=tv.report.page, name=name)
        self._orders.give(command)
        return command

    def rename(self, id: str, name: str) -> Command | None:
        """A new name, which the television keeps; None without a name or a television."""
        name = tidy(name)
        return self.order(id, "rename", name) if name else None

    def forget(self, id: str) -> None:
        """Out of every process's list, until it reports again."""
        self._let_go(id)
        self._commons.tell(_KIND, id, None, LOST_AFTER_SECONDS)

    def standings(self, build: str) -> tuple[Standing, ...]:
        """All of them, those that need somebody first."""
        now = self._steady()
        for id in [id for id, tv in self._all.items() if _is_long_closed(tv, now)]:
            self._let_go(id)
        found = [standing(tv, now, build, self._orders.asked(tv.id)) for tv in self._all.values()]
        return tuple(sorted(found, key=lambda one: (RANK[one.alarm], one.tv.shown_name.casefold(), one.tv.id)))

    def standing(self, id: str, build: str) -> Standing | None:
        tv = self._all.get(id)
        return None if tv is None else standing(tv, self._steady(), build, self._orders.asked(id))

    def _allow(self, id: str) -> None:
        if not (self._of_each.has(id) and self._of_all.spend(_ALL)):
            raise TooMany
        self._of_each.take(id)

    def _forget_the_oldest(self) -> None:
        while len(self._all) > MOST:
            self._let_go(next(iter(self._all)))

    def _let_go(self, id: str) -> None:
        self._all.pop(id, None)
        self._orders.forget(id)
        self._of_each.forget(id)

    def _heed(self, command: Command) -> None:
        if command.do == "rename" and command.tv in self._all:
            self._all[command.tv] = replace(self._all[command.tv], name=command.name)

    # --- other processes

    def _tell(self, tv: Television) -> None:
        said = _Said(report=tv.report, name=tv.name, diagnosis=tv.diagnosis)
        self._commons.tell(_KIND, tv.id, msgspec.json.encode(said), KEPT_SECONDS)

    def _take(self, id: str, value: bytes | None, ago: float) -> None:
        heard_at = self._steady() - ago
        if value is None:
            self._let_go(id)
            return
        known = self._all.get(id)
        if known is not None and known.heard_at > heard_at:
            return
        said = msgspec.json.decode(value, type=_Said)
        self._all.pop(id, None)
        name = self._orders.name_of(id) or said.name
        self._all[id] = Television(id=id, report=said.report, heard_at=heard_at, name=name, diagnosis=said.diagnosis)
        self._forget_the_oldest()


def standing(tv: Television, now: float, build: str, asked: tuple[Order, ...] = ()) -> Standing:
    """How it is with one television, for a server that runs `build`."""
    silent_seconds = now - tv.heard_at
    alarm, word = _said(tv, silent_seconds, build)
    return Standing(
        tv=tv,
        heard_seconds=int(silent_seconds),
        alarm=alarm,
        word=word,
        is_lost=word == "Lost",
        asked=asked,
    )


def tidy(text: str, most: int = LONGEST_NAME) -> str:
    """One line without control and direction characters, of at most `most` characters."""
    plain = "".join(" " if unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp", "Cs") else sign for sign in text)
    return " ".join(plain.split())[:most].rstrip()


def _said(tv: Television, silent_seconds: float, build: str) -> tuple[Alarm, str]:
    report = tv.report
    if report.link == "closed":
        return "calm", "Closed"
    if silent_seconds > LOST_AFTER_SECONDS:
        return "alarm", "Lost"
    if report.link == "stale":
        return "warn", "Not live"
    if report.board and report.build.partition(".")[0] != build:  # what follows is the layout of its board
        return "warn", "Old version"
    if report.transport == "poll":
        return "warn", "Live, by polling"
    return "calm", "Live"


def _is_long_closed(tv: Television, now: float) -> bool:
    return tv.report.link == "closed" and now - tv.heard_at > CLOSED_KEPT_SECONDS
