"""Which queues or ring groups a page is about, by what its reader chose; knows no number and no HTML."""

from __future__ import annotations

from collections.abc import Iterator

from wallboard.day.choice import Choice
from wallboard.day.explain import CALLS, MESSAGES, Terms
from wallboard.day.sheet import Sheet
from wallboard.events import Place


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


def terms_of(choice: Choice, sheet: Sheet) -> Terms:
    """By which terms its numbers are counted: those of the one that was chosen, or of all together."""
    return sheet.terms_of(places_of(choice, sheet)[0] if choice.place is not None else None)


def scope_name(choice: Choice, sheet: Sheet) -> str:
    if choice.place is not None:
        return choice.place
    return "All queues" if kind_of(choice, sheet) == "queue" else "All ring groups"


def scope_of(number: str, choice: Choice, sheet: Sheet) -> str:
    """Whose number a list is of."""
    return "All calls" if number in CALLS or number in MESSAGES else scope_name(choice, sheet)


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
