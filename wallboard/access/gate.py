"""Stands before every route: finds out who asks, and lets in whom the route's rule admits; knows no route's work.

Each way of being known is one function that is asked in turn (`ways in`). What is refused is answered in the
asker's own language: a page for a browser, JSON for a program.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import quote

from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from wallboard.access.origins import is_at_the_machine
from wallboard.access.presence import Presence
from wallboard.access.rules import BOARD, MACHINES, OPEN, PBX, Answer, Handler, Rule, Way
from wallboard.access.tokens import bearer, is_token
from wallboard.access.visitors import AT_THE_MACHINE, STRANGER, Role, Visitor, asking
from wallboard.stream import Stream

Identify = Callable[[Request], Visitor | None]
Note = Callable[[Request, str], None]
"""Tells the audit log what was taken away."""
Page = Callable[..., Response]
"""Draws a template: `page(template, status=, headers=, **values)`."""

SIGN_IN = "/sign-in"
PACKING = Middleware(GZipMiddleware, minimum_size=1000, compresslevel=6)
"""For the pages and what they load; never for the stream, whose bytes are shared by all who watch."""
NO_STORE = {"Cache-Control": "no-store"}


class Gate:
    """`is_ready` is false while the journal is replayed; `has_accounts` tells whether anybody could sign in."""

    def __init__(
        self,
        identify: Iterable[Identify],
        *,
        is_ready: Callable[[], bool],
        has_accounts: Callable[[], bool],
        page: Page,
        note: Note = lambda request, what: None,
    ) -> None:
        self._identify = tuple(identify)
        self._is_ready = is_ready
        self._has_accounts = has_accounts
        self._page = page
        self._note = note
        self.presence = Presence()
        self.ways: list[Way] = []

    def route(self, way: Way) -> Route:
        """A route that answers only whom its rule admits."""
        self.ways.append(way)
        handler = way.handler if way.rule is PBX else self.guarded(self._noted(way), way.rule)
        return Route(way.path, handler, methods=[way.method], middleware=[PACKING] if way.is_packed else [])

    def guarded(self, handler: Handler, rule: Rule) -> Handler:
        """401 for who is not known, 403 for who may not, 503 while the journal is replayed."""

        async def guard(request: Request) -> Answer:
            visitor = request.state.visitor = self.visitor(request)
            asking.set(visitor)
            if rule is not OPEN and rule is not MACHINES and not self._is_ready():
                return self._starting(request)
            if not rule.admits(visitor, request.path_params.get("slug", "")):
                return self._refusal(request, visitor, rule)
            answer = await handler(request)
            return self.presence.attend(visitor.key, answer) if isinstance(answer, Stream) else answer

        return guard

    def _noted(self, way: Way) -> Handler:
        if not way.exports:
            return way.handler

        async def noted(request: Request) -> Answer:
            answer = await way.handler(request)
            if isinstance(answer, Response) and answer.status_code == 200:
                self._note(request, way.exports.format(**request.path_params))
            return answer

        return noted

    def visitor(self, request: Request) -> Visitor:
        """Who asks, by the first way in that knows."""
        for identify in self._identify:
            if (visitor := identify(request)) is not None:
                return visitor
        return STRANGER

    def _starting(self, request: Request) -> Response:
        headers = {"Retry-After": "1", **NO_STORE}
        if wants_page(request):
            return self._page("starting.html", status=503, headers=headers)
        return JSONResponse({"error": "unavailable", "detail": "The journal is being replayed."}, 503, headers)

    def _refusal(self, request: Request, visitor: Visitor, rule: Rule) -> Response:
        if rule is MACHINES and not self._is_ready() and "authorization" in request.headers:
            return self._starting(request)  # a key that was made on the desk may not have been read yet
        if rule is MACHINES:
            detail = "Send Authorization: Bearer <one of WALLBOARD_API_TOKENS, or a key made on the desk>."
            return JSONResponse({"error": "unauthorized", "detail": detail}, 401, {"WWW-Authenticate": "Bearer"})
        if visitor.home and wants_page(request):
            return RedirectResponse(visitor.home, 303, NO_STORE)  # nobody stands there to read a refusal
        if visitor.role is not Role.STRANGER:
            return self._forbidden(request)
        if not wants_page(request):
            return self._unknown(request)
        if not self._has_accounts():
            return self._page("unclaimed.html", status=403)
        if rule is BOARD:
            return self._page("pair.html", status=401)
        return RedirectResponse(f"{SIGN_IN}?next={quote(_came_for(request), safe='/')}", 303, NO_STORE)

    def _unknown(self, request: Request) -> Response:
        headers = dict(NO_STORE)
        if "hx-request" in request.headers:
            headers["HX-Redirect"] = SIGN_IN
        return JSONResponse({"error": "unauthorized", "detail": "Sign in, or pair this screen."}, 401, headers)

    def _forbidden(self, request: Request) -> Response:
        if wants_page(request):
            return self._page("forbidden.html", status=403)
        return JSONResponse({"error": "forbidden", "detail": "Your role does not include this."}, 403, NO_STORE)


def wants_page(request: Request) -> bool:
    """A browser that goes to an address, rather than a script that fetches a part."""
    if request.method not in ("GET", "HEAD") or "hx-request" in request.headers:
        return False
    mode = request.headers.get("sec-fetch-mode")
    if mode is not None:
        return mode in ("navigate", "nested-navigate")
    return "text/html" in request.headers.get("accept", "")


def machines(tokens: Iterable[str], made: Callable[[bytes], Visitor | None] = lambda given: None) -> Identify:
    """Programs that show one of the API tokens, or a key that was `made` on the desk."""
    tokens = tuple(tokens)

    def identify(request: Request) -> Visitor | None:
        given = bearer(request.headers.get("authorization"))
        if is_token(given, tokens):
            return Visitor(role=Role.MACHINE, key="api-token")
        return made(given) if given else None

    return identify


def operators(is_operator: Callable[[Scope], bool]) -> Identify:
    """Whoever came through the operator's door."""

    def identify(request: Request) -> Visitor | None:
        return Visitor(role=Role.OPERATOR, key="operator") if is_operator(request.scope) else None

    return identify


def at_the_machine(is_open: Callable[[], bool]) -> Identify:
    """Whoever sits at the machine, while the board is open: on loopback and without accounts."""

    def identify(request: Request) -> Visitor | None:
        peer = request.client.host if request.client else None
        return AT_THE_MACHINE if is_open() and is_at_the_machine(peer, request.headers) else None

    return identify


def _came_for(request: Request) -> str:
    """The path and query that were asked for, to go back to after signing in; never another site's."""
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path
