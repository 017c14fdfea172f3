"""What the operator's settings mean to each part of the server; knows no request and holds no rule of its own."""

from __future__ import annotations

from datetime import timedelta

from wallboard.boards.definitions import Definition, Targets
from wallboard.boards.file import BoardsFileError, read_boards
from wallboard.callbacks.phone import country_of
from wallboard.rules import Rules
from wallboard.settings import Settings, SettingsError
from wallboard.totals import Thresholds


def rules_of(settings: Settings) -> Rules:
    """The board's rules, as the settings say."""
    return Rules(
        zone=settings.zone,
        day_starts_at=settings.day_starts_at,
        country=settings.country or country_of(settings.time_zone),
        thresholds=Thresholds(settings.service_level_seconds * 1000, settings.short_abandon_seconds * 1000),
        ringing_timeout=timedelta(seconds=settings.ringing_timeout_seconds),
        waiting_timeout=timedelta(seconds=settings.waiting_timeout_seconds),
        talking_timeout=timedelta(seconds=settings.talking_timeout_seconds),
    )


def boards_of(settings: Settings) -> tuple[Definition, ...]:
    """The boards of the file that a deploy carries; SettingsError names what is wrong with each."""
    if settings.boards_file is None:
        return ()
    try:
        return read_boards(settings.boards_file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "is not UTF-8") or "cannot be read"
        raise SettingsError(f"WALLBOARD_BOARDS_FILE: {settings.boards_file}: {reason}.") from None
    except BoardsFileError as error:
        listed = "\n".join(f"- {problem}" for problem in error.problems)
        raise SettingsError(f"WALLBOARD_BOARDS_FILE: {settings.boards_file} cannot be used:\n{listed}") from None


def defaults_of(settings: Settings) -> Targets:
    """The targets of every board and place that names none of its own."""
    return Targets(
        service_level_seconds=settings.service_level_seconds,
        service_level_formula=settings.service_level_formula,
        service_level_target=settings.service_level_target,
    )
