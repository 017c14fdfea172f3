"""The audit log on the desk, over HTTP: the newest first, by person and kind, in pages; adds nothing to it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from wallboard.access.rules import ADMINISTER, Way
from wallboard.desk import Desk
from wallboard.people.audit import KEPT, KINDS, Audit
from wallboard.people.times import Times

PLACE = "/supervisor/audit"
_PAGE = 50


class AuditPages:
    """The section Audit."""

    def __init__(self, desk: Desk, audit: Audit, times: Times) -> None:
        self._desk = desk
        self._audit = audit
        self._times = times

    def routes(self) -> Iterator[Way]:
        yield Way(PLACE, self.page, "GET", ADMINISTER)

    async def page(self, request: Request) -> Response:
        """200; an unknown person or kind finds nothing, and a page that is not there is the last."""
        who, kind = request.query_params.get("who", "")[:200], request.query_params.get("kind", "")[:20]
        lines = self._audit.lines()
        found = [line for line in lines if (not who or line.who == who) and (not kind or line.kind == kind)]
        pages = max(1, -(-len(found) // _PAGE))
        number = min(pages, max(1, _number(request.query_params.get("page", ""))))
        return self._desk.show(
            "people/audit.html",
            "audit",
            lines=[(line, self._times.at(line.at)) for line in found[(number - 1) * _PAGE : number * _PAGE]],
            found=len(found),
            kept=KEPT,
            who=who,
            kind=kind,
            kinds=KINDS,
            people=sorted({line.who for line in lines} | ({who} if who else set()), key=str.casefold),
            number=number,
            pages=pages,
            newer=_query(who, kind, number - 1) if number > 1 else "",
            older=_query(who, kind, number + 1) if number < pages else "",
        )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _query(who: str, kind: str, page: int) -> str:
    return f"{PLACE}?{urlencode({'who': who, 'kind': kind, 'page': page})}"
