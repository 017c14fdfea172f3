"""The calls that have not ended, and which of them are presumed to have; knows no number and no agent.

By state, in the order in which the calls were last heard of, so that what has been silent for too long stands
in front, and looking costs nothing while there is none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from wallboard.calls import Call
from wallboard.meaning import CallState

_STATES: tuple[CallState, ...] = ("ringing", "waiting", "talking")
_Shelf = dict[CallState, OrderedDict[str, Call]]


class Shelves:
    """`timeout` tells how long a call may be silent in a state before it is presumed ended."""

    def __init__(self, timeout: Callable[[CallState], timedelta]) -> None:
        self._timeout = timeout
        self._live: _Shelf = {state: OrderedDict() for state in _STATES}
        self._presumed: _Shelf = {state: OrderedDict() for state in _STATES}
        self._state: dict[str, CallState] = {}

    def put(self, call: Call, state: CallState) -> None:
        """One that has just been heard of, and that stands nowhere."""
        self._state[call.key] = state
        self._live[state][call.key] = call

    def take(self, call: Call) -> bool:
        """True if it was presumed ended."""
        state = self._state.pop(call.key, None)
        if state is None:
            return False
        self._live[state].pop(call.key, None)
        return self._presumed[state].pop(call.key, None) is not None

    def settle(self, now: datetime) -> Iterator[tuple[Call, datetime | None]]:
        """Each call that is presumed ended from now on, with the moment of that; or that no longer is, with `None`."""
        for state in _STATES:
            live, presumed, timeout = self._live[state], self._presumed[state], self._timeout(state)
            while live and now - next(iter(live.values())).last_received_at > timeout:
                call = live.popitem(last=False)[1]
                presumed[call.key] = call
                yield call, call.last_received_at + timeout
            while presumed and now - next(reversed(presumed.values())).last_received_at <= timeout:
                call = presumed.popitem()[1]
                live[call.key] = call
                live.move_to_end(call.key, last=False)
                yield call, None

    @property
    def live(self) -> list[Call]:
        return [call for state in _STATES for call in self._live[state].values()]

    @property
    def presumed(self) -> list[Call]:
        return [call for state in _STATES for call in self._presumed[state].values()]

    def is_live(self, call: Call) -> bool:
        state = self._state.get(call.key)
        return state is not None and call.key in self._live[state]

    def is_presumed(self, call: Call) -> bool:
        state = self._state.get(call.key)
        return state is not None and call.key in self._presumed[state]
