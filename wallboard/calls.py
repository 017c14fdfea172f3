"""One call's life: its offers, visits and outcome, heard event by event; knows no other call and not the time.

The rules are call-model.md's ("Offers", "Visits", "Calls"). What decides the numbers is a function of the
*set* of bodies heard, so that order and repetition cannot matter; only who is ringing right now depends
on arrival.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Literal

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
from wallboard.offers import Answers, Ending, Message, Offer, Visit, is_answer, later, span_ms

CallState = Literal["waiting", "ringing", "talking", "ended"]
OfferState = Literal["ringing", "dialling", "talking", "ended"]
Result = Literal["answered", "missed", "answered_elsewhere"]
Outcome = Literal["open", "answered", "abandoned", "unanswered"]

# What one call keeps, so that none can grow without end. Generous: a ring-all of 300 phones in ten rounds is
# some 3,300 distinct bodies, 11 of each phone.
MOST_BODIES = 10_000
MOST_OFFERS = 1_000
MOST_VISITS = 50
MOST_BODIES_OF_AN_OFFER = 200


class Call:
    """Everything with one `unique_call_id`."""

    __slots__ = ("_answered", "_answerers", "_answers", "_is_answered", "_ringing", "_state", "_summed_up", "_talking",
                 "caller_name", "caller_number", "components", "dialled_number", "ended_heard_at",
                 "first_received_at", "heard", "id", "key", "known_at", "last_received_at", "offers", "recording",
                 "standing", "told_start_at", "visits", "voicemails")  # fmt: skip

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
        self.voicemails: dict[datetime | None, Message] = {}
        self.components: tuple[str, ...] = ()
        self.recording: str | None = None
        self._answers = Answers({}, ())
        self._settle()

    # --- hearing -------------------------------------------------------------------------------------

    def hear(self, event: AnyEvent) -> bool:
        """Takes one event in; False if it is a redelivery that told nothing."""
        self.last_received_at = event.received_at
        known = event.fingerprint in self.heard
        if known and not (isinstance(event, Rang) and self._rings_again(event)):
            return False
        if not known:
            self.heard.add(event.fingerprint)
            self._note(event)
        self._take(event)
        self._settle()
        self.ended_heard_at = event.received_at if self.state() == "ended" else None
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
        if event.call_started_at is not None:
            self.told_start_at = min(self.told_start_at or event.call_started_at, event.call_started_at)
        self.known_at = min(self.known_at, event.known_at)
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
        self._settle()
        late_news = len({*offer.rings, event.fingerprint}) <= len(offer.ring_endings())
        again = event.fingerprint in offer.rings
        if not again:
            offer.rings += (event.fingerprint,)
        if offer.ringing_since or offer.answered or self._is_closed(event.places):
            return
        if not event.places and self._is_summed_up():
            return
        if late_news and not again:
            return
        if offer.endings and self.state() == "ended":
            return
        offer.ringing_since, offer.ring_places = event.received_at, event.places
        offer.rung_at += (event.received_at,)
        self.standing = event.places or self.standing

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
        return any(self.visits[place].summary or self.is_answered(place) for place in places if place in self.visits)

    def step_clock(self, by: timedelta) -> bool:
        """Moves what was read from our own clock; True if the numbers hang on that, for want of the PBX's word."""
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

    # --- what it all means ---------------------------------------------------------------------------

    def _settle(self) -> None:
        """Works out once what every part of the call asks of the whole."""
        answered = [offer for offer in self.offers.values() if offer.answered]
        self._answerers: dict[Place, list[Offer]] = {}
        for offer in answered:
            for place in offer.answer_places:
                self._answerers.setdefault(place, []).append(offer)
        self._answered = {place for place, visit in self.visits.items() if self._find_answered(visit)}
        self._summed_up = bool(self._answered) and all(self.visits[place].summary for place in self._answered)
        self._talking = {offer.agent: offer for offer in answered if self._find_talking(offer)}
        self._ringing = {offer.agent: offer for offer in self.offers.values() if offer.ringing_since}
        self._state: CallState = self._find_state()
        self._settle_answers(answered)

    def _settle_answers(self, answered: list[Offer]) -> None:
        summaries = [summary for summary in self._summaries(tuple(self.visits)) if is_answer(summary)]
        self._is_answered = bool(answered or summaries)
        answers = Answers.of(answered, summaries)
        if answers != self._answers:
            self._answers = answers
            for offer in self.offers.values():
                offer.missed = None

    def _find_answered(self, visit: Visit) -> bool:
        """By its summary's word, else by one of its offers."""
        return is_answer(visit.summary) if visit.summary is not None else visit.place in self._answerers

    def _find_talking(self, offer: Offer) -> bool:
        """A summary closes every offer in its visit, and the last one those outside any visit."""
        if not offer.answer_places and self._summed_up:
            return False
        if any(self.visits[place].summary for place in offer.answer_places):
            return False
        return offer.talks_on()

    def _find_state(self) -> CallState:
        if self._talking:
            return "talking"
        waits = self._waits()
        rings = self._ringing.values()
        # A ring byte for byte like one that has ended may be a redelivery: it alone keeps no call alive.
        if rings and (waits or any(len(offer.rings) > len(offer.ring_endings()) for offer in rings)):
            return "ringing"
        return "waiting" if waits else "ended"

    @property
    def started_at(self) -> datetime:
        return self.told_start_at or self.first_received_at

    @property
    def is_inbound(self) -> bool:
        return bool(self.visits) or any(offer.inbound for offer in self.offers.values())

    @property
    def counts(self) -> bool:
        """Voicemails, recordings and unmapped components alone do not make a call count."""
        return bool(self.visits or self.offers)

    def state(self) -> CallState:
        """talking > ringing > waiting > ended."""
        return self._state

    def _is_summed_up(self) -> bool:
        """Every answered visit has its summary: the PBX sends that when the call has ended."""
        return self._summed_up

    def _waits(self) -> bool:
        if self._answered:
            return False
        return any(not visit.summary and not visit.timed_out for visit in self.visits.values())

    def is_talking(self, offer: Offer) -> bool:
        """Answered, and neither its own completions nor a summary has ended it."""
        return offer.agent in self._talking

    def offer_state(self, offer: Offer) -> OfferState:
        if self.is_talking(offer):
            return "talking"
        if offer.ringing_since and self.state() != "ended":
            return "ringing" if offer.inbound else "dialling"
        return "ended"

    def is_offer_answered(self, offer: Offer) -> bool:
        """By its own events, or by the summary that names this agent, should those have been lost."""
        return offer.answered or any(
            is_answer(summary) and summary.agent == offer.agent for summary in self._summaries(offer.places)
        )

    def result(self, offer: Offer) -> Result | None:
        if self.is_offer_answered(offer):
            return "answered"
        if not offer.inbound or self.offer_state(offer) != "ended":
            return None
        return "missed" if self.missed_rings(offer) else "answered_elsewhere"

    def missed_rings(self, offer: Offer) -> int:
        """Rings that ended unanswered, but for those that ended because somebody else answered."""
        if not offer.inbound:
            return 0
        if not offer.endings and not self.is_offer_answered(offer) and self.offer_state(offer) == "ended":
            return int(not self._answers.elsewhere(offer.agent, None))
        if offer.missed is None:
            ends = (ending.end_at for ending in offer.ring_endings())
            offer.missed = sum(not self._answers.elsewhere(offer.agent, end) for end in ends)
        return offer.missed

    def _summaries(self, places: tuple[Place, ...]) -> Iterator[Summarised]:
        for place in places:
            if summary := self.visits[place].summary:
                yield summary

    def is_answered(self, place: Place) -> bool:
        """The visit was answered, by its summary's word, else by one of its offers."""
        return place in self._answered

    def visit_outcome(self, visit: Visit) -> Outcome:
        if self.is_answered(visit.place):
            return "answered"
        if visit.summary is not None:
            return "abandoned" if visit.summary.status in (None, "abandoned") else "unanswered"
        return "unanswered" if visit.timed_out else "open"

    def visit_wait_ms(self, visit: Visit) -> int | None:
        """From the call's start to the answer; for a visit that nobody answered, its call_duration."""
        summary = visit.summary
        if not self.is_answered(visit.place):
            return summary.call_duration_ms if summary else None
        answers = [at for offer in self._answerers_of(visit.place) if (at := offer.answer_at)]
        answer = (summary.connected_at if summary else None) or min(answers, default=None)
        return span_ms((summary.call_started_at if summary else None) or self.told_start_at, answer)

    def visit_talk_ms(self, visit: Visit) -> int | None:
        """Talk of an answered visit that has ended; `None` where it has not, or is not known."""
        if not self.is_answered(visit.place):
            return None
        summary = visit.summary
        if summary is not None and summary.talk_ms is not None:
            return summary.talk_ms
        if summary is not None and summary.connected_at and summary.call_duration_ms is not None:
            end = later(summary.call_started_at or self.told_start_at, summary.call_duration_ms)
            return span_ms(summary.connected_at, end)
        offers = self._answerers_of(visit.place)
        if any(self.is_talking(offer) for offer in offers):
            return None
        talks = [talk for offer in offers if (talk := offer.talk_ms()) is not None]
        return sum(talks) if talks else None

    def _answerers_of(self, place: Place) -> list[Offer]:
        return self._answerers.get(place, [])

    def offer_talk_ms(self, offer: Offer) -> int:
        """Talk of an ended offer; 0 while it talks or where it is not known."""
        if self.is_talking(offer):
            return 0
        talk = offer.talk_ms()
        if talk is not None:
            return talk
        named = (s.talk_ms or 0 for s in self._summaries(offer.places) if is_answer(s) and s.agent == offer.agent)
        return max(named, default=0)

    @property
    def is_call_answered(self) -> bool:
        return self._is_answered

    def outcome(self) -> Literal["answered", "abandoned", "missed", "unanswered"]:
        """What became of an ended call."""
        if self.is_call_answered:
            return "answered"
        if not self.is_inbound:
            return "unanswered"
        outcomes = (self.visit_outcome(visit) for visit in self.visits.values() if visit.summary)
        return "abandoned" if "abandoned" in outcomes else "missed"

    @property
    def answered_at(self) -> datetime | None:
        known = [at for offer in self.offers.values() if (at := offer.answer_at)]
        known += [s.connected_at for s in self._summaries(tuple(self.visits)) if s.connected_at]
        return min(known, default=None)

    @property
    def ended_at(self) -> datetime | None:
        """The latest end that was told, else when the last news of an ended call came; `None` while it lives."""
        if self.ended_heard_at is None:
            return None
        ends = [offer.ended_at for offer in self.offers.values() if offer.ended_at]
        for summary in self._summaries(tuple(self.visits)):
            if end := later(summary.call_started_at, summary.call_duration_ms):
                ends.append(end)
        return max(ends, default=self.ended_heard_at)

    @property
    def talk_ms(self) -> int | None:
        """Talk of an answered, ended call."""
        if not self.is_call_answered or self.ended_heard_at is None:
            return None
        talks = [talk for offer in self.offers.values() if (talk := offer.talk_ms()) is not None]
        if talks:
            return sum(talks)
        told = [s.talk_ms for s in self._summaries(tuple(self.visits)) if s.talk_ms is not None]
        return max(told, default=None)

    # --- what shows right now ------------------------------------------------------------------------

    def phones(self) -> dict[str, tuple[OfferState, datetime]]:
        """What each agent on this call does and since when; agents whose part has ended are left out."""
        busy = {agent: (self.offer_state(offer), self._talking_since(offer)) for agent, offer in self._talking.items()}
        for agent, offer in self._ringing.items():
            if agent not in busy and self.state() != "ended" and offer.ringing_since:
                busy[agent] = (self.offer_state(offer), offer.ringing_since)
        return busy

    def _talking_since(self, offer: Offer) -> datetime:
        return max(offer.answers, default=None) or offer.answer_at or offer.talking_heard_at or self.last_received_at

    def visit_state(self, visit: Visit) -> CallState:
        """Where the caller stands in this visit. A visit that was left for another queue waits no more."""
        place = visit.place
        if any(place in offer.answer_places for offer in self._talking.values()):
            return "talking"
        state = self.state()
        if state not in ("ringing", "waiting") or self.visit_outcome(visit) != "open":
            return "ended"
        if any(place in offer.ring_places for offer in self._ringing.values()):
            return "ringing"
        return "waiting" if place in self.standing else "ended"

    def visit_since(self, visit: Visit) -> datetime:
        """When the caller began to wait there."""
        return visit.entered_at or self.started_at


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
