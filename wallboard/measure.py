"""By which targets the desk counts and warns, and whose they are; knows no call and no page.

The same as on the wall: a queue or ring group by its own on the board `main`, else by that board's, else by the
settings. Other boards measure for themselves alone.
"""

from __future__ import annotations

from wallboard.boards.definitions import Targets
from wallboard.day.explain import Standards, Terms
from wallboard.events import Place
from wallboard.look import Look

SET = "set for all boards"
_LEVEL = ("service_level_seconds", "service_level_formula", "service_level_target")


def standards_of(look: Look, short_abandon_ms: int) -> Standards:
    """What stands in the desk's formulas, by the `look` of the board `main`."""
    own = {Place(each.kind, each.name): each for each in look.definition.places if _tells(each)}
    return Standards(
        general=_terms(look, None, short_abandon_ms),
        own={place: _terms(look, place, short_abandon_ms) for place in own},
    )


def whose(look: Look, place: Place | None = None) -> str:
    """Who has said the service level's target, in words."""
    board = f"the board “{look.definition.name}”"
    own = [each for each in look.definition.places if Place(each.kind, each.name) == place]
    if any(map(_tells, own)):
        return f"its own on {board}"
    return f"set for {board}" if _tells(look.definition.targets) else SET


def _tells(targets: Targets) -> bool:
    return any(getattr(targets, name) is not None for name in _LEVEL)


def _terms(look: Look, place: Place | None, short_abandon_ms: int) -> Terms:
    goals = look.goals(place)
    return Terms(
        service_level_ms=goals.service_level_seconds * 1000,
        short_abandon_ms=short_abandon_ms,
        formula=goals.service_level_formula,
        target=goals.service_level_target,
        whose=whose(look, place),
    )
