"""Which events a call that is over must have brought, and which never came; knows no figure, no screen, no clock.

What is missing is inferred from the call's other events alone, so an event that nothing else implies is not
missed: a call of which everything was lost leaves no trace here. Each number is defined in docs/numbers.md.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Container, Iterator
from copy import copy
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal

import msgspec

from wallboard.calls import Call
from wallboard.events import Answered, AnyEvent, Completed, Direction, OfferEvent, Place, Rang, Summarised
from wallboard.offers import Visit, is_answer

_INBOUND = ("user_inbound", "user_inbound_answered", "user_inbound_completed")
_OUTBOUND = ("user_outbound", "user_outbound_answered", "user_outbound_completed")
TRIGGERS = (*_INBOUND, "queue_call", "ring_group_call", *_OUTBOUND)
"""The PBX's triggers that other events of the same call can imply, by the vendor's names."""

_OF_OFFERS: dict[tuple[type[OfferEvent], Direction], str] = {
    (Rang, "inbound"): _INBOUND[0],
    (Answered, "inbound"): _INBOUND[1],
    (Completed, "inbound"): _INBOUND[2],
    (Rang, "outbound"): _OUTBOUND[0],
    (Answered, "outbound"): _OUTBOUND[1],
    (Completed, "outbound"): _OUTBOUND[2],
}
_NONE: Counter[str] = Counter()  # never written to

GRACE = timedelta(seconds=5)
"""How long after its last event a call that seems over may still bring the rest: bodies overtake each other."""

ENOUGH_TO_TELL = 5
"""So many missing of a trigger never seen, and none that came, is no accident."""


class Account(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one call that is over owed, trigger by trigger, each as often as it was owed."""

    expected: tuple[str, ...]
    missing: tuple[str, ...]
    without_end: bool
    summaries_without_offers: int
    offers_without_answer: int
    offers_without_completion: int


def account(call: Call) -> Account:
    """What `call` owed, were it over; a function of the set of its events, whatever their order."""
    of_offers, unheard = list(_owed_by_offers(call)), _unheard(call)
    of_summaries = [(trigger, False) for trigger in _INBOUND for _ in set(unheard)] if unheard else []
    owed = [*of_offers, *of_summaries, *_owed_by_visits(call)]
    missing = tuple([trigger for trigger, came in owed if not came])
    lost = Counter([trigger for trigger, came in of_offers if not came]) if missing else _NONE
    return Account(
        expected=tuple([trigger for trigger, _ in owed]),
        missing=missing,
        without_end=bool(missing) and not _heard_an_end(call),
        summaries_without_offers=len(unheard),
        offers_without_answer=lost[_INBOUND[1]] + lost[_OUTBOUND[1]],
        offers_without_completion=lost[_INBOUND[2]] + lost[_OUTBOUND[2]],
    )


def _owed_by_offers(call: Call) -> Iterator[tuple[str, bool]]:
    """(trigger, whether it came). However often a phone rang, its offer owes one ring and one completion."""
    named = {summary.agent for _, summary in _answered(call)}
    for offer in call.offers.values():
        ring, answer, completion = _INBOUND if offer.inbound else _OUTBOUND
        yield ring, bool(offer.rings)
        if offer.answered or offer.agent in named:
            yield answer, offer.answered_heard
        yield completion, bool(offer.endings)


def _owed_by_visits(call: Call) -> Iterator[tuple[str, bool]]:
    """A visit that a Webhook object closed owes no summary: nobody says that the PBX sends one as well."""
    for visit in call.visits.values():
        if visit.summary is not None or not visit.timed_out:
            yield f"{visit.place.kind}_call", visit.summary is not None


def _unheard(call: Call) -> list[str | Place]:
    """Who answered by a summary's word alone: the agent, or the place where it names none and no phone rang."""
    silent: list[str | Place] = []
    for visit, summary in _answered(call):
        if summary.agent is None and not any(visit.place in offer.places for offer in call.offers.values()):
            silent.append(visit.place)
        elif summary.agent is not None and summary.agent not in call.offers:
            silent.append(summary.agent)
    return silent


def _answered(call: Call) -> Iterator[tuple[Visit, Summarised]]:
    for visit in call.visits.values():
        if visit.summary is not None and is_answer(visit.summary):
            yield visit, visit.summary


def _heard_an_end(call: Call) -> bool:
    return any(offer.endings for offer in call.offers.values()) or any(v.summary for v in call.visits.values())


class Ledger:
    """One day's sums of accounts."""

    def __init__(self) -> None:
        self.calls_complete = self.calls_incomplete = self.calls_without_end = 0
        self.summaries_without_offers = self.offers_without_answer = self.offers_without_completion = 0
        self.duplicates = 0
        self.expected: Counter[str] = Counter()
        self.missing: Counter[str] = Counter()

    def move(self, part: Account, by: int) -> None:
        """Puts one account in (by = 1) or takes it out (by = -1)."""
        self.calls_complete += by * (not part.missing)
        self.calls_incomplete += by * bool(part.missing)
        self.calls_without_end += by * part.without_end
        self.summaries_without_offers += by * part.summaries_without_offers
        self.offers_without_answer += by * part.offers_without_answer
        self.offers_without_completion += by * part.offers_without_completion
        for trigger in part.expected:
            self.expected[trigger] += by
        for trigger in part.missing:
            self.missing[trigger] += by


class Book:
    """The accounts of all calls that are over, by day; an account is replaced, never added to."""

    def __init__(self) -> None:
        self.heard_at: dict[str, datetime] = {}
        self._days: dict[date, Ledger] = {}
        self._accounts: dict[str, tuple[date, Account]] = {}
        self._fresh: OrderedDict[str, datetime] = OrderedDict()

    def hear(self, event: AnyEvent) -> None:
        """Notes that the event's trigger is alive."""
        if (trigger := trigger_of(event)) is not None:
            self.heard_at[trigger] = event.received_at

    def post(self, call: Call, day: date) -> None:
        """Accounts for a call that is over."""
        self.withdraw(call)
        self._accounts[call.key] = day, part = _shared(day, account(call))
        self._ledger(day).move(part, 1)
        if part.missing and call.state() == "ended":  # of one presumed ended nothing has come for long enough
            self._freshen(call.key, call.last_received_at)

    def withdraw(self, call: Call) -> None:
        """Takes a call's account out: it is not over after all, or forgotten."""
        before = self._accounts.pop(call.key, None)
        if before is not None:
            self._ledger(before[0]).move(before[1], -1)
            self._fresh.pop(call.key, None)

    def repeat(self, day: date) -> None:
        """Counts one redelivery."""
        self._ledger(day).duplicates += 1

    def forget(self, day: date) -> None:
        """Forgets the day and all before it."""
        self._days = {known: sums for known, sums in self._days.items() if known > day}

    def step_clock(self, by: timedelta) -> None:
        """Restates by our own clock, which was stepped, when what was heard."""
        self.heard_at = {trigger: at + by for trigger, at in self.heard_at.items()}
        self._fresh = OrderedDict((key, at + by) for key, at in self._fresh.items())

    def ledger(self, day: date, now: datetime) -> Ledger:
        """The day's sums as a new object, without incomplete calls that were heard of within GRACE before `now`."""
        sums = copy(self._ledger(day))
        sums.expected, sums.missing = Counter(sums.expected), Counter(sums.missing)
        for key, heard_at in self._fresh.items():
            counted_in, part = self._accounts[key]
            if counted_in == day and now - heard_at < GRACE:
                sums.move(part, -1)
        return sums

    def _ledger(self, day: date) -> Ledger:
        return self._days.setdefault(day, Ledger())

    def _freshen(self, key: str, at: datetime) -> None:
        self._fresh[key] = at
        while at - next(iter(self._fresh.values())) >= GRACE:
            self._fresh.popitem(last=False)


@lru_cache(maxsize=4096)
def _shared(day: date, part: Account) -> tuple[date, Account]:
    """Most calls of a day owe the same; one object is kept for all of them."""
    return day, part


def trigger_of(event: AnyEvent) -> str | None:
    """Which of TRIGGERS brought the event; `None` for one that no other event implies."""
    if isinstance(event, Summarised):
        return f"{event.place.kind}_call"
    if not isinstance(event, OfferEvent):
        return None
    return _OF_OFFERS[event.__class__, event.direction]


class Diagnosis(msgspec.Struct, frozen=True):
    """One trigger's row of the ledger, with what it means in words."""

    trigger: str
    expected: int
    missing: int
    alarm: Literal["calm", "warn"]
    text: str


def diagnose(ledger: Ledger, seen: Container[str]) -> list[Diagnosis]:
    """A row for each trigger; `seen` are those of which an event came today, be its call over or not."""
    return [_diagnosis(name, ledger.expected[name], ledger.missing[name], name in seen) for name in TRIGGERS]


def _diagnosis(trigger: str, expected: int, missing: int, seen: bool) -> Diagnosis:
    if not missing:
        return Diagnosis(trigger, expected, missing, "calm", "all came" if expected else "–")
    if missing < expected or seen:
        cause = f"{missing} of {expected} did not come: webhooks are being lost"
    elif expected >= ENOUGH_TO_TELL:
        cause = "Not ticked in the PBX?"
    else:
        cause = f"{missing} of {expected} did not come: not ticked, or webhooks are being lost"
    return Diagnosis(trigger, expected, missing, "warn", cause)
