"""Every caller of the calls in memory, by number, and what is new of them; knows no page and no now.

A change touches one caller, and a caller is worked out anew when somebody looks: neither grows with the day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from wallboard.callbacks.lines import Line, Part, line_of, other_party, part_of
from wallboard.callbacks.marks import Mark, Marked, mark_of
from wallboard.callbacks.phone import key_of
from wallboard.calls import Call

_KEPT_MARKS = 100
_FEW = 4
_REMEMBERED = timedelta(days=2)


def _everything(call: Call) -> bool:
    return True


class Callers:
    """Every caller of the calls in memory. `country` reads numbers without a country's prefix."""

    def __init__(self, country: str, short_abandon_ms: int) -> None:
        self._country = country
        self._short_abandon_ms = short_abandon_ms
        self._calls: dict[str, list[Call]] = {}
        self._caller_of: dict[str, str] = {}
        self._parts: dict[str, Part] = {}
        self._marks: dict[str, list[Mark]] = {}
        self._lines: dict[str, Line] = {}
        self._stale: set[str] = set()
        # New voicemails by box, and what each caller adds to them: drawn on every frame of the wall.
        self._boxes: dict[tuple[str, datetime | None], str | None] = {}
        self._new: Counter[str | None] = Counter()
        self._new_of: dict[str, tuple[str | None, ...]] = {}
        self._uncounted: set[str] = set()

    # --- hearing -------------------------------------------------------------------------------------

    def hold(self, call: Call) -> None:
        """The call has changed, or is new."""
        caller, before = self._caller(call), self._caller_of.get(call.key)
        if before is not None and before != caller:
            self._let_go(call, before)
        if before != caller:
            self._caller_of[call.key] = caller
            if caller in self._calls:
                self._calls[caller].append(call)
            else:
                self._calls[caller] = [call]  # has no room for a second, which most callers never need
        self._parts.pop(call.key, None)
        self._touch(caller)

    def forget(self, call: Call) -> None:
        caller = self._caller_of.pop(call.key, None)
        if caller is None:
            return
        self._let_go(call, caller)
        for recorded_at in call.voicemails:
            self._boxes.pop((call.key, recorded_at), None)

    def forget_marks(self, now: datetime) -> None:
        """Those of callers of whom no call is remembered any more."""
        for caller in [known for known in self._marks if known not in self._calls]:
            if self._marks[caller][-1].at < now - _REMEMBERED:
                del self._marks[caller]

    def file_voicemail(self, call: Call, recorded_at: datetime | None, box: str | None) -> None:
        """The box under which a voicemail is counted."""
        self._boxes[(call.key, recorded_at)] = box
        self._touch(self._caller_of[call.key])

    def mark(self, value: dict[str, Any], at: datetime) -> None:
        """Takes a supervisor's mark from the journal; msgspec.ValidationError if it is none."""
        marked = msgspec.convert(value, Marked)
        marks = self._marks.setdefault(marked.caller, [])
        marks.append(mark_of(marked, at))
        del marks[:-_KEPT_MARKS]
        self._touch(marked.caller)

    def erase(self, is_marked: Callable[[str], bool], tells: Callable[[str], bool]) -> None:
        """Forgets the marks on a caller, and the words of other notes that tell of them."""
        for caller in [known for known in self._marks if is_marked(known)]:
            del self._marks[caller]
            self._touch(caller)
        for caller, marks in self._marks.items():
            if any(tells(mark.text) for mark in marks):
                kept = [msgspec.structs.replace(mark, text="") if tells(mark.text) else mark for mark in marks]
                self._marks[caller] = kept
                self._touch(caller)

    def step_clock(self, by: timedelta) -> None:
        """Restates what our own clock told; what was shown of the PBX's times stays."""
        for caller, marks in self._marks.items():
            self._marks[caller] = [msgspec.structs.replace(mark, at=mark.at + by) for mark in marks]
        self._parts.clear()
        for caller in [*self._calls, *self._marks]:
            self._touch(caller)

    def _touch(self, caller: str) -> None:
        self._stale.add(caller)
        self._uncounted.add(caller)

    def _let_go(self, call: Call, caller: str) -> None:
        self._parts.pop(call.key, None)
        calls = self._calls[caller]
        calls.remove(call)  # mostly the oldest
        if not calls:
            del self._calls[caller]
        self._touch(caller)

    def _caller(self, call: Call) -> str:
        number = key_of(other_party(call), self._country)
        return number if number is not None else f"call:{call.key}"

    @property
    def stale(self) -> int:
        """How many callers the next look has to work out anew."""
        return len(self._stale)

    # --- reading -------------------------------------------------------------------------------------

    def lines(self) -> Iterable[Line]:
        """Every caller who was not answered or left word, settled or not, in no order."""
        for caller in self._stale:
            self._lines.pop(caller, None)
            if (line := self._line(caller)) is not None:
                self._lines[caller] = line
            elif len(calls := self._calls.get(caller, ())) <= _FEW:
                for call in calls:  # of most callers nothing is shown: their parts are made again when they call again
                    self._parts.pop(call.key, None)
        self._stale.clear()
        return self._lines.values()

    def line(self, caller: str, sees: Callable[[Call], bool] = _everything) -> Line | None:
        """A caller's line; for somebody who `sees` not all calls without the tries and voicemails of the others."""
        return self._line(caller, sees)

    def open(self) -> int:
        """How many callers wait to be rung back."""
        return sum(line.closed is None for line in self.lines())

    def calls_of(self, caller: str) -> Iterable[Call]:
        return sorted(self._calls.get(caller, ()), key=lambda call: (call.started_at, call.key))

    def new_voicemails(self) -> Counter[str | None]:
        """Voicemails that nobody has dealt with, by box: neither marked done nor left before the caller was reached."""
        for caller in self._uncounted:
            before, after = self._new_of.pop(caller, ()), tuple(self._new_boxes(caller))
            if after:
                self._new_of[caller] = after
            self._new.subtract(before)
            self._new.update(after)
        self._uncounted.clear()
        return +self._new

    def _new_boxes(self, caller: str) -> Iterator[str | None]:
        if not any(call.voicemails for call in self._calls.get(caller, ())):
            return
        line = self._line(caller)
        if line is None or line.closed is not None:
            return
        for left in line.voicemails:
            key = (left.call, left.recorded_at)
            if key in self._boxes:
                yield self._boxes[key]

    def _line(self, caller: str, sees: Callable[[Call], bool] = _everything) -> Line | None:
        calls = self._calls.get(caller)
        if not calls:
            return None
        seen = [call for call in calls if sees(call)]
        parts = [self._part(call) for call in seen]
        if not any(part.tries or part.voicemails for part in parts):
            return None
        if len(seen) < len(calls):
            parts += [Part((), (), self._part(call).contacts) for call in calls if not sees(call)]
        name = max((part.name for part in parts if part.name), default=(None, None))[1]
        return line_of(caller, name, parts, self._marks.get(caller, []))

    def _part(self, call: Call) -> Part:
        part = self._parts.get(call.key)
        if part is None:
            part = self._parts[call.key] = part_of(call, self._short_abandon_ms)
        return part
