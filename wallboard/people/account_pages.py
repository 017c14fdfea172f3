"""The reader's own account on the desk, over HTTP: name, password, sessions; knows no other account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from wallboard.access.rules import DESK, Way
from wallboard.access.visitors import visitor_of
from wallboard.desk import Desk
from wallboard.forms import Fields, TooMuch, read_form, see
from wallboard.journal import JournalUnavailable
from wallboard.people.accounts import Account
from wallboard.people.asking import Asking
from wallboard.people.cookies import Cookies
from wallboard.people.hashing import Busy
from wallboard.people.names import LONGEST_SHOWN, SHORTEST_PASSWORD, Unfit
from wallboard.people.reception import Reception, TooOften, WrongPassword
from wallboard.people.times import Times

PLACE = "/supervisor/account"
LARGEST_FORM = 16 * 1024
UNWRITTEN = "Not done: the journal cannot be written right now. Try again in a minute."
_DONE = {
    "name": "Your name is changed.",
    "password": "Your password is changed. You are signed out everywhere else.",
    "session": "That browser is signed out.",
    "others": "You are signed out everywhere else.",
}


class AccountPages:
    """The section Your account."""

    def __init__(self, desk: Desk, reception: Reception, cookies: Cookies, asking: Asking, times: Times) -> None:
        self._desk = desk
        self._reception = reception
        self._cookies = cookies
        self._asking = asking
        self._times = times

    def routes(self) -> Iterator[Way]:
        yield Way(PLACE, self.page, "GET", DESK)
        yield Way(f"{PLACE}/name", self.rename, "POST", DESK)
        yield Way(f"{PLACE}/password", self.change_password, "POST", DESK)
        yield Way(f"{PLACE}/sessions", self.end_sessions, "POST", DESK)

    async def page(self, request: Request) -> Response:
        """200, also for whoever has no account: then it says so."""
        return self._page(request, done=_DONE.get(request.query_params.get("done", ""), ""))

    async def rename(self, request: Request) -> Response:
        """303 done · 413 · 422 · 503 not written."""
        account, form = self._account(request), await _form(request)
        if account is None:
            return see(PLACE)  # at a machine without accounts
        if form is None:
            return self._page(request, 413, trouble="This form is too large.")
        try:
            await self._reception.rename(account, form.text("shown"), self._asking.asker(request))
        except Unfit as error:
            return self._page(request, 422, trouble=str(error))
        except JournalUnavailable:
            return self._page(request, 503, trouble=UNWRITTEN)
        return see(f"{PLACE}?done=name")

    async def change_password(self, request: Request) -> Response:
        """303 done, all other sessions ended · 413 · 422 · 429 too often · 503."""
        account, form = self._account(request), await _form(request)
        if account is None:
            return see(PLACE)  # at a machine without accounts
        if form is None:
            return self._page(request, 413, trouble="This form is too large.")
        old, new = (next(iter(form.all(name)), "") for name in ("old", "password"))
        asker, device = self._asking.asker(request), self._cookies.device(request, account.name)
        try:
            code = await self._reception.change_password(account, old, new, asker, device)
        except WrongPassword:
            return self._page(request, 422, trouble="The password that you have now is not that one.")
        except TooOften as error:
            return self._page(request, 429, trouble=f"Too many tries. Try again in {round(error.seconds) + 1} s.")
        except Unfit as error:
            return self._page(request, 422, trouble=str(error))
        except (Busy, JournalUnavailable):
            return self._page(request, 503, trouble=UNWRITTEN)
        answer = see(f"{PLACE}?done=password")
        self._cookies.remember(request, answer, code, account.name)
        return answer

    async def end_sessions(self, request: Request) -> Response:
        """303: one session (`id`), or all but this one · 413 · 503."""
        account, form = self._account(request), await _form(request)
        if account is None:
            return see(PLACE)  # at a machine without accounts
        if form is None:
            return self._page(request, 413, trouble="This form is too large.")
        mine, id = visitor_of(request).key, form.text("id")
        closed = [one for one in self._reception.sessions.of(account.name) if (one.id == id if id else one.key != mine)]
        try:
            await self._reception.close_sessions(closed, self._asking.asker(request))
        except JournalUnavailable:
            return self._page(request, 503, trouble=UNWRITTEN)
        return see(f"{PLACE}?done={'session' if id else 'others'}")

    def _account(self, request: Request) -> Account | None:
        return self._reception.accounts.get(visitor_of(request).account)

    def _page(self, request: Request, status: int = 200, *, done: str = "", trouble: str = "") -> Response:
        account = self._account(request)
        return self._desk.show(
            "people/account.html",
            "account",
            status=status,
            account=account,
            sessions=self._sessions(account, visitor_of(request).key) if account else [],
            done=done,
            trouble=trouble,
            shortest=SHORTEST_PASSWORD,
            longest_shown=LONGEST_SHOWN,
        )

    def _sessions(self, account: Account, mine: str) -> list[dict[str, Any]]:
        seen_at = self._reception.sessions.seen_at
        return [
            {
                "id": one.id,
                "browser": one.browser,
                "since": self._times.at(one.opened_at),
                "seen": self._seen(seen_at.get(one.id)),
                "is_this": one.key == mine,
            }
            for one in self._reception.sessions.of(account.name)
        ]

    def _seen(self, at: datetime | None) -> str:
        return self._times.ago(at) if at else "not since the last start"


async def _form(request: Request) -> Fields | None:
    try:
        return await read_form(request, LARGEST_FORM)
    except TooMuch:
        return None
