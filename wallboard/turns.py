"""What the fold knew at the turn of each day, so that it can begin there when the events before are deleted.

Knows no event and no file. At a turn little is written down: counts, names, and what is usual; never a call.
"""

from __future__ import annotations

import zlib
from datetime import UTC, date, datetime, timedelta

import msgspec

from wallboard.board import Told
from wallboard.rules import Rules


class Remains(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of deleted events: how many there were, of which types and until when, and what the board knows."""

    accepted: int
    duplicates: int
    unrecognised: int
    quarantined: int
    poisoned: int
    types: dict[str, tuple[int, datetime]]
    types_beyond: int
    board: Told


class Turn(msgspec.Struct, frozen=True):
    """The first entry of `day` came after the entry `sequence`; packed, for ten years may be kept."""

    day: date
    sequence: int
    packed: bytes

    @property
    def remains(self) -> str:
        """A `Remains`, written."""
        return zlib.decompress(self.packed).decode()


class Turns:
    """All turns since the journal's begin, in their order; a clock that was set back makes none."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._ends_at = datetime.min.replace(tzinfo=UTC)
        self._turns: list[Turn] = []

    def is_over(self, at: datetime) -> bool:
        """Whether what comes at `at` begins a new day. Asked for every entry: no local time is worked out for it."""
        return at >= self._ends_at

    def begin(self, at: datetime, sequence: int, remains: Remains) -> None:
        """A new day begins at `at`, after the entry `sequence`."""
        day = self._rules.day_of(at)
        self._ends_at = self._rules.starts_at(day + timedelta(days=1))
        self._turns.append(Turn(day, sequence, zlib.compress(written(remains).encode(), 1)))

    def before(self, day: date) -> Turn | None:
        """The turn with which `day` began, or the next that there was; `None` if nothing has come since."""
        return next((turn for turn in self._turns if turn.day >= day), None)

    def days(self, before: date) -> list[date]:
        """The days before `before` on which anything came."""
        return [turn.day for turn in self._turns if turn.day < before]

    def reach_before(self, sequence: int) -> bool:
        """Whether anything is known here of entries up to `sequence`."""
        return any(turn.sequence < sequence for turn in self._turns)

    def forget(self, before: date) -> None:
        self._turns = [turn for turn in self._turns if turn.day >= before]


def written(remains: Remains) -> str:
    return msgspec.json.encode(remains).decode()


def read(text: str) -> Remains:
    return msgspec.json.decode(text, type=Remains)
