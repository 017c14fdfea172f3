"""Boards as one TOML file: written in a stable order with what differs from the default, and read; opens no file."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from typing import Any

import msgspec
import tomli_w

from wallboard.board_reading import read
from wallboard.definitions import MOST_BOARDS, Definition

LARGEST_FILE = 1024 * 1024
_HEAD = """\
# The wallboard's boards. What is left out is as by default; docs/boards.md lists all keys.
# Bring them in on the page Boards, or with the setting WALLBOARD_BOARDS_FILE.

"""
_DEFAULT = msgspec.to_builtins(Definition())
_ALWAYS = ("slug", "name", "kind")


class BoardsFileError(Exception):
    """The file cannot be used; `problems` name each board and key."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def write(boards: Iterable[Definition]) -> str:
    """One TOML document, which `read_boards` gives back."""
    return _HEAD + tomli_w.dumps({"boards": [_table(board) for board in boards]})


def read_boards(text: str) -> tuple[Definition, ...]:
    """The boards of a file, in its order; BoardsFileError with all that is wrong."""
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BoardsFileError([f"This is no TOML: {error}."]) from None
    tables = document.pop("boards", [])
    problems = [f"{key}: there is no such key; a file holds tables named [[boards]]." for key in document]
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise BoardsFileError([*problems, "boards: write one [[boards]] table for each board."])
    if len(tables) > MOST_BOARDS:
        raise BoardsFileError([*problems, f"boards: there can be {MOST_BOARDS} at most."])
    boards = [_read_table(number, table, problems) for number, table in enumerate(tables, 1)]
    slugs = [board.slug for board in boards if board is not None]
    problems += [f"board {slug}: slug: stands here twice." for slug in dict.fromkeys(slugs) if slugs.count(slug) > 1]
    if problems:
        raise BoardsFileError(problems)
    return tuple(board for board in boards if board is not None)


def _read_table(number: int, table: dict[str, Any], problems: list[str]) -> Definition | None:
    label = table.get("slug") if isinstance(table.get("slug"), str) else f"no. {number}"
    missing = [key for key in ("slug", "name") if key not in table]
    problems.extend(f"board {label}: {key}: is missing." for key in missing)
    reading = read(table)
    problems.extend(f"board {label}: {key}: {words}" for key, words in reading.problems.items())
    return reading.definition


def _table(board: Definition) -> dict[str, Any]:
    values = msgspec.to_builtins(board)
    table = {key: value for key, value in values.items() if key in _ALWAYS or value != _DEFAULT[key]}
    if "targets" in table:
        table["targets"] = _known(table["targets"])
    if "places" in table:
        table["places"] = [_known(own) for own in table["places"]]
    return table


def _known(values: dict[str, Any]) -> dict[str, Any]:
    ordered = {key: values[key] for key in ("kind", "name") if key in values}
    return ordered | {key: value for key, value in values.items() if value is not None}
