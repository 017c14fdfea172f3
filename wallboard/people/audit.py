"""The audit log: who did what, when, about what, from where, as a fold of remarks; knows no page and decides nothing.

It hears the remarks that acts leave anyway, and `audit_noted` for acts that leave none. A note never holds up its
act: it waits in memory until the journal takes it. Of callers it names none.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from wallboard.access.visitors import Role, Visitor
from wallboard.intake import Intake
from wallboard.journal import JournalUnavailable
from wallboard.people import accounts, keys, sessions
from wallboard.remarks import Heed

NOTED, FAILED = "audit_noted", "audit_failed"
KEPT = 2_000
_MOST_PENDING = 1_000
_MOST_FAILED_NAMES = 200
_FAILURES_EVERY = timedelta(minutes=1)
THE_MACHINE = "whoever sat at the machine"
OPERATOR = "the server’s command line"

KINDS = {
    "sign-in": "Signing in and out",
    "account": "Accounts",
    "key": "Keys",
    "tv": "TVs",
    "board": "Boards",
    "mark": "Marks",
    "export": "Exports",
    "other": "Other",
}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing done. `address` is `None` where it is not known."""

    at: datetime
    who: str
    what: str
    about: str = ""
    kind: str = "other"
    address: str | None = None


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    who: str
    what: str
    about: str = ""
    kind: str = "other"
    address: str | None = None


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """Sign-ins that failed within a minute: by account, and how many were for names that nobody has."""

    accounts: dict[str, int]
    strange: int
    addresses: tuple[str, ...]


class Audit:
    """The last 2,000 lines, newest last, and the way to add one."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=KEPT)
        self._pending: deque[Noted] = deque(maxlen=_MOST_PENDING)
        self._failed: Counter[str] = Counter()
        self._failed_from: dict[str, None] = {}
        self._strange = 0
        self._failures_told_at: datetime | None = None
        self._tvs: dict[str, str] = {}  # their names, for remarks that tell the id alone
        self._wakes = asyncio.Event()

    @property
    def remarks(self) -> Mapping[str, Heed]:
        """What the intake is to hand over, by name."""
        return {
            NOTED: self._hear_noted,
            FAILED: self._hear_failed,
            "board_saved": self._hear_board_saved,
            "board_removed": self._hear_board_removed,
            "caller_marked": self._hear_marked,
            **{name: partial(self._hear_tv, what) for name, what in _TV_ACTS.items()},
            accounts.SAVED: self._hear_account_saved,
            accounts.REMOVED: self._hear_account_removed,
            accounts.LINKED: self._hear_linked,
            sessions.OPENED: self._hear_opened,
            sessions.CLOSED: self._hear_closed,
            keys.MADE: self._hear_key_made,
            keys.REVOKED: self._hear_key_revoked,
        }

    def lines(self) -> list[Line]:
        """The newest first."""
        return list(reversed(self._lines))

    def note(
        self, visitor: Visitor, what: str, about: str = "", *, kind: str = "other", address: str | None = None
    ) -> None:
        """`Robin` `exported` `the calls of 2026-11-24 as CSV`. Returns at once and never fails."""
        self._pending.append(Noted(who=name_of(visitor), what=what, about=about[:200], kind=kind, address=address))
        self._wakes.set()

    def failed(self, account: str | None, address: str | None) -> None:
        """Counts a sign-in that failed; what was typed for a name is not kept, for it may be a password."""
        if account is None:
            self._strange += 1
        elif account in self._failed or len(self._failed) < _MOST_FAILED_NAMES:
            self._failed[account] += 1
        if address is not None and len(self._failed_from) < 5:
            self._failed_from[address] = None

    async def run(self, intake: Intake) -> None:
        """Writes what was noted, as soon as the journal takes it."""
        while True:
            await self._wakes.wait()
            self._wakes.clear()
            while self._pending:
                noted = self._pending[0]
                try:
                    await intake.remark(NOTED, msgspec.to_builtins(noted))
                except JournalUnavailable:
                    await asyncio.sleep(1)
                    continue
                if self._pending and self._pending[0] is noted:
                    self._pending.popleft()

    async def tell_failures(self, intake: Intake, now: datetime) -> None:
        """One remark for all that failed since the last, at most once a minute."""
        told_at = self._failures_told_at
        if not (self._failed or self._strange) or (told_at is not None and now - told_at < _FAILURES_EVERY):
            return
        self._failures_told_at = now
        said = Failed(accounts=dict(self._failed), strange=self._strange, addresses=tuple(self._failed_from))
        self._failed.clear()
        self._failed_from.clear()
        self._strange = 0
        with suppress(JournalUnavailable):
            await intake.remark(FAILED, msgspec.to_builtins(said))

    def _add(self, at: datetime, who: str, what: str, about: str, kind: str, address: str | None = None) -> None:
        self._lines.append(Line(at=at, who=who or THE_MACHINE, what=what, about=about, kind=kind, address=address))

    def _hear_noted(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, Noted)
        self._add(at, said.who, said.what, said.about, said.kind, said.address)

    def _hear_failed(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, Failed)
        address = ", ".join(said.addresses) or None
        for name, times in said.accounts.items():
            self._add(at, "somebody", "failed to sign in", f"{name}{_times(times)}", "sign-in", address)
        if said.strange:
            self._add(
                at, "somebody", "failed to sign in", f"names that nobody has{_times(said.strange)}", "sign-in", address
            )

    def _hear_board_saved(self, value: dict[str, Any], at: datetime) -> None:
        self._add(at, value.get("by", ""), "saved the board", value["board"]["name"], "board")

    def _hear_board_removed(self, value: dict[str, Any], at: datetime) -> None:
        self._add(at, value.get("by", ""), "removed the board", value["slug"], "board")

    def _hear_marked(self, value: dict[str, Any], at: datetime) -> None:
        self._add(at, value.get("by", ""), "marked a caller", str(value["mark"]), "mark")

    def _hear_tv(self, what: str, value: dict[str, Any], at: datetime) -> None:
        id = str(value["id"])
        name = self._tvs.get(id, value.get("name", id))
        self._add(at, value.get("by", ""), what, _tv_words(name, value), "tv")
        self._tvs[id] = value.get("name", name)
        while len(self._tvs) > KEPT:
            del self._tvs[next(iter(self._tvs))]

    def _hear_account_saved(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, accounts.Saved)
        if said.why == "rehashed":
            return
        about = f"{said.account.shown} ({said.account.name}, {said.account.role.value})"
        self._add(at, said.by, _ACCOUNT_ACTS[said.why], about, "account", said.address)

    def _hear_account_removed(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, accounts.Removed)
        self._add(at, said.by, "removed the account", said.name, "account", said.address)

    def _hear_linked(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, accounts.Linked)
        self._add(at, said.by, "made a one-time link", said.name or "for an admin’s account", "account", said.address)

    def _hear_opened(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, sessions.Opened)
        if not said.is_quiet:
            self._add(at, said.by, "signed in", said.browser, "sign-in", said.address)

    def _hear_closed(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, sessions.Closed)
        self._add(at, said.by, "signed out", "" if len(said.ids) == 1 else "everywhere", "sign-in", said.address)

    def _hear_key_made(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, keys.Made)
        self._add(at, said.by, "made a key", f"{said.name} ({KEY_WORDS[said.kind]})", "key", said.address)

    def _hear_key_revoked(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, keys.Revoked)
        self._add(at, said.by, "revoked the key", said.name, "key", said.address)


KEY_WORDS = {"api": "for programs", "pbx": "for the PBX"}
_TV_ACTS = {
    "tv_paired": "paired the TV",
    "tv_moved": "moved the TV",
    "tv_renamed": "renamed the TV",
    "tv_revoked": "revoked the TV",
}
_ACCOUNT_ACTS = {
    "made": "made the account",
    "claimed": "made the account of an admin",
    "changed": "changed the account",
    "password": "set a new password",
    "renamed": "changed the name shown",
    "role from the provider": "took over the role from the provider",
}


def name_of(visitor: Visitor) -> str:
    """Who it is, as the audit log has it."""
    if visitor.name:
        return visitor.name
    if visitor.role is Role.OPERATOR:
        return OPERATOR
    return THE_MACHINE if visitor.role is Role.ADMIN else visitor.role.value


def _tv_words(name: str, value: dict[str, Any]) -> str:
    """`Reception, to the board sales`, `Reception, now Lobby`."""
    if "board" in value:
        return f"{name}, to the board {value['board']}"
    return f"{name}, now {value['name']}" if value.get("name", name) != name else name


def _times(count: int) -> str:
    return "" if count == 1 else f", {count} times"
