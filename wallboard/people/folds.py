"""All that is known of people and machines, in the order in which it is told; of HTTP it knows the cookie only."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from starlette.requests import Request

from wallboard.access.visitors import AT_THE_MACHINE, Role, Visitor
from wallboard.clock import Clock
from wallboard.intake import Intake
from wallboard.people import accounts as kept
from wallboard.people.accounts import Accounts
from wallboard.people.audit import Audit
from wallboard.people.cookies import Cookies
from wallboard.people.keys import Keys
from wallboard.people.secret import Secret
from wallboard.people.sessions import Sessions
from wallboard.remarks import Heed, heard_by_all


class People:
    """`ended` is called with a credential's key when it is taken away, so that what it opened is closed."""

    def __init__(self, clock: Clock, secret_key: str | None, ended: Callable[[str], None]) -> None:
        self._clock = clock
        self._ended = ended
        self.accounts = Accounts()
        self.sessions = Sessions(self.accounts, ended)
        self.keys = Keys(ended)
        self.secret = Secret(secret_key)
        self.cookies = Cookies(self.secret)
        self.audit = Audit()

    @property
    def remarks(self) -> Mapping[str, Heed]:
        """What the intake is to hand over, by name."""
        closes: Mapping[str, Heed] = {kept.SAVED: lambda value, at: self._ended(AT_THE_MACHINE.key)}
        parts = (self.accounts, self.sessions, self.keys, self.secret, self.audit)
        return heard_by_all(*(part.remarks for part in parts), closes)

    def signed_in(self, request: Request) -> Visitor | None:
        """Whose session's cookie the browser has brought."""
        code, now = self.cookies.session(request), self._clock.now()
        session = self.sessions.get(code, now) if code else None
        if session is None:
            return None
        self.sessions.seen_at[session.id] = now
        return self.sessions.visitor(session)

    def program(self, given: bytes) -> Visitor | None:
        """Whose key for programs was shown."""
        key = self.keys.find("api", given, self._clock.now())
        return None if key is None else Visitor(role=Role.MACHINE, key=key.key, name=key.made.name)

    def is_pbx(self, given: bytes) -> bool:
        """Whether this is a key for the PBX."""
        return self.keys.has("pbx") and self.keys.find("pbx", given, self._clock.now()) is not None

    async def tend(self, intake: Intake) -> None:
        """Once a second: ends what is too old, and tells how many could not sign in."""
        now = self._clock.now()
        self.sessions.sweep(now)
        await self.audit.tell_failures(intake, now)
