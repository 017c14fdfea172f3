"""What the process says about itself: a JSON object a line, and nothing in it that anybody sent; knows no module.

An error's message may quote a body, a name or a token, so no message is written at any level: only the error's kind
and the places it came through. What a library says is told apart by where it says it, never by its words.
"""

from __future__ import annotations

import json
import logging
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import PurePath
from traceback import walk_tb
from typing import Any, Literal, TextIO

import structlog

Level = Literal["debug", "info", "warning", "error"]
_PLACES = 12
log = structlog.get_logger()
logging.getLogger("psycopg").setLevel(logging.ERROR)  # it warns of what is raised as well, commands have no log


def set_up(level: Level) -> None:
    """From now on all that the process has to say goes to stderr, through here."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _without_message,
            structlog.processors.JSONRenderer(serializer=_line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: _Lines(sys.stderr),
    )
    _hear_libraries(number)
    sys.excepthook = lambda _kind, error, _trace: log.critical("the process ended by an error", **traced(error))
    threading.excepthook = lambda of: log.critical("a thread ended by an error", **traced(of.exc_value))
    sys.unraisablehook = lambda of: log.error("an error that nobody could catch", **traced(of.exc_value))


def set_up_apart() -> None:
    """The same in a process that works for a server. Should that be killed, nobody reads the answer any more, and
    this one ends without a word.
    """
    set_up("info")
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def traced(error: BaseException | None) -> dict[str, str]:
    """An error's kind and causes, and the places it came through, the innermost first."""
    if error is None:
        return {}
    frames = [(frame.f_code, line) for frame, line in walk_tb(error.__traceback__)]
    places = [f"{_short(code.co_filename)}:{line} {code.co_qualname}" for code, line in reversed(frames)]
    kinds = " from ".join(type(cause).__name__ for cause in _causes(error))
    return {"error": kinds} | ({"where": " < ".join(places[:_PLACES])} if places else {})


def reason(error: BaseException) -> str:
    """What the disk or SQLite calls it. SQLite's own sentences may quote a value."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, sqlite3.Error):
        return str(getattr(error, "sqlite_errorname", type(error).__name__))
    return type(error).__name__


def _without_message(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    for field in ("stack", "stack_info", "exception"):
        event.pop(field, None)
    return {**event, **traced(error)} if isinstance(error, BaseException) else event


def _line(event: dict[str, Any], **_: object) -> str:
    first = {name: event.pop(name) for name in ("at", "level", "event") if name in event}
    return json.dumps(first | event, default=lambda value: type(value).__name__)


class _Lines:
    """Writes; a disk that takes no more lines stops nothing."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def _write(self, line: str) -> None:
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = msg = _write


class _Library(logging.Handler):
    """Of what a library says: who, where in its code, and the error that goes with it."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        at = f"{_short(record.pathname)}:{record.lineno}"
        tell: Callable[..., None] = getattr(log, _named(record.levelno))
        tell("a library says", library=record.name, at_line=at, **traced(error))


def _hear_libraries(level: int) -> None:
    """Warnings and worse; at the level debug whatever they say."""
    logging.root.handlers = [_Library()]
    logging.root.setLevel(level if level <= logging.DEBUG else max(level, logging.WARNING))
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.WARNING if name == "uvicorn.access" else logging.NOTSET)
    logging.getLogger("psycopg").setLevel(logging.NOTSET if level <= logging.DEBUG else logging.ERROR)


def _named(level: int) -> str:
    for name in ("critical", "error", "warning", "info"):
        if level >= logging.getLevelNamesMapping()[name.upper()]:
            return name
    return "debug"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    now: BaseException | None = error
    while now is not None and id(now) not in seen:
        seen.add(id(now))
        yield now
        now = now.__cause__ or (None if now.__suppress_context__ else now.__context__)


def _short(path: str) -> str:
    return "/".join(PurePath(path).parts[-2:])
