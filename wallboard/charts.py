"""A day's intervals as the shapes of one picture: visits, service level, waits; knows no HTML and no colour.

Three bands share one axis of time. Everything is in user units, one to a pixel at the picture's own size; a
narrow screen scrolls it rather than making its letters smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil

import msgspec

from wallboard.day_figures import Interval
from wallboard.words import duration, percent

LEFT, RIGHT, TOP, GAP = 52, 16, 26, 40
COUNTS, LEVEL, WAITS = 150, 84, 96
_STEP = {15: 22, 30: 32, 60: 44}
_LEAST_WIDTH, _WIDEST_STEP = 700, 90
_LABEL_ROOM = 56
_KINDS = ("answered", "abandoned", "unanswered", "open")


class Shape(msgspec.Struct, frozen=True):
    """A bar of one interval; `kind` is what its look hangs on, `title` what it says when it is pointed at."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    title: str


class Dot(msgspec.Struct, frozen=True):
    kind: str
    x: float
    y: float
    title: str


class Line(msgspec.Struct, frozen=True):
    kind: str
    points: str


class Tick(msgspec.Struct, frozen=True):
    """A rule across a band with its value, or a time below it (`y` is then the same for all)."""

    x: float
    y: float
    text: str


class Band(msgspec.Struct, frozen=True):
    title: str
    top: float
    bottom: float
    ticks: tuple[Tick, ...]


class Picture(msgspec.Struct, frozen=True):
    width: float
    height: float
    bands: tuple[Band, ...]
    bars: tuple[Shape, ...]
    lines: tuple[Line, ...]
    dots: tuple[Dot, ...]
    times: tuple[Tick, ...]
    target_y: float
    target: str


def picture(intervals: Sequence[Interval], *, minutes: int, target: float) -> Picture:
    """The picture of some intervals in the order of time; there must be at least one."""
    step = max(_STEP[minutes], min(_LEAST_WIDTH // len(intervals), _WIDEST_STEP))
    most = _nice(max(interval.tally.offered for interval in intervals))
    waits = [seconds for i in intervals for seconds in (i.tally.longest_wait,) if seconds is not None]
    longest = _nice_seconds(max(waits, default=0))
    counts = _band("Visits", TOP, COUNTS, [(0, "0"), (0.5, f"{most / 2:g}"), (1, f"{most}")])
    level = _band("Service level", counts.bottom + GAP, LEVEL, [(0, "0 %"), (0.5, "50 %"), (1, "100 %")])
    wait = _band(
        "Waits", level.bottom + GAP, WAITS, [(0, "0:00"), (0.5, duration(longest / 2)), (1, duration(longest))]
    )
    return Picture(
        width=LEFT + RIGHT + max(step * len(intervals), _LEAST_WIDTH),
        height=wait.bottom + 26,
        bands=(counts, level, wait),
        bars=(*_stacks(intervals, step, counts, most), *_longest_bars(intervals, step, wait, longest)),
        lines=(
            *_lines("level", _points(intervals, step, level, lambda i: i.level)),
            *_lines(
                "average", _points(intervals, step, wait, lambda i: _part(i.tally.average_speed_of_answer, longest))
            ),
        ),
        dots=(*_level_dots(intervals, step, level, target), *_wait_dots(intervals, step, wait, longest)),
        times=_times(intervals, step, wait.bottom),
        target_y=_y(level, target),
        target=f"target {target * 100:.0f} %",
    )


def _band(title: str, top: float, height: float, ticks: list[tuple[float, str]]) -> Band:
    bottom = top + height
    return Band(title, top, bottom, tuple(Tick(LEFT - 8, bottom - part * height, text) for part, text in ticks))


def _stacks(intervals: Sequence[Interval], step: float, band: Band, most: int) -> Iterator[Shape]:
    for n, interval in enumerate(intervals):
        bottom = band.bottom
        for kind in _KINDS:
            count = getattr(interval.tally, kind)
            if count:
                height = count / most * (band.bottom - band.top)
                bottom -= height
                title = f"{interval.span}: {count} {kind} of {interval.tally.offered} offered"
                yield Shape(kind, LEFT + n * step + 2, bottom, step - 4, height, title)


def _longest_bars(intervals: Sequence[Interval], step: float, band: Band, longest: float) -> Iterator[Shape]:
    for n, interval in enumerate(intervals):
        seconds = interval.tally.longest_wait
        if seconds:
            y = _y(band, seconds / longest)
            title = f"{interval.span}: longest wait {duration(seconds)}"
            yield Shape("longest", LEFT + n * step + step / 4, y, step / 2, band.bottom - y, title)


def _level_dots(intervals: Sequence[Interval], step: float, band: Band, target: float) -> Iterator[Dot]:
    for n, interval in enumerate(intervals):
        if interval.level is not None:
            kind = "level" if interval.level >= target else "level-low"
            side = "" if interval.level >= target else ", under the target"
            title = f"{interval.span}: service level {percent(interval.level)}{side}"
            yield Dot(kind, _x(n, step), _y(band, interval.level), title)


def _wait_dots(intervals: Sequence[Interval], step: float, band: Band, longest: float) -> Iterator[Dot]:
    for n, interval in enumerate(intervals):
        part = _part(interval.tally.average_speed_of_answer, longest)
        if part is not None:
            title = f"{interval.span}: average wait {duration(interval.tally.average_speed_of_answer)}"
            yield Dot("average", _x(n, step), _y(band, part), title)


def _points(
    intervals: Sequence[Interval], step: float, band: Band, value: Callable[[Interval], float | None]
) -> list[tuple[float, float] | None]:
    values = [value(interval) for interval in intervals]
    return [None if part is None else (_x(n, step), _y(band, part)) for n, part in enumerate(values)]


def _lines(kind: str, points: list[tuple[float, float] | None]) -> Iterator[Line]:
    """A line from value to value; broken where an interval has none."""
    run: list[str] = []
    for point in (*points, None):
        if point is not None:
            run.append(f"{point[0]:.1f},{point[1]:.1f}")
        elif run:
            if len(run) > 1:
                yield Line(kind, " ".join(run))
            run = []


def _times(intervals: Sequence[Interval], step: float, bottom: float) -> tuple[Tick, ...]:
    every = ceil(_LABEL_ROOM / step)
    return tuple(Tick(LEFT + n * step, bottom + 18, intervals[n].label) for n in range(0, len(intervals), every))


def _x(n: int, step: float) -> float:
    return LEFT + (n + 0.5) * step


def _y(band: Band, part: float) -> float:
    return band.bottom - min(part, 1) * (band.bottom - band.top)


def _part(seconds: float | None, longest: float) -> float | None:
    return None if seconds is None else seconds / longest


def _nice(count: int) -> int:
    """The least even round number that is not less."""
    size = 10 ** max(len(str(count)) - 1, 0)
    return next(int(n * size) for n in (1, 2, 4, 6, 8, 10, 20) if n * size >= max(count, 2) and n * size % 2 == 0)


def _nice_seconds(seconds: float) -> int:
    return next((n for n in (30, 60, 120, 240, 600, 1200, 1800, 3600) if n >= seconds), ceil(seconds / 7200) * 7200)
