"""One agent's part in a call, and a call's stay in one queue or ring group; knows not how they bear on each other.

What an offer's completions mean is call-model.md's "Offers"; what a visit keeps is its "Visits".
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from wallboard.events import Place, Summarised

ELSEWHERE = timedelta(seconds=2)
_MILLISECOND = timedelta(milliseconds=1)


class Ending(msgspec.Struct, frozen=True):
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
    """One agent's part in one call, however often that phone rings."""

    __slots__ = ("agent", "answered_at", "answered_heard", "answers", "endings", "inbound", "name",
                 "places", "ring_places", "ringing_since", "rings", "talking_heard_at")  # fmt: skip

    def __init__(self, agent: str) -> None:
        self.agent = agent
        self.name: str | None = None
        self.inbound = False
        self.places: tuple[Place, ...] = ()
        self.rings: tuple[int, ...] = ()
        self.ringing_since: datetime | None = None
        self.ring_places: tuple[Place, ...] = ()
        self.answered_heard = False
        self.answers: tuple[datetime, ...] = ()
        self.answered_at: tuple[Place, ...] = ()
        self.talking_heard_at: datetime | None = None
        self.endings: tuple[Ending, ...] = ()

    @property
    def answered(self) -> bool:
        return self.answered_heard or any(ending.answered for ending in self.endings)

    @property
    def answer_at(self) -> datetime | None:
        """The earliest known answer."""
        known = [*self.answers, *(at for at in (ending.answer_at for ending in self.endings) if at)]
        return min(known, default=None)

    @property
    def answer_places(self) -> tuple[Place, ...]:
        """Where it was answered; all its places where the answer did not say."""
        return self.answered_at or self.places

    def talk_endings(self) -> list[Ending]:
        """The completions that ended a talk; the others ended rings (call-model.md, "Offers")."""
        if not self.answered:
            return []
        answer = self.answer_at
        return [ending for ending in self.endings if _ends_talk(ending, answer)]

    def ring_endings(self) -> list[Ending]:
        """The completions that ended a ring nobody answered: one missed ring each."""
        if not self.answered:
            return list(self.endings)
        answer = self.answer_at
        return [ending for ending in self.endings if not _ends_talk(ending, answer)]

    def talk_ms(self) -> int | None:
        """Talk over all answers of this offer; `None` while no completion has told of any."""
        talks: dict[datetime | None, int] = {}
        for ending in self.talk_endings():
            talks[ending.connected_at] = max(talks.get(ending.connected_at, 0), ending.talk)
        return sum(talks.values()) if talks else None

    def talks_on(self) -> bool:
        """Answered, and no completion ends it. A later answer than every end is a talk anew (transferred back)."""
        if not self.answered:
            return False
        untils = [ending.covers_until for ending in self.talk_endings()]
        if not untils:
            return True
        known = [until for until in untils if until is not None]
        if len(known) < len(untils) or not self.answers:
            return False
        return max(self.answers) > max(known) + ELSEWHERE


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
