"""The supervisor's way in and its doorbell, over HTTP; knows no call and draws no number.

Every page of the desk is drawn by `show`: whole for a browser that arrives, and the same for htmx, which takes
the part it wants (`hx-select`).
"""

from __future__ import annotations

import gzip
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from jinja2 import Environment
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from wallboard.access.rules import ADMINISTER, DESK, SUPERVISE, Rule, Way
from wallboard.access.visitors import asking
from wallboard.bell import Bell
from wallboard.clock import Clock
from wallboard.front import Front
from wallboard.stream import Stream
from wallboard.walls import policy

NO_STORE = {"Cache-Control": "no-store"}
_SHOWS_BOARDS = policy(frames="'self'")
"""On every page: htmx swaps the editor into whichever was loaded first, and that one's policy holds."""
_PACKING = 1
_KEPT = 48
Key = TypeVar("Key", bound=Hashable)


class Section(NamedTuple):
    """A part of the desk: its address, its name in the list of sections, and who is shown it there."""

    address: str
    name: str
    rule: Rule


SECTIONS = {
    "now": Section("/supervisor", "Now", DESK),
    "callbacks": Section("/supervisor/callbacks", "Call back", DESK),
    "day": Section("/supervisor/day", "Day", DESK),
    "boards": Section("/supervisor/boards", "Boards", SUPERVISE),
    "tvs": Section("/supervisor/tvs", "TVs", SUPERVISE),
    "people": Section("/supervisor/people", "People", ADMINISTER),
    "keys": Section("/supervisor/keys", "Keys", ADMINISTER),
    "audit": Section("/supervisor/audit", "Audit", ADMINISTER),
}
ACCOUNT = Section("/supervisor/account", "Your account", DESK)
"""Not in the list: the header leads to it."""


class Drawing:
    """A part of a page, drawn once and packed once for all who ask for it."""

    def __init__(self, html: str) -> None:
        self.html = Markup(html)
        self._packed: bytes | None = None

    def answer(self, request: Request) -> Response:
        """200; gzip for a browser that takes it: a floor of 300 agents is 380 kB, and 25 kB packed."""
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return HTMLResponse(self.html, headers=NO_STORE)
        if self._packed is None:
            self._packed = gzip.compress(self.html.encode(), _PACKING, mtime=0)
        return HTMLResponse(self._packed, headers={**NO_STORE, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"})


class Drawings(Generic[Key]):
    """The last few drawings, by what they depend on."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Drawing] = OrderedDict()

    def get(self, key: Key, draw: Callable[[], str]) -> Drawing:
        drawing = self._kept.get(key)
        if drawing is None:
            drawing = self._kept[key] = Drawing(draw())
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return drawing


class Desk:
    """What all pages of the desk share."""

    def __init__(
        self, templates: Environment, clock: Clock, bell: Bell, front: Front, *, boot: str, build: str
    ) -> None:
        self._templates = templates
        self._clock = clock
        self._bell = bell
        self._front = front
        self._boot = boot
        self._build = build

    def show(self, template: str, section: str, *, status: int = 200, **values: Any) -> Response:
        """One page in the desk's frame; `section` is a key of SECTIONS, or `account`."""
        now, visitor = self._clock.now(), asking.get()
        html = self._templates.get_template(template).render(
            section=section,
            section_name=SECTIONS.get(section, ACCOUNT).name,
            sections={key: one for key, one in SECTIONS.items() if one.rule.admits(visitor)},
            visitor=visitor,
            boot=self._boot,
            build=self._build,
            now_ms=int(now.timestamp() * 1000),
            **values,
        )
        return HTMLResponse(html, status, {**NO_STORE, **_SHOWS_BOARDS})

    def routes(self) -> Iterator[Way]:
        yield Way("/supervisor/stream", self.stream, "GET", DESK)

    async def stream(self, request: Request) -> Response | Stream:
        """200 text/event-stream: `changed` at most once a second, `heartbeat` every 2 s · 503 if too many watch."""
        if not self._front.admit(request.scope):
            detail = "Too many boards are open: this page is live again when another closes."
            return JSONResponse({"error": "crowded", "detail": detail}, 503, {"Retry-After": "1", **NO_STORE})
        return Stream(self._bell.feed)
