"""The page Now over HTTP: what is asked for, and a drawing that desks with the same question share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlencode

import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import Response

from wallboard.access.rules import DESK, Way
from wallboard.board import Board
from wallboard.clock import Clock
from wallboard.day.days import Days
from wallboard.day.sheet import Sheet
from wallboard.desk import Desk, Drawing, Drawings
from wallboard.eyes import Eyes
from wallboard.journal import Journal
from wallboard.look import Look
from wallboard.now.filter import AGENT_SORTS, CALL_SORTS, STATES, Asked
from wallboard.now.floor import compose
from wallboard.scope import Sight
from wallboard.sights import Sights

LONGEST_ASKED = 200
_COLUMNS = {
    "calls": (("wait", "State and time"), ("caller", "Caller"), ("queue", "Queue"), ("agent", "Agent")),
    "agents": (
        ("name", "Agent"), ("state", "State and time"), ("", "With"), ("answered", "Answered"), ("missed", "Missed"),
        ("outbound", "Outbound"), ("talk", "Talk"),
    ),
}  # fmt: skip


class NowPages:
    """`GET /supervisor` and the part of it that lives."""

    def __init__(
        self,
        desk: Desk,
        templates: Environment,
        board: Board,
        journal: Journal,
        clock: Clock,
        look: Callable[[], Look],
        days: Days,
        sights: Sights,
    ) -> None:
        self._desk = desk
        self._templates = templates
        self._board = board
        self._journal = journal
        self._clock = clock
        self._look = look
        self._days = days
        self._sights = sights
        self._drawings: Drawings[tuple[Asked, Sight, Look, int, int]] = Drawings()

    def routes(self) -> Iterator[Way]:
        yield Way("/supervisor", self.page, "GET", DESK)
        yield Way("/supervisor/live", self.live, "GET", DESK)

    async def page(self, request: Request) -> Response:
        """200 the whole page."""
        asked, eyes = asked_of(request), Eyes(self._board, self._sights.of(request))
        keys = eyes.agents(self._board.agents)
        return self._desk.show(
            "now/page.html",
            "now",
            asked=asked,
            states=tuple(STATES.items()),
            places=sorted({place.name for place in eyes.places(self._board.places)}, key=str.casefold),
            agents=sorted(((eyes.agent(key), key) for key in keys), key=_by_name),
            live=(await self._live(asked, eyes)).html,
        )

    async def live(self, request: Request) -> Response:
        """200 the part that changes, for the filters of the page that asks."""
        eyes = Eyes(self._board, self._sights.of(request))
        return (await self._live(asked_of(request), eyes)).answer(request)

    async def _live(self, asked: Asked, eyes: Eyes) -> Drawing:
        """Drawn once a second and entry, however many desks ask the same and may see the same."""
        sheet = None if eyes.scope.is_all else await self._days.seen(self._days.today, eyes.sight)
        now, look = self._clock.now(), self._look()
        key = (asked, eyes.sight, look, self._journal.head, int(now.timestamp()))
        return self._drawings.get(key, lambda: self._draw(asked, eyes, look, sheet))

    def _draw(self, asked: Asked, eyes: Eyes, look: Look, sheet: Sheet | None) -> str:
        now = compose(
            eyes,
            self._clock.now(),
            asked,
            look,
            trouble=self._journal.trouble,
            spooled=self._journal.spooled,
            sheet=sheet,
        )
        template = self._templates.get_template("now/live.html")
        query, link = query_of(asked), _linker(asked)
        return template.render(now=now, asked=asked, columns=_COLUMNS, query=query, link=link)


def asked_of(request: Request) -> Asked:
    """Whatever stands in the address: what is unknown or too long is left out."""
    told = {name: request.query_params.get(name, "").strip()[:LONGEST_ASKED] for name in Asked.__struct_fields__}
    asked = Asked(**told)
    return msgspec.structs.replace(
        asked,
        state=asked.state if asked.state in STATES else "",
        calls=asked.calls if asked.calls.removeprefix("-") in CALL_SORTS else "",
        agents=asked.agents if asked.agents.removeprefix("-") in AGENT_SORTS else "",
    )


def query_of(asked: Asked, **changed: str) -> str:
    """The query that asks for the same, but for what has `changed`; empty, or with its question mark."""
    told = {**msgspec.structs.asdict(asked), **changed}
    query = urlencode([(name, value) for name, value in told.items() if value])
    return f"?{query}" if query else ""


def _linker(asked: Asked) -> Callable[..., str]:
    def link(**changed: str) -> str:
        return f"/supervisor{query_of(asked, **changed)}"

    return link


def _by_name(agent: tuple[str, str]) -> tuple[str, str]:
    return agent[0].casefold(), agent[1]
