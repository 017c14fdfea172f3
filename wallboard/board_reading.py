"""Raw values, from a form or a file, into a definition, or what is wrong with each key; knows neither form nor file.

Keys of what is inside are written `targets.wait_warn_seconds` and `places.0.name`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from wallboard.definitions import DRAFT, PANELS, RESERVED, Definition, PlaceTargets, Targets
from wallboard.fields import clean

Raw = Mapping[str, Any]

_SECONDS = "Write whole seconds, from 1 to 86400 (a day)."
_RATIO = "Write a share between 0 and 100 %."
_NAMES = "Choose at most 1,000 names of at most 200 characters each."
_TIME = "Write a time of day such as 07:30."
_EXPECTED = {
    "slug": "Use small letters, digits and hyphens, at most 40, such as sales-floor.",
    "name": "Write a name of at most 60 characters.",
    "queues": _NAMES,
    "ring_groups": _NAMES,
    "agents": _NAMES,
    "panels": f"Choose from {', '.join(PANELS)}.",
    "masking": "Choose last_three, hidden or none.",
    "theme": "Choose dark or light.",
    "message": "Write at most 200 characters.",
    "sound": "Choose off, once or while.",
    "rotation": "Choose at most 20 boards, by their addresses.",
    "rotation_seconds": "Write whole seconds, from 10 to 3600 (an hour).",
    "dim_from": _TIME,
    "dim_to": _TIME,
    "kind": "Choose queue or ring_group.",
    "service_level_seconds": _SECONDS,
    "service_level_formula": "Choose default, strict, answered_only, late_abandons or abandons_credited.",
    "service_level_target": _RATIO,
    "wait_warn_seconds": _SECONDS,
    "wait_alarm_seconds": _SECONDS,
    "abandon_warn": _RATIO,
    "abandon_alarm": _RATIO,
    "targets": "Write a table of targets.",
    "places": "Write at most 200 tables, one for each queue or ring group.",
}
_PLACE_NAME = "Write the name of the queue or ring group, at most 200 characters."


class Reading(msgspec.Struct, frozen=True):
    """The definition, or `None` and what is wrong by key."""

    definition: Definition | None
    problems: dict[str, str]


def read(raw: Raw) -> Reading:
    """Every problem at once. What is left out is as by default."""
    problems: dict[str, str] = {}
    nested = {"targets", "places"}
    values = _fields(Definition, {key: value for key, value in raw.items() if key not in nested}, "", problems)
    targets = _table(Targets, raw.get("targets", {}), "targets", problems)
    places = _places(raw.get("places", []), problems)
    _tidy(values, problems)
    _judge(values, problems)
    _judge_targets(targets, "targets", problems)
    if problems:
        return Reading(None, problems)
    definition = Definition(**values, targets=Targets(**targets), places=tuple(PlaceTargets(**own) for own in places))
    return Reading(definition, {})


def _fields(kind: type[msgspec.Struct], raw: Raw, prefix: str, problems: dict[str, str]) -> dict[str, Any]:
    """The values that can be read, each by its field's type."""
    types = {field.name: field.type for field in msgspec.structs.fields(kind)}
    values: dict[str, Any] = {}
    for key, value in raw.items():
        if key not in types:
            problems[prefix + key] = "There is no such key."
            continue
        try:
            values[key] = msgspec.convert(value, types[key])
        except msgspec.ValidationError:
            problems[prefix + key] = _PLACE_NAME if prefix and key == "name" else _EXPECTED[key]
    return values


def _table(kind: type[msgspec.Struct], raw: object, key: str, problems: dict[str, str]) -> dict[str, Any]:
    if not isinstance(raw, dict):
        problems[key] = _EXPECTED["targets"]
        return {}
    return _fields(kind, raw, f"{key}.", problems)


def _places(raw: object, problems: dict[str, str]) -> list[dict[str, Any]]:
    if not isinstance(raw, (list, tuple)) or len(raw) > 200:
        problems["places"] = _EXPECTED["places"]
        return []
    places = [_table(PlaceTargets, own, f"places.{number}", problems) for number, own in enumerate(raw)]
    known = set()
    for number, own in enumerate(places):
        _judge_targets(own, f"places.{number}", problems)
        name = own["name"] = clean(own.get("name", "")) or ""
        if not name:
            problems.setdefault(f"places.{number}.name", _PLACE_NAME)
        elif (own.get("kind", "queue"), name) in known:
            problems[f"places.{number}.name"] = f"{name} stands here twice: keep one of the two."
        known.add((own.get("kind", "queue"), name))
    return places


def _tidy(values: dict[str, Any], problems: dict[str, str]) -> None:
    """Text in one line without invisible characters, as the PBX's names are kept; nothing twice."""
    if "name" in values and not (name := clean(values["name"])):
        problems["name"] = _EXPECTED["name"]
    elif "name" in values:
        values["name"] = name
    if "message" in values:
        values["message"] = clean(values["message"]) or ""
    for key in ("queues", "ring_groups", "agents"):
        if values.get(key) is not None:
            values[key] = tuple(dict.fromkeys(filter(None, map(clean, values[key]))))
            if not values[key]:
                problems[key] = "Choose at least one, or show all of them."
    if "rotation" in values:
        values["rotation"] = tuple(dict.fromkeys(values["rotation"]))


def _judge(values: dict[str, Any], problems: dict[str, str]) -> None:
    slug = values.get("slug", "")
    if slug in RESERVED or slug.startswith(DRAFT):
        problems["slug"] = "The editor needs this address itself: choose another."
    if len(set(values.get("panels", ()))) < len(values.get("panels", ())):
        problems["panels"] = "A panel can stand on the board only once."
    dim_from, dim_to = values.get("dim_from"), values.get("dim_to")
    if (dim_from is None) != (dim_to is None):
        problems.setdefault("dim_to" if dim_to is None else "dim_from", "Write both times, or neither.")
    elif dim_from is not None and dim_from == dim_to:
        problems["dim_to"] = "The two times must differ."


def _judge_targets(targets: dict[str, Any], key: str, problems: dict[str, str]) -> None:
    for amber, red, what in (
        ("wait_warn_seconds", "wait_alarm_seconds", "wait"),
        ("abandon_warn", "abandon_alarm", "abandon rate"),
    ):
        low, high = targets.get(amber), targets.get(red)
        if low is not None and high is not None and high < low:
            problems[f"{key}.{red}"] = f"A {what} turns red after it has turned amber: this must not be the smaller."
