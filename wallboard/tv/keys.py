"""The key that a paired television shows: how it is made, kept in its browser, known again; knows no board's content.

256 random bits in a cookie that no script and no other site can read, which is sent over TLS only. It is made by the
server and never taken from a browser, so that nobody can have a screen paired by a key that they know.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from wallboard.access.visitors import Role, Visitor
from wallboard.boards.kept import Boards
from wallboard.tv.paired import PairedTv, PairedTvs

COOKIE = "__Host-wallboard_tv"
YEAR_SECONDS = 365 * 24 * 3600
_LONGEST_KEY = 100


def new_key() -> str:
    return secrets.token_urlsafe(32)


def digest_of(key: str) -> str:
    """All that is ever stored of a key."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def key_of(request: Request) -> str:
    """What the browser shows; empty if nothing."""
    return request.cookies.get(COOKIE, "")[:_LONGEST_KEY]


class TvKeys:
    """Knows the paired televisions again. `is_framed`: boards may be shown in other sites' pages (signage)."""

    def __init__(self, tvs: PairedTvs, boards: Boards, dismiss: Callable[[str], None], *, is_framed: bool) -> None:
        self._tvs = tvs
        self._boards = boards
        self._dismiss = dismiss
        self._allowed: dict[str, frozenset[str]] = {}
        # In a frame of another site's page a Lax cookie is not sent; a partitioned one is, within that site alone.
        self._same_site = "SameSite=None; Partitioned" if is_framed else "SameSite=Lax"

    def identify(self, request: Request) -> Visitor | None:
        """The gate's way in for televisions."""
        tv = self.tv_of(request)
        return None if tv is None else self.visitor(tv)

    def tv_of(self, request: Request) -> PairedTv | None:
        key = key_of(request)
        return self._tvs.by_key(digest_of(key)) if key else None

    def visitor(self, tv: PairedTv) -> Visitor:
        return Visitor(
            role=Role.TV, key=f"tv:{tv.id}", name=tv.name, boards=self._boards_of(tv), home=f"/boards/{tv.board}"
        )

    def give(self, answer: Response, key: str) -> None:
        """Sets the cookie, anew for a year."""
        answer.headers.append(
            "set-cookie", f"{COOKIE}={key}; Max-Age={YEAR_SECONDS}; Path=/; Secure; HttpOnly; {self._same_site}"
        )

    def look_anew(self, id: str) -> None:
        """A television was paired, moved or revoked: what it may no longer see ends at once."""
        tv = self._tvs.get(id)
        self._take_over(id, frozenset() if tv is None else self._boards_of(tv))

    def follow(self) -> None:
        """The boards have changed, and with them the rotations that a television may see."""
        for tv in self._tvs.all():
            self._take_over(tv.id, self._boards_of(tv))

    def _take_over(self, id: str, boards: frozenset[str]) -> None:
        before = self._allowed.pop(id, frozenset())
        if boards:
            self._allowed[id] = boards
        if before - boards:
            self._dismiss(f"tv:{id}")  # who comes back is looked at anew

    def _boards_of(self, tv: PairedTv) -> frozenset[str]:
        """Its board, and those that take turns with it there."""
        kept = self._boards.get(tv.board)
        return frozenset({tv.board} if kept is None else {tv.board, *kept.definition.rotation})
