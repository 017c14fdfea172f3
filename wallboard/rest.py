"""A call at rest: what one that is over has heard, folded into bytes and unfolded again; knows no board and no time.

Of a day of 100,000 calls nearly all are over, and nobody looks at most of them again. In Python's objects each takes
3 kB, in bytes a tenth of that. What can be worked out from the rest is not kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from operator import attrgetter

import msgspec

from wallboard.events import Place, Summarised
from wallboard.offers import Ending, Offer, Visit

OFFER = ("agent", "name", "inbound", "places", "bodies", "rings", "rung_at", "ringing_since", "ring_places",
         "answered_heard", "answers", "answered_at", "talking_heard_at", "endings")  # fmt: skip
"""What an offer keeps; its other attributes follow from these."""
_values_of = attrgetter(*OFFER)


class KeptOffer(msgspec.Struct, array_like=True, gc=False):
    """By position, in the order of OFFER."""

    agent: str
    name: str | None
    inbound: bool
    places: tuple[Place, ...]
    bodies: int
    rings: tuple[int, ...]
    rung_at: tuple[datetime, ...]
    ringing_since: datetime | None
    ring_places: tuple[Place, ...]
    answered_heard: bool
    answers: tuple[datetime, ...]
    answered_at: tuple[Place, ...]
    talking_heard_at: datetime | None
    endings: tuple[Ending, ...]

    def unfolded(self) -> Offer:
        offer = Offer(self.agent)
        for name in OFFER:
            setattr(offer, name, getattr(self, name))
        offer.settle()
        return offer


class KeptVisit(msgspec.Struct, array_like=True, gc=False):
    place: Place
    entered_at: datetime | None
    timed_out: bool
    summary: Summarised | None

    def unfolded(self) -> Visit:
        visit = Visit(self.place)
        visit.entered_at, visit.timed_out, visit.summary = self.entered_at, self.timed_out, self.summary
        return visit


class Kept(msgspec.Struct, array_like=True, gc=False):
    """Everything that a call has heard, but for what the board asks of every call."""

    heard: set[int]
    known_at: datetime
    caller_number: str | None
    caller_name: str | None
    dialled_number: str | None
    offers: list[KeptOffer]
    visits: list[KeptVisit]
    standing: tuple[Place, ...]
    components: tuple[str, ...]
    recording: str | None


def kept_offers(offers: Iterable[Offer]) -> list[KeptOffer]:
    return [KeptOffer(*_values_of(offer)) for offer in offers]


def kept_visits(visits: Iterable[Visit]) -> list[KeptVisit]:
    return [KeptVisit(visit.place, visit.entered_at, visit.timed_out, visit.summary) for visit in visits]


fold = msgspec.msgpack.Encoder().encode
unfold = msgspec.msgpack.Decoder(Kept).decode
