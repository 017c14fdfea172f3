"""One day's sums, moved by each call's contribution; knows no event, no ratio and not the time.

A contribution is a pure function of one call. Applying an event takes the call's old contribution out and
puts the new one in: cost per event does not grow with the day, and order cannot matter. Waits and talks
are whole milliseconds, so that nothing is lost by adding and taking out.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from datetime import datetime

import msgspec

from wallboard.calls import Call
from wallboard.events import Place
from wallboard.meaning import Outcome
from wallboard.offers import Offer
from wallboard.waits import Longest, Waits


class Thresholds(msgspec.Struct, frozen=True):
    """What holds where no board says otherwise, in whole seconds.

    `service_level_ms`: answered in time is wait <= this; `short_abandon_ms`: short is wait < this, on every board.
    """

    service_level_ms: int = 20_000
    short_abandon_ms: int = 5_000


class VisitPart(msgspec.Struct, frozen=True, gc=False):
    place: Place
    outcome: Outcome
    wait_ms: int | None
    talk_ms: int | None


class AgentPart(msgspec.Struct, frozen=True, gc=False):
    agent: str
    answered: int
    missed: int
    outbound: int
    talk_ms: int


class Contribution(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one call adds to its day."""

    inbound: bool
    counts: bool
    answered: bool
    ended: bool
    visits: tuple[VisitPart, ...] = ()
    agents: tuple[AgentPart, ...] = ()
    components: tuple[str, ...] = ()
    ended_at: datetime | None = None


def contribution(call: Call) -> Contribution:
    """What `call` adds to the numbers of its day; a pure function of the call."""
    return Contribution(
        inbound=call.is_inbound,
        counts=call.counts,
        answered=call.is_call_answered,
        ended=call.ended_heard_at is not None,
        visits=tuple(
            [
                VisitPart(v.place, call.visit_outcome(v), call.visit_wait_ms(v), call.visit_talk_ms(v))
                for v in call.visits.values()
            ]
        ),
        agents=tuple([_agent_part(call, offer) for offer in call.offers.values()]),
        components=call.components,
        ended_at=call.ended_at if call.counts else None,
    )


def _agent_part(call: Call, offer: Offer) -> AgentPart:
    inbound = offer.inbound
    answered = int(inbound and call.is_offer_answered(offer))
    return AgentPart(offer.agent, answered, call.missed_rings(offer), int(not inbound), call.offer_talk_ms(offer))


class VisitSums:
    """The sums of one queue or ring group on one day.

    `answered_waits` and `abandoned_waits` hold how many waited how long, so that any board may ask for any threshold.
    """

    __slots__ = ("abandoned", "abandoned_waits", "answered", "answered_waits", "longest", "offered", "short_abandoned",
                 "talk_ms", "talks", "unanswered", "wait_ms")  # fmt: skip

    def __init__(self) -> None:
        self.offered = self.answered = self.abandoned = self.unanswered = 0
        self.short_abandoned = self.wait_ms = self.talk_ms = self.talks = 0
        self.answered_waits, self.abandoned_waits = Waits(), Waits()
        self.longest = Longest()

    @property
    def open(self) -> int:
        return self.offered - self.answered - self.abandoned - self.unanswered

    def move(self, part: VisitPart, by: int, thresholds: Thresholds) -> None:
        self.offered += by
        if part.outcome == "answered":
            self._move_answered(part, by)
        elif part.outcome == "abandoned":
            self._move_abandoned(part, by, thresholds)
        elif part.outcome == "unanswered":
            self.unanswered += by
        if part.wait_ms is not None:
            self.longest.move(part.wait_ms, by)

    def _move_answered(self, part: VisitPart, by: int) -> None:
        self.answered += by
        if part.wait_ms is not None:
            self.wait_ms += by * part.wait_ms
            self.answered_waits.move(part.wait_ms, by)
        if part.talk_ms is not None:
            self.talks += by
            self.talk_ms += by * part.talk_ms

    def _move_abandoned(self, part: VisitPart, by: int, thresholds: Thresholds) -> None:
        self.abandoned += by
        if part.wait_ms is None:
            return
        self.short_abandoned += by * (part.wait_ms < thresholds.short_abandon_ms)
        self.abandoned_waits.move(part.wait_ms, by)

    def add(self, other: VisitSums) -> None:
        """Adds what `other` holds; the longest wait is the longer of the two."""
        for name in _ADDED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.answered_waits.add(other.answered_waits)
        self.abandoned_waits.add(other.abandoned_waits)
        if (longest := other.longest.value) is not None:
            self.longest.move(longest, 1)


_ADDED = ("offered", "answered", "abandoned", "unanswered", "short_abandoned", "wait_ms", "talk_ms", "talks")


class AgentSums:
    """The sums of one agent on one day."""

    __slots__ = ("answered", "missed", "outbound", "talk_ms")

    def __init__(self) -> None:
        self.answered = self.missed = self.outbound = self.talk_ms = 0

    def move(self, part: AgentPart, by: int) -> None:
        self.answered += by * part.answered
        self.missed += by * part.missed
        self.outbound += by * part.outbound
        self.talk_ms += by * part.talk_ms


class Day:
    """All sums of one day, and the day's ended calls in the order of their ends."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self.offered = self.answered = self.missed = 0
        self.placed = self.placed_answered = 0
        self.presumed_ended = 0
        self.losses: list[int] = []
        self.visits: dict[Place, VisitSums] = {}
        self.agents: dict[str, AgentSums] = {}
        self.components: Counter[str] = Counter()
        self.voicemails: Counter[str | None] = Counter()
        self.call_ids: set[str] = set()
        self.ended: list[tuple[datetime, str]] = []
        self.ends = 0
        """Grows whenever `ended` becomes another."""

    @property
    def open(self) -> int:
        """Inbound calls that are neither answered nor over, those presumed ended included."""
        return self.offered - self.answered - self.missed

    def move(self, call_id: str, part: Contribution, by: int, but: frozenset[AgentPart] = frozenset()) -> None:
        """Puts one call's contribution in (by = 1) or takes it out (by = -1), `but` for some agents' parts."""
        self._move_call(part, by)
        for visit in part.visits:
            self._visit(visit.place).move(visit, by, self._thresholds)
        for agent in part.agents:
            if agent not in but:
                self._agent(agent.agent).move(agent, by)
        for component in part.components:
            self.components[component] += by
        if part.ended_at is not None:
            self._move_ended((part.ended_at, call_id), by)

    def _visit(self, place: Place) -> VisitSums:
        sums = self.visits.get(place)
        if sums is None:
            sums = self.visits[place] = VisitSums()
        return sums

    def _agent(self, key: str) -> AgentSums:
        sums = self.agents.get(key)
        if sums is None:
            sums = self.agents[key] = AgentSums()
        return sums

    def _move_call(self, part: Contribution, by: int) -> None:
        if not part.counts:
            return
        if not part.inbound:
            self.placed += by
            self.placed_answered += by * part.answered
            return
        self.offered += by
        self.answered += by * part.answered
        self.missed += by * (part.ended and not part.answered)

    def _move_ended(self, entry: tuple[datetime, str], by: int) -> None:
        self.ends += 1
        if by > 0:
            insort(self.ended, entry)
            return
        del self.ended[bisect_left(self.ended, entry)]
