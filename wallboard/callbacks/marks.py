"""What a supervisor says of a caller: mine, done, a note; as the journal keeps it and as it counts; knows no call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec

LONGEST_NOTE, LONGEST_NAME = 500, 60

MarkKind = Literal["take", "release", "done", "reopen", "note"]


class Marked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A supervisor's mark as the journal keeps it (`caller_marked`); milliseconds since the epoch.

    `until_ms` is the latest and `since_ms` the earliest that the line showed, so that a mark means what was seen,
    also where the PBX's clock is ahead of ours.
    """

    caller: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    mark: MarkKind
    by: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]
    text: Annotated[str, msgspec.Meta(max_length=LONGEST_NOTE)] = ""
    until_ms: int | None = None
    since_ms: int | None = None


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    kind: MarkKind
    at: datetime
    by: str
    text: str
    until: datetime | None
    since: datetime | None

    @property
    def covers_until(self) -> datetime:
        return max(self.at, self.until) if self.until else self.at


def mark_of(marked: Marked, at: datetime) -> Mark:
    return Mark(
        kind=marked.mark,
        at=at,
        by=marked.by,
        text=marked.text,
        until=_instant(marked.until_ms),
        since=_instant(marked.since_ms),
    )


def _instant(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
