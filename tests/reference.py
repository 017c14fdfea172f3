"""The reference board: recomputes everything from all deliveries, slowly; knows nothing of the real board."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Delivery = tuple[datetime, Mapping[str, Any]]
Place = tuple[str, str]  # ("queue", "Sales") or ("ring_group", "Reception")

RINGS = {"user_inbound", "user_outbound"}
ANSWERS = {"user_inbound_answered", "user_outbound_answered"}
COMPLETIONS = {"user_inbound_completed", "user_outbound_completed"}
OFFER_EVENTS = RINGS | ANSWERS | COMPLETIONS
SUMMARIES = {"queue_call": "queue", "ring_group_call": "ring_group"}
RECORDINGS = {"recording_inbound", "recording_outbound"}
COMPONENT = "webhook_component_event"
KNOWN = OFFER_EVENTS | set(SUMMARIES) | RECORDINGS | {"voicemail", COMPONENT}
OLD_NAMES = {
    "caller_id": "from_number", "caller_name": "from_name", "user_number": "exten",
    "user_name": "to_name", "dest_number": "to_number", "call_start_at": "start_at",
}  # fmt: skip
ANSWERED_ELSEWHERE_MARGIN = timedelta(seconds=2)
SAME_CALL = timedelta(hours=6)
LONGEST_AGO, LONGEST_AHEAD = timedelta(days=400), timedelta(days=1)


@dataclass(frozen=True)
class Options:
    """Settings of the board, durations in seconds; `components`: name to `queue_entered:Sales`, say."""

    time_zone: str = "UTC"
    day_starts_at: time = time(0)
    service_level: float = 20
    service_level_by_queue: Mapping[str, float] = field(default_factory=dict)
    short_abandon: float = 5
    formula: str = "default"
    ringing_timeout: float = 180
    waiting_timeout: float = 1800
    talking_timeout: float = 14400
    components: Mapping[str, str] = field(default_factory=dict)
    dealt_with: frozenset[tuple[str, datetime | None]] = frozenset()

    def day_of(self, instant: datetime) -> date:
        """The board's day of an instant: by the clock on the wall, so a 25-hour day is one day."""
        local = instant.astimezone(ZoneInfo(self.time_zone))
        return local.date() if local.time() >= self.day_starts_at else local.date() - timedelta(days=1)


# ---- reading one body


@dataclass(frozen=True)
class Event:
    """One delivery, read. Two events are equal when they say the same, whenever they came."""

    received_at: datetime = field(compare=False)
    kind: str
    call_id: str
    known_kind: bool
    user_number: str | None
    user_name: str | None
    caller_number: str | None
    caller_name: str | None
    dialled: str | None
    start_at: datetime | None
    connected_at: datetime | None
    recorded_at: datetime | None
    call_seconds: float | None
    talk_seconds: float | None
    queue: str | None
    ring_group: str | None
    status: str | None
    component: str | None

    @property
    def agent(self) -> str | None:
        """The agent's key; a component event names its caller in these fields, never an agent."""
        return None if self.kind == COMPONENT else self.user_number or self.user_name

    @property
    def places(self) -> tuple[Place, ...]:
        """The visits that this event names. A summary is of one kind of place only."""
        queue = [("queue", self.queue)] if self.queue and self.kind != "ring_group_call" else []
        group = [("ring_group", self.ring_group)] if self.ring_group and self.kind != "queue_call" else []
        return tuple(queue + group)

    @property
    def shows_answer(self) -> bool:
        """Whether this event of an offer says that the offer was answered."""
        talked = self.kind in COMPLETIONS and (self.talk_seconds or 0) > 0
        return self.connected_at is not None or self.kind in ANSWERS or talked


def read(received_at: datetime, body: Mapping[str, Any], options: Options) -> Event | None:
    """The event in a body, or None where it belongs to no call."""
    call_id = text(body, "unique_call_id")
    if call_id is None:
        return None
    kind = text(body, "type") or ""
    kind = "user_inbound" if kind == "inbound_call_to_user" else kind
    return Event(
        received_at=received_at, kind=kind, call_id=call_id, known_kind=kind in KNOWN,
        user_number=text(body, "user_number"), user_name=text(body, "user_name"),
        caller_number=text(body, "caller_id"), caller_name=text(body, "caller_name"),
        dialled=text(body, "dest_number"),
        start_at=instant(body, "call_start_at", options, received_at),
        connected_at=instant(body, "connected_at", options, received_at),
        recorded_at=instant(body, "recorded_at", options, received_at),
        call_seconds=seconds(body, "call_duration"), talk_seconds=seconds(body, "conversation_duration"),
        queue=text(body, "queue_name"), ring_group=text(body, "ring_group_name"),
        status=text(body, "status"), component=text(body, "component_name"),
    )  # fmt: skip


def value(body: Mapping[str, Any], name: str) -> Any:
    """A field by today's name or its old one; None for every spelling of absent."""
    for key in (name, OLD_NAMES.get(name, name)):
        if body.get(key) not in (None, "", "null"):
            return body[key]
    return None


def text(body: Mapping[str, Any], name: str) -> str | None:
    found = value(body, name)
    return None if found is None or isinstance(found, (bool, list, dict)) else str(found)


def seconds(body: Mapping[str, Any], name: str) -> float | None:
    found = value(body, name)
    if isinstance(found, bool) or not isinstance(found, (int, float, str)):
        return None
    try:
        number = float(found)
    except ValueError:
        return None
    # reading: a negative or infinite duration is not a duration, so it is absent.
    return number if math.isfinite(number) and number >= 0 else None


def instant(body: Mapping[str, Any], name: str, options: Options, received_at: datetime) -> datetime | None:
    found = value(body, name)
    try:
        moment = datetime.fromisoformat(found) if isinstance(found, str) else None
    except ValueError:
        return None
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(options.time_zone))
    # reading: a time that lies too far from its arrival is a clock gone wrong, so it is absent.
    believable = received_at - LONGEST_AGO <= aware <= received_at + LONGEST_AHEAD
    return aware.astimezone(UTC) if believable else None


# ---- one call


@dataclass(frozen=True)
class Call:
    """Everything with one unique_call_id, in order of arrival."""

    call_id: str
    events: tuple[Event, ...]
    options: Options

    def started_at(self) -> datetime | None:
        # reading: where the events of a call give several call_start_at, the earliest is the call's start.
        return min((e.start_at for e in self.events if e.start_at), default=None)

    def day(self) -> date:
        return self.options.day_of(self.started_at() or min(e.received_at for e in self.events))

    def offers(self) -> dict[str, Offer]:
        # reading: only user_* events make an offer; a summary or a recording that names an agent does not,
        # and neither answers one. An event that names no agent is an offer to the agent "".
        return {e.agent or "": Offer(self, e.agent or "") for e in self.events if e.kind in OFFER_EVENTS}

    def visits(self) -> dict[Place, Visit]:
        opened = [p for e in self.events if e.kind in OFFER_EVENTS or e.kind in SUMMARIES for p in e.places]
        # reading: queue_timeout closes a visit that something else opened; alone it opens none.
        entered = [("queue", queue) for queue in self.meant("queue_entered")]
        return {place: Visit(self, place) for place in opened + entered}

    def meant(self, meaning: str) -> dict[str, datetime]:
        """The queues that mapped components speak of with this meaning, and when they first did."""
        found: dict[str, datetime] = {}
        for e in self.events:
            word, _, queue = self.options.components.get(e.component or "", "").partition(":")
            if e.kind == COMPONENT and word == meaning and queue:
                found[queue] = min(found.get(queue, e.received_at), e.received_at)
        return found

    def summaries(self) -> list[Event]:
        return [e for e in self.events if e.kind in SUMMARIES]

    def inbound(self) -> bool:
        # reading: a call with both kinds of events is inbound; one with neither is outbound only by its
        # recording.
        kinds = {e.kind for e in self.events}
        came_in = any(k.startswith("user_inbound") or k in SUMMARIES for k in kinds)
        return came_in or not any(k.startswith("user_outbound") or k == "recording_outbound" for k in kinds)

    def counts(self) -> bool:
        """Whether the call counts as offered (inbound) or placed (outbound)."""
        # reading: a mapped component opens a visit, and a visit makes the call count.
        return bool(self.offers() or self.visits() or self.summaries())

    def answered(self) -> bool:
        return any(o.answered() for o in self.offers().values()) or any(
            summary_outcome(s) == "answered" for s in self.summaries()
        )

    def released_by_summary(self) -> bool:
        """Whether a summary ends also the offers that name no visit (a transfer, say)."""
        # reading: "when the summary says so" is when every answered visit has its summary.
        answered = [v for v in self.visits().values() if v.outcome() == "answered"]
        return bool(answered) and all(v.summary() for v in answered)

    def over(self) -> bool:
        """Whether nothing rings, talks or waits any more; of the set of events alone, not of their order."""
        offers, visits = self.offers().values(), self.visits().values()
        if any(o.talking() or o.rings_for_the_first_time() for o in offers):
            return False
        # reading: a call with an answered visit does not wait in the visits it left behind.
        return not any(v.open() for v in visits) or any(v.outcome() == "answered" for v in visits)

    def apparent_state(self) -> str:
        """State before asking whether silence has lasted too long."""
        offers = self.offers().values()
        if self.over():
            return "ended"
        if any(o.talking() for o in offers):
            return "talking"
        return "ringing" if any(o.ringing_in() for o in offers) else "waiting"

    def presumed_ended(self, now: datetime) -> bool:
        limits = {
            "ringing": self.options.ringing_timeout,
            "waiting": self.options.waiting_timeout,
            "talking": self.options.talking_timeout,
        }
        limit = limits.get(self.apparent_state())
        # reading: the state shown chooses the timeout; any delivery, be it a redelivery, breaks the silence;
        # "for 3 minutes" is met at exactly 3 minutes. No ringing call falls back to waiting.
        silence = now - max(e.received_at for e in self.events)
        return limit is not None and silence >= timedelta(seconds=limit)

    def live(self, now: datetime) -> bool:
        return not self.over() and not self.presumed_ended(now)

    def outcome(self, now: datetime) -> str | None:
        # reading: none while live, presumed ended, or of voicemail, recordings or components alone.
        if not self.over() or not self.counts():
            return None
        if self.answered():
            return "answered"
        if not self.inbound():
            return "unanswered"
        return "abandoned" if any(summary_outcome(s) == "abandoned" for s in self.summaries()) else "missed"

    def shown(self, now: datetime) -> dict[str, Any]:
        started_at = self.started_at()
        return {
            "direction": "inbound" if self.inbound() else "outbound",
            "state": self.apparent_state() if self.live(now) else "ended",
            "outcome": self.outcome(now),
            "presumed_ended": self.presumed_ended(now),
            "voicemail": any(e.kind == "voicemail" for e in self.events),
            "started_at": started_at.isoformat() if started_at else None,
            "offers": {a: {"state": o.state(now), "result": o.result(now)} for a, o in self.offers().items()},
        }


# ---- one agent's part in a call


@dataclass(frozen=True)
class Offer:
    call: Call
    agent: str

    def events(self) -> list[Event]:
        return [e for e in self.call.events if self.owns(e)]

    def owns(self, event: Event) -> bool:
        return event.kind in OFFER_EVENTS and (event.agent or "") == self.agent

    def inbound(self) -> bool:
        return any(e.kind.startswith("user_inbound") for e in self.events())

    def outbound(self) -> bool:
        return any(e.kind.startswith("user_outbound") for e in self.events())

    def places_of(self, event: Event) -> set[Place | None]:
        """The visits that an event of this offer is about; {None} where it is about none."""
        # reading: an event that names no visit is about the only visit that its offer names; where the offer
        # names several, it is about none of them.
        named = {p for e in self.events() for p in e.places}
        return set(event.places) or (set(named) if len(named) == 1 else {None})

    def answered(self) -> bool:
        return any(e.shows_answer for e in self.events())

    def answered_at(self) -> datetime | None:
        return min((e.connected_at for e in self.events() if e.connected_at), default=None)

    def answered_in(self) -> set[Place | None]:
        # reading: a visit is answered by an event about it, not by the same agent's answer in another visit.
        return {p for e in self.events() if e.shows_answer for p in self.places_of(e)}

    def completions(self) -> list[Event]:
        """The distinct ones: the same body again is a redelivery."""
        return distinct(e for e in self.events() if e.kind in COMPLETIONS)

    def end_of(self, event: Event) -> datetime | None:
        start = event.start_at or self.call.started_at()
        known = start is not None and event.call_seconds is not None
        return start + timedelta(seconds=event.call_seconds or 0) if known and start else None

    def ends_the_answer(self, completion: Event) -> bool:
        if completion.connected_at is not None or (completion.talk_seconds or 0) > 0:
            return True
        answer, end = self.answered_at(), self.end_of(completion)
        # reading: without a known time of answer the completion is an unanswered ring; a completion without a
        # known end "counts as after the answer" here too.
        return answer is not None and (end is None or end >= answer)

    def endings(self) -> list[Event]:
        return [c for c in self.completions() if self.answered() and self.ends_the_answer(c)]

    def unanswered_rings(self) -> list[Event]:
        return [c for c in self.completions() if c not in self.endings()]

    def talking_in(self) -> set[Place | None]:
        if self.endings():
            return set()
        return {p for p in self.answered_in() if not self.closed(p)}

    def talking(self) -> bool:
        return bool(self.talking_in())

    def closed(self, place: Place | None) -> bool:
        if place is None:
            return self.call.released_by_summary()
        return self.call.visits()[place].summary() is not None

    def may_ring_in(self, place: Place | None) -> bool:
        if place is None:
            return not self.call.released_by_summary()
        return self.call.visits()[place].open()

    def rings_for_the_first_time(self) -> bool:
        """Rung, never completed, not answered, and nothing else has stopped it."""
        if self.answered() or self.completions():
            return False
        return any(self.may_ring_in(p) for e in self.events() for p in self.places_of(e))

    def ringing_in(self) -> set[Place | None]:
        """The visits in which the phone rings, by order of arrival; {None} for outside any."""
        if self.answered() or self.call.over():
            return set()
        # reading: being rung again shows as ringing only while something else keeps the call from being over.
        # Else a redelivered ring would raise the dead, and the live calls would depend on the order.
        return {p for p in self.rung_since_the_last_completion() if self.may_ring_in(p)}

    def rung_since_the_last_completion(self) -> set[Place | None]:
        rung: set[Place | None] = set()
        completed: list[Event] = []
        for index, event in enumerate(self.call.events):
            if not self.owns(event):
                continue
            if event.kind in COMPLETIONS and event not in completed:
                completed.append(event)
                rung = set()
            if event.kind in RINGS and (not completed or not self.call_before(index).over()):
                rung |= self.places_of(event)
        return rung

    def call_before(self, index: int) -> Call:
        return Call(self.call.call_id, self.call.events[:index], self.call.options)

    def state(self, now: datetime) -> str:
        if not self.call.live(now):
            return "ended"
        if self.talking():
            return "talking"
        if self.ringing_in():
            return "ringing" if self.inbound() else "dialling"
        return "ended"

    def result(self, now: datetime) -> str | None:
        if self.answered():
            return "answered"
        # reading: an outbound offer that nobody took has no result. Silence makes no miss either.
        silent = self.call.presumed_ended(now) and not self.completions()
        if self.state(now) != "ended" or silent or not self.inbound():
            return None
        if self.completions():
            return "missed" if self.missed_rings() else "answered_elsewhere"
        return "answered_elsewhere" if self.answers_of_others() else "missed"

    def missed_rings(self) -> list[Event]:
        # reading: only completions count. An offer that the summary closed, whose completion never came,
        # has the result "missed" but adds nothing to the agent's missed rings.
        return [c for c in self.unanswered_rings() if self.inbound() and not self.went_elsewhere(c)]

    def went_elsewhere(self, completion: Event) -> bool:
        answers = self.answers_of_others()
        known = [a for a in answers if a]
        end = self.end_of(completion)
        # reading: "that answer" is the earliest one by somebody else, in whichever visit; an answer of which
        # no time is known is treated like an end that is not known.
        return bool(answers) and (not known or end is None or end >= min(known) - ANSWERED_ELSEWHERE_MARGIN)

    def answers_of_others(self) -> list[datetime | None]:
        others = [o for o in self.call.offers().values() if o.agent != self.agent and o.answered()]
        # reading: an answered summary tells of an answer by the agent whom it names; where it names none, by
        # somebody else unless this agent answered.
        told = [
            s.connected_at
            for s in self.call.summaries()
            if summary_outcome(s) == "answered" and self.is_somebody_else(s.agent)
        ]
        return [o.answered_at() for o in others] + told

    def is_somebody_else(self, agent: str | None) -> bool:
        return agent != self.agent if agent else not self.answered()

    def talk_seconds(self) -> float:
        """Talk of the ended offer: the sum over its distinct ends."""
        # reading: an answered offer that only a summary closed has no known talk, and adds nothing.
        return sum(self.talk_of(ending) for ending in self.endings())

    def talk_of(self, ending: Event) -> float:
        if ending.talk_seconds is not None:
            return ending.talk_seconds
        end, answer = self.end_of(ending), ending.connected_at or self.answered_at()
        return max(0.0, (end - answer).total_seconds()) if end and answer else 0.0


# ---- one call's stay in one queue or ring group


@dataclass(frozen=True)
class Visit:
    call: Call
    place: Place

    def summary(self) -> Event | None:
        # reading: of several different summaries of one visit an answered one decides, then an abandoned one,
        # then the longest; so that their order does not matter.
        mine = [s for s in self.call.summaries() if self.place in s.places]
        return max(mine, key=weight, default=None)

    def outcome(self) -> str:
        summary = self.summary()
        if summary:
            return summary_outcome(summary)
        if self.answering_offers():
            return "answered"
        # reading: a time-out closes a visit for good, but neither a summary nor an answer gives way to it.
        return "unanswered" if self.timed_out() else "open"

    def open(self) -> bool:
        return self.outcome() == "open"

    def timed_out(self) -> bool:
        return self.place[0] == "queue" and self.place[1] in self.call.meant("queue_timeout")

    def answering_offers(self) -> list[Offer]:
        return [o for o in self.call.offers().values() if self.place in o.answered_in()]

    def answered_at(self) -> datetime | None:
        summary = self.summary()
        if summary and summary.connected_at:
            return summary.connected_at
        known = [
            e.connected_at
            for o in self.call.offers().values()
            for e in o.events()
            if e.connected_at and self.place in o.places_of(e)
        ]
        return min(known, default=None)

    def start(self) -> datetime | None:
        summary = self.summary()
        return (summary.start_at if summary else None) or self.call.started_at()

    def wait(self) -> float | None:
        """Seconds to the answer, or to the end of an unanswered visit; None where not known or still open."""
        summary = self.summary()
        if self.outcome() != "answered":
            return summary.call_seconds if summary else None
        start, answer = self.start(), self.answered_at()
        return (answer - start).total_seconds() if start and answer else None

    def talking(self) -> bool:
        # reading: an answered visit is still on while one of its own offers talks.
        offers = self.call.offers().values()
        return self.outcome() == "answered" and any(self.place in o.talking_in() for o in offers)

    def talk(self) -> float | None:
        """Seconds of talk of an answered visit that has ended; None where not known."""
        summary, start, answer = self.summary(), self.start(), self.answered_at()
        if self.outcome() != "answered" or self.talking():
            return None
        if summary and summary.talk_seconds is not None:
            return summary.talk_seconds
        if summary and summary.call_seconds is not None and start and answer:
            return max(0.0, (start - answer).total_seconds() + summary.call_seconds)
        # reading: without a summary that tells, the talk is the sum over the visit's own answered offers.
        ended = [o.talk_seconds() for o in self.answering_offers() if o.endings()]
        return sum(ended) if ended else None

    def waiting_since(self) -> datetime:
        # reading: a visit that a component opened starts at that arrival; any other with the call.
        entered = self.call.meant("queue_entered") if self.place[0] == "queue" else {}
        first = min(e.received_at for e in self.call.events)
        return entered.get(self.place[1]) or self.call.started_at() or first

    def live_state(self, now: datetime) -> str | None:
        """waiting, ringing, talking, or None where the visit is not part of the live board."""
        if not self.call.live(now):
            return None
        if self.open():
            # reading: to the letter, also a visit left behind by an overflow without a summary is waiting for
            # as long as its call lives.
            rung = any(self.place in o.ringing_in() for o in self.call.offers().values())
            return "ringing" if rung else "waiting"
        return "talking" if self.talking() else None


def summary_outcome(summary: Event) -> str:
    if summary.status:
        word = summary.status.lower()
        return word if word in ("answered", "abandoned") else "unanswered"
    return "answered" if summary.connected_at or (summary.talk_seconds or 0) > 0 else "abandoned"


def weight(summary: Event) -> tuple[int, float, str]:
    """Of several summaries of one visit the heaviest decides; the moment of arrival weighs nothing."""
    rank = {"answered": 2, "abandoned": 1}.get(summary_outcome(summary), 0)
    said = replace(summary, received_at=datetime.min.replace(tzinfo=UTC))
    return rank, summary.call_seconds or 0, repr(said)


# ---- the numbers


def tally(visits: Sequence[Visit], target: float, options: Options) -> dict[str, Any]:
    """The day's numbers of one queue or ring group."""
    outcomes = ("answered", "abandoned", "unanswered")
    by_outcome = {name: [v for v in visits if v.outcome() == name] for name in outcomes}
    answered, abandoned, unanswered = (len(found) for found in by_outcome.values())
    # reading: an unknown wait is neither within T, nor beyond it, nor short.
    waits = [w for v in by_outcome["answered"] if (w := v.wait()) is not None]
    lost = [w for v in by_outcome["abandoned"] if (w := v.wait()) is not None]
    talks = [t for v in by_outcome["answered"] if (t := v.talk()) is not None]
    short = sum(w < options.short_abandon for w in lost)
    in_time, all_ended = sum(w <= target for w in waits), answered + abandoned + unanswered
    formulas = {
        "default": (in_time, all_ended - short),
        "strict": (in_time, all_ended),
        "answered_only": (in_time, answered),
        "late_abandons": (in_time, answered + unanswered + sum(w > target for w in lost)),
        "abandons_credited": (in_time + sum(w <= target for w in lost), all_ended),
    }
    every_wait = [w for v in visits if (w := v.wait()) is not None]
    return {
        "offered": len(visits),
        "answered": answered,
        "abandoned": abandoned,
        "unanswered": unanswered,
        # reading: a visit of a call presumed ended stays among the open, for conservation.
        "open": len(visits) - all_ended,
        "short_abandoned": short,
        "service_level": ratio(*formulas[options.formula]),
        # reading: "the same denominator" is that of the default formula whichever formula is set.
        "abandon_rate": ratio(abandoned - short, all_ended - short),
        "average_speed_of_answer": mean(waits),
        "average_handle_time": mean(talks),
        # reading: the waits of open visits are not among the day's longest until they are known.
        "longest_wait_today": max(every_wait, default=None),
    }


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def distinct(events: Iterable[Event]) -> list[Event]:
    return list(dict.fromkeys(events))


# ---- the board


def board(deliveries: Sequence[Delivery], options: Options, now: datetime) -> dict[str, Any]:
    """The state of interface.md, with lists turned into dicts by id, number or name."""
    return Board(tuple(calls_of(deliveries, options)), options, now).state()


def calls_of(deliveries: Sequence[Delivery], options: Options) -> list[Call]:
    events = [e for at, body in deliveries if (e := read(at, body, options))]
    # reading: an unknown type makes no call, but of a known call it is something received.
    ids = dict.fromkeys(e.call_id for e in events if e.known_kind)
    return [Call(i, part, options) for i in ids for part in namesakes([e for e in events if e.call_id == i])]


def namesakes(events: Sequence[Event]) -> list[tuple[Event, ...]]:
    """The events of one id, apart for each call that bore it."""
    # reading: starts that lie within six hours of the first of them are of one call. An event that tells no start
    # is of the latest call that had started by then, give or take six hours; of one of its own where none had.
    starts: list[datetime] = []
    for start in sorted({e.start_at for e in events if e.start_at}):
        if not starts or start - starts[-1] > SAME_CALL:
            starts.append(start)

    def start_of(e: Event) -> datetime | None:
        recorded = e.recorded_at if e.kind == "voicemail" or e.kind in RECORDINGS else None
        at = e.start_at or (recorded or e.received_at) + SAME_CALL
        return max((start for start in starts if start <= at), default=None)

    owners = dict.fromkeys(map(start_of, events))
    return [tuple(e for e in events if start_of(e) == owner) for owner in owners]


@dataclass(frozen=True)
class Board:
    calls: tuple[Call, ...]
    options: Options
    now: datetime

    def state(self) -> dict[str, Any]:
        return {
            "as_of": self.now.isoformat(),
            "day": self.today().isoformat(),
            "time_zone": self.options.time_zone,
            "totals": {
                "inbound": self.inbound(),
                "outbound": self.outbound(),
                "voicemails": self.voicemails(),
            },
            # reading: no limit of 200 here; calls of voicemail, recordings or components alone are listed.
            "calls": {c.call_id: c.shown(self.now) for c in self.calls if self.lists(c)},
            "agents": self.agents(),
            "queues": self.places("queue"),
            "ring_groups": self.places("ring_group"),
            "voicemail_boxes": self.voicemail_boxes(),
            "components": self.components(),
        }

    def today(self) -> date:
        return self.options.day_of(self.now)

    def lists(self, call: Call) -> bool:
        return call.live(self.now) or self.is_today(call)

    def is_today(self, call: Call) -> bool:
        return call.day() == self.today()

    def inbound(self) -> dict[str, int]:
        offered = [c for c in self.calls if self.is_today(c) and c.inbound() and c.counts()]
        # reading: offered = answered + missed + open + presumed_ended: a call presumed ended counts under
        # that name only, also if it was talking; a call that still talks is answered already.
        presumed = [c for c in offered if c.presumed_ended(self.now)]
        settled = [c for c in offered if c not in presumed]
        answered = [c for c in settled if c.answered()]
        missed = [c for c in settled if c.over() and not c.answered()]
        return {
            "offered": len(offered),
            "answered": len(answered),
            "missed": len(missed),
            "open": len(settled) - len(answered) - len(missed),
            "presumed_ended": len(presumed),
        }

    def outbound(self) -> dict[str, int]:
        placed = [c for c in self.calls if self.is_today(c) and not c.inbound() and c.counts()]
        # reading: an outbound call once answered stays answered, presumed ended or not: it has no other name.
        return {"placed": len(placed), "answered": sum(c.answered() for c in placed)}

    def agents(self) -> dict[str, dict[str, Any]]:
        # reading: an agent is known from any event but a component's, so also from a summary alone.
        numbers = dict.fromkeys(e.agent for c in self.calls for e in c.events if e.agent and e.known_kind)
        return {number: self.agent(number) for number in numbers if number}

    def agent(self, number: str) -> dict[str, Any]:
        offers = [c.offers()[number] for c in self.calls if number in c.offers()]
        states = {o.state(self.now) for o in offers}
        today = [o for o in offers if self.is_today(o.call)]
        # reading: of several at once the first of talking, dialling, ringing is shown.
        shown = next((s for s in ("talking", "dialling", "ringing") if s in states), "idle")
        return {
            "state": shown,
            "calls": sorted(o.call.call_id for o in offers if o.state(self.now) != "ended"),
            "today": {
                # reading: "offers answered" are inbound ones: nobody answers what they dialled themselves.
                "answered": sum(o.inbound() and o.answered() for o in today),
                "missed": sum(len(o.missed_rings()) for o in today),
                "outbound": sum(o.outbound() for o in today),
                "talk_seconds": sum(o.talk_seconds() for o in today),
            },
        }

    def places(self, kind: str) -> dict[str, dict[str, Any]]:
        # reading: a queue is listed as soon as any call ever visited it.
        visits = [v for c in self.calls for v in c.visits().values() if v.place[0] == kind]
        names = dict.fromkeys(v.place[1] for v in visits)
        return {name: self.place(name, [v for v in visits if v.place[1] == name]) for name in names}

    def place(self, name: str, visits: Sequence[Visit]) -> dict[str, Any]:
        states = [(v.live_state(self.now), v) for v in visits]
        counts = {s: sum(found == s for found, _ in states) for s in ("waiting", "ringing", "talking")}
        oldest = min((v.waiting_since() for s, v in states if s in ("waiting", "ringing")), default=None)
        queue = visits[0].place[0] == "queue"
        by_queue = self.options.service_level_by_queue if queue else {}
        target = by_queue.get(name, self.options.service_level)
        today = tally([v for v in visits if self.is_today(v.call)], target, self.options)
        return {**counts, "longest_wait_since": oldest.isoformat() if oldest else None, "today": today}

    def voicemail_events(self) -> dict[tuple[str, datetime | None], Event]:
        """One event for each distinct (call, recorded_at)."""
        found = [e for c in self.calls for e in c.events if e.kind == "voicemail"]
        latest_first = sorted(found, key=lambda e: e.received_at, reverse=True)
        return {(e.call_id, e.recorded_at): e for e in latest_first}

    def voicemails(self) -> dict[str, int]:
        return self.count_voicemails(self.voicemail_events())

    def count_voicemails(self, events: Mapping[tuple[str, datetime | None], Event]) -> dict[str, int]:
        # reading: a voicemail without recorded_at counts in the day of its arrival; "new" is of any day.
        days = [self.options.day_of(e.recorded_at or e.received_at) for e in events.values()]
        return {"today": days.count(self.today()), "new": len(set(events) - self.options.dealt_with)}

    def voicemail_boxes(self) -> dict[str, dict[str, int]]:
        events = self.voicemail_events()
        numbers = sorted({e.dialled or "" for e in events.values()})
        boxes = {n: {k: e for k, e in events.items() if (e.dialled or "") == n} for n in numbers}
        counted = {number: self.count_voicemails(box) for number, box in boxes.items()}
        # reading: a box is listed while it has something of today or something new.
        return {number: numbers for number, numbers in counted.items() if any(numbers.values())}

    def components(self) -> dict[str, int]:
        # reading: only unmapped components are listed, counted in the day of their call.
        pairs = {
            (c.call_id, e.component)
            for c in self.calls
            for e in c.events
            if e.kind == COMPONENT and e.component and self.is_today(c)
        }
        names = sorted(name for _, name in pairs if name not in self.options.components)
        return {name: names.count(name) for name in names}
