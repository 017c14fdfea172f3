"""Who hears the server's own remarks in the journal, by their names; knows not what any of them says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from wallboard.journal import Entry

Heed = Callable[[dict[str, Any], datetime], None]
"""Hears one of the server's own remarks: what it says, and when it was made."""
Locate = Callable[[Entry], None]
"""Takes note of where a remark stands that is too large to be held in memory."""


def heard_by_all(*folds: Mapping[str, Heed]) -> dict[str, Heed]:
    """One remark for several folds, in their order."""

    def told(name: str) -> Heed:
        heeds = [fold[name] for fold in folds if name in fold]

        def heed(said: dict[str, Any], at: datetime) -> None:
            for one in heeds:
                one(said, at)

        return heed

    return {name: told(name) for fold in folds for name in fold}


def heard_later(folds: Callable[[], Iterable[Mapping[str, Heed]]], *names: str) -> dict[str, Heed]:
    """For folds that are not made yet: they are asked for when one of the remarks of these names is heard."""

    def told(name: str) -> Heed:
        def heed(said: dict[str, Any], at: datetime) -> None:
            heard_by_all(*folds())[name](said, at)

        return heed

    return {name: told(name) for name in names}
