"""Keys for programs and for the PBX on the desk, over HTTP; knows no account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from wallboard.access.rules import ADMINISTER, Way
from wallboard.desk import Desk
from wallboard.forms import TooMuch, read_form, see
from wallboard.journal import JournalUnavailable
from wallboard.people.account_pages import LARGEST_FORM, UNWRITTEN
from wallboard.people.asking import Asking
from wallboard.people.audit import KEY_WORDS
from wallboard.people.keys import LONGEST_KEY_NAME, Kind
from wallboard.people.names import Unfit
from wallboard.people.reception import Reception
from wallboard.people.times import Times

PLACE = "/supervisor/keys"
_KINDS: dict[str, Kind] = {"api": "api", "pbx": "pbx"}


class KeyPages:
    """The section Keys. `tokens` counts those of the settings, by kind."""

    def __init__(self, desk: Desk, reception: Reception, asking: Asking, times: Times, tokens: dict[Kind, int]) -> None:
        self._desk = desk
        self._reception = reception
        self._asking = asking
        self._times = times
        self._tokens = tokens

    def routes(self) -> Iterator[Way]:
        yield Way(PLACE, self.all, "GET", ADMINISTER)
        yield Way(PLACE, self.make, "POST", ADMINISTER)
        yield Way(f"{PLACE}/{{id}}", self.revoke, "POST", ADMINISTER)

    async def all(self, request: Request) -> Response:
        """200 all keys, and the form for a new one."""
        done = "The key is revoked: nobody can use it any more." if "revoked" in request.query_params else ""
        return self._page(done=done)

    async def make(self, request: Request) -> Response:
        """200 with the key, which is never shown again · 413 · 422 · 503 not written."""
        try:
            form = await read_form(request, LARGEST_FORM)
        except TooMuch:
            return self._page(413, trouble="This form is too large.")
        kind = _KINDS.get(form.text("kind"), "api")
        try:
            code = await self._reception.make_key(kind, form.text("name"), self._asking.asker(request))
        except Unfit as error:
            return self._page(422, trouble=str(error), typed=form.text("name"), kind=kind)
        except JournalUnavailable:
            return self._page(503, trouble=UNWRITTEN, typed=form.text("name"), kind=kind)
        return self._page(made={"code": code, "kind": kind, "name": form.text("name")})

    async def revoke(self, request: Request) -> Response:
        """303 revoked, at once and for good · 503 not written."""
        try:
            await self._reception.revoke_key(request.path_params["id"], self._asking.asker(request))
        except JournalUnavailable:
            return self._page(503, trouble=UNWRITTEN)
        return see(f"{PLACE}?revoked")

    def _page(
        self, status: int = 200, *, made: dict[str, str] | None = None, trouble: str = "", done: str = "",
        typed: str = "", kind: Kind = "api",
    ) -> Response:  # fmt: skip
        return self._desk.show(
            "people/keys.html",
            "keys",
            status=status,
            keys=self._rows(),
            kinds=KEY_WORDS,
            tokens=self._tokens,
            made=made,
            trouble=trouble,
            done=done,
            typed=typed,
            kind=kind,
            longest=LONGEST_KEY_NAME,
        )

    def _rows(self) -> list[dict[str, Any]]:
        used_at = self._reception.keys.used_at
        return [
            {
                "id": key.made.id,
                "name": key.made.name,
                "kind": KEY_WORDS[key.made.kind],
                "ends": key.made.ends,
                "by": key.made.by,
                "made": self._times.at(key.made_at),
                "used": self._used(used_at.get(key.made.id)),
            }
            for key in self._reception.keys.all()
        ]

    def _used(self, at: datetime | None) -> str:
        return self._times.ago(at) if at else "not since the last start"
