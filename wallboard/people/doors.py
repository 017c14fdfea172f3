"""Signing in and out, and the one-time links, over HTTP; knows no rule for passwords and no desk.

Every page here works without script; a link's code stands in the address's fragment, which no server and no other
site is ever sent, and comes in the body of a form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from wallboard.access.gate import NO_STORE, SIGN_IN, Page
from wallboard.access.origins import inside
from wallboard.access.rules import OPEN, Way
from wallboard.access.visitors import AT_THE_MACHINE, visitor_of
from wallboard.forms import Fields, TooMuch, read_form, see
from wallboard.journal import JournalUnavailable
from wallboard.people.accounts import Account, Linked
from wallboard.people.asking import Asking
from wallboard.people.cookies import Cookies
from wallboard.people.hashing import Busy
from wallboard.people.names import SHORTEST_PASSWORD, Unfit
from wallboard.people.reception import Reception, TooOften, WrongPassword

CLAIM = "/claim"
_HEADERS = {**NO_STORE, "Referrer-Policy": "same-origin"}
"""Without a referrer, browsers that say no Sec-Fetch-Site (on plain http) hide a form's origin from ourselves as well,
and the form would be taken for another site's instead of being told that signing in needs https."""
_LARGEST_FORM = 16 * 1024
_WRONG = "The name or the password is wrong."
_BUSY = "Many people are signing in right now. Try again in a few seconds."
_UNWRITTEN = "The wallboard cannot write to its journal right now, so nobody can sign in. Try again in a minute."
_NO_LINK = "This link has been used, is too old, or a newer one has been made. Ask for another."


class Doors:
    """`/sign-in`, `/sign-out` and `/claim`. `is_ready` is false while the journal is replayed."""

    def __init__(
        self,
        reception: Reception,
        cookies: Cookies,
        asking: Asking,
        page: Page,
        *,
        is_ready: Callable[[], bool],
        has_accounts: Callable[[], bool],
        has_provider: bool = False,
    ) -> None:
        """`has_provider`: people can sign in at an OpenID provider as well, by a part of its own."""
        self._reception = reception
        self._cookies = cookies
        self._asking = asking
        self._page = page
        self._is_ready = is_ready
        self._has_accounts = has_accounts
        self._has_provider = has_provider

    def routes(self) -> Iterator[Way]:
        yield Way(SIGN_IN, self.ask, "GET", OPEN)
        yield Way(SIGN_IN, self.sign_in, "POST", OPEN)
        yield Way("/sign-out", self.sign_out, "POST", OPEN)
        yield Way(CLAIM, self.ask_for_link, "GET", OPEN)
        yield Way(CLAIM, self.claim, "POST", OPEN)

    # --- signing in and out

    async def ask(self, request: Request) -> Response:
        """200 the form · 303 on to `next` for who is signed in · 403 no account yet · 503 starting."""
        if (elsewhere := self._elsewhere(request)) is not None:
            return elsewhere
        goes_on = inside(request.query_params.get("next", ""))
        if visitor_of(request).is_person:
            return see(goes_on)
        if "kept" in request.query_params:
            # The browser comes straight from signing in, and did not bring the cookie.
            return self._form(goes_on, is_unkept=True)
        return self._form(goes_on, is_out="out" in request.query_params)

    async def sign_in(self, request: Request) -> Response:
        """303 signed in · 401 wrong · 413 · 429 too often, with Retry-After · 503 busy, or not written."""
        if (elsewhere := self._elsewhere(request)) is not None:
            return elsewhere
        try:
            form = await read_form(request, _LARGEST_FORM)
        except TooMuch:
            return self._form("/", _WRONG, 413)
        goes_on, typed = inside(form.text("next")), form.text("name")
        asker = self._asking.asker(request)
        name, password = self._reception.account_name(typed), _password(form)
        device, old = self._cookies.device(request, name), self._cookies.session(request) or ""
        try:
            code = await self._reception.sign_in(name, password, asker, device, old)
        except WrongPassword:
            return self._form(goes_on, _WRONG, 401, typed=typed)
        except TooOften as error:
            return self._form(goes_on, _wait_words(error.seconds), 429, typed=typed, wait=error.seconds)
        except Busy:
            return self._form(goes_on, _BUSY, 503, typed=typed, wait=5)
        except JournalUnavailable:
            return self._form(goes_on, _UNWRITTEN, 503, typed=typed, wait=60)
        return self._signed_in(request, code, name, goes_on)

    async def sign_out(self, request: Request) -> Response:
        """303 to the form, the session ended; the browser forgets it even if that cannot be written."""
        code = self._cookies.session(request)
        session = self._reception.session(code) if code else None
        try:
            if session is not None:
                await self._reception.close_sessions([session], self._asking.asker(request))
        except JournalUnavailable:
            return self._form("/", _UNWRITTEN.replace("sign in", "sign out"), 503, wait=60)
        answer = see(f"{SIGN_IN}?out" if self._reception.accounts else "/")
        self._cookies.forget(answer)
        return answer

    # --- links

    async def ask_for_link(self, request: Request) -> Response:
        """200 the form that the page's script fills from the address's fragment · 503 starting."""
        if not self._is_ready():
            return self._starting()
        if self._needs_no_link(request):
            return self._claim_form(None, "")
        return self._code_form()

    async def claim(self, request: Request) -> Response:
        """200 what a link is for · 303 done and signed in · 403 no such link · 413 · 422 · 503."""
        if not self._is_ready():
            return self._starting()
        try:
            form = await read_form(request, _LARGEST_FORM)
        except TooMuch:
            return self._code_form(_NO_LINK, 413)
        code = form.text("code").rpartition("#")[2]
        link = self._reception.link(code)
        if link is None and not self._needs_no_link(request):
            return self._code_form(_NO_LINK, 403)
        if form.text("do") != "set":
            return self._claim_form(link, code)
        try:
            account = await self._claimed(request, link, form)
            asker = self._asking.asker(request)
            old = self._cookies.session(request) or ""
            new = await self._reception.open_session(account, asker, old)
        except Unfit as error:
            return self._claim_form(link, code, form, str(error), 422)
        except Busy:
            return self._claim_form(link, code, form, _BUSY, 503)
        except JournalUnavailable:
            return self._claim_form(link, code, form, _UNWRITTEN.replace("nobody can sign in", "nothing is kept"), 503)
        return self._signed_in(request, new, account.name, "/")

    async def _claimed(self, request: Request, link: Linked | None, form: Fields) -> Account:
        asker, password = self._asking.asker(request), _password(form)
        if link is not None and link.name:
            return await self._reception.set_password(link, password, asker)
        return await self._reception.claim(link, form.text("name"), form.text("shown"), password, asker)

    def _needs_no_link(self, request: Request) -> bool:
        """Whoever sits at a machine without accounts may make the first."""
        return visitor_of(request) is AT_THE_MACHINE and not self._reception.accounts

    # --- pages

    def _elsewhere(self, request: Request) -> Response | None:
        if not self._is_ready():
            return self._starting()
        if self._has_accounts():
            return None
        return see("/") if visitor_of(request) is AT_THE_MACHINE else self._page("unclaimed.html", status=403)

    def _starting(self) -> Response:
        return self._page("starting.html", status=503, headers={"Retry-After": "1", **NO_STORE})

    def _signed_in(self, request: Request, code: str, name: str, goes_on: str) -> Response:
        answer = see(f"{SIGN_IN}?{urlencode({'kept': '', 'next': goes_on})}")
        self._cookies.remember(request, answer, code, name)
        return answer

    def _form(
        self, goes_on: str, trouble: str = "", status: int = 200, *, typed: str = "", wait: float = 0, **said: Any
    ) -> Response:
        headers = {**_HEADERS, "Retry-After": str(ceil(wait))} if wait else _HEADERS
        values = {"is_out": False, "is_unkept": False, **said}
        return self._page(
            "people/sign_in.html",
            status=status,
            headers=headers,
            next=goes_on,
            trouble=trouble,
            typed=typed[:100],
            has_provider=self._has_provider,
            **values,
        )

    def _code_form(self, trouble: str = "", status: int = 200) -> Response:
        return self._page("people/code.html", status=status, headers=_HEADERS, trouble=trouble)

    def _claim_form(
        self, link: Linked | None, code: str, form: Fields | None = None, trouble: str = "", status: int = 200
    ) -> Response:
        return self._page(
            "people/claim.html",
            status=status,
            headers=_HEADERS,
            account=self._reception.accounts.get(link.name) if link is not None and link.name else None,
            code=code,
            typed=form.text("name") if form else "",
            shown=form.text("shown") if form else "",
            trouble=trouble,
            shortest=SHORTEST_PASSWORD,
        )


def _password(form: Fields) -> str:
    """As it was typed: spaces at its ends are part of it."""
    return next(iter(form.all("password")), "")


def _wait_words(seconds: float) -> str:
    minutes = max(1, ceil(seconds / 60))
    return f"Too many tries. Try again in {'a minute' if minutes == 1 else f'{minutes} minutes'}."
