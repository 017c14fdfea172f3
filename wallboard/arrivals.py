"""What came, as pages show it: how often each type and its last body, and what was set aside; knows no board.

Numbers stand here as they came: mask before showing.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime

import msgspec

from wallboard.bodies import Body
from wallboard.erasing import Eraser
from wallboard.journal import Delivery, Entry
from wallboard.limits import Limit
from wallboard.parse import EVENT_TYPES

_SHOWN = 20
_UNKNOWN_TYPES = 50
OTHER_TYPES = "(other types)"
_FIELDS_SHOWN, _ITEMS_SHOWN, _TEXT_SHOWN, _BYTES_SHOWN = 60, 20, 400, 2_000


class SeenType(msgspec.Struct):
    """How often a type came, when last, and its last body; a large one is cut at once."""

    count: int
    last_at: datetime
    last: Body

    @property
    def last_body(self) -> Body:
        """A sample of the last body (numbers as they came: mask before showing)."""
        return sample(self.last)


class SetAside(msgspec.Struct, frozen=True):
    """Something that could not be read or folded: when, which entry, why."""

    received_at: datetime
    sequence: int
    reason: str
    body: bytes


class Arrivals:
    """Since the journal begins. Of unknown types the first 50 are told apart, of what was set aside the last 20."""

    def __init__(self) -> None:
        self.types: dict[str, SeenType] = {}
        self.types_beyond = 0
        self.set_aside: deque[SetAside] = deque(maxlen=_SHOWN)

    def see(self, kind: str, body: Body, at: datetime) -> None:
        seen = self.types.get(kind)
        if seen is None and kind not in EVENT_TYPES and self._unknown_types() >= _UNKNOWN_TYPES:
            kind = OTHER_TYPES
            self.types_beyond += 1
        if seen is None:
            seen = self.types.setdefault(kind, SeenType(0, at, body))
        seen.count, seen.last_at, seen.last = seen.count + 1, at, body

    def _unknown_types(self) -> int:
        return len(self.types.keys() - set(EVENT_TYPES))

    def limit(self) -> Limit:
        """How many unknown types are told apart, and how many events were of others since the journal begins."""
        return Limit(_UNKNOWN_TYPES, self.types_beyond)

    def put_aside(self, entry: Entry, reason: str) -> None:
        delivery = entry.delivery
        # Of the server's own words the name must do: they may hold what no page shows.
        body = delivery.body if delivery.remark is None else delivery.remark.encode()
        self.set_aside.appendleft(SetAside(delivery.received_at, entry.sequence, reason, body[:_BYTES_SHOWN]))

    # --- outliving the events ------------------------------------------------------------------------

    def counts(self) -> dict[str, tuple[int, datetime]]:
        """Of each type how often it came, and when last."""
        return {kind: (seen.count, seen.last_at) for kind, seen in self.types.items()}

    def take_up(self, counts: dict[str, tuple[int, datetime]], beyond: int) -> None:
        """Goes on from what an earlier one counted whose events are deleted."""
        self.types = {kind: SeenType(count, last_at, {}) for kind, (count, last_at) in counts.items()}
        self.types_beyond = beyond

    def forget_before(self, began_at: datetime, sequence: int) -> None:
        """Holds no body any more that came before `began_at`, or was set aside up to the entry `sequence`."""
        for seen in self.types.values():
            if seen.last_at < began_at:
                seen.last = {}
        kept = [aside for aside in self.set_aside if aside.sequence > sequence]
        self.set_aside = deque(kept, maxlen=_SHOWN)

    def erase(self, eraser: Eraser) -> None:
        """Holds nothing of a caller any more who has been erased from the journal."""
        for seen in self.types.values():
            seen.last = eraser.erased(seen.last)
        self.set_aside = deque((_without(aside, eraser) for aside in self.set_aside), maxlen=_SHOWN)


def _without(aside: SetAside, eraser: Eraser) -> SetAside:
    rewritten = eraser.rewrite(Delivery(received_at=aside.received_at, body=aside.body))
    return aside if rewritten is None else msgspec.structs.replace(aside, body=rewritten.body[:_BYTES_SHOWN])


def sample(body: Body) -> Body:
    """So much of a body as a page can show: a body of 256 KiB is not kept in memory, and none has lone surrogates."""
    return {_cut(name): _sampled(value) for name, value in list(body.items())[:_FIELDS_SHOWN]}


def _sampled(value: object) -> object:
    if isinstance(value, str):
        return _cut(value)
    if isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value[:_ITEMS_SHOWN]):
        return [_sampled(item) for item in value[:_ITEMS_SHOWN]]
    return "…" if isinstance(value, (dict, list)) else value


def _cut(text: str) -> str:
    return text[:_TEXT_SHOWN].encode("utf-8", "replace").decode()
