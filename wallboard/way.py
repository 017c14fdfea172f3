"""One call's way, in the order of things: queues, rings, answers; knows no other call, no page and no now.

The page Now tells it of a call that is on, a call's own page of one that may be long over: of the same call both say
the same. A ring begins when we hear of it and ends when the PBX says, so a length is as true as the two clocks agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec

from wallboard.calls import Call
from wallboard.events import Place
from wallboard.offers import Offer, Visit, later, span_ms

TOGETHER = timedelta(seconds=2)
_NAMED = 3
_KINDS = {"queue": "queue", "ring_group": "ring group"}

NameOf = Callable[[str], str]
PlaceOf = Callable[[Place], str]


class Step(msgspec.Struct, frozen=True):
    """`since` is set while it lasts, `lasted_ms` when it is over and that is known; `short` goes into one line."""

    at: datetime
    text: str
    short: str
    lasted_ms: int | None = None
    since: datetime | None = None


class Ring(msgspec.Struct, frozen=True):
    """One ring of one phone; `since` is set while it rings."""

    at: datetime
    agent: str
    lasted_ms: int | None
    since: datetime | None

    @property
    def ended_at(self) -> datetime | None:
        return later(self.at, self.lasted_ms)


def named(place: Place) -> str:
    """`queue Sales`."""
    return f"{_KINDS[place.kind]} {place.name}"


def way(call: Call, name_of: NameOf, place_of: PlaceOf = named) -> tuple[Step, ...]:
    """Every step, oldest first."""
    steps = [*_visits(call, place_of), *_rings(call, name_of), *_answers(call, name_of)]
    return tuple(sorted(steps, key=lambda step: step.at))


def _visits(call: Call, place_of: PlaceOf) -> Iterator[Step]:
    for visit in call.visits.values():
        outcome = call.visit_outcome(visit)
        name = place_of(visit.place)
        is_open = outcome == "open" and call.visit_state(visit) in ("waiting", "ringing")
        left = f", {outcome}" if outcome in ("abandoned", "unanswered") else ""
        yield Step(
            at=_entered_at(call, visit),
            text=f"Waits in {name}" if is_open else f"Waited in {name}{left}",
            short="",
            lasted_ms=call.visit_wait_ms(visit),
            since=call.visit_since(visit) if is_open else None,
        )


def _entered_at(call: Call, visit: Visit) -> datetime:
    """A later visit of which no entry was told begins with its first ring."""
    if visit.entered_at is not None or visit is next(iter(call.visits.values())):
        return call.visit_since(visit)
    rung = [offer.rung_at[-1] for offer in call.offers.values() if visit.place in offer.places and offer.rung_at]
    return min(rung, default=call.started_at)


def _rings(call: Call, name_of: NameOf) -> Iterator[Step]:
    together: list[Ring] = []
    for ring in sorted((ring for offer in call.offers.values() for ring in rings_of(call, offer)), key=_began):
        if together and not _is_with(together[0], ring):
            yield _rang(call, together, name_of)
            together = []
        together.append(ring)
    if together:
        yield _rang(call, together, name_of)


def _began(ring: Ring) -> tuple[datetime, str]:
    return ring.at, ring.agent


def rings_of(call: Call, offer: Offer) -> Iterator[Ring]:
    """Starts and ends by turns. A ring whose end nobody told ended when the call was answered."""
    ends = sorted(ending.end_at for ending in offer.ring_endings() if ending.end_at is not None)
    for number, at in enumerate(offer.rung_at):
        last = number == len(offer.rung_at) - 1
        since = offer.ringing_since if last and call.state() != "ended" else None
        ended_at = ends[number] if number < len(ends) else offer.answer_at or call.answered_at
        yield _ring(at, offer.agent, None if since else ended_at, since)
    for end in ends[len(offer.rung_at) :]:
        yield Ring(end, offer.agent, None, None)


def _ring(at: datetime, agent: str, ended_at: datetime | None, since: datetime | None) -> Ring:
    """Of a call that was posted afterwards a ring is heard of only after its end: how long it was is not known."""
    if ended_at is not None and ended_at < at:
        return Ring(ended_at, agent, None, None)
    return Ring(at, agent, span_ms(at, ended_at), since)


def _is_with(first: Ring, ring: Ring) -> bool:
    if ring.at - first.at > TOGETHER or (first.since is None) != (ring.since is None):
        return False
    if first.ended_at is None or ring.ended_at is None:
        return first.ended_at is ring.ended_at
    return abs(ring.ended_at - first.ended_at) <= TOGETHER


def _rang(call: Call, rings: list[Ring], name_of: NameOf) -> Step:
    names = [name_of(ring.agent) for ring in rings]
    who = names[0] if len(names) == 1 else ", ".join(names[:_NAMED])
    if len(names) > _NAMED:
        who += f" and {len(names) - _NAMED} more"
    lasted = max((ring.lasted_ms for ring in rings if ring.lasted_ms is not None), default=None)
    since = rings[0].since
    if not call.is_inbound:
        verb = f"{who} dials" if since else f"{who} dialled"
        return Step(rings[0].at, verb, verb, lasted, since)
    text = f"Rings {who}" if since else f"Rang {who}"
    return Step(rings[0].at, text, _in_line(text, lasted), lasted, since)


def _answers(call: Call, name_of: NameOf) -> Iterator[Step]:
    for offer in call.offers.values():
        if not call.is_offer_answered(offer):
            continue
        talks = call.phones().get(offer.agent, ("ended", None)) if call.is_talking(offer) else ("ended", None)
        at = offer.answer_at or offer.talking_heard_at or call.answered_at or call.last_received_at
        text = f"Answered by {name_of(offer.agent)}" if offer.inbound else "Answered"
        yield Step(at, text, text, call.offer_talk_ms(offer) or None, talks[1])


def _in_line(text: str, lasted_ms: int | None) -> str:
    return text if lasted_ms is None else f"{text} {round(lasted_ms / 1000)} s"


def in_one_line(steps: tuple[Step, ...]) -> str:
    """`Rang Amy 15 s → rang Ben 8 s → answered by Cem`; empty where nobody's phone has rung yet."""
    said = [step.short for step in steps if step.short]
    return " → ".join([*said[:1], *(text[:1].lower() + text[1:] if not _is_named(text) else text for text in said[1:])])


def _is_named(text: str) -> bool:
    return not text.startswith(("Rang ", "Rings ", "Answered"))
