"""The lines of the callers of whom a reader may see something, made of what they may see; knows no page and no now."""

from __future__ import annotations

from collections.abc import Iterable

from wallboard.callbacks.lines import Line
from wallboard.eyes import Eyes


def lines_seen(eyes: Eyes) -> Iterable[Line]:
    """Tries and voicemails are those of the calls that are seen; what settles a line settles it for everybody."""
    callers = eyes.board.callers
    if eyes.scope.is_all:
        return callers.lines()
    lines = (callers.line(line.caller, eyes.sees) for line in callers.lines())
    return [line for line in lines if line is not None]


def line_seen(eyes: Eyes, caller: str) -> Line | None:
    return eyes.board.callers.line(caller, eyes.sees)
