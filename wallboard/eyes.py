"""The live board as one reader of the desk may see it: calls, places, agents, callers; knows no page and no request."""

from __future__ import annotations

from collections.abc import Iterable

from wallboard.board import Board
from wallboard.callbacks.lines import other_party
from wallboard.callbacks.phone import key_of, written
from wallboard.calls import Call
from wallboard.events import Place
from wallboard.scene import name_of
from wallboard.scope import WHOLE, Sight
from wallboard.way import named

WITHHELD = "Number withheld"
ANOTHER = {"queue": "another queue", "ring_group": "another ring group"}
ANOTHER_AGENT = "another agent"


class Eyes:
    """What of `board` a `sight` lets through."""

    def __init__(self, board: Board, sight: Sight = WHOLE) -> None:
        self.board = board
        self.sight = sight
        self.scope = sight.scope

    def sees(self, call: Call) -> bool:
        if self.scope.is_all:
            return True
        return self.scope.sees_call(call.visits.keys(), [(key, name_of(self.board, key)) for key in call.offers])

    def calls(self, calls: Iterable[Call]) -> list[Call]:
        return [call for call in calls if self.sees(call)]

    def sees_agent(self, key: str) -> bool:
        return self.scope.is_all or self.scope.sees_agent(key, name_of(self.board, key))

    def places(self, places: Iterable[Place]) -> list[Place]:
        return [place for place in places if self.scope.sees_place(place)]

    def agents(self, keys: Iterable[str]) -> list[str]:
        return [key for key in keys if self.sees_agent(key)]

    def agent(self, key: str) -> str:
        """What the agent is called."""
        return name_of(self.board, key) if self.sees_agent(key) else ANOTHER_AGENT

    def place(self, place: Place) -> str:
        """`queue Sales`."""
        return named(place) if self.scope.sees_place(place) else ANOTHER[place.kind]

    def names(self, keys: Iterable[str]) -> list[str]:
        """What these agents are called, those who are not seen as one."""
        return list(dict.fromkeys(self.agent(key) for key in keys))

    def name(self, call: Call) -> str:
        """What whoever rang goes by; empty where that is not told."""
        return self.sight.text(call.caller_name) if call.is_inbound else ""

    def number(self, call: Call) -> str:
        """The other party's, as it is written; empty where it is not told."""
        return self.sight.text(self.written(other_party(call)))

    def own_number(self, call: Call) -> str:
        """The one at our end of the line."""
        return self.written(call.dialled_number if call.is_inbound else call.caller_number)

    def party(self, call: Call) -> str:
        return self.name(call) or self.number(call) or WITHHELD

    def written(self, number: str | None) -> str:
        """A number as people read it; of what nobody can dial the text itself."""
        key = key_of(number, self.board.rules.country)
        return written(key) if key else number or ""
