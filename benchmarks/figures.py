"""What was measured, beside what was wanted: one table, one JSON file; knows not how anything was measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec


class Peer(msgspec.Struct, frozen=True):
    """The same measured at somebody else's server in the same run."""

    name: str
    runs: list[float]
    most: float | None = None
    """Wanted: at most so many times the peer's figure."""
    least: float | None = None
    or_under: float | None = None
    """Or under so much, whatever the peer does."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of several runs, in `unit`. Without any target it is there for its own sake."""

    what: str
    unit: str
    runs: list[float]
    most: float | None = None
    peers: list[Peer] = []
    note: str = ""

    @property
    def value(self) -> float:
        return statistics.median(self.runs)


class Suite(msgspec.Struct):
    """The figures of one suite, and what was found wrong (something lost, another state): that must be nothing."""

    name: str
    figures: list[Figure] = []
    wrong: list[str] = []
    notes: list[str] = []

    def note(self, line: str) -> None:
        """Says something once."""
        if line not in self.notes:
            self.notes.append(line)


class Report(msgspec.Struct):
    """A whole run, as it is kept."""

    at: str
    size: str
    machine: dict[str, str]
    load_before: float
    load_after: float
    suites: list[Suite]

    @property
    def wrong(self) -> list[str]:
        return [f"{suite.name}: {line}" for suite in self.suites for line in suite.wrong]


HEAD = ("what", "measured", "peer", "ratio", "target", "met")


def table(suites: Iterable[Suite]) -> str:
    """The whole run as one table in Markdown, with all that is to be said below it."""
    suites = list(suites)
    rows = [row for suite in suites for figure in suite.figures for row in _rows(suite.name, figure)]
    widths = [max(len(row[column]) for row in (HEAD, *rows)) for column in range(len(HEAD))]
    lines = [_line(HEAD, widths), _line(["-" * width for width in widths], widths)]
    lines += [_line(row, widths) for row in rows]
    notes = [f"- {suite.name}: {note}" for suite in suites for note in suite.notes]
    wrong = [f"- WRONG in {suite.name}: {line}" for suite in suites for line in suite.wrong]
    checked = wrong or ["- Nothing was lost, and every last frame was that of `/api/v1/state`."]
    return "\n".join([*lines, "", *notes, *checked])


def keep(report: Report, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")


def _rows(suite: str, figure: Figure) -> Iterable[Sequence[str]]:
    own = f"{suite}: {figure.what}"
    said = spread(figure.runs, figure.unit)
    note = f" {figure.note}" if figure.note else ""
    if not figure.peers or figure.most is not None:
        target = "" if figure.most is None else f"≤ {_number(figure.most)} {figure.unit}"
        yield own, said, "", "", target + note, _met(None if figure.most is None else figure.value <= figure.most)
        note = ""
    for peer in figure.peers:
        yield (
            own,
            said,
            f"{peer.name} {spread(peer.runs, figure.unit)}",
            _ratio(figure, peer),
            wanted(peer, figure.unit) + note,
            _met(meets(figure, peer)),
        )
        note = ""


def meets(figure: Figure, peer: Peer) -> bool | None:
    """`None` where nothing is wanted of the ratio."""
    theirs = statistics.median(peer.runs)
    if peer.least is not None:
        return figure.value >= peer.least * theirs
    if peer.most is None:
        return None
    return figure.value <= max(peer.most * theirs, peer.or_under or 0.0)


def wanted(peer: Peer, unit: str) -> str:
    if peer.least is not None:
        return f"≥ {peer.least:g} ×"
    if peer.most is None:
        return ""
    return f"≤ {peer.most:.3g} ×" + (f" or {peer.or_under:g} {unit}" if peer.or_under is not None else "")


def spread(runs: Sequence[float], unit: str) -> str:
    """The median, and the least and the most where there was more than one run."""
    middle = f"{_number(statistics.median(runs))} {unit}"
    return middle if len(runs) < 2 else f"{middle} ({_number(min(runs))}–{_number(max(runs))})"


def _ratio(figure: Figure, peer: Peer) -> str:
    theirs = statistics.median(peer.runs)
    return f"{figure.value / theirs:.2f}" if theirs else "–"


def _met(is_met: bool | None) -> str:
    return {None: "", True: "yes", False: "NO"}[is_met]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
