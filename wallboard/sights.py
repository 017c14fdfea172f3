"""What the visitor of a request may see of the floor; knows no page."""

from __future__ import annotations

from starlette.requests import Request

from wallboard.access.rules import SUPERVISE
from wallboard.access.visitors import visitor_of
from wallboard.boards.kept import Boards
from wallboard.scope import Sight, scope_of


class Sights:
    """`hosts` are those that recordings may be listened to at."""

    def __init__(self, boards: Boards, hosts: tuple[str, ...]) -> None:
        self._boards = boards
        self._hosts = hosts

    def of(self, request: Request) -> Sight:
        visitor = visitor_of(request)
        return Sight(
            scope=scope_of(self._boards, visitor.boards),
            numbers=visitor.sees_numbers,
            hosts=self._hosts if visitor.hears_recordings else (),
            marks=SUPERVISE.admits(visitor),
        )
