"""How many bodies came without a valid token, at all processes together, and when last; knows nothing else of them."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import datetime

import msgspec

from wallboard.commons import Commons
from wallboard.intake import Intake
from wallboard.journal import JournalUnavailable
from wallboard.journal.engines import Engine

_KIND, _LASTS_SECONDS = "refused", 86_400.0


class _Said(msgspec.Struct, frozen=True):
    count: int
    at: datetime


class TurnedAway:
    """Best effort: what was counted while the journal could not be written is added when it can.

    Each process tells under a key of its own, and the largest sum holds: two that are told in another order than they
    were added up would else put the smaller one last.
    """

    def __init__(self, intake: Intake, engine: Engine, commons: Commons) -> None:
        self._intake = intake
        self._engine = engine
        self._commons = commons
        self._me = secrets.token_hex(4)
        commons.hear(_KIND, self._take)

    async def keep(self) -> None:
        """Notes what has come since."""
        intake, by = self._intake, self._intake.refused_untold
        if not intake.ready or not by or intake.refused_at is None:
            return
        with suppress(JournalUnavailable):
            total = await self._engine.add_up("refused", by)
            intake.refused_untold -= by
            intake.refused = total + intake.refused_untold
            self._commons.tell(_KIND, self._me, msgspec.json.encode(_Said(total, intake.refused_at)), _LASTS_SECONDS)
            await self._engine.journal.note("refused_at", intake.refused_at.isoformat())

    def _take(self, key: str, value: bytes | None, ago: float) -> None:
        said, intake = msgspec.json.decode(value or b"", type=_Said), self._intake
        intake.refused = max(intake.refused, said.count + intake.refused_untold)
        intake.refused_at = max(said.at, intake.refused_at or said.at)
