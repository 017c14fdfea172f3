"""A call's way in the order of time, and what it adds to which number, in words; knows no journal and no page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec

from wallboard import words as say
from wallboard.calls import Call
from wallboard.day_rows import CallRow, entered_at
from wallboard.events import Answered, AnyEvent, Completed, Rang, Summarised
from wallboard.explain import CALLS, VISITS, Terms, call_numbers, visit_numbers
from wallboard.offers import later

_RESULTS = {"answered": "answered", "missed": "missed", "answered_elsewhere": "answered elsewhere", None: "ringing"}


class Step(msgspec.Struct, frozen=True):
    """`seconds` is how long it lasted, `None` where that is not known or means nothing."""

    at: datetime
    text: str
    seconds: float | None = None
    place: str = ""


class Ring(msgspec.Struct, frozen=True):
    """One ring of one phone; `until` is `None` while it rings, or where its end is not known."""

    agent: str
    place: str
    since: datetime
    until: datetime | None

    @property
    def seconds(self) -> float | None:
        """`None` also where the clocks disagree: a ring's start is by ours, its end by the PBX's."""
        lasted = (self.until - self.since).total_seconds() if self.until else -1.0
        return lasted if lasted >= 0 else None


def way_of(call: Call, row: CallRow, heard: tuple[AnyEvent, ...]) -> list[Step]:
    """Every step in the order of time."""
    return sorted(_steps(call, row, heard), key=lambda step: step.at)


def rings_of(heard: tuple[AnyEvent, ...]) -> list[Ring]:
    """Each ring that was heard of, in the order in which they began."""
    open_rings: dict[str, Rang] = {}
    rings: list[Ring] = []
    for event in heard:
        for agent, until in _ends(event, open_rings):
            rang = open_rings.pop(agent)
            rings.append(_ring(rang, until))
        if isinstance(event, Rang):
            open_rings[event.agent] = event
    rings += [_ring(rang, None) for rang in open_rings.values()]
    return sorted(rings, key=lambda ring: ring.since)


def _ends(event: AnyEvent, ringing: dict[str, Rang]) -> list[tuple[str, datetime]]:
    """Whose ring an event ends, and when."""
    match event:
        case Answered():
            at = event.connected_at or event.received_at
            others = [agent for agent, rang in ringing.items() if set(rang.places) & set(event.places)]
            return [(agent, at) for agent in {event.agent, *others} if agent in ringing]
        case Completed() if event.agent in ringing:
            end = event.connected_at or later(event.call_started_at, event.call_duration_ms)
            return [(event.agent, end or event.received_at)]
        case Summarised():
            end = later(event.call_started_at, event.call_duration_ms) or event.received_at
            return [(agent, end) for agent, rang in ringing.items() if event.place in rang.places]
    return []


def _ring(rang: Rang, until: datetime | None) -> Ring:
    return Ring(rang.agent, ", ".join(place.name for place in rang.places), rang.received_at, until)


def _steps(call: Call, row: CallRow, heard: tuple[AnyEvent, ...]) -> Iterator[Step]:
    names = {key: _person(offer.name, key) for key, offer in call.offers.items()}
    if row.inbound:
        yield Step(row.started_at, f"Called {row.dialled_number or 'a number that was not told'}")
    for visit, told in zip(call.visits.values(), row.visits, strict=True):
        yield Step(entered_at(call, visit), "Began to wait", place=visit.place.name)
        yield from _end_of_visit(row, told.outcome, told.wait_ms, visit.place.name, entered_at(call, visit))
    for ring in rings_of(heard):
        verb = "Rang" if row.inbound else "Dialled by"
        yield Step(ring.since, f"{verb} {names[ring.agent]}", ring.seconds, ring.place)
    for key, offer in call.offers.items():
        if offer.answer_at is not None:
            talk = call.offer_talk_ms(offer)
            what = "Answered by" if offer.inbound else "Connected, from"
            yield Step(offer.answer_at, f"{what} {names[key]}, talk", talk / 1000 if talk else None)
    yield from (Step(at or left.received_at, "Voicemail left") for at, left in call.voicemails.items())
    if row.presumed:
        yield Step(row.last_received_at, "Last heard of; presumed ended, for its end never came")
    elif row.ended_at is not None:
        yield Step(row.ended_at, f"Ended: {row.outcome}")


def _end_of_visit(row: CallRow, outcome: str, wait_ms: int | None, place: str, began: datetime) -> Iterator[Step]:
    if outcome in ("abandoned", "unanswered"):
        at = later(began, wait_ms) or row.ended_at or row.last_received_at
        yield Step(at, f"Left, {outcome}, after", None if wait_ms is None else wait_ms / 1000, place)


def _person(name: str | None, key: str) -> str:
    return key if name in (None, key) else f"{name} ({key})"


def offers_of(call: Call, heard: tuple[AnyEvent, ...]) -> list[tuple[str, str, str, str, str]]:
    """Agent, rings with their lengths, result, missed rings, talk: one line an offer, in the order first heard of."""
    rings = rings_of(heard)
    lines = []
    for key, offer in call.offers.items():
        mine = [say.duration(ring.seconds) for ring in rings if ring.agent == key]
        result = _RESULTS[call.result(offer)] if offer.inbound else "placed"
        talk = call.offer_talk_ms(offer)
        missed = str(call.missed_rings(offer)) if offer.inbound else say.NONE
        lines.append(
            (_person(offer.name, key), ", ".join(mine) or say.NONE, result, missed, say.milliseconds(talk or None))
        )
    return lines


def adds(row: CallRow, terms: Terms) -> Iterator[tuple[str, str]]:
    """To what, and to which numbers the call adds."""
    if not row.inbound or row.visits or row.agents:
        yield "The day", ", ".join(CALLS[name].title.lower() for name in call_numbers(row))
    for visit in row.visits:
        counted = [VISITS[name].title.lower() for name in visit_numbers(visit, terms) if name in VISITS]
        waited = f", wait {say.milliseconds(visit.wait_ms)}" if visit.wait_ms is not None else ""
        talked = f", talk {say.milliseconds(visit.talk_ms)}" if visit.talk_ms is not None else ""
        yield visit.place.name, ", ".join(counted) + waited + talked
    for part in row.agents:
        counts = {"answered": part.answered, "missed": part.missed, "outbound": part.outbound}
        said = [f"{name} {count}" if count > 1 else name for name, count in counts.items() if count]
        talked = f"talk {say.milliseconds(part.talk_ms)}" if part.talk_ms else ""
        yield f"Agent {part.agent}", ", ".join(filter(None, (*said, talked)))
