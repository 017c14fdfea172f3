"""A sheet's numbers as a page shows them, each with its formula in words and its calls' address; knows no HTML."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from wallboard.day import words as say
from wallboard.day.behind import BEHIND
from wallboard.day.choice import Choice
from wallboard.day.explain import ABANDON_RATE, AVERAGES, CALLS, LEVELS, VISITS, share, words, words_of
from wallboard.day.scope import places_of, scope_name
from wallboard.day.sheet import NOTHING, Sheet, Tally, total

_COUNTS = ("offered", "answered", "abandoned", "unanswered", "open", "short_abandoned", "answered_in_time")
_RATIOS = ("service_level", "abandon_rate")
_SECONDS = ("average_speed_of_answer", "average_handle_time", "longest_wait")
INTERVAL_COLUMNS = (
    "offered", "answered", "abandoned", "unanswered", "open", "service_level", "average_speed_of_answer",
    "longest_wait",
)  # fmt: skip
COLUMNS = (*_COUNTS, *_RATIOS, *_SECONDS)
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


class Cell(msgspec.Struct, frozen=True):
    text: str
    address: str | None = None
    alarm: str = "calm"


class Interval(msgspec.Struct, frozen=True):
    """One bar of the chart, from `quarter` on; `level` is the service level by the day's formula."""

    quarter: int
    label: str
    span: str
    tally: Tally
    level: float | None


def figures_of(choice: Choice, sheet: Sheet) -> list[Figure]:
    """The head of the page: all numbers of the queues or ring groups that it is about."""
    tally = sheet.over(places_of(choice, sheet))
    return [_figure(key, tally, choice, sheet) for key in COLUMNS]


def _figure(key: str, tally: Tally, choice: Choice, sheet: Sheet) -> Figure:
    cell = cell_of(key, tally, choice, sheet)
    remark = f"target {sheet.terms.target * 100:.0f} %" if key == "service_level" else ""
    if cell.alarm == "warn":
        remark = f"under the {remark}"
    return Figure(key, title_of(key), cell.text, words_for(key, sheet), cell.address, cell.alarm, remark)


def call_figures(choice: Choice, sheet: Sheet) -> list[Figure]:
    """The numbers of whole calls, which no filter changes."""

    def behind(key: str) -> str | None:
        return None if sheet.is_kept else choice.calls(sheet.day, key)

    found = [
        Figure(key, number.title, f"{sheet.calls[key]:,}", number.words, behind(key)) for key, number in CALLS.items()
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


def cell_of(key: str, tally: Tally, choice: Choice, sheet: Sheet) -> Cell:
    value = value_of(key, tally, sheet)
    low = key == "service_level" and value is not None and value < sheet.terms.target
    address = choice.calls(sheet.day, BEHIND.get(key, key)) if value and not sheet.is_kept else None
    return Cell(text_of(key, value), address, "warn" if low else "calm")


def text_of(key: str, value: Value) -> str:
    if key in _RATIOS:
        return say.percent(value)
    return say.duration(value) if key in _SECONDS else f"{value or 0:,}"


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
    return Interval(start, label, span, tally, share(LEVELS[sheet.terms.formula], tally))


def interval_table(intervals: Sequence[Interval], sheet: Sheet) -> list[tuple[str, list[str]]]:
    """The numbers of the picture: span, and the columns of INTERVAL_COLUMNS."""
    return [
        (interval.span, [text_of(key, value_of(key, interval.tally, sheet)) for key in INTERVAL_COLUMNS])
        for interval in intervals
    ]


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


def losses_words(sheet: Sheet) -> str:
    """What damages to the journal took of the day, in a sentence; empty where there were none."""
    lost = sum(sheet.losses)
    if not sheet.losses:
        return ""
    if not lost:
        return "The journal was damaged and mended on this day: nothing acknowledged is lost."
    return f"{say.plural(lost, 'event')} lost: the journal was damaged. All numbers of this day are too small."
