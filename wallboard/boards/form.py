"""The editor's form: what was typed into it as raw values for a definition, and a definition as what stands in it.

Knows no HTTP and judges nothing: what is wrong is said by board_reading, by the names that the form's fields have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from wallboard.boards.definitions import PANELS, Definition, PlaceTargets, Targets
from wallboard.forms import Fields

CHOICES = ("queues", "ring_groups", "agents")
TARGETS = Targets.__struct_fields__
_PERCENT = ("service_level_target", "abandon_warn", "abandon_alarm")
_TEXTS = ("slug", "name", "masking", "theme", "message", "sound")


_LABELS = {
    "slug": "Address", "name": "Name", "queues": "Queues", "ring_groups": "Ring groups", "agents": "Agents",
    "panels": "Panels", "masking": "Callers’ numbers", "theme": "Theme", "message": "Message", "sound": "Sound",
    "rotation": "Takes turns with", "rotation_seconds": "Seconds that each is shown", "dim_from": "Dim from",
    "dim_to": "Dim until", "places": "Exceptions", "kind": "Queue or ring group", "service_level_seconds": "In time",
    "service_level_formula": "How the service level is counted", "service_level_target": "Service level, target",
    "wait_warn_seconds": "Wait turns amber", "wait_alarm_seconds": "Wait turns red",
    "abandon_warn": "Abandon rate turns amber", "abandon_alarm": "Abandon rate turns red",
}  # fmt: skip


def label_of(key: str) -> str:
    """What a reader calls the field of that name, for a list of what is to be put right."""
    label = _LABELS.get(key.split(".")[-1], key)
    return f"Exceptions, {label[0].lower()}{label[1:]}" if key.startswith("places.") else label


class BoardFields(Fields):
    """The fields of the editor's form, whose exceptions stand in numbered rows."""

    @property
    def rows(self) -> list[int]:
        """The numbers of the exceptions' rows, those left empty included."""
        numbers = {name.split(".")[1] for name in self._values if name.startswith("places.") and name.count(".") == 2}
        return sorted(int(number) for number in numbers if number.isdecimal() and len(number) < 5)

    def place(self, row: int) -> dict[str, str]:
        prefix = f"places.{row}."
        return {name.removeprefix(prefix): self.text(name) for name in self._values if name.startswith(prefix)}


def fields_of(definition: Definition) -> BoardFields:
    """What stands in the form when the board is opened."""
    return BoardFields(_pairs(definition))


def _pairs(board: Definition) -> Iterable[tuple[str, str]]:
    yield from ((name, getattr(board, name)) for name in _TEXTS)
    for choice in CHOICES:
        names = getattr(board, choice)
        yield f"{choice}_shown", "all" if names is None else "chosen"
        yield from ((choice, name) for name in names or ())
    yield from ((f"panel.{panel}", str(place)) for place, panel in enumerate(board.panels, 1))
    yield from (("rotation", slug) for slug in board.rotation)
    yield "rotation_seconds", str(board.rotation_seconds)
    yield from ((name, value) for name in ("dim_from", "dim_to") if (value := getattr(board, name)))
    yield from ((f"targets.{key}", _typed(key, getattr(board.targets, key))) for key in TARGETS)
    for row, own in enumerate(board.places):
        yield from ((f"places.{row}.{key}", _typed(key, getattr(own, key))) for key in PlaceTargets.__struct_fields__)


def _typed(key: str, value: Any) -> str:
    if value is None:
        return ""
    return f"{value * 100:.6g}" if key in _PERCENT else str(value)


def raw_of(fields: BoardFields) -> dict[str, Any]:
    """The values as a definition would have them; what cannot be understood stays as it was typed."""
    shown = [(fields.text(f"panel.{panel}"), panel) for panel in PANELS]
    raw: dict[str, Any] = {name: fields.text(name) for name in _TEXTS}
    return raw | {
        **{choice: _names(fields, choice) for choice in CHOICES},
        "panels": [panel for place, panel in sorted(shown, key=lambda item: item[0]) if place],
        "rotation": fields.all("rotation"),
        "rotation_seconds": _number(fields.text("rotation_seconds")),
        **{name: fields.text(name) or None for name in ("dim_from", "dim_to")},
        "targets": _targets(fields, "targets."),
        "places": [
            {
                "name": fields.text(f"places.{row}.name"),
                "kind": fields.text(f"places.{row}.kind"),
                **_targets(fields, f"places.{row}."),
            }
            for row in filled_rows(fields)
        ],
    }


def filled_rows(fields: BoardFields) -> list[int]:
    """The rows with anything in them but the kind, which always has something."""
    return [row for row in fields.rows if any(value for key, value in fields.place(row).items() if key != "kind")]


def without_row(fields: BoardFields, gone: int) -> BoardFields:
    """The same form without one exception; the others move up."""
    kept = [row for row in filled_rows(fields) if row != gone]
    return BoardFields(
        [
            *((name, value) for name, value in fields.pairs() if not name.startswith("places.")),
            *((f"places.{n}.{key}", value) for n, row in enumerate(kept) for key, value in fields.place(row).items()),
        ]
    )


def _names(fields: BoardFields, choice: str) -> list[str] | None:
    if fields.text(f"{choice}_shown") != "chosen":
        return None
    typed = [line.strip() for line in "\n".join(fields.all(f"{choice}_more")).splitlines()]
    return [*fields.all(choice), *filter(None, typed)]


def _targets(fields: BoardFields, prefix: str) -> dict[str, Any]:
    return {key: value for key in TARGETS if (value := _target(key, fields.text(prefix + key))) is not None}


def _target(key: str, typed: str) -> Any:
    if not typed or key == "service_level_formula":
        return typed or None
    return _share(typed) if key in _PERCENT else _number(typed)


def _number(typed: str) -> int | str:
    return int(typed) if typed.isdecimal() and len(typed) < 10 else typed


def _share(typed: str) -> float | str:
    """80, 80.5, 80,5 and 80 % are all the same kind of thing."""
    number = typed.removesuffix("%").strip().replace(",", ".")
    try:
        return round(msgspec.convert(number, float, strict=False) / 100, 8)
    except msgspec.ValidationError:
        return typed
