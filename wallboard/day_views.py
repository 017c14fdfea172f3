"""A sheet as the day page shows it: figures, tables and intervals, sorted, each number with its words and its calls.

Knows no HTML and no HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from heapq import nlargest
from typing import TypeVar

import msgspec

from wallboard import words as say
from wallboard.behind import BEHIND
from wallboard.choice import Choice, call_address
from wallboard.events import Place
from wallboard.explain import ABANDON_RATE, AGENTS, AVERAGES, CALLS, LEVELS, VISITS, share, words, words_of
from wallboard.rows import CallRow, VisitRow
from wallboard.sheet import NOTHING, Sheet, Tally, total

ENDED_SHOWN = 200
_COUNTS = ("offered", "answered", "abandoned", "unanswered", "open", "short_abandoned", "answered_in_time")
_RATIOS = ("service_level", "abandon_rate")
_SECONDS = ("average_speed_of_answer", "average_handle_time", "longest_wait")
INTERVAL_COLUMNS = (
    "offered", "answered", "abandoned", "unanswered", "open", "service_level", "average_speed_of_answer",
    "longest_wait",
)  # fmt: skip
COLUMNS = (*_COUNTS, *_RATIOS, *_SECONDS)
_RESULTS = {"answered": "Answered", "abandoned": "Abandoned", "missed": "Missed", "unanswered": "No answer"}
_VISITS = {"answered": "Answered", "abandoned": "Abandoned", "unanswered": "Unanswered", "open": "Open"}
Value = float | int | None


class Figure(msgspec.Struct, frozen=True):
    """One number: heading, value, formula in words, and the address of its calls."""

    key: str
    title: str
    text: str
    words: str
    address: str | None = None
    alarm: str = "calm"
    remark: str = ""


class Column(msgspec.Struct, frozen=True):
    key: str
    title: str
    words: str
    is_number: bool
    order: str
    """`ascending`, `descending` or nothing, as in `aria-sort`."""
    address: str


class Cell(msgspec.Struct, frozen=True):
    text: str
    address: str | None = None
    alarm: str = "calm"


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


class Interval(msgspec.Struct, frozen=True):
    """One bar of the chart; `level` is the service level by the day's formula."""

    label: str
    span: str
    tally: Tally
    level: float | None


class CallLine(msgspec.Struct, frozen=True, kw_only=True):
    """One call in a list."""

    address: str
    started_at: str
    direction: str
    caller: str
    dialled: str
    place: str
    result: str
    wait: str
    talk: str
    agents: str
    times: int


# --- which places --------------------------------------------------------------------------------------


def kind_of(choice: Choice, sheet: Sheet) -> str:
    if choice.kind is not None:
        return choice.kind
    return "ring_group" if not sheet.places("queue") and sheet.places("ring_group") else "queue"


def places_of(choice: Choice, sheet: Sheet) -> list[Place]:
    """The queues or ring groups that the page is about."""
    kind = kind_of(choice, sheet)
    if choice.place is not None:
        return [Place("queue" if kind == "queue" else "ring_group", choice.place)]
    return sheet.places(kind)


def scope_name(choice: Choice, sheet: Sheet) -> str:
    if choice.place is not None:
        return choice.place
    return "All queues" if kind_of(choice, sheet) == "queue" else "All ring groups"


# --- figures -------------------------------------------------------------------------------------------


def figures_of(choice: Choice, sheet: Sheet) -> list[Figure]:
    """The head of the page: all numbers of the queues or ring groups that it is about."""
    tally = sheet.over(places_of(choice, sheet))
    return [_figure(key, tally, choice, sheet) for key in COLUMNS]


def _figure(key: str, tally: Tally, choice: Choice, sheet: Sheet) -> Figure:
    cell = _cell(key, tally, choice, sheet)
    remark = f"target {sheet.terms.target * 100:.0f} %" if key == "service_level" else ""
    if cell.alarm == "warn":
        remark = f"under the {remark}"
    return Figure(key, title_of(key), cell.text, words_for(key, sheet), cell.address, cell.alarm, remark)


def call_figures(choice: Choice, sheet: Sheet) -> list[Figure]:
    """The numbers of whole calls, which no filter changes."""
    found = [
        Figure(key, number.title, f"{sheet.calls[key]:,}", number.words, choice.calls(sheet.day, key))
        for key, number in CALLS.items()
    ]
    told = "distinct voicemails that were recorded on this day"
    return [*found, Figure("voicemails", "Voicemails", f"{sheet.voicemails:,}", told)]


def title_of(key: str) -> str:
    if key in VISITS or key in AVERAGES:
        return {**VISITS, **AVERAGES}[key].title
    return {"service_level": "Service level", "abandon_rate": "Abandon rate"}.get(key, key)


def words_for(key: str, sheet: Sheet) -> str:
    """The formula of a column in words, with the settings in it."""
    if key == "service_level":
        return words_of(LEVELS[sheet.terms.formula], sheet.terms)
    if key == "abandon_rate":
        return words_of(ABANDON_RATE, sheet.terms)
    return words({**VISITS, **AVERAGES}[key], sheet.terms)


def value_of(key: str, tally: Tally, sheet: Sheet) -> Value:
    if key == "service_level":
        return share(LEVELS[sheet.terms.formula], tally)
    if key == "abandon_rate":
        return share(ABANDON_RATE, tally)
    value: Value = getattr(tally, key)
    return value


def _cell(key: str, tally: Tally, choice: Choice, sheet: Sheet) -> Cell:
    value = value_of(key, tally, sheet)
    low = key == "service_level" and value is not None and value < sheet.terms.target
    address = choice.calls(sheet.day, BEHIND.get(key, key)) if value else None
    return Cell(_text(key, value), address, "warn" if low else "calm")


def _text(key: str, value: Value) -> str:
    if key in _RATIOS:
        return say.percent(value)
    return say.duration(value) if key in _SECONDS else f"{value or 0:,}"


# --- tables --------------------------------------------------------------------------------------------


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
    return tuple(_cell(key, tally, choice, sheet) for key in COLUMNS)


def agent_table(choice: Choice, sheet: Sheet) -> Table:
    """Every agent who has anything of the day's calls; of one queue's calls, where the page is about one."""
    if choice.place is None:
        tallies = {agent: sheet.agent(agent) for agent in sheet.agents()}
    else:
        tallies = sheet.agents_in(places_of(choice, sheet))
    people = sorted((agent_name(sheet, agent).casefold(), agent) for agent in tallies)
    named = {(agent_name(sheet, agent), agent): tallies[agent] for _, agent in people}
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
    return Cell(text, choice.calls(sheet.day, key, agent=agent) if value else None)


def agent_name(sheet: Sheet, agent: str) -> str:
    return sheet.agent_names.get(agent, agent)


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


_K = TypeVar("_K")
_V = TypeVar("_V")


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


# --- intervals -----------------------------------------------------------------------------------------


def intervals_of(choice: Choice, sheet: Sheet, *, whole_day: bool = False) -> list[Interval]:
    """From the first interval with a visit to the last; none where there is no visit. Or the whole day."""
    size = choice.width // 15
    quarters = sheet.by_quarter(places_of(choice, sheet))
    if not quarters and not whole_day:
        return []
    first, last = (0, sheet.cuts.quarters - 1) if whole_day else (min(quarters), max(quarters))
    starts = range(first // size * size, last + 1, size)
    return [_interval(start, size, quarters, sheet) for start in starts]


def _interval(start: int, size: int, quarters: dict[int, Tally], sheet: Sheet) -> Interval:
    tally = total(quarters[n] for n in range(start, start + size) if n in quarters)
    label = sheet.cuts.label(start)
    span = f"{label}–{sheet.cuts.label(start + size)}"
    return Interval(label, span, tally, share(LEVELS[sheet.terms.formula], tally))


# --- service levels side by side -----------------------------------------------------------------------


def level_table(choice: Choice, sheet: Sheet) -> list[tuple[str, list[str]]]:
    """Name by name the service level by every formula, in the order of LEVELS."""
    places = places_of(choice, sheet)
    named = [(place.name, sheet.place(place)) for place in places]
    if len(named) != 1:
        named.append((scope_name(choice, sheet), total(tally for _, tally in named) if named else NOTHING))
    return [(name, [say.percent(share(ratio, tally)) for ratio in LEVELS.values()]) for name, tally in named]


def level_words(sheet: Sheet) -> list[tuple[str, str, str, bool]]:
    """Key, title and words of every formula, and whether it is the one that is set."""
    return [
        (key, ratio.title, words_of(ratio, sheet.terms), key == sheet.terms.formula) for key, ratio in LEVELS.items()
    ]


# --- calls ---------------------------------------------------------------------------------------------


def ended_calls(choice: Choice, sheet: Sheet) -> list[CallLine]:
    """The last 200 that ended, newest first; those of one queue, where the page is about one."""
    places = frozenset(places_of(choice, sheet)) if choice.place is not None else None
    over = (row for row in sheet.rows.values() if (row.ended or row.presumed) and _came_to(row, places))
    last = nlargest(ENDED_SHOWN, over, key=lambda row: (row.ended_at or row.last_received_at, row.key))
    return [call_line(row, sheet) for row in last]


def _came_to(row: CallRow, places: frozenset[Place] | None) -> bool:
    return places is None or any(visit.place in places for visit in row.visits)


def call_line(row: CallRow, sheet: Sheet, visit: VisitRow | None = None, times: int = 1) -> CallLine:
    """One call in a list; of one of its visits, where the list is of visits."""
    visits = [visit] if visit else list(row.visits)
    answerers = [agent_name(sheet, part.agent) for part in row.agents if part.answered or part.outbound]
    return CallLine(
        address=call_address(row.key, sheet.day),
        started_at=say.clock(row.started_at, sheet.cuts.zone),
        direction="in" if row.inbound else "out",
        caller=caller_of(row),
        dialled=row.dialled_number or say.NONE,
        place=", ".join(visit.place.name for visit in visits) or say.NONE,
        result=_VISITS[visit.outcome] if visit else result_of(row),
        wait=", ".join(say.milliseconds(visit.wait_ms) for visit in visits) or say.NONE,
        talk=say.milliseconds(visit.talk_ms if visit else row.talk_ms),
        agents=", ".join(answerers) or say.NONE,
        times=times,
    )


def result_of(row: CallRow) -> str:
    if row.presumed:
        return "Presumed ended"
    said = _RESULTS[row.outcome] if row.outcome else row.state.capitalize()
    return f"{said}, voicemail" if row.voicemail else said


def caller_of(row: CallRow) -> str:
    """The one place that decides how much of a caller the desk shows: all of it, for its readers are supervisors."""
    return " ".join(filter(None, (row.caller_name, row.caller_number))) or "Unknown caller"


def losses_words(sheet: Sheet) -> str:
    """What damages to the journal took of the day, in a sentence; empty where there were none."""
    lost = sum(sheet.losses)
    if not sheet.losses:
        return ""
    if not lost:
        return "The journal was damaged and mended on this day: nothing acknowledged is lost."
    return f"{say.plural(lost, 'event')} lost: the journal was damaged. All numbers of this day are too small."


def heading(day: date, today: date) -> str:
    """`Today, Tuesday 24 November 2026`."""
    named = f"{day:%A} {day.day} {day:%B %Y}"
    return {0: f"Today, {named}", 1: f"Yesterday, {named}"}.get((today - day).days, named)


def ways(choice: Choice, sheet: Sheet) -> Iterator[tuple[str, str, bool]]:
    """Value, name and state of every line of the filter."""
    kind = kind_of(choice, sheet)
    for each, word, name in (("queue", "queues", "All queues"), ("ring_group", "ring_groups", "All ring groups")):
        places = sheet.places(each)
        if places or each == kind:
            yield f"{word}:", name, choice.place is None and each == kind
        known = {place.name for place in places}
        if choice.place is not None and each == kind and choice.place not in known:
            yield f"{each}:{choice.place}", choice.place, True
        for place in places:
            yield f"{each}:{place.name}", place.name, each == kind and place.name == choice.place


def scope_of(number: str, choice: Choice, sheet: Sheet) -> str:
    """Whose number a list is of."""
    return "All calls" if number in CALLS else scope_name(choice, sheet)


def interval_table(intervals: Sequence[Interval], sheet: Sheet) -> list[tuple[str, list[str]]]:
    """The numbers of the picture: span, and the columns of INTERVAL_COLUMNS."""
    return [
        (interval.span, [_text(key, value_of(key, interval.tally, sheet)) for key in INTERVAL_COLUMNS])
        for interval in intervals
    ]


def tables(choice: Choice, sheet: Sheet) -> list[Table]:
    """Queues, ring groups where there are any, and agents."""
    places = [place_table("queue", choice, sheet)]
    if sheet.places("ring_group"):
        places.append(place_table("ring_group", choice, sheet))
    return [*places, agent_table(choice, sheet)]
