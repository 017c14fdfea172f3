"""One call as a row of its day: what it adds to which number, and what a list shows of it; knows no sum and no page.

A row is made from the call alone, on the live board and on one that was folded anew alike.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from wallboard.board import Board
from wallboard.calls import Call
from wallboard.events import Place
from wallboard.meaning import CallState, Outcome
from wallboard.offers import Visit
from wallboard.totals import AgentPart, contribution


class VisitRow(msgspec.Struct, frozen=True, gc=False):
    """`entered_at` is the instant that the wait counts from, and says which interval the visit counts in."""

    place: Place
    entered_at: datetime
    outcome: Outcome
    wait_ms: int | None
    talk_ms: int | None


class AgentRow(msgspec.Struct, frozen=True, gc=False):
    """What one agent has of the call; agents who have nothing of it are left out."""

    agent: str
    answered: int
    missed: int
    outbound: int
    talk_ms: int


class CallRow(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `outcome` is `None` until it is over; `key` tells it from namesakes with the same `id`; `others` are
    the agents whom it was offered and who have nothing of it. Of a voicemail alone it is that somebody called in.
    """

    key: str
    id: str
    started_at: datetime
    first_received_at: datetime
    last_received_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    inbound: bool
    answered: bool
    ended: bool
    presumed: bool
    state: CallState
    outcome: str | None
    caller_number: str | None
    caller_name: str | None
    dialled_number: str | None
    talk_ms: int | None
    voicemail: bool
    visits: tuple[VisitRow, ...]
    agents: tuple[AgentRow, ...]
    others: tuple[str, ...] = ()

    @property
    def counts(self) -> bool:
        """More is known of it than a voicemail."""
        return bool(self.visits or self.agents or self.others)


def row_of(board: Board, call: Call) -> CallRow:
    """The row of a call on `board`, as it stands there now."""
    part = contribution(call)
    over = call.ended_heard_at is not None
    return CallRow(
        key=call.key,
        id=call.id,
        started_at=call.started_at,
        first_received_at=call.first_received_at,
        last_received_at=call.last_received_at,
        answered_at=call.answered_at,
        ended_at=call.ended_at,
        inbound=part.inbound or not call.counts,
        answered=part.answered,
        ended=part.ended,
        presumed=board.is_presumed(call),
        state=call.state(),
        outcome=call.outcome() if over else None,
        caller_number=call.caller_number,
        caller_name=call.caller_name,
        dialled_number=call.dialled_number,
        talk_ms=call.talk_ms,
        voicemail=bool(call.voicemails),
        visits=tuple(
            VisitRow(visit.place, entered_at(call, visit), told.outcome, told.wait_ms, told.talk_ms)
            for visit, told in zip(call.visits.values(), part.visits, strict=True)
        ),
        agents=tuple(
            AgentRow(told.agent, told.answered, told.missed, told.outbound, told.talk_ms)
            for told in part.agents
            if _has_any(told)
        ),
        others=tuple(told.agent for told in part.agents if not _has_any(told)),
    )


def _has_any(told: AgentPart) -> bool:
    return bool(told.answered or told.missed or told.outbound or told.talk_ms)


def entered_at(call: Call, visit: Visit) -> datetime:
    """Where the visit's wait begins: by the PBX's word if there is one, so that neither order nor delay matters."""
    told = (visit.summary.call_started_at if visit.summary else None) or call.told_start_at
    return told or visit.entered_at or call.first_received_at
