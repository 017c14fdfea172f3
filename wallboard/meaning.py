"""What a call's offers, visits and messages mean together: its state, its outcome, its times; hears nothing.

The rules are call-model.md's ("Offers", "Visits", "Calls"): a function of what was heard, whatever its order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

from wallboard.events import Place, Summarised
from wallboard.offers import NOBODY, Answers, Message, Offer, Visit, is_answer, later, span_ms

CallState = Literal["waiting", "ringing", "talking", "ended"]
OfferState = Literal["ringing", "dialling", "talking", "ended"]
Result = Literal["answered", "missed", "answered_elsewhere"]
Outcome = Literal["open", "answered", "abandoned", "unanswered"]

MEANT = ("_answered", "_answerers", "_answers", "_has_fresh_answers", "_is_answered", "_ringing", "_summed_up",
          "_talking")  # fmt: skip
"""What is worked out and can be again."""

# What most calls have nothing of; never written to.
_NOWHERE: dict[Place, list[Offer]] = {}
_NO_ONE: dict[str, Offer] = {}
_NO_PHONES: dict[str, tuple[OfferState, datetime]] = {}


class Meaning:
    """The part of a call that is asked and never told."""

    __slots__ = ("_state", "ended_heard_at", "first_received_at", "last_received_at", "offers", "standing",
                 "told_start_at", "visits", "voicemails", *MEANT)  # fmt: skip

    first_received_at: datetime
    last_received_at: datetime
    ended_heard_at: datetime | None
    told_start_at: datetime | None
    offers: dict[str, Offer]
    visits: dict[Place, Visit]
    standing: tuple[Place, ...]
    voicemails: dict[datetime | None, Message]
    _answers: Answers

    def _begin(self) -> None:
        """What `_settle` would find while nothing was heard."""
        self._answerers: dict[Place, list[Offer]] = _NOWHERE
        self._answered: set[Place] = set()
        self._talking: dict[str, Offer] = _NO_ONE
        self._ringing: dict[str, Offer] = _NO_ONE
        self._summed_up = self._is_answered = self._has_fresh_answers = False
        self._state: CallState = "ended"
        self._answers = NOBODY

    def _settle(self) -> None:
        """Works out once what every part of the call asks of the whole."""
        answered: list[Offer] = []
        self._ringing = _NO_ONE
        for offer in self.offers.values():
            if offer.answered:
                answered.append(offer)
            if offer.ringing_since:
                self._ringing = self._ringing or {}
                self._ringing[offer.agent] = offer
        self._answerers = _by_place(answered) if answered else _NOWHERE
        self._settle_visits()
        talking = [offer for offer in answered if offer.talks_on() and self._find_talking(offer)] if answered else None
        self._talking = {offer.agent: offer for offer in talking} if talking else _NO_ONE
        self._state = self._find_state()
        self._is_answered = bool(answered or self._answered)
        self._has_fresh_answers = False

    def _settle_visits(self) -> None:
        """Which visits were answered: by their summary's word, else by an offer's; and if all have that word."""
        answered, summed_up = set(), True
        for place, visit in self.visits.items():
            if is_answer(visit.summary) if visit.summary is not None else place in self._answerers:
                answered.add(place)
                summed_up = summed_up and visit.summary is not None
        self._answered, self._summed_up = answered, summed_up and bool(answered)

    def _freshen_answers(self) -> None:
        """Works out who answered when, which only a missed ring asks; what was missed hangs on that."""
        answered = [offer for offer in self.offers.values() if offer.answered]
        summaries = [summary for summary in self._summaries(self.visits) if is_answer(summary)]
        answers = Answers.of(answered, summaries) if answered or summaries else NOBODY
        self._has_fresh_answers = True
        if answers != self._answers:
            self._answers = answers
            for offer in self.offers.values():
                offer.missed = None

    def _find_talking(self, offer: Offer) -> bool:
        """Whether a talk that no completion has ended goes on: a summary closes every offer in its visit, and the last
        one those outside any visit.
        """
        places = offer.answered_at or offer.places
        if not places:
            return not self._summed_up
        return not any(self.visits[place].summary for place in places)

    def _find_state(self) -> CallState:
        if self._talking:
            return "talking"
        waits = bool(self.visits) and self._waits()
        if not self._ringing:
            return "waiting" if waits else "ended"
        rings = self._ringing.values()
        # A ring byte for byte like one that has ended may be a redelivery: it alone keeps no call alive.
        if waits or any(len(offer.rings) > len(offer.ring_endings()) for offer in rings):
            return "ringing"
        return "ended"

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
        return any(visit.summary is None and not visit.timed_out for visit in self.visits.values())

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
        if offer.endings:
            if not offer.ring_endings():
                return 0
        elif self.is_offer_answered(offer) or self.offer_state(offer) != "ended":
            return 0
        if not self._has_fresh_answers:
            self._freshen_answers()
        if not offer.endings:
            return int(not self._answers.elsewhere(offer.agent, None))
        if offer.missed is None:
            ends = (ending.end_at for ending in offer.ring_endings())
            offer.missed = sum(not self._answers.elsewhere(offer.agent, end) for end in ends)
        return offer.missed

    def _summaries(self, places: Iterable[Place]) -> Iterator[Summarised]:
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
        known += [s.connected_at for s in self._summaries(self.visits) if s.connected_at]
        return min(known, default=None)

    @property
    def ended_at(self) -> datetime | None:
        """The latest end that was told, else when the last news of an ended call came; `None` while it lives."""
        if self.ended_heard_at is None:
            return None
        ends = [offer.ended_at for offer in self.offers.values() if offer.ended_at]
        for summary in self._summaries(self.visits):
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
        told = [s.talk_ms for s in self._summaries(self.visits) if s.talk_ms is not None]
        return max(told, default=None)

    # --- what shows right now ------------------------------------------------------------------------

    def phones(self) -> dict[str, tuple[OfferState, datetime]]:
        """What each agent on this call does and since when; agents whose part has ended are left out."""
        if not self._talking and not self._ringing:
            return _NO_PHONES
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


def _by_place(answered: list[Offer]) -> dict[Place, list[Offer]]:
    answerers: dict[Place, list[Offer]] = {}
    for offer in answered:
        for place in offer.answered_at or offer.places:
            answerers.setdefault(place, []).append(offer)
    return answerers
