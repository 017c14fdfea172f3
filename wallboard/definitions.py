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

MOST_BOARDS = 100
PANELS: tuple[PanelKind, ...] = ("queues", "ring_groups", "agents", "waiting", "talking", "ended")

Slug = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Seconds = Annotated[int, msgspec.Meta(ge=1, le=86_400)]
Ratio = Annotated[float, msgspec.Meta(ge=0, le=1)]
TimeOfDay = Annotated[str, msgspec.Meta(pattern=r"^(?:[01][0-9]|2[0-3]):[0-5][0-9]$")]


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
    """One board. Without any choice it shows everything, as `main` does."""

    slug: Slug = "main"
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] = "Wallboard"
    queues: tuple[Name, ...] | None = None
    ring_groups: tuple[Name, ...] | None = None
    agents: tuple[Name, ...] | None = None
    panels: tuple[PanelKind, ...] = PANELS
    targets: Targets = Targets()
    places: tuple[PlaceTargets, ...] = ()
    masking: Masking = "last_three"
    theme: Theme = "dark"
    message: Annotated[str, msgspec.Meta(max_length=200)] = ""
    sound: Sound = "off"
    rotation: tuple[Slug, ...] = ()
    rotation_seconds: Annotated[int, msgspec.Meta(ge=10, le=3600)] = 30
    dim_from: TimeOfDay | None = None
    dim_to: TimeOfDay | None = None
