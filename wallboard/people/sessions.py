"""Who is signed in, as a fold of the journal's remarks; knows no cookie, no password and no page.

A session is kept as the SHA-256 of its code, so a stolen journal opens none. When it was last seen is known to this
process only. Sessions end after 30 days, when they are closed, and when the account's epoch changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from wallboard.access.visitors import Visitor
from wallboard.people import accounts as kept
from wallboard.people.accounts import Account, Accounts, Hear

OPENED, CLOSED = "session_opened", "session_closed"
LASTS = timedelta(days=30)
MOST_SESSIONS = 30
"""Of one account: with one more, the oldest ends."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """`replaces` is the session that the same browser had before. `by` is the name that is shown."""

    id: str
    name: str
    epoch: str
    browser: str
    by: str
    replaces: str = ""
    address: str | None = None
    is_quiet: bool = False


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """`ids` are the sessions that ended: one by its sign-out, several when somebody signs out everywhere."""

    ids: tuple[str, ...]
    name: str
    by: str
    address: str | None = None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    epoch: str
    browser: str
    opened_at: datetime

    @property
    def until(self) -> datetime:
        return self.opened_at + LASTS

    @property
    def key(self) -> str:
        """What its streams are known by."""
        return f"session:{self.id}"


class Sessions:
    """All sessions by id. `ended` is called with the key of each that ends, so that its streams do."""

    def __init__(self, accounts: Accounts, ended: Callable[[str], None]) -> None:
        self._accounts = accounts
        self._ended = ended
        self._open: dict[str, Session] = {}
        self.seen_at: dict[str, datetime] = {}

    @property
    def remarks(self) -> Mapping[str, Hear]:
        """What the intake is to hand over, after the accounts have heard it."""
        return {
            OPENED: self._hear_opened,
            CLOSED: self._hear_closed,
            kept.SAVED: lambda value, at: self._settle(value["account"]["name"]),
            kept.REMOVED: lambda value, at: self._settle(value["name"]),
        }

    def __len__(self) -> int:
        return len(self._open)

    def get(self, code: str, now: datetime) -> Session | None:
        session = self._open.get(kept.id_of(code))
        return session if session is not None and now < session.until else None

    def of(self, name: str) -> list[Session]:
        """An account's sessions, the newest first."""
        mine = [session for session in self._open.values() if session.name == name]
        return sorted(mine, key=lambda session: session.opened_at, reverse=True)

    def account(self, session: Session) -> Account | None:
        """Whose it is, while it is good."""
        account = self._accounts.get(session.name)
        return account if account is not None and account.epoch == session.epoch else None

    def visitor(self, session: Session) -> Visitor | None:
        if (account := self.account(session)) is None:
            return None
        return Visitor(
            role=account.role,
            key=session.key,
            name=account.shown,
            account=account.name,
            boards=account.boards,
        )

    def sweep(self, now: datetime) -> None:
        """Ends those that are too old."""
        for session in [session for session in self._open.values() if now >= session.until]:
            self._end(session.id)

    def _hear_opened(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, Opened)
        self._end(said.replaces)
        session = Session(id=said.id, name=said.name, epoch=said.epoch, browser=said.browser, opened_at=at)
        if self.account(session) is None:
            return
        self._open[session.id] = session
        for old in self.of(said.name)[MOST_SESSIONS:]:
            self._end(old.id)

    def _hear_closed(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, Closed)
        for session in self.of(said.name):
            if session.id in said.ids:
                self._end(session.id)

    def _settle(self, name: str) -> None:
        for session in self.of(name):
            if self.account(session) is None:
                self._end(session.id)

    def _end(self, id: str) -> None:
        if (session := self._open.pop(id, None)) is not None:
            self.seen_at.pop(id, None)
            self._ended(session.key)
