"""The accounts as a fold of the journal's remarks, and the links that set their passwords; knows no cookie and no page.

An account's `epoch` changes with its password and with what it may do: sessions of another epoch have ended.
A link is kept as the SHA-256 of its code, and is used up by the saving that names it, in whatever process it is made.
The last admin is neither removed nor demoted, but by the OpenID provider, from where another may come. Whoever
deletes old entries must keep these remarks.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from wallboard.access.visitors import Role

SAVED, REMOVED, LINKED = "account_saved", "account_removed", "link_made"
FIRST = ""
"""Instead of a name: the link makes an admin of whoever uses it."""
MOST_ACCOUNTS = 500
Why = Literal["made", "claimed", "changed", "password", "renamed", "rehashed", "role from the provider"]
FROM_PROVIDER: Why = "role from the provider"
Hear = Callable[[dict[str, Any], datetime], None]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is what is typed to sign in, `shown` what others read. `password` is a hash; empty: none is set yet.

    `boards` are the addresses that a viewer is limited to, `None` for all. `subject` is who it is at the OpenID
    provider.
    """

    name: str
    shown: str
    role: Role
    epoch: str
    boards: frozenset[str] | None = None
    password: str = ""
    subject: str = ""


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """`link` is the id of the link that this saving uses up; without it, none was needed."""

    account: Account
    by: str
    why: Why
    link: str = ""
    address: str | None = None


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    by: str
    address: str | None = None


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is the account whose password it sets, or FIRST."""

    id: str
    name: str
    until: datetime
    by: str
    address: str | None = None


class Accounts:
    """All accounts by name."""

    def __init__(self) -> None:
        self._kept: dict[str, Account] = {}
        self._links: dict[str, Linked] = {}

    @property
    def remarks(self) -> Mapping[str, Hear]:
        """What the intake is to hand over, by name."""
        return {SAVED: self._hear_saved, REMOVED: self._hear_removed, LINKED: self._hear_linked}

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, name: str) -> Account | None:
        return self._kept.get(name)

    def all(self) -> list[Account]:
        """By the name that is shown."""
        return sorted(self._kept.values(), key=lambda account: (account.shown.casefold(), account.name))

    def by_subject(self, subject: str) -> Account | None:
        """Whose account it is at the OpenID provider."""
        return next((account for account in self._kept.values() if subject and account.subject == subject), None)

    def is_shown(self, shown: str, but: str) -> bool:
        """Whether somebody else than the account `but` goes by this name: marks would not tell them apart."""
        return any(
            account.shown.casefold() == shown.casefold() for account in self._kept.values() if account.name != but
        )

    def is_last_admin(self, name: str) -> bool:
        account = self._kept.get(name)
        return account is not None and account.role is Role.ADMIN and self._admins() == 1

    def link(self, code: str, now: datetime) -> Linked | None:
        """The link that has this code, if it can still be used."""
        id = id_of(code)
        return next((link for link in self._links.values() if link.id == id and now < link.until), None)

    def open_link(self, name: str, now: datetime) -> Linked | None:
        """The link that can set this account's password, if there is one that can still be used."""
        link = self._links.get(name)
        return link if link is not None and now < link.until else None

    def _admins(self) -> int:
        return sum(account.role is Role.ADMIN for account in self._kept.values())

    def _hear_saved(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, Saved)
        account = said.account
        if said.link and not self._use(said.link, at):
            return
        is_by_hand = said.why != FROM_PROVIDER
        if is_by_hand and account.role is not Role.ADMIN and self.is_last_admin(account.name):
            return
        if account.name in self._kept or len(self._kept) < MOST_ACCOUNTS:
            self._kept[account.name] = account

    def _hear_removed(self, value: dict[str, Any], at: datetime) -> None:
        said = msgspec.convert(value, Removed)
        if self.is_last_admin(said.name):
            return
        self._kept.pop(said.name, None)
        self._links.pop(said.name, None)

    def _hear_linked(self, value: dict[str, Any], at: datetime) -> None:
        """A new link takes the place of the one before."""
        said = msgspec.convert(value, Linked)
        if said.name == FIRST or said.name in self._kept:
            self._links[said.name] = said

    def _use(self, id: str, at: datetime) -> bool:
        for name, link in self._links.items():
            if link.id == id:
                del self._links[name]
                return at < link.until
        return False


def new_code() -> str:
    """256 bits that nobody can guess, for a link or a session."""
    return secrets.token_urlsafe(32)


def id_of(code: str) -> str:
    """As it is kept: who reads the journal cannot use it."""
    return hashlib.sha256(code.encode("utf-8", "replace")).hexdigest()


def new_epoch() -> str:
    return secrets.token_hex(8)
