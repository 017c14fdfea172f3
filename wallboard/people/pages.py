"""All accounts on the desk, over HTTP: made, changed, removed, and given links; knows no cookie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from wallboard.access.origins import origin_of
from wallboard.access.rules import ADMINISTER, Way
from wallboard.access.visitors import Role
from wallboard.boards.kept import Boards
from wallboard.clock import Clock
from wallboard.desk import Desk
from wallboard.forms import Fields, TooMuch, read_form, see
from wallboard.journal import JournalUnavailable
from wallboard.people.account_pages import LARGEST_FORM, UNWRITTEN
from wallboard.people.accounts import Account
from wallboard.people.asking import Asking
from wallboard.people.names import LONGEST_NAME, LONGEST_SHOWN, Unfit
from wallboard.people.reception import Reception
from wallboard.people.times import Times

PLACE = "/supervisor/people"
ROLES = {
    Role.VIEWER: ("Viewer", "Looks at the boards, the floor, the list Call back and the day; sees no caller’s number."),
    Role.SUPERVISOR: ("Supervisor", "Does the day’s work as well: marks callers, edits boards, pairs TVs."),
    Role.ADMIN: ("Admin", "Also makes accounts and keys, and reads the audit log."),
}
_DONE = {
    "removed": "The account is removed, and signed out everywhere.",
    "changed": "Saved.",
    "out": "Signed out everywhere.",
}


class PeoplePages:
    """The section People."""

    def __init__(
        self, desk: Desk, reception: Reception, boards: Boards, asking: Asking, times: Times, clock: Clock,
        public_url: str | None,
    ) -> None:  # fmt: skip
        self._desk = desk
        self._reception = reception
        self._boards = boards
        self._asking = asking
        self._times = times
        self._clock = clock
        self._public_url = public_url

    def routes(self) -> Iterator[Way]:
        yield Way(PLACE, self.all, "GET", ADMINISTER)
        yield Way(PLACE, self.add, "POST", ADMINISTER)
        yield Way(f"{PLACE}/{{name}}", self.one, "GET", ADMINISTER)
        yield Way(f"{PLACE}/{{name}}", self.change, "POST", ADMINISTER)

    async def all(self, request: Request) -> Response:
        """200 all accounts, and the form for a new one."""
        return self._list(request, done=_DONE.get(request.query_params.get("done", ""), ""))

    async def add(self, request: Request) -> Response:
        """200 made, with its link · 413 · 422 · 503 not written."""
        form = await _form(request)
        if form is None:
            return self._list(request, 413, trouble="This form is too large.")
        asker, role = self._asking.asker(request), _role(form)
        try:
            account = await self._reception.add(form.text("name"), form.text("shown"), role, _boards(form), asker)
            code = await self._reception.make_link(account.name, asker)
        except Unfit as error:
            return self._list(request, 422, form=form, trouble=str(error))
        except JournalUnavailable:
            return self._list(request, 503, form=form, trouble=UNWRITTEN)
        return self._link(request, account, code, is_new=True)

    async def one(self, request: Request) -> Response:
        """200 · 404."""
        account = self._reception.accounts.get(request.path_params["name"])
        if account is None:
            return self._missing()
        return self._one(account, done=_DONE.get(request.query_params.get("done", ""), ""))

    async def change(self, request: Request) -> Response:
        """POST do=save, link, out or remove: 303 done · 200 a link · 404 · 413 · 422 · 503 not written."""
        account = self._reception.accounts.get(request.path_params["name"])
        if account is None:
            return self._missing()
        form = await _form(request)
        if form is None:
            return self._one(account, 413, trouble="This form is too large.")
        try:
            return await self._change(request, account, form)
        except Unfit as error:
            return self._one(account, 422, trouble=str(error))
        except JournalUnavailable:
            return self._one(account, 503, trouble=UNWRITTEN)

    async def _change(self, request: Request, account: Account, form: Fields) -> Response:
        asker, here = self._asking.asker(request), f"{PLACE}/{quote(account.name, safe='@')}"
        match form.text("do"):
            case "link":
                return self._link(request, account, await self._reception.make_link(account.name, asker))
            case "out":
                await self._reception.close_sessions(self._reception.sessions.of(account.name), asker)
                return see(f"{here}?done=out")
            case "remove":
                await self._reception.remove(account.name, asker)
                return see(f"{PLACE}?done=removed")
            case _:
                await self._reception.change(account.name, form.text("shown"), _role(form), _boards(form), asker)
                return see(f"{here}?done=changed")

    def _list(
        self, request: Request, status: int = 200, *, form: Fields | None = None, trouble: str = "", done: str = ""
    ) -> Response:
        return self._desk.show(
            "people/list.html",
            "people",
            status=status,
            people=[self._row(account) for account in self._reception.accounts.all()],
            typed={name: form.text(name) if form else "" for name in ("name", "shown", "role")},
            chosen=_boards(form) if form else None,
            trouble=trouble,
            done=done,
            **self._choices(),
        )

    def _one(self, account: Account, status: int = 200, *, trouble: str = "", done: str = "") -> Response:
        link = self._reception.accounts.open_link(account.name, self._clock.now())
        return self._desk.show(
            "people/one.html",
            "people",
            status=status,
            account=account,
            row=self._row(account),
            is_last_admin=self._reception.accounts.is_last_admin(account.name),
            link_until=self._times.at(link.until) if link else "",
            trouble=trouble,
            done=done,
            **self._choices(),
        )

    def _link(self, request: Request, account: Account, code: str, *, is_new: bool = False) -> Response:
        link = self._reception.link(code)
        return self._desk.show(
            "people/link.html",
            "people",
            account=account,
            link=f"{self._public_url or origin_of(request)}/claim#{code}",
            until=self._times.at(link.until) if link else "",
            is_new=is_new,
        )

    def _row(self, account: Account) -> dict[str, Any]:
        sessions = self._reception.sessions.of(account.name)
        seen_at = self._reception.sessions.seen_at
        seen = max((at for one in sessions if (at := seen_at.get(one.id))), default=None)
        return {
            "account": account,
            "address": f"{PLACE}/{quote(account.name, safe='@')}",
            "role": ROLES[account.role][0],
            "boards": self._names(account.boards),
            "sessions": len(sessions),
            "seen": self._times.ago(seen) if seen else "",
            "can_sign_in": bool(account.password or account.subject),
        }

    def _names(self, slugs: frozenset[str] | None) -> str:
        if slugs is None:
            return "all boards"
        kept = [self._boards.get(slug) for slug in sorted(slugs)]
        return ", ".join(one.definition.name for one in kept if one is not None) or "no board"

    def _choices(self) -> dict[str, Any]:
        return {
            "roles": [(role.value, name, what) for role, (name, what) in ROLES.items()],
            "boards": [kept.definition for kept in self._boards.all()],
            "longest_name": LONGEST_NAME,
            "longest_shown": LONGEST_SHOWN,
        }

    def _missing(self) -> Response:
        return self._desk.show("people/missing.html", "people", status=404)


async def _form(request: Request) -> Fields | None:
    try:
        return await read_form(request, LARGEST_FORM)
    except TooMuch:
        return None


def _role(form: Fields) -> Role:
    role = form.text("role")
    return next((one for one in ROLES if one.value == role), Role.VIEWER)


def _boards(form: Fields) -> frozenset[str] | None:
    """What was ticked, be it nothing; `None` for all boards."""
    return frozenset(slug[:100] for slug in form.all("board")) if form.text("limit") == "chosen" else None
