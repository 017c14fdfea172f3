"""One agent's part in a call, and a call's stay in one queue or ring group; knows not how they bear on each other.

What an offer's completions mean is call-model.md's "Offers"; what a visit keeps is its "Visits".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from wallboard.events import Place, Summarised

ELSEWHERE = timedelta(seconds=2)
_MILLISECOND = timedelta(milliseconds=1)


class Ending(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one distinct completion said; equal endings are one, however often the body came."""

    end_at: datetime | None
    connected_at: datetime | None
    talk_ms: int | None
    places: tuple[Place, ...]

    @property
    def answered(self) -> bool:
        return self.connected_at is not None or bool(self.talk_ms)

    @property
    def answer_at(self) -> datetime | None:
        """When the talk began, as far as this completion alone can tell."""
        if self.connected_at is not None or not self.talk_ms or self.end_at is None:
            return self.connected_at
        return self.end_at - timedelta(milliseconds=self.talk_ms)

    @property
    def talk(self) -> int:
        """Milliseconds of talk; the talk that was told, else end - answer, else 0."""
        if self.talk_ms is not None:
            return self.talk_ms
        return span_ms(self.connected_at, self.end_at) or 0

    @property
    def covers_until(self) -> datetime | None:
        """The last instant that this end can be the end of; `None` is for ever (an unknown end)."""
        known = [self.end_at] if self.end_at else []
        if self.connected_at is not None:
            known.append(self.connected_at + timedelta(milliseconds=self.talk_ms or 0))
        return max(known, default=None)


class Offer:
    """One agent's part in one call, however often that phone rings.

    What its bodies say together is worked out when one comes, not when it is asked for: a ring-all has hundreds of
    offers, and each event asks all of them.
    """

    __slots__ = ("_ring_endings", "_talk_endings", "_talk_ms", "_talks_on", "agent", "answer_at", "answered",
                 "answered_at", "answered_heard", "answers", "bodies", "ended_at", "endings", "inbound", "missed",
                 "name", "places", "ring_places", "ringing_since", "rings", "rung_at", "talking_heard_at")  # fmt: skip

    def __init__(self, agent: str) -> None:
        self.agent = agent
        self.name: str | None = None
        self.inbound = False
        self.places: tuple[Place, ...] = ()
        self.bodies = 0
        self.rings: tuple[int, ...] = ()
        self.rung_at: tuple[datetime, ...] = ()
        self.ringing_since: datetime | None = None
        self.ring_places: tuple[Place, ...] = ()
        self.answered_heard = False
        self.answers: tuple[datetime, ...] = ()
        self.answered_at: tuple[Place, ...] = ()
        self.talking_heard_at: datetime | None = None
        self.endings: tuple[Ending, ...] = ()
        self.missed: int | None = None
        """How many of `ring_endings` were missed, as the call last counted; `None` where it must count anew."""
        self.settle()

    @property
    def answer_places(self) -> tuple[Place, ...]:
        """Where it was answered; all its places where the answer did not say."""
        return self.answered_at or self.places

    def answer(self, connected_at: datetime | None, heard_at: datetime) -> None:
        """The agent answered; `connected_at` is the PBX's word for when."""
        self.answered_heard = True
        self.talking_heard_at = self.talking_heard_at or heard_at
        if connected_at is not None and connected_at not in self.answers:
            self.answers += (connected_at,)
        self.settle()

    def complete(self, ending: Ending) -> None:
        """A ring or a talk ended; what was told before changes nothing."""
        if ending not in self.endings:
            self.endings += (ending,)
            self.ringing_since = None
            self.settle()

    def talk_endings(self) -> tuple[Ending, ...]:
        """The completions that ended a talk; the others ended rings (call-model.md, "Offers")."""
        return self._talk_endings

    def ring_endings(self) -> tuple[Ending, ...]:
        """The completions that ended a ring nobody answered: one missed ring each."""
        return self._ring_endings

    def talk_ms(self) -> int | None:
        """Talk over all answers of this offer; `None` while no completion has told of any."""
        return self._talk_ms

    def talks_on(self) -> bool:
        """Answered, and no completion ends it. A later answer than every end is a talk anew (transferred back)."""
        return self._talks_on

    def settle(self) -> None:
        """Works out what the bodies say together."""
        self.missed = None
        if self.endings:
            self._settle_endings()
            return
        self.answered = self.answered_heard
        self.answer_at: datetime | None = min(self.answers, default=None)
        self.ended_at: datetime | None = None
        self._talk_endings: tuple[Ending, ...] = ()
        self._ring_endings: tuple[Ending, ...] = ()
        self._talk_ms: int | None = None
        self._talks_on = self.answered

    def _settle_endings(self) -> None:
        answers, answered, ended_at = list(self.answers), self.answered_heard, None
        for ending in self.endings:
            if (at := ending.answer_at) is not None:
                answers.append(at)
            answered = answered or ending.answered
            if ending.end_at is not None and (ended_at is None or ending.end_at > ended_at):
                ended_at = ending.end_at
        self.answered, self.answer_at, self.ended_at = answered, min(answers, default=None), ended_at
        talks: list[Ending] = []
        rings: list[Ending] = []
        for ending in self.endings:
            (talks if answered and _ends_talk(ending, self.answer_at) else rings).append(ending)
        self._talk_endings, self._ring_endings = tuple(talks), tuple(rings)
        self._talk_ms = self._sum_talk()
        self._talks_on = self.answered and not self._is_over()

    def _sum_talk(self) -> int | None:
        if not self._talk_endings:
            return None
        talks: dict[datetime | None, int] = {}
        for ending in self._talk_endings:
            talks[ending.connected_at] = max(talks.get(ending.connected_at, 0), ending.talk)
        return sum(talks.values())

    def _is_over(self) -> bool:
        untils = [ending.covers_until for ending in self._talk_endings]
        known = [until for until in untils if until is not None]
        if not untils or len(known) < len(untils) or not self.answers:
            return bool(untils)
        return max(self.answers) <= max(known) + ELSEWHERE


class Answers(msgspec.Struct, frozen=True):
    """Who answered a call and when: `at` by agent (of a summary perhaps none), `None` where the time is not known."""

    at: dict[str | None, datetime | None]
    known: tuple[tuple[datetime, str | None], ...]

    @classmethod
    def of(cls, offers: Sequence[Offer], summaries: Iterable[Summarised]) -> Answers:
        """From the answered offers, and those answered summaries that tell of an answer by somebody else."""
        at: dict[str | None, datetime | None] = {o.agent: o.answer_at for o in offers if o.inbound}
        named = {offer.agent for offer in offers}
        for summary in summaries:
            if bool(named) if summary.agent is None else summary.agent in named:
                continue
            before = at.get(summary.agent, summary.connected_at)
            both = before is not None and summary.connected_at is not None
            at[summary.agent] = min(before, summary.connected_at) if both else None  # type: ignore[type-var]
        known = sorted(((when, who) for who, when in at.items() if when is not None), key=lambda answer: answer[0])
        return cls(at, tuple(known))

    def elsewhere(self, agent: str, end: datetime | None) -> bool:
        """Whether a ring of `agent` that ended at `end` ended because somebody else answered."""
        others = len(self.at) - (agent in self.at)
        known = len(self.known) - (self.at.get(agent) is not None)
        if end is None or known < others:
            return others > 0
        first = next((when for when, who in self.known if who != agent), None)
        return first is not None and end >= first - ELSEWHERE


NOBODY = Answers({}, ())


class Message(msgspec.Struct, frozen=True):
    """A voicemail: the box it was left in, when that was heard of, and where it can be listened to."""

    box: str | None
    received_at: datetime
    link: str | None


class Visit:
    """One call's stay in one queue or ring group."""

    __slots__ = ("entered_at", "place", "summary", "timed_out")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.summary: Summarised | None = None
        self.entered_at: datetime | None = None
        self.timed_out = False

    def summarise(self, summary: Summarised) -> None:
        """Keeps the weightiest summary, whatever the order they came in."""
        if self.summary is None or _weight(summary) > _weight(self.summary):
            self.summary = summary


def _ends_talk(ending: Ending, answer: datetime | None) -> bool:
    return ending.answered or answer is None or ending.end_at is None or ending.end_at >= answer


def is_answer(summary: Summarised) -> bool:
    """The summary says that the visit was answered: by its status, else by an answer's time or talk."""
    if summary.status is not None:
        return summary.status == "answered"
    return summary.connected_at is not None or bool(summary.talk_ms)


def _weight(summary: Summarised) -> tuple[int, int, int]:
    rank = 2 if is_answer(summary) else 1 if summary.status in (None, "abandoned") else 0
    return rank, summary.call_duration_ms or 0, summary.fingerprint


def later(start: datetime | None, duration_ms: int | None) -> datetime | None:
    if start is None or duration_ms is None:
        return None
    return start + timedelta(milliseconds=duration_ms)


def span_ms(start: datetime | None, end: datetime | None) -> int | None:
    """Whole milliseconds, never negative; `None` if either end is not known."""
    if start is None or end is None:
        return None
    return max(0, (end - start) // _MILLISECOND)
