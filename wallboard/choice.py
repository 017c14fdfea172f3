"""What a reader of the day page has chosen, read from an address and written into one; knows no sheet and no HTML."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal
from urllib.parse import quote, urlencode

import msgspec

from wallboard.events import Place
from wallboard.intervals import WIDTHS, Width

Kind = Literal["queue", "ring_group"]
PATH = "/supervisor/day"
DEFAULT_WIDTH: Width = 30


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """`day` is `None` for today, whichever that is. `place` is `None` for all of its `kind`, which is `None` for
    queues, or ring groups where there are no queues. An order is a column's name, with `-` before it downwards.
    """

    day: date | None = None
    kind: Kind | None = None
    place: str | None = None
    width: Width = DEFAULT_WIDTH
    as_table: bool = False
    queues_by: str = "name"
    ring_groups_by: str = "name"
    agents_by: str = "name"

    @property
    def path(self) -> str:
        return f"{PATH}/{self.day}" if self.day else PATH

    @property
    def address(self) -> str:
        """The address of the page that shows this."""
        return _address(self.path, self._query())

    def fields(self) -> list[tuple[str, str]]:
        """All of it that an address says after its path, for a form that sends it again."""
        return [(name, value) for name, value in self._query().items() if value]

    def but(self, **changed: object) -> Choice:
        return msgspec.structs.replace(self, **changed)

    def of(self, place: Place) -> Choice:
        """The same for one queue or ring group."""
        return self.but(kind=place.kind, place=place.name)

    def calls(self, day: date, number: str, *, page: int = 1, agent: str | None = None) -> str:
        """The address of the calls behind a number."""
        asked = {"number": number, "agent": agent, **self._scope(), "page": str(page) if page > 1 else None}
        return _address(f"{PATH}/{day}/calls", asked)

    def file(self, day: date, what: str) -> str:
        """The address of a CSV file."""
        width = str(self.width) if what == "intervals" and self.width != DEFAULT_WIDTH else None
        return _address(f"{PATH}/{day}/{what}.csv", {**self._scope(), "every": width})

    def _scope(self) -> dict[str, str | None]:
        if self.place is not None:
            return {self.kind or "queue": self.place}
        return {"all": {"queue": "queues", "ring_group": "ring_groups"}[self.kind] if self.kind else None}

    def _query(self) -> dict[str, str | None]:
        orders = {name: value for name in _ORDERS if (value := getattr(self, name)) != "name"}
        width = str(self.width) if self.width != DEFAULT_WIDTH else None
        return {**self._scope(), "every": width, "table": "1" if self.as_table else None, **orders}


_ORDERS = ("queues_by", "ring_groups_by", "agents_by")


def read(day: date | None, query: Mapping[str, str]) -> Choice:
    """The choice of an address; what it does not say, or says wrongly, is as if it were not there."""
    kind, place = _scope_of(query)
    width = next((width for width in WIDTHS if query.get("every") == str(width)), DEFAULT_WIDTH)
    return Choice(
        day=day,
        kind=kind,
        place=place,
        width=width,
        as_table=query.get("table") == "1",
        **{name: query.get(name) or "name" for name in _ORDERS},
    )


def shown(text: str) -> Choice:
    """The choice of the filter's one field, such as `queue:Sales` or `queues:`."""
    kind, _, name = text.partition(":")
    if kind in ("queue", "ring_group") and name:
        return Choice(kind="queue" if kind == "queue" else "ring_group", place=name)
    return Choice(kind="ring_group" if kind == "ring_groups" else "queue" if kind == "queues" else None)


def call_address(key: str, day: date) -> str:
    """The address of one call's own page; a namesake's key has its number in a second line."""
    id, _, number = key.partition("\n")
    return _address(f"/supervisor/calls/{quote(id, safe='')}", {"day": str(day), "nth": number or None})


def date_of(text: str) -> date | None:
    """`2026-11-23` as a date; `None` for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _scope_of(query: Mapping[str, str]) -> tuple[Kind | None, str | None]:
    if queue := query.get("queue"):
        return "queue", queue
    if group := query.get("ring_group"):
        return "ring_group", group
    match query.get("all"):
        case "queues":
            return "queue", None
        case "ring_groups":
            return "ring_group", None
    return None, None


def _address(path: str, query: Mapping[str, str | None]) -> str:
    said = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(said)}" if said else path
