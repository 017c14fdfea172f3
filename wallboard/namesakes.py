"""Which call an event belongs to, should the PBX use an id again; knows no name and no number.

call-model.md keys a call by its unique_call_id alone. We depart from that: an event whose call_start_at is more
than six hours from the call's is another call, for a PBX that counts its ids from one again after a restart would
otherwise add tomorrow's caller to yesterday's call. No talk lasts that long before it is presumed ended (four
hours), and a clock change moves a start by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from wallboard.calls import Call
from wallboard.events import AnyEvent

SAME_CALL = timedelta(hours=6)


class Namesakes:
    """The calls of each id. Calls whose starts lie well apart are told apart in whatever order they are heard."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[Call, ...]] = {}

    def call_of(self, event: AnyEvent) -> Call | None:
        """The call that the event tells of; `None` if that is a new one."""
        calls = self._calls.get(event.call_id)
        if calls is None:
            return None
        if event.call_started_at is not None:
            return _started_at(calls, event.call_started_at)
        return _known_at(calls, event.known_at)

    def begin(self, event: AnyEvent) -> Call:
        """A new call, with a key that no other has: an id is one line, so a second line is never part of one."""
        calls = self._calls.get(event.call_id, ())
        if not calls:
            call = Call(event.call_id, event.received_at)
            self._calls[event.call_id] = (call,)
            return call
        taken = {call.key for call in calls}
        keys = (event.call_id if n == 1 else f"{event.call_id}\n{n}" for n in range(1, len(calls) + 2))
        call = Call(event.call_id, event.received_at, next(key for key in keys if key not in taken))
        self._calls[event.call_id] = (*calls, call)
        return call

    def forget(self, call: Call) -> None:
        calls = tuple(other for other in self._calls[call.id] if other is not call)
        if calls:
            self._calls[call.id] = calls
        else:
            del self._calls[call.id]


def _started_at(calls: Sequence[Call], start: datetime) -> Call | None:
    """The call that started then, else the one of which no start was told, if it can have started then."""
    if len(calls) == 1 and calls[0].told_start_at == start:
        return calls[0]
    told = [call for call in calls if call.told_start_at and abs(call.told_start_at - start) <= SAME_CALL]
    if told:
        return min(told, key=lambda call: abs((call.told_start_at or start) - start))
    return next((call for call in calls if call.told_start_at is None and start <= call.known_at + SAME_CALL), None)


def _known_at(calls: Sequence[Call], at: datetime) -> Call | None:
    """The latest call that had started by then, else the one of which no start was told."""
    told = [(call.told_start_at, call.key, call) for call in calls if call.told_start_at]
    begun = [start for start in told if start[0] <= at + SAME_CALL]
    if begun:
        return max(begun)[2]
    return next((call for call in calls if call.told_start_at is None), None)
