"""What a supervisor chooses for one board: which queues and people, which panels, targets, looks; knows no call.

A definition travels as one JSON object (in the journal, as the remark `board_saved`) and as one `[[boards]]` table
of a TOML file. `None` means "as the settings say", and for a choice of names "all of them".
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from wallboard.settings import Formula

PanelKind = Literal["queues", "ring_groups", "agents", "waiting", "talking", "ended"]
PlaceKind = Literal["queue", "ring_group"]
Theme = Literal["dark", "light"]
Masking = Literal["last_three", "hidden", "none"]
Sound = Literal["off", "once", "while"]

MAIN = "main"
MOST_BOARDS = 100
MOST_NAMES = 1_000
MOST_PLACES = 200
MOST_ROTATED = 20
PANELS: tuple[PanelKind, ...] = ("queues", "ring_groups", "agents", "waiting", "talking", "ended")
DRAFT = "draft-"
RESERVED = ("new", "import", "preview")
"""Addresses that the editor needs itself, as it does all that begin with `draft-`."""

Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Names = Annotated[tuple[Name, ...], msgspec.Meta(max_length=MOST_NAMES)]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=86_400)]
Ratio = Annotated[float, msgspec.Meta(ge=0, le=1)]
TimeOfDay = Annotated[str, msgspec.Meta(pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]\Z")]


class Targets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is good enough. A wait longer than `wait_warn_seconds` is amber, than `wait_alarm_seconds` red; a service
    level under the target is amber, 20 points under it red; an abandon rate over `abandon_warn` amber, `_alarm` red.
    """

    service_level_seconds: Seconds | None = None
    service_level_formula: Formula | None = None
    service_level_target: Ratio | None = None
    wait_warn_seconds: Seconds | None = None
    wait_alarm_seconds: Seconds | None = None
    abandon_warn: Ratio | None = None
    abandon_alarm: Ratio | None = None


class PlaceTargets(Targets, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is different for one queue or ring group."""

    name: Name
    kind: PlaceKind = "queue"


class Definition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One board. Without any choice it shows everything, as `main` does. Agents are chosen by number or name."""

    slug: Slug = MAIN
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] = "Wallboard"
    queues: Names | None = None
    ring_groups: Names | None = None
    agents: Names | None = None
    panels: Annotated[tuple[PanelKind, ...], msgspec.Meta(max_length=len(PANELS))] = PANELS
    targets: Targets = Targets()
    places: Annotated[tuple[PlaceTargets, ...], msgspec.Meta(max_length=MOST_PLACES)] = ()
    masking: Masking = "last_three"
    theme: Theme = "dark"
    message: Annotated[str, msgspec.Meta(max_length=200)] = ""
    sound: Sound = "off"
    rotation: Annotated[tuple[Slug, ...], msgspec.Meta(max_length=MOST_ROTATED)] = ()
    rotation_seconds: Annotated[int, msgspec.Meta(ge=10, le=3600)] = 30
    dim_from: TimeOfDay | None = None
    dim_to: TimeOfDay | None = None

    @property
    def behaviour(self) -> tuple[object, ...]:
        """What the browser does by itself, and is told only when it loads the page; all else is drawn by the server."""
        return (self.theme, self.sound, self.rotation, self.rotation_seconds, self.dim_from, self.dim_to)


def differences(before: Definition, after: Definition) -> tuple[str, ...]:
    """The names of the fields in which two definitions differ."""
    return tuple(name for name in Definition.__struct_fields__ if getattr(before, name) != getattr(after, name))


_WORDS = {
    "name": "name", "queues": "queues", "ring_groups": "ring groups", "agents": "agents", "panels": "panels",
    "targets": "targets", "places": "exceptions", "masking": "callers’ numbers", "theme": "theme",
    "message": "message", "sound": "sound", "rotation": "turns", "rotation_seconds": "turns",
    "dim_from": "dimming", "dim_to": "dimming", "slug": "address",
}  # fmt: skip


def difference_words(before: Definition, after: Definition) -> str:
    """The same as the editor calls them; empty where there is none."""
    return ", ".join(dict.fromkeys(_WORDS[name] for name in differences(before, after)))
