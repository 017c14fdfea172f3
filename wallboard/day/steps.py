"""A call's way with its beginning and end, and what it adds to which number, in words; knows no journal and no page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from wallboard.calls import Call
from wallboard.day import words as say
from wallboard.day.explain import CALLS, VISITS, Standards, call_numbers, visit_numbers
from wallboard.day.rows import CallRow
from wallboard.offers import Offer
from wallboard.way import NameOf, PlaceOf, Step, named, rings_of, way

_RESULTS = {"answered": "answered", "missed": "missed", "answered_elsewhere": "answered elsewhere", None: "ringing"}


def way_of(call: Call, row: CallRow, name_of: NameOf, place_of: PlaceOf = named) -> list[Step]:
    """Every step of a call in the order of time, with what is told only of one that is looked at by itself."""
    return sorted([*way(call, name_of, place_of), *_around(call, row)], key=lambda step: step.at)


def _around(call: Call, row: CallRow) -> Iterator[Step]:
    if row.inbound:
        yield _step(row.started_at, f"Called {row.dialled_number or 'a number that was not told'}")
    yield from (_step(at or left.received_at, "Voicemail left") for at, left in call.voicemails.items())
    if row.presumed:
        yield _step(row.last_received_at, "Last heard of; presumed ended, for its end never came")
    elif row.ended_at is not None:
        yield _step(row.ended_at, f"Ended: {row.outcome}")


def _step(at: datetime, text: str) -> Step:
    return Step(at, text, "")


def offers_of(call: Call, name_of: NameOf) -> list[tuple[str, str, str, str, str]]:
    """Agent, rings with their lengths, result, missed rings, talk: one line an offer, in the order first heard of."""
    return [_offer(call, offer, name_of(key)) for key, offer in call.offers.items()]


def _offer(call: Call, offer: Offer, name: str) -> tuple[str, str, str, str, str]:
    rang = ", ".join(say.milliseconds(ring.lasted_ms) for ring in rings_of(call, offer))
    result = _RESULTS[call.result(offer)] if offer.inbound else "placed"
    missed = str(call.missed_rings(offer)) if offer.inbound else say.NONE
    return name, rang or say.NONE, result, missed, say.milliseconds(call.offer_talk_ms(offer) or None)


def adds(row: CallRow, standards: Standards) -> Iterator[tuple[str, str]]:
    """To what, and to which numbers the call adds."""
    of_day = [CALLS[name].title.lower() for name in call_numbers(row)] if row.counts else []
    if of_day or row.voicemail:
        yield "The day", ", ".join([*of_day, *(["voicemails"] if row.voicemail else [])])
    for visit in row.visits:
        numbers = visit_numbers(visit, standards.of(visit.place))
        counted = [VISITS[name].title.lower() for name in numbers if name in VISITS]
        waited = f", wait {say.milliseconds(visit.wait_ms)}" if visit.wait_ms is not None else ""
        talked = f", talk {say.milliseconds(visit.talk_ms)}" if visit.talk_ms is not None else ""
        yield visit.place.name, ", ".join(counted) + waited + talked
    for part in row.agents:
        counts = {"answered": part.answered, "missed": part.missed, "outbound": part.outbound}
        said = [f"{name} {count}" if count > 1 else name for name, count in counts.items() if count]
        talked = f"talk {say.milliseconds(part.talk_ms)}" if part.talk_ms else ""
        yield f"Agent {part.agent}", ", ".join(filter(None, (*said, talked)))
