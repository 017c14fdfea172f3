"""Writes the bill of materials (CycloneDX 1.6, JSON) of what a server runs: the pins and the vendored scripts.

    python -m scripts.sbom [FILE]

The same files give the same bytes: there is no time and no random number in it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from scripts.pins import ROOT, RUNTIME, Pin, pins
from wallboard import __version__

WALLBOARD = "wallboard"
MANIFEST = ROOT / "static" / "vendor" / "MANIFEST.json"
Json = dict[str, Any]


def main(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    document = bill()
    target.write_text(json.dumps(document, indent=2) + "\n")
    print(f"{target}: {len(document['components'])} components")


def bill() -> Json:
    packages, manifest = pins(RUNTIME), json.loads(MANIFEST.read_text())
    itself = {"type": "application", "bom-ref": WALLBOARD, "name": WALLBOARD, "version": __version__}
    scripts = [_script(entry, manifest) for entry in manifest["scripts"]]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": itself},
        "components": [_package(pin) for pin in packages] + scripts,
        "dependencies": _dependencies(packages, [script["bom-ref"] for script in scripts]),
    }


def _package(pin: Pin) -> Json:
    files = {
        "type": "distribution",
        "url": _purl(pin),
        "hashes": [_sha256(h.removeprefix("sha256:")) for h in pin.hashes],
    }
    return _library(pin.name, pin.version, _purl(pin)) | {"externalReferences": [files]}


def _script(entry: dict[str, str], manifest: Json) -> Json:
    purl = f"pkg:npm/{entry['package']}@{entry['version']}"
    source = f"{entry['source']} (sha256 {entry['source_sha256']})"
    made = f"{source}, lowered to {manifest['target']} by esbuild {manifest['esbuild']}"
    return _library(entry["package"], entry["version"], purl) | {
        "licenses": [{"license": {"id": entry["licence"]}}],
        "hashes": [_sha256(entry["output_sha256"])],
        "pedigree": {"notes": made},
    }


def _library(name: str, version: str, purl: str) -> Json:
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _dependencies(packages: list[Pin], scripts: list[str]) -> list[Json]:
    chosen = [_purl(pin) for pin in packages if any(by.startswith("-r ") for by in pin.asked_for_by)]
    needed = [
        {"ref": _purl(pin), "dependsOn": [_purl(other) for other in packages if pin.name in other.asked_for_by]}
        for pin in packages
    ]
    return [{"ref": WALLBOARD, "dependsOn": chosen + scripts}, *needed, *({"ref": script} for script in scripts)]


def _purl(pin: Pin) -> str:
    return f"pkg:pypi/{pin.name}@{pin.version}"


def _sha256(digest: str) -> Json:
    return {"alg": "SHA-256", "content": digest}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "sbom.json")
