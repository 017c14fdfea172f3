"""Everything that is done with accounts, sessions and keys: a remark first, then the folds say it; knows no HTTP.

Every method that writes may raise JournalUnavailable, and then nothing was done.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import Any

import msgspec

from wallboard.access.visitors import Role, Visitor
from wallboard.clock import Clock
from wallboard.intake import Intake
from wallboard.people import accounts, keys, names, sessions
from wallboard.people.accounts import (
    FIRST,
    FROM_PROVIDER,
    MOST_ACCOUNTS,
    Account,
    Linked,
    Why,
    id_of,
    new_code,
    new_epoch,
)
from wallboard.people.attempts import Attempts, Try
from wallboard.people.audit import OPERATOR, name_of
from wallboard.people.folds import People
from wallboard.people.hashing import Hashing
from wallboard.people.keys import MOST_KEYS, Kind
from wallboard.people.names import Unfit
from wallboard.people.provider import Person
from wallboard.people.sessions import Session

FIRST_LINK_LASTS, LINK_LASTS = timedelta(hours=24), timedelta(hours=72)


class TooOften(Exception):
    """A password was tried too often; `seconds` until the next may be."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class WrongPassword(Exception):
    """The name or the password is wrong; which of them is not told."""


class Asker(msgspec.Struct, frozen=True, kw_only=True):
    """Who does it, and from where."""

    visitor: Visitor
    address: str | None
    browser: str = ""

    @property
    def name(self) -> str:
        return name_of(self.visitor)


class Reception:
    """The one place that writes the remarks of accounts, sessions and keys."""

    def __init__(self, people: People, intake: Intake, clock: Clock, attempts: Attempts) -> None:
        self._intake = intake
        self._clock = clock
        self.accounts = people.accounts
        self.sessions = people.sessions
        self.keys = people.keys
        self.audit = people.audit
        self._secret = people.secret
        self._attempts = attempts
        self._hashing = Hashing()
        self._changing = asyncio.Lock()  # an account is read, changed and saved by one at a time

    # --- signing in and out

    def account_name(self, typed: str) -> str:
        """The name that an account would have."""
        return names.folded(typed)

    def session(self, code: str) -> Session | None:
        return self.sessions.get(code, self._clock.now())

    async def sign_in(self, name: str, password: str, asker: Asker, device: str, old: str) -> str:
        """The code of a new session in place of the session `old`; WrongPassword, TooOften, Busy."""
        account = self.accounts.get(name)
        await self._check(account, name, password, asker, device)
        assert account is not None
        if self._hashing.is_outdated(account.password):
            await self._rehash(account, password)
        return await self.open_session(account, asker, old)

    async def open_session(self, account: Account, asker: Asker, old: str = "", *, is_quiet: bool = False) -> str:
        """The code of a new session, made anew for every sign-in, whatever code the browser came with."""
        await self._secret.ensure(self._intake)
        code = new_code()
        said = sessions.Opened(
            id=id_of(code), name=account.name, epoch=account.epoch, browser=asker.browser, by=account.shown,
            replaces=id_of(old) if old else "", address=asker.address, is_quiet=is_quiet,
        )  # fmt: skip
        await self._remark(sessions.OPENED, said)
        return code

    async def close_sessions(self, closed: list[Session], asker: Asker) -> None:
        if closed:
            ids = tuple(session.id for session in closed)
            said = sessions.Closed(ids=ids, name=closed[0].name, by=asker.name, address=asker.address)
            await self._remark(sessions.CLOSED, said)

    async def _check(self, account: Account | None, name: str, password: str, asker: Asker, device: str) -> None:
        one = Try(address=asker.address, name=name, is_account=account is not None, device=device)
        if (seconds := self._attempts.wait_seconds(one)) > 0:
            self.audit.failed(account.name if account else None, asker.address)
            raise TooOften(seconds)
        self._attempts.take(one)
        if not await self._hashing.is_right(names.as_typed(password), account.password if account else ""):
            self.audit.failed(account.name if account else None, asker.address)
            raise WrongPassword
        self._attempts.give_back(one)

    async def _rehash(self, account: Account, password: str) -> None:
        hashed = await self._hashing.hash(names.as_typed(password))
        await self._change(account.name, account.shown, "rehashed", None, password=hashed)

    # --- links

    async def make_link(self, name: str, asker: Asker) -> str:
        """The code of a link that sets this account's password; with FIRST, one that makes an admin."""
        code = new_code()
        lasts = LINK_LASTS if name and asker.visitor.role is not Role.OPERATOR else FIRST_LINK_LASTS
        until = self._clock.now() + lasts
        said = Linked(id=id_of(code), name=name, until=until, by=asker.name, address=asker.address)
        await self._remark(accounts.LINKED, said)
        return code

    def has_invited_within(self, time: timedelta) -> bool:
        """Whether a link to the first account was made so short a time ago and is still good."""
        now = self._clock.now()
        link = self.accounts.open_link(FIRST, now)
        return link is not None and link.until > now + FIRST_LINK_LASTS - time

    def link(self, code: str) -> Linked | None:
        return self.accounts.link(code, self._clock.now())

    async def claim(self, link: Linked | None, typed: str, shown: str, password: str, asker: Asker) -> Account:
        """An admin's account for whoever has a link to it, or sits at a machine without accounts; Unfit."""
        account = await self._new(typed, shown, Role.ADMIN, None, password)
        by = account.shown
        await self._save(account, by, "claimed", asker.address, link.id if link else "")
        return self._stands(account)

    async def set_password(self, link: Linked, password: str, asker: Asker) -> Account:
        """By a link; Unfit. Every session of the account ends."""
        async with self._changing:
            account = self.accounts.get(link.name)
            if account is None:
                raise Unfit("This account is no more.")
            hashed = await self._hash(password, account)
            account = msgspec.structs.replace(account, password=hashed, epoch=new_epoch())
            await self._save(account, account.shown, "password", asker.address, link.id)
            return self._stands(account)

    # --- the OpenID provider

    async def ready_to_sign(self) -> None:
        """Before anything is signed; JournalUnavailable."""
        await self._secret.ensure(self._intake)

    async def from_provider(self, person: Person, asker: Asker) -> Account | None:
        """The account of who has signed in there, made at the first time; `None` for whom no role is given. Unfit."""
        account = self.accounts.by_subject(person.subject)
        if person.role is None:
            if account is not None:
                await self.close_sessions(self.sessions.of(account.name), asker)
            return None
        if account is None:
            return await self._from_provider_anew(person, person.role, asker)
        if account.role is person.role:
            return account
        return await self._change(
            account.name, account.shown, FROM_PROVIDER, asker.address, role=person.role, epoch=new_epoch()
        )

    async def _from_provider_anew(self, person: Person, role: Role, asker: Asker) -> Account:
        try:
            name = names.sign_in_name(person.name)
        except Unfit:
            name = f"id-{id_of(person.subject)[:16]}"
        shown = person.shown if not self.accounts.is_shown(person.shown, name) else f"{person.shown[:20]} {name}"
        account = msgspec.structs.replace(await self._new(name, shown, role, None), subject=person.subject)
        await self._save(account, account.shown, "made", asker.address)
        return self._stands(account)

    # --- accounts

    async def change_password(self, account: Account, old: str, new: str, asker: Asker, device: str) -> str:
        """The code of the one session that goes on; WrongPassword, TooOften, Busy, Unfit."""
        await self._check(account, account.name, old, asker, device)
        hashed = await self._hash(new, account)
        changed = await self._change(
            account.name, asker.name, "password", asker.address, password=hashed, epoch=new_epoch()
        )
        return await self.open_session(changed, asker, is_quiet=True)

    async def rename(self, account: Account, shown: str, asker: Asker) -> None:
        """Unfit if somebody else goes by that name."""
        shown = self._free(shown, account.name)
        if shown != account.shown:
            await self._change(account.name, asker.name, "renamed", asker.address, shown=shown)

    async def add(self, typed: str, shown: str, role: Role, boards: frozenset[str] | None, asker: Asker) -> Account:
        """An account without a password: a link sets it. Unfit."""
        account = await self._new(typed, shown, role, boards)
        await self._save(account, asker.name, "made", asker.address)
        return self._stands(account)

    async def change(self, name: str, shown: str, role: Role, boards: frozenset[str] | None, asker: Asker) -> Account:
        """Who may do something else from now on is signed out everywhere. Unfit."""
        account = self.accounts.get(name)
        if account is None:
            raise Unfit("This account is no more.")
        if role is not Role.ADMIN and self.accounts.is_last_admin(name):
            raise Unfit("This is the last admin: make another one first.")
        boards = boards if role is Role.VIEWER else None
        epoch = account.epoch if (account.role, account.boards) == (role, boards) else new_epoch()
        shown = self._free(shown, name)
        return await self._change(
            name, asker.name, "changed", asker.address, shown=shown, role=role, boards=boards, epoch=epoch
        )

    async def remove(self, name: str, asker: Asker) -> None:
        """Unfit for the last admin."""
        if self.accounts.is_last_admin(name):
            raise Unfit("This is the last admin: make another one first.")
        if self.accounts.get(name) is not None:
            said = accounts.Removed(name=name, by=asker.name, address=asker.address)
            await self._remark(accounts.REMOVED, said)

    # --- keys

    async def make_key(self, kind: Kind, typed: str, asker: Asker) -> str:
        """The key's code, which is nowhere to be read again; Unfit."""
        name = names.shown_name(typed)
        if len(self.keys) >= MOST_KEYS:
            raise Unfit(f"There can be {MOST_KEYS} keys at most: revoke one first.")
        code = new_code()
        said = keys.Made(
            id=secrets.token_hex(6), kind=kind, name=name, hash=id_of(code), ends=code[-4:], by=asker.name,
            address=asker.address,
        )  # fmt: skip
        await self._remark(keys.MADE, said)
        return code

    async def revoke_key(self, id: str, asker: Asker) -> None:
        if (key := self.keys.get(id)) is not None:
            said = keys.Revoked(id=id, name=key.made.name, by=asker.name, address=asker.address)
            await self._remark(keys.REVOKED, said)

    # --- what they have in common

    async def _new(
        self, typed: str, shown: str, role: Role, boards: frozenset[str] | None, password: str | None = None
    ) -> Account:
        name = names.sign_in_name(typed)
        if self.accounts.get(name) is not None:
            raise Unfit(f"There is an account {name} already.")
        if len(self.accounts) >= MOST_ACCOUNTS:
            raise Unfit(f"There can be {MOST_ACCOUNTS} accounts at most.")
        account = Account(
            name=name, shown=self._free(shown, name), role=role, epoch=new_epoch(),
            boards=boards if role is Role.VIEWER else None,
        )  # fmt: skip
        if password is None:
            return account
        return msgspec.structs.replace(account, password=await self._hash(password, account))

    def _free(self, shown: str, name: str) -> str:
        shown = names.shown_name(shown)
        if self.accounts.is_shown(shown, name):
            raise Unfit(f"Somebody else goes by the name {shown}: marks would not tell the two apart.")
        return shown

    async def _hash(self, typed: str, account: Account) -> str:
        return await self._hashing.hash(names.password(typed, account.name, account.shown))

    async def _change(self, name: str, by: str, why: Why, address: str | None, **changes: Any) -> Account:
        async with self._changing:
            account = self.accounts.get(name)
            if account is None:
                raise Unfit("This account is no more.")
            account = msgspec.structs.replace(account, **changes)
            await self._save(account, by, why, address)
            return self._stands(account)

    async def _save(self, account: Account, by: str, why: Why, address: str | None, link: str = "") -> None:
        await self._remark(accounts.SAVED, accounts.Saved(account=account, by=by, why=why, link=link, address=address))

    def _stands(self, account: Account) -> Account:
        """What was saved, if it was: somebody may have been faster, in this process or in another."""
        if self.accounts.get(account.name) != account:
            raise Unfit("Somebody else was faster: look how it stands now, and try again.")
        return account

    async def _remark(self, name: str, said: msgspec.Struct) -> None:
        await self._intake.remark(name, msgspec.to_builtins(said))


AT_THE_COMMAND_LINE = Asker(visitor=Visitor(role=Role.OPERATOR, name=OPERATOR), address=None)
