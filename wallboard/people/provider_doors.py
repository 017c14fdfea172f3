"""The way to the OpenID provider and back, over HTTP; knows no token and no key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from wallboard.access.gate import NO_STORE, SIGN_IN, Page
from wallboard.access.origins import inside
from wallboard.access.rules import OPEN, Way
from wallboard.forms import see
from wallboard.journal import JournalUnavailable
from wallboard.people.asking import Asking
from wallboard.people.cookies import Cookies
from wallboard.people.names import Unfit
from wallboard.people.provider import DONE, Leaving, Provider, Refused
from wallboard.people.reception import Reception

_NO_ROLE = "You have signed in, but your account there has no access to this wallboard. Whoever runs it can give it."
_UNWRITTEN = "The wallboard cannot write to its journal right now, so nobody can sign in. Try again in a minute."


class ProviderDoors:
    """`/sign-in/provider` and `/sign-in/provider/done`."""

    def __init__(
        self,
        provider: Provider,
        reception: Reception,
        cookies: Cookies,
        asking: Asking,
        page: Page,
        is_ready: Callable[[], bool],
    ) -> None:
        self._provider = provider
        self._reception = reception
        self._cookies = cookies
        self._asking = asking
        self._page = page
        self._is_ready = is_ready

    def routes(self) -> Iterator[Way]:
        yield Way("/sign-in/provider", self.leave, "GET", OPEN)
        yield Way(DONE, self.come_back, "GET", OPEN)

    async def leave(self, request: Request) -> Response:
        """303 to the provider · 503 not to be reached, or starting."""
        if not self._is_ready():
            return self._starting()
        try:
            await self._reception.ready_to_sign()
            address, leaving = await self._provider.leave(inside(request.query_params.get("next", "")))
        except Refused as error:
            return self._trouble(str(error), 503)
        except JournalUnavailable:
            return self._trouble(_UNWRITTEN, 503)
        answer = RedirectResponse(address, 303, NO_STORE)
        self._cookies.take_along(answer, msgspec.json.encode(leaving).decode(), 600)
        return answer

    async def come_back(self, request: Request) -> Response:
        """303 signed in · 403 refused, or no role · 503 not written, or starting."""
        if not self._is_ready():
            return self._starting()
        asker, leaving = self._asking.asker(request), self._leaving(request)
        try:
            person = await self._provider.came_back(dict(request.query_params), leaving)
            account = await self._reception.from_provider(person, asker)
            if account is None:
                return self._trouble(_NO_ROLE, 403)
            code = await self._reception.open_session(account, asker, self._cookies.session(request) or "")
        except (Refused, Unfit) as error:
            self._reception.audit.failed(None, asker.address)
            return self._trouble(str(error), 403)
        except JournalUnavailable:
            return self._trouble(_UNWRITTEN, 503)
        goes_on = leaving.goes_on if leaving else "/"
        answer = see(f"{SIGN_IN}?{urlencode({'kept': '', 'next': goes_on})}")
        self._cookies.remember(request, answer, code, account.name)
        self._cookies.arrived(answer)
        return answer

    def _leaving(self, request: Request) -> Leaving | None:
        said = self._cookies.brought_back(request)
        return None if said is None else msgspec.json.decode(said, type=Leaving)

    def _starting(self) -> Response:
        return self._page("starting.html", status=503, headers={"Retry-After": "1", **NO_STORE})

    def _trouble(self, text: str, status: int) -> Response:
        answer = self._page("people/provider.html", status=status, trouble=text)
        self._cookies.arrived(answer)
        return answer
