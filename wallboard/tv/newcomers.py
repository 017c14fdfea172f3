"""Screens that wait to be paired, each with its short code; knows no HTTP, no board and nothing of who pairs.

In the memory of all processes only: after a restart a screen asks again, and shows another code. A code is eight of 22
signs that do not look alike from afar: 22^8 is 5.5e10. Somebody who guesses, at one guess in ten seconds, finds one of
a thousand waiting screens in 17 years, and has then but given a board of theirs to a screen that they do not see.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from wallboard.access.origins import network_of
from wallboard.commons import Commons

SIGNS = "CDFGHJKMNPQRTVWXY34679"
"""No vowels, so that no word comes out; of 0 O, 1 I L, 2 Z, 5 S, 8 B, U V at most one."""
LENGTH = 8
CODE_SECONDS = 600.0
READ_SECONDS = 300.0
"""A code that somebody has typed stays for as long as it takes to say the board and a name."""
SILENT_SECONDS = 90.0
MOST = 1_000
MOST_OF_ADDRESS = 100
_KIND = "newcomer"


class Crowded(Exception):
    """No more screens can wait, from this address or at all."""


class Newcomer(msgspec.Struct, frozen=True, kw_only=True):
    """One screen that waits. `key` is its key's digest; instants are those of a steady clock; sizes CSS pixels."""

    key: str
    code: str
    code_until: float
    since: float
    heard_at: float
    address: str
    agent: str
    width: int
    height: int
    origin: str


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """A newcomer as other processes are told of it: no two of them have the same steady clock."""

    code: str
    code_seconds: float
    waited_seconds: float
    address: str
    agent: str
    width: int
    height: int
    origin: str


class Newcomers:
    """At most `MOST`, of one address `MOST_OF_ADDRESS`; one that has not asked for long is forgotten."""

    def __init__(self, steady: Callable[[], float] = time.monotonic, commons: Commons | None = None) -> None:
        self._steady = steady
        self._commons = commons or Commons()
        self._commons.hear(_KIND, self._take)
        self._all: dict[str, Newcomer] = {}
        self._keys: dict[str, str] = {}  # by code

    def __len__(self) -> int:
        return len(self._all)

    def knock(self, key: str, *, address: str, agent: str, width: int, height: int, origin: str) -> Newcomer:
        """Lets a screen wait; Crowded if there is no place."""
        now = self._steady()
        self._forget_silent(now)
        known = self._all.get(key)
        if known is None:
            self._require_place(address)
        since = now if known is None else known.since
        code = self._new_code() if known is None else known.code
        until = now + CODE_SECONDS if known is None else known.code_until
        newcomer = Newcomer(
            key=key, code=code, code_until=until, since=since, heard_at=now,
            address=address, agent=agent, width=width, height=height, origin=origin,
        )  # fmt: skip
        return self._fresh(newcomer, now)

    def ask(self, key: str) -> Newcomer | None:
        """The screen that asks whether it is paired by now, with a new code where the old one is over."""
        newcomer = self._all.get(key)
        return None if newcomer is None else self._fresh(newcomer, self._steady())

    def find(self, typed: str) -> Newcomer | None:
        """The screen that shows the code which somebody typed; spaces, dashes and case do not matter."""
        now = self._steady()
        newcomer = self._all.get(self._keys.get(plain(typed), ""))
        if newcomer is None or newcomer.code_until <= now or now - newcomer.heard_at > SILENT_SECONDS:
            return None
        newcomer = replace(newcomer, code_until=max(newcomer.code_until, now + READ_SECONDS))
        self._keep(newcomer)
        self._tell(newcomer, now)
        return newcomer

    async def look_elsewhere(self) -> None:
        """Hears of the screens that have knocked at another process a moment ago."""
        await self._commons.refresh()

    async def settle(self) -> None:
        """When this returns, other processes can know of what was done here."""
        await self._commons.settle()

    def leave(self, key: str) -> None:
        """It is paired, of which every process hears by itself; or gone."""
        if (newcomer := self._all.pop(key, None)) is not None:
            self._keys.pop(newcomer.code, None)

    def waited_seconds(self, newcomer: Newcomer) -> int:
        return int(self._steady() - newcomer.since)

    def code_seconds(self, newcomer: Newcomer) -> int:
        """For how long its code is still good."""
        return max(0, int(newcomer.code_until - self._steady()))

    def _fresh(self, newcomer: Newcomer, now: float) -> Newcomer:
        newcomer = replace(newcomer, heard_at=now)
        if newcomer.code_until <= now:
            newcomer = replace(newcomer, code=self._new_code(), code_until=now + CODE_SECONDS)
        self._keep(newcomer)
        self._tell(newcomer, now)
        return newcomer

    def _keep(self, newcomer: Newcomer) -> None:
        self.leave(newcomer.key)
        self._all[newcomer.key] = newcomer
        self._keys[newcomer.code] = newcomer.key

    def _tell(self, one: Newcomer, now: float) -> None:
        said = _Said(
            code=one.code, code_seconds=one.code_until - now, waited_seconds=now - one.since,
            address=one.address, agent=one.agent, width=one.width, height=one.height, origin=one.origin,
        )  # fmt: skip
        self._commons.tell(_KIND, one.key, msgspec.json.encode(said), SILENT_SECONDS)

    def _take(self, key: str, value: bytes | None, ago: float) -> None:
        """What another process has heard of a screen. A code that somebody has typed here is not cut short."""
        said, told_at = msgspec.json.decode(value or b"", type=_Said), self._steady() - ago
        known = self._all.get(key)
        if len(self._all) >= MOST and known is None:
            return
        until = told_at + said.code_seconds
        if known is not None and known.code == said.code:
            until = max(until, known.code_until)
        self._keep(Newcomer(
            key=key, code=said.code, code_until=until, since=told_at - said.waited_seconds, heard_at=told_at,
            address=said.address, agent=said.agent, width=said.width, height=said.height, origin=said.origin,
        ))  # fmt: skip

    def _new_code(self) -> str:
        while (code := "".join(secrets.choice(SIGNS) for _ in range(LENGTH))) in self._keys:
            continue
        return code

    def _require_place(self, address: str) -> None:
        place = network_of(address)
        of_address = sum(network_of(one.address) == place for one in self._all.values())
        if len(self._all) >= MOST or of_address >= MOST_OF_ADDRESS:
            raise Crowded

    def _forget_silent(self, now: float) -> None:
        for key in [key for key, one in self._all.items() if now - one.heard_at > SILENT_SECONDS]:
            self.leave(key)


def plain(typed: str) -> str:
    """What was typed, as a code is written; empty if it cannot be one."""
    code = "".join(sign for sign in typed.upper() if sign.isalnum())
    return code if len(code) == LENGTH and set(code) <= set(SIGNS) else ""


def grouped(code: str) -> str:
    """As it is shown: two groups of four."""
    return f"{code[: LENGTH // 2]} {code[LENGTH // 2 :]}"
