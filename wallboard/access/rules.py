"""What a route asks of its visitor, and a route with its rule; knows no path and decides nothing about people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from wallboard.access.visitors import Role, Visitor
from wallboard.stream import Stream

Answer = Response | Stream
Handler = Callable[[Request], Awaitable[Answer]]


class Rule(msgspec.Struct, frozen=True):
    """The roles that may pass. With `of_board` they must also be allowed to see the board that the path names."""

    name: str
    roles: frozenset[Role]
    of_board: bool = False

    def admits(self, visitor: Visitor, slug: str = "") -> bool:
        return visitor.role in self.roles and (not self.of_board or visitor.may_see_board(slug))


_PEOPLE = {Role.VIEWER, Role.SUPERVISOR, Role.ADMIN}
_KNOWN = {*_PEOPLE, Role.TV, Role.MACHINE}

OPEN = Rule("open", frozenset(Role))
"""Nothing of the floor is told here, or the handler has a door of its own."""
PBX = Rule("pbx", frozenset(Role))
"""The PBX's door: it asks for a token of its own before anybody looks at cookies."""
KNOWN = Rule("known", frozenset(_KNOWN))
BOARD = Rule("board", frozenset(_KNOWN), of_board=True)
DESK = Rule("desk", frozenset(_PEOPLE))
SUPERVISE = Rule("supervise", frozenset({Role.SUPERVISOR, Role.ADMIN}))
ADMINISTER = Rule("administer", frozenset({Role.ADMIN}))
MACHINES = Rule("machines", frozenset({Role.MACHINE}))
OPERATE = Rule("operate", frozenset({Role.OPERATOR}))


class Way(NamedTuple):
    """A path, what answers it, the method that it answers, and who may come. `is_packed`: gzip where it is taken.

    `exports` is what is taken away from here, for the audit log: each 200 is noted there.
    """

    path: str
    handler: Handler
    method: str
    rule: Rule
    is_packed: bool = False
    exports: str = ""
