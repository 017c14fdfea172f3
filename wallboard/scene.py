"""One board at one instant, as what is drawn of it wants to ask it: what belongs on it, and whether it is grave.

Knows no HTML and no browser; the rules are look.py's, the facts the board's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b

import msgspec

from wallboard import masking
from wallboard.board import Board
from wallboard.calls import Call
from wallboard.events import Place
from wallboard.look import Goals, Look
from wallboard.notices import RANK
from wallboard.totals import Day
from wallboard.views import Alarm


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """`day` are the sums that `now` counts in; `goals` gives the targets of a place, or of all."""

    board: Board
    look: Look
    now: datetime
    day: Day
    goals: Callable[[Place | None], Goals]

    def belongs(self, call: Call) -> bool:
        """Whether the call touches what the board is about."""
        if not self.look.is_narrowed:
            return True
        return self.look.touches(call.visits, ((key, name_of(self.board, key)) for key in call.offers))

    def caller(self, call: Call) -> tuple[str, str]:
        return masking.caller(call, self.look.definition.masking)


def name_of(board: Board, agent: str) -> str:
    known = board.agents.get(agent)
    return (known.name if known else None) or agent


def waiting_since(call: Call) -> datetime:
    entered = [visit.entered_at for visit in call.visits.values() if visit.entered_at]
    return min(entered, default=call.started_at)


def worst(*alarms: Alarm) -> Alarm:
    return min(alarms, key=RANK.__getitem__)


def milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)


def key_of(prefix: str, name: str) -> str:
    """An HTML id that stays the same whatever the name holds."""
    return f"{prefix}-{blake2b(name.encode(), digest_size=6).hexdigest()}"
