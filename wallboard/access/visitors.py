"""Who is asking, as every handler and every rule sees it; knows no cookie, no token and no page."""

from __future__ import annotations

from contextvars import ContextVar
from enum import Enum

import msgspec
from starlette.requests import Request


class Role(Enum):
    """What somebody is here. People are viewers, supervisors or admins; the others are no people."""

    STRANGER = "stranger"
    TV = "tv"
    MACHINE = "machine"
    OPERATOR = "operator"
    VIEWER = "viewer"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """One who asks. `key` names the credential, so that what it opened can be closed when it is taken away.

    `boards` are the addresses of the boards that a visitor is limited to; `None` is no limit. `name` is what marks
    and the audit log call a person; empty for whoever sits at a machine without accounts. `account` is what that
    person types to sign in. `home` is the address that a television is led back to from wherever it may not be.
    """

    role: Role
    key: str = ""
    name: str = ""
    account: str = ""
    boards: frozenset[str] | None = None
    home: str = ""

    @property
    def is_person(self) -> bool:
        return self.role in (Role.VIEWER, Role.SUPERVISOR, Role.ADMIN)

    @property
    def sees_numbers(self) -> bool:
        """Callers' numbers in full, on the desk; what a board masks is masked for everybody."""
        return self.role in (Role.SUPERVISOR, Role.ADMIN)

    @property
    def hears_recordings(self) -> bool:
        return self.role in (Role.SUPERVISOR, Role.ADMIN)

    def may_see_board(self, slug: str) -> bool:
        return self.boards is None or slug in self.boards


STRANGER = Visitor(role=Role.STRANGER)
AT_THE_MACHINE = Visitor(role=Role.ADMIN, key="at-the-machine")
"""Whoever sits at the machine of a board that has no accounts."""


asking: ContextVar[Visitor] = ContextVar("asking", default=STRANGER)
"""Whose request is being answered, for what every page shows of its reader."""


def visitor_of(request: Request) -> Visitor:
    """Who the gate has found to be asking."""
    visitor: Visitor = request.state.visitor
    return visitor
