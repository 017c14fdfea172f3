"""What a requirements file pins: versions, the hashes of their files and who asked for them; knows no registry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNTIME, DEV, AUDIT = "requirements.txt", "requirements-dev.txt", "requirements-audit.txt"
OIDC = "requirements-oidc.txt"
PINNED = (RUNTIME, OIDC, DEV, AUDIT)
_PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[\w.+!-]+)(?: ; (?P<marker>[^\\]+?))?(?: \\)?$")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


class Unpinned(Exception):
    """A line of a requirements file that is no pin with hashes."""


@dataclass(frozen=True)
class Pin:
    """One package; `asked_for_by` are names of packages, or `-r <list>` where we chose it ourselves."""

    name: str
    version: str
    marker: str | None
    hashes: tuple[str, ...]
    asked_for_by: tuple[str, ...]


def pins(name: str) -> list[Pin]:
    """Those of a file in the project's folder; Unpinned where a line says anything else."""
    return parse((ROOT / name).read_text())


def parse(text: str) -> list[Pin]:
    blocks: list[list[str]] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line[0] != " ":
            blocks.append([])
        blocks[-1].append(line.strip())
    return [_pin(block) for block in blocks]


def _pin(block: list[str]) -> Pin:
    head = _PIN.match(block[0])
    hashes = tuple(found[1] for line in block[1:] if (found := _HASH.match(line)))
    if head is None or not hashes:
        raise Unpinned(block[0])
    comments = [line.lstrip("# ").removeprefix("via").strip() for line in block[1:] if line.startswith("#")]
    return Pin(head["name"], head["version"], head["marker"], hashes, tuple(filter(None, comments)))
