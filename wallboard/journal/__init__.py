"""The journal: deliveries appended in order, replayed in order, followed; knows nothing of what they mean.

A journal hands every entry to `apply`, in the order of commit, first those that stand and then each new
one after its commit. `append` returns what `apply` made of the entry, so nothing is acknowledged that is
not durable and applied.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Protocol

import msgspec

SCHEMA = 2
EVENTS_LOST = "events_lost"
"""The journal's own remark after damage: `{"lost": entries, …}`; an array of events is one entry."""
EVENTS_PURGED = "events_purged"
"""Its own remark when old entries are deleted on purpose: up to which, and what the fold needs to know of them."""
CALLER_ERASED = "caller_erased"
"""Its own remark when a caller was erased: how many events, calls and marks, and nothing of the caller."""
ERASED = "erased"
"""What a remark becomes that was about an erased caller alone."""


class JournalError(Exception):
    """The journal cannot be opened; the text names the setting and the remedy.

    `is_passing`: for a reason that may be over in a moment without a hand on the settings, such as a full disk.
    """

    def __init__(self, text: str, *, is_passing: bool = False) -> None:
        super().__init__(text)
        self.is_passing = is_passing


class JournalUnavailable(Exception):
    """Nothing can be appended right now; nothing was acknowledged."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One body as it came. `meaning` is the Webhook object's own header, `refusal` why it is in quarantine.

    `remark` names what the server itself has to say instead (`body` is its JSON): a fact that the fold needs and
    no webhook tells, such as a step of the clock. `None` for everything that the PBX sent.
    `decoded` is what whoever took the body in has made of it already, so that `apply` need not; it is not stored.
    """

    received_at: datetime
    body: bytes
    meaning: str | None = None
    refusal: str | None = None
    remark: str | None = None
    decoded: Any = None


class Spooled(msgspec.Struct, frozen=True):
    """What of this process waits beside the journal because that could not be written, and since when."""

    events: int
    since: datetime


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with its place in the order of commit; `schema` is the version it was written under."""

    sequence: int
    schema: int
    delivery: Delivery


Apply = Callable[[Entry], Any]
Decide = Callable[[], Delivery | None]
Begin = Callable[[], Awaitable[int]]
"""Called once the journal stands open and before anything of it is applied: after which entry to begin."""


class Journal(Protocol):
    """What SQLite's journal and PostgreSQL's do alike."""

    @property
    def head(self) -> int:
        """The sequence of the last entry applied."""

    @property
    def trouble(self) -> str | None:
        """Why the last write failed; `None` while all is well. It ends by itself soon after its cause."""

    @property
    def spooled(self) -> Spooled | None:
        """What waits to be written and has been acknowledged; `None` where nothing does."""

    @property
    def epoch(self) -> str | None:
        """The name of this history; another one means that something of the one before was lost."""

    @property
    def remains(self) -> str:
        """What the fold has to know of entries that were deleted on purpose, before it hears the first that stands."""

    @property
    def begins_after(self) -> int:
        """The last entry that was deleted on purpose; older ones that are still replayed are kept remarks."""

    @property
    def has_parted(self) -> bool:
        """True when the database is damaged or has gone back to an older state: this process must start anew."""

    async def open(self, apply: Apply, after: int = 0, begin: Begin | None = None) -> None:
        """Opens the journal, applies all that stands after sequence `after`, and follows; JournalError otherwise."""

    async def append(self, delivery: Delivery) -> Any:
        """Makes one delivery durable, applies it, returns what `apply` returned; JournalUnavailable otherwise."""

    def enqueue(self, delivery: Delivery) -> asyncio.Future[Any]:
        """What `append` waits for; JournalUnavailable at once where nothing more can be queued."""

    async def decide(self, decide: Decide) -> Any:
        """The same for the delivery that `decide` returns; it is asked at a moment when every process's entries before
        have been applied and none can come between, and must not wait. With `None` nothing is appended.
        """

    async def note(self, name: str, value: str) -> None:
        """Keeps one small value under a name, best effort."""

    def noted(self, name: str) -> str | None:
        """A value kept with `note`, as it stood when the journal was opened."""

    async def close(self) -> None:
        """Writes what is queued and lets go of the file."""
