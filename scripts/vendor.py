"""Fetch the third-party scripts of the board, lower them for old televisions and record their hashes.

What only the tests run goes to tests/vendor/ as it is, and is never served.

    python scripts/vendor.py

Needs node and npm, and npm's own configured registry; nothing else in the project does. Run it only to
change a version below: the files it writes to static/vendor/ are committed, so that a clone, a deploy and
the tests need neither npm nor a network. Why this is so: docs/decisions/2026-11-24-vendored-scripts.md.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

ESBUILD = "0.28.2"
TARGET = "chrome69"
ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "static" / "vendor"
OF_TESTS = ROOT / "tests" / "vendor"


@dataclass(frozen=True)
class Script:
    """One file of one package, and the name under which the board serves it."""

    package: str
    version: str
    licence: str
    source: str
    output: str

    @property
    def banner(self) -> str:
        return f"/*! {self.package} {self.version} | {self.licence} | lowered to {TARGET} */"


SCRIPTS = (
    Script("htmx.org", "2.0.11", "0BSD", "dist/htmx.js", "htmx.js"),
    Script("idiomorph", "0.8.0", "0BSD", "dist/idiomorph-ext.js", "idiomorph-ext.js"),
)
TEST_SCRIPTS = (Script("axe-core", "4.14.1", "MPL-2.0", "axe.min.js", "axe.min.js"),)


def main() -> None:
    for folder in (VENDOR, OF_TESTS):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        modules = install(Path(scratch))
        entries = [vendor(script, modules) for script in SCRIPTS]
        of_tests = [keep(script, modules) for script in TEST_SCRIPTS]
    write_manifest(VENDOR, {"esbuild": ESBUILD, "target": TARGET, "scripts": entries})
    write_manifest(OF_TESTS, {"scripts": of_tests})
    for entry in [*entries, *of_tests]:
        print(f"{entry['output']}: {entry['package']} {entry['version']}, sha256 {entry['output_sha256']}")


def install(scratch: Path) -> Path:
    """The node_modules folder with exactly the pinned versions; no package's install script is run."""
    wanted = [f"{script.package}@{script.version}" for script in (*SCRIPTS, *TEST_SCRIPTS)] + [f"esbuild@{ESBUILD}"]
    options = ["--prefix", str(scratch), "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(["npm", "install", *options, *wanted], check=True)
    return scratch / "node_modules"


def vendor(script: Script, modules: Path) -> dict[str, str]:
    """Write one lowered script; returns its line of the manifest."""
    source = modules / script.package / script.source
    lowered = lower(source, script, modules)
    (VENDOR / script.output).write_bytes(lowered)
    return entry_of(script, source, lowered)


def keep(script: Script, modules: Path) -> dict[str, str]:
    """Write one script of the tests as its package has it; returns its line of the manifest."""
    source = modules / script.package / script.source
    (OF_TESTS / script.output).write_bytes(source.read_bytes())
    return entry_of(script, source, source.read_bytes())


def write_manifest(folder: Path, manifest: dict[str, object]) -> None:
    (folder / "MANIFEST.json").write_text(json.dumps(manifest, indent=2) + "\n")


def entry_of(script: Script, source: Path, written: bytes) -> dict[str, str]:
    return {
        "package": script.package,
        "version": script.version,
        "licence": script.licence,
        "source": script.source,
        "source_sha256": sha256(source.read_bytes()),
        "output": script.output,
        "output_sha256": sha256(written),
    }


def lower(source: Path, script: Script, modules: Path) -> bytes:
    esbuild = modules / "esbuild" / "bin" / "esbuild"
    options = ["--minify", f"--target={TARGET}", "--legal-comments=none", f"--banner:js={script.banner}"]
    command = ["node", str(esbuild), str(source), *options]
    return subprocess.run(command, check=True, capture_output=True).stdout


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    main()
