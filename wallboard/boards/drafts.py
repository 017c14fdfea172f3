"""Boards that are being edited, shown as they would be and kept nowhere; knows no form and no HTTP.

A draft is watched at an address of its own, `draft-` and its key. It lives in the memory of all processes, for an hour
after the last change, and there are so many at a time.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from wallboard.boards.definitions import DRAFT, Definition
from wallboard.commons import Commons
from wallboard.screen import Screen, Source

MOST_DRAFTS = 50
KEPT = timedelta(hours=1)
_KEY = re.compile(r"[0-9a-f]{16}\Z")
_KIND = "draft"


def new_key() -> str:
    return secrets.token_hex(8)


class Drafts:
    """The screens of all drafts by slug, the longest unchanged first."""

    def __init__(self, source: Source, commons: Commons | None = None) -> None:
        self._source = source
        self._commons = commons or Commons()
        self._commons.hear(_KIND, self._take)
        self._screens: dict[str, tuple[Screen, datetime]] = {}

    def __iter__(self) -> Iterator[Screen]:
        return iter([screen for screen, _ in self._screens.values()])

    def get(self, slug: str) -> Screen | None:
        held = self._screens.get(slug)
        return held and held[0]

    def put(self, key: str, definition: Definition) -> Screen:
        """Shows the draft `key` by this definition, quietly and without leading elsewhere, in a page of the editor."""
        slug = DRAFT + (key if _KEY.match(key) else new_key())
        shown = msgspec.structs.replace(definition, slug=slug, sound="off", rotation=(), dim_from=None, dim_to=None)
        self._commons.tell(_KIND, slug, msgspec.json.encode(shown), KEPT.total_seconds())
        return self._show(shown)

    async def settle(self) -> None:
        """When this returns, every process can show what was put."""
        await self._commons.settle()

    async def find(self, slug: str) -> Screen | None:
        """The same as `get`, also for one that was put at another process a moment ago."""
        if slug not in self._screens:
            await self._commons.refresh()
        return self.get(slug)

    def _take(self, slug: str, value: bytes | None, ago: float) -> None:
        if value is not None and ago < KEPT.total_seconds():
            self._show(msgspec.json.decode(value, type=Definition))

    def _show(self, shown: Definition) -> Screen:
        slug = shown.slug
        self.forget()
        held = self._screens.pop(slug, None)
        screen = held[0] if held else Screen(self._source, shown)
        if screen.definition != shown:
            screen.define(shown)
        self._screens[slug] = (screen, self._source.clock.now())
        while len(self._screens) > MOST_DRAFTS:
            self._drop(next(iter(self._screens)))
        return screen

    def forget(self) -> None:
        """Lets go of those that nobody has changed for an hour."""
        now = self._source.clock.now()
        for slug, (_, touched_at) in tuple(self._screens.items()):
            if now - touched_at > KEPT:
                self._drop(slug)

    def _drop(self, slug: str) -> None:
        self._screens.pop(slug)[0].farewell("removed")
