"""Queues, ring groups and agents of a sheet as tables, sorted as their reader chose; knows no HTML."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from wallboard.day import words as say
from wallboard.day.choice import Choice
from wallboard.day.explain import AGENTS
from wallboard.day.figures import COLUMNS, Cell, Value, cell_of, title_of, value_of, words_for
from wallboard.day.scope import places_of
from wallboard.day.sheet import Sheet, Tally, total

_K = TypeVar("_K")
_V = TypeVar("_V")


class Column(msgspec.Struct, frozen=True):
    key: str
    title: str
    words: str
    is_number: bool
    order: str
    """`ascending`, `descending` or nothing, as in `aria-sort`."""
    address: str


class Line(msgspec.Struct, frozen=True):
    head: Cell
    cells: tuple[Cell, ...]
    is_total: bool = False


class Table(msgspec.Struct, frozen=True):
    key: str
    caption: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    empty: str


def tables(choice: Choice, sheet: Sheet) -> list[Table]:
    """Queues, ring groups where there are any, and agents."""
    places = [place_table("queue", choice, sheet)]
    if sheet.places("ring_group"):
        places.append(place_table("ring_group", choice, sheet))
    return [*places, agent_table(choice, sheet)]


def place_table(kind: str, choice: Choice, sheet: Sheet) -> Table:
    """Every queue, or every ring group, of the day with all its numbers, and their sum."""
    name = "queues" if kind == "queue" else "ring_groups"
    by = getattr(choice, f"{name}_by")
    tallies = {place: sheet.place(place) for place in sheet.places(kind)}
    lines = [
        Line(Cell(place.name, choice.of(place).address), _cells(tally, choice.of(place), sheet))
        for place, tally in _ordered(tallies, by, lambda key, tally: value_of(key, tally, sheet), COLUMNS)
    ]
    if len(lines) > 1:
        every = choice.but(kind=kind, place=None)
        all_of_them = Cell("All queues" if kind == "queue" else "All ring groups", every.address)
        lines.append(Line(all_of_them, _cells(total(tallies.values()), every, sheet), is_total=True))
    title = "Queue" if kind == "queue" else "Ring group"
    columns = _columns(title, [(key, title_of(key), words_for(key, sheet)) for key in COLUMNS], f"{name}_by", choice)
    empty = "No call has come to a queue." if kind == "queue" else "No call has come to a ring group."
    return Table(name, f"{title}s", columns, tuple(lines), empty)


def _cells(tally: Tally, choice: Choice, sheet: Sheet) -> tuple[Cell, ...]:
    return tuple(cell_of(key, tally, choice, sheet) for key in COLUMNS)


def agent_table(choice: Choice, sheet: Sheet) -> Table:
    """Every agent who has anything of the day's calls; of one queue's calls, where the page is about one."""
    if choice.place is None:
        tallies = {agent: sheet.agent(agent) for agent in sheet.agents()}
    else:
        tallies = sheet.agents_in(places_of(choice, sheet))
    people = sorted((sheet.name_of(agent).casefold(), agent) for agent in tallies)
    named = {(sheet.name_of(agent), agent): tallies[agent] for _, agent in people}
    fields = {
        "agent_answered": "answered",
        "agent_missed": "missed",
        "agent_outbound": "outbound",
        "agent_talk": "talk_ms",
    }
    lines = tuple(
        Line(
            Cell(_person(name, agent)),
            tuple(_agent_cell(key, getattr(tally, field), agent, choice, sheet) for key, field in fields.items()),
        )
        for (name, agent), tally in _ordered(
            named, choice.agents_by, lambda key, tally: int(getattr(tally, fields[key])), tuple(fields)
        )
    )
    columns = _columns("Agent", [(key, n.title, n.words) for key, n in AGENTS.items()], "agents_by", choice)
    of = f", in calls that came to {choice.place}" if choice.place else ""
    return Table("agents", f"Agents{of}", columns, lines, "No agent has had a call.")


def _agent_cell(key: str, value: int, agent: str, choice: Choice, sheet: Sheet) -> Cell:
    text = say.milliseconds(value) if key == "agent_talk" else f"{value:,}"
    return Cell(text, choice.calls(sheet.day, key, agent=agent) if value and not sheet.is_kept else None)


def _person(name: str, agent: str) -> str:
    return name if name == agent else f"{name} ({agent})"


def _columns(head: str, told: list[tuple[str, str, str]], parameter: str, choice: Choice) -> tuple[Column, ...]:
    by = getattr(choice, parameter)
    return tuple(
        Column(
            key=key,
            title=title,
            words=explained,
            is_number=key != "name",
            order="ascending" if by == key else "descending" if by == f"-{key}" else "",
            address=choice.but(**{parameter: _next_order(key, by)}).address,
        )
        for key, title, explained in [("name", head, ""), *told]
    )


def _next_order(key: str, by: str) -> str:
    """Names go up at the first click and numbers down; the second click turns them round."""
    first, second = (key, f"-{key}") if key == "name" else (f"-{key}", key)
    return second if by == first else first


def _ordered(
    tallies: dict[_K, _V], by: str, value: Callable[[str, _V], Value], keys: Sequence[str]
) -> list[tuple[_K, _V]]:
    """By name, as they come, or by a number; those that have none come last either way."""
    key, down = by.removeprefix("-"), by.startswith("-")
    lines = list(tallies.items())
    if key not in keys:
        return lines[::-1] if down else lines
    known = [line for line in lines if value(key, line[1]) is not None]
    unknown = [line for line in lines if value(key, line[1]) is None]
    return sorted(known, key=lambda line: value(key, line[1]) or 0, reverse=down) + unknown
