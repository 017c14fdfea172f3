"""One call's life, heard event by event, and its rest when it is over; knows no other call and not the time.

The rules are call-model.md's ("Offers", "Visits", "Calls"). What decides the numbers is a function of the
*set* of bodies heard, so that order and repetition cannot matter; only who is ringing right now depends
on arrival. What was heard means what meaning.py says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from wallboard.events import (
    Answered,
    AnyEvent,
    Completed,
    ComponentPassed,
    OfferEvent,
    Place,
    Rang,
    Recorded,
    Summarised,
    VoicemailLeft,
)
from wallboard.meaning import MEANT, Meaning
from wallboard.offers import NOBODY, Ending, Message, Offer, Visit, later
from wallboard.rest import Kept, fold, kept_offers, kept_visits, unfold

# What one call keeps, so that none can grow without end. Generous: a ring-all of 300 phones in ten rounds is
# some 3,300 distinct bodies, 11 of each phone.
MOST_BODIES = 10_000
MOST_OFFERS = 1_000
MOST_VISITS = 50
MOST_BODIES_OF_AN_OFFER = 200


# What a call lays off when it rests, and takes up again as soon as somebody asks: what it heard (and MEANT).
_HEARD = ("caller_name", "caller_number", "components", "dialled_number", "heard", "known_at", "offers", "recording",
          "standing", "visits")  # fmt: skip
_MOST_LOOKED_AT = 1_000
_LAID_OFF = frozenset((*_HEARD, *MEANT))
_NO_MESSAGES: dict[datetime | None, Message] = {}  # of every call that has none; never written to


class Call(Meaning):
    """Everything with one `unique_call_id`."""

    __slots__ = ("_folded", "_looked_at", "caller_name", "caller_number", "components", "dialled_number", "heard", "id",
                 "key", "known_at", "recording")  # fmt: skip

    def __init__(self, id: str, received_at: datetime, key: str | None = None) -> None:
        self.id = id
        self.key = key or id
        """Unlike `id`, no other call's, should the PBX use an id again."""
        self.known_at = received_at
        self.first_received_at = received_at
        self.last_received_at = received_at
        self.ended_heard_at: datetime | None = None
        self.told_start_at: datetime | None = None
        self.heard: set[int] = set()
        self.caller_number: str | None = None
        self.caller_name: str | None = None
        self.dialled_number: str | None = None
        self.offers: dict[str, Offer] = {}
        self.visits: dict[Place, Visit] = {}
        self.standing: tuple[Place, ...] = ()
        self.voicemails = _NO_MESSAGES
        self.components: tuple[str, ...] = ()
        self.recording: str | None = None
        self._folded: bytes | None = None
        self._begin()

    # --- resting -------------------------------------------------------------------------------------

    @property
    def is_at_rest(self) -> bool:
        """Also while somebody looks at it."""
        return self._folded is not None

    def rest(self, looked_at: deque[Call]) -> None:
        """Folds up what was heard. A look unfolds it, and `looked_at`, which the calls of a board share, says which
        were looked at last; the others are folded up again.
        """
        self._looked_at = looked_at
        self._folded = fold(
            Kept(
                self.heard,
                self.known_at,
                self.caller_number,
                self.caller_name,
                self.dialled_number,
                kept_offers(self.offers.values()),
                kept_visits(self.visits.values()),
                self.standing,
                self.components,
                self.recording,
            )
        )
        self.lay_off()

    def wake(self) -> None:
        """It is to hear again, so what was folded up will not be true any more."""
        if self._folded is None:
            return
        if isinstance(self, AtRest):
            self._take_up(self._folded)
        self._folded = None

    def lay_off(self) -> None:
        """Lets go of what is folded up."""
        # One by one, and not by name: all of them take as long as two by `delattr`.
        del self.caller_name, self.caller_number, self.components, self.dialled_number, self.heard, self.known_at
        del self.offers, self.recording, self.standing, self.visits
        del self._answered, self._answerers, self._answers, self._has_fresh_answers, self._is_answered
        del self._ringing, self._summed_up, self._talking
        self.__class__ = AtRest

    def _take_up(self, folded: bytes) -> None:
        self.__class__ = Call
        kept = unfold(folded)
        for name in _HEARD:
            setattr(self, name, getattr(kept, name))
        self.offers = {offer.agent: offer.unfolded() for offer in kept.offers}
        self.visits = {visit.place: visit.unfolded() for visit in kept.visits}
        self._answers = NOBODY
        self._settle()

    # --- hearing -------------------------------------------------------------------------------------

    def hear(self, event: AnyEvent) -> bool:
        """Takes one event in; False if it is a redelivery that told nothing."""
        if self._folded is not None:
            self.wake()
        self.last_received_at = event.received_at
        known = event.fingerprint in self.heard
        if known and not (isinstance(event, Rang) and self._rings_again(event)):
            return False
        if not known:
            self.heard.add(event.fingerprint)
            self._note(event)
        self._take(event)
        self._settle()
        self.ended_heard_at = event.received_at if self._state == "ended" else None
        return True

    def is_full_for(self, event: AnyEvent) -> bool:
        """True if the event would tell more than one call keeps; then it is not to be heard."""
        if event.fingerprint in self.heard:
            return False
        if len(self.heard) >= MOST_BODIES:
            return True
        if isinstance(event, OfferEvent):
            offer = self.offers.get(event.agent)
            if len(self.offers) >= MOST_OFFERS if offer is None else offer.bodies >= MOST_BODIES_OF_AN_OFFER:
                return True
        return len(self.visits) >= MOST_VISITS and any(place not in self.visits for place in _places(event))

    def hear_no_more(self, event: AnyEvent) -> None:
        """The call is full: that something came is all that is kept."""
        self.last_received_at = event.received_at

    def _note(self, event: AnyEvent) -> None:
        started_at = event.call_started_at
        if started_at is not None and (self.told_start_at is None or started_at < self.told_start_at):
            self.told_start_at = started_at
        if (known_at := event.known_at) < self.known_at:
            self.known_at = known_at
        self.caller_number = self.caller_number or event.caller_number
        self.caller_name = self.caller_name or event.caller_name
        self.dialled_number = self.dialled_number or event.dialled_number

    def _take(self, event: AnyEvent) -> None:
        match event:
            case Rang():
                self._ring(self._offer(event), event)
            case Answered():
                self._answer(self._offer(event), event)
            case Completed():
                self._complete(self._offer(event), event)
            case Summarised():
                self._summarise(event)
            case VoicemailLeft():
                message = Message(event.dialled_number, event.received_at, event.link)
                if not self.voicemails:
                    self.voicemails = {}
                self.voicemails.setdefault(event.recorded_at, message)
            case Recorded():
                self.recording = event.link or self.recording
            case ComponentPassed():
                self._pass(event)

    def _offer(self, event: OfferEvent) -> Offer:
        offer = self.offers.get(event.agent)
        if offer is None:
            offer = self.offers[event.agent] = Offer(event.agent)
        offer.bodies += 1
        offer.name = event.agent_name or offer.name
        offer.inbound = offer.inbound or event.direction == "inbound"
        for place in event.places:
            self._visit(place)
            if place not in offer.places:
                offer.places += (place,)
        return offer

    def _visit(self, place: Place) -> Visit:
        visit = self.visits.get(place)
        if visit is None:
            visit = self.visits[place] = Visit(place)
            self.standing = (place,)
        return visit

    def _ring(self, offer: Offer, event: Rang) -> None:
        late_news = bool(offer.endings) and len({*offer.rings, event.fingerprint}) <= len(offer.ring_endings())
        again = event.fingerprint in offer.rings
        if not again:
            offer.rings += (event.fingerprint,)
        if offer.ringing_since or offer.answered or self._is_closed(event.places):
            return
        if not event.places and self._is_summed_up():
            return
        if late_news and not again:
            return
        if offer.endings and self._is_over():
            return
        offer.ringing_since, offer.ring_places = event.received_at, event.places
        offer.rung_at += (event.received_at,)
        self.standing = event.places or self.standing

    def _is_over(self) -> bool:
        """Whether it had ended before this event, should the event have opened no visit."""
        self._settle()
        return self._state == "ended"

    def _rings_again(self, event: Rang) -> bool:
        """A ring byte for byte like an earlier one is news once that ring ended unanswered and the call lives on."""
        offer = self.offers.get(event.agent)
        if offer is None or offer.ringing_since or offer.answered or not offer.endings:
            return False
        return not self._is_closed(event.places) and self.state() != "ended"

    def _answer(self, offer: Offer, event: Answered) -> None:
        offer.answer(event.connected_at, event.received_at)
        self._settle_answer(offer, event.places)

    def _complete(self, offer: Offer, event: Completed) -> None:
        end_at = later(event.call_started_at, event.call_duration_ms)
        ending = Ending(end_at, event.connected_at, event.talk_ms, event.places)
        offer.complete(ending)
        if ending.answered:
            self._settle_answer(offer, event.places)

    def _settle_answer(self, offer: Offer, places: tuple[Place, ...]) -> None:
        offer.ringing_since = None
        offer.answered_at += tuple(place for place in places if place not in offer.answered_at)
        self._stop_rings(offer.answer_places, unless=offer)
        self.standing = places or self.standing

    def _summarise(self, event: Summarised) -> None:
        self._visit(event.place).summarise(event)
        if not any(offer.ringing_since for offer in self.offers.values()):
            return
        self._settle()
        self._stop_rings((event.place,))
        if self._is_summed_up():
            for offer in self.offers.values():
                if not offer.ring_places:
                    offer.ringing_since = None

    def _pass(self, event: ComponentPassed) -> None:
        if event.entered is None and event.timed_out is None and event.component not in self.components:
            self.components += (event.component,)
        if event.entered is not None:
            visit = self._visit(event.entered)
            visit.entered_at = visit.entered_at or event.received_at
            self.standing = (event.entered,)
        if event.timed_out is not None:
            self._visit(event.timed_out).timed_out = True

    def _stop_rings(self, places: tuple[Place, ...], unless: Offer | None = None) -> None:
        for offer in self.offers.values():
            if offer is not unless and any(place in places for place in offer.ring_places):
                offer.ringing_since = None

    def _is_closed(self, places: tuple[Place, ...]) -> bool:
        visits = self.visits
        return any(visits[place].summary or self.is_answered(place) for place in places if place in visits)

    def step_clock(self, by: timedelta) -> bool:
        """Moves what was read from our own clock; True if the numbers hang on that, for want of the PBX's word."""
        self.wake()
        by_our_clock = self.told_start_at is None or self.ended_at == self.ended_heard_at
        if self.known_at == self.first_received_at:
            self.known_at += by
        self.first_received_at += by
        self.last_received_at += by
        self.ended_heard_at = self.ended_heard_at and self.ended_heard_at + by
        for offer in self.offers.values():
            offer.ringing_since = offer.ringing_since and offer.ringing_since + by
            offer.rung_at = tuple(at + by for at in offer.rung_at)
            offer.talking_heard_at = offer.talking_heard_at and offer.talking_heard_at + by
        for visit in self.visits.values():
            visit.entered_at = visit.entered_at and visit.entered_at + by
        return by_our_clock

    def erase(self, is_theirs: Callable[[str | None], bool]) -> None:
        """Forgets its other party, if that is who is meant; what counts stays."""
        is_called = is_theirs(self.dialled_number)
        if not is_called and self.caller_number is not None and not is_theirs(self.caller_number):
            return
        if is_called:
            self.dialled_number = None
        if is_theirs(self.caller_number):
            self.caller_number = None
        self.caller_name = self.recording = None
        self.voicemails = {at: msgspec.structs.replace(left, link=None) for at, left in self.voicemails.items()}
        nobody = {"caller_number": None, "caller_name": None, "dialled_number": None}
        for visit in self.visits.values():
            visit.summary = visit.summary and msgspec.structs.replace(visit.summary, **nobody)


class AtRest(Call):
    """A call whose parts are folded up. A look makes it a plain call again, which looks at nothing so closely:
    `__getattr__` makes every attribute of its class slower, those that are there too.
    """

    __slots__ = ()

    @staticmethod
    def laid_off() -> frozenset[str]:
        """The attributes that it does not have."""
        return _LAID_OFF

    if not TYPE_CHECKING:  # or no misspelt attribute would be noticed

        def __getattr__(self, name: str) -> object:
            """Called only for an attribute that is not there."""
            if name not in _LAID_OFF or self._folded is None:
                raise AttributeError(name)
            self._take_up(self._folded)
            self._looked_at.append(self)
            if len(self._looked_at) > _MOST_LOOKED_AT:
                rest_again(self._looked_at.popleft())
            return getattr(self, name)


def rest_again(call: Call) -> None:
    """Nobody looks at it any more."""
    if call.is_at_rest and not isinstance(call, AtRest):
        call.lay_off()


def _places(event: AnyEvent) -> tuple[Place, ...]:
    """The visits that an event opens or closes."""
    match event:
        case OfferEvent():
            return event.places
        case Summarised():
            return (event.place,)
        case ComponentPassed():
            return tuple(place for place in (event.entered, event.timed_out) if place)
    return ()
