"""The vendored scripts are what the manifest says, and old televisions can parse them and ours."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from scripts import vendor

STATIC = Path(__file__).resolve().parent.parent / "static"
MANIFEST = json.loads((STATIC / "vendor" / "MANIFEST.json").read_text())
VENDORED = [STATIC / "vendor" / entry["output"] for entry in MANIFEST["scripts"]]
OF_TESTS = STATIC.parent / "tests" / "vendor"
OWN = sorted(STATIC.glob("*.js"))

TOO_NEW = {
    "optional chaining": r"\?\.(?!\d)",
    "nullish coalescing": r"\?\?",
    "logical assignment": r"(?:\|\||&&)=",
    "numeric separators": r"\b\d+_\d",
    "replaceAll": r"\.replaceAll\(",
    "at": r"\.at\(",
    "replaceChildren": r"\.replaceChildren\(",
    "structuredClone": r"\bstructuredClone\b",
    "static blocks and fields": r"\bstatic\s+\w+\s*=|\bstatic\s*\{",
    "private members": r"\bthis\.#",
    "dynamic import": r"\bimport\s*\(",
}


def without_comments(script: Path) -> str:
    return re.sub(r"^\s*//.*$", "", script.read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("entry", MANIFEST["scripts"], ids=lambda entry: str(entry["output"]))
def test_a_vendored_script_is_the_one_in_the_manifest(entry: dict[str, str]) -> None:
    script = (STATIC / "vendor" / entry["output"]).read_bytes()
    assert hashlib.sha256(script).hexdigest() == entry["output_sha256"]
    assert f"{entry['package']} {entry['version']}".encode() in script[:100]


def test_what_only_the_tests_run_is_the_one_in_the_manifest_and_is_not_served() -> None:
    entries = json.loads((OF_TESTS / "MANIFEST.json").read_text())["scripts"]
    for entry in entries:
        script = (OF_TESTS / entry["output"]).read_bytes()
        assert hashlib.sha256(script).hexdigest() == entry["output_sha256"]
        assert f"axe v{entry['version']}".encode() in script[:100]
        assert not list(STATIC.rglob(entry["output"]))


@pytest.mark.parametrize("folder", [STATIC / "vendor", OF_TESTS], ids=["served", "of the tests"])
def test_nothing_is_vendored_that_the_manifest_does_not_name(folder: Path) -> None:
    named = {entry["output"] for entry in json.loads((folder / "MANIFEST.json").read_text())["scripts"]}
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == named | {"MANIFEST.json"}


def test_the_manifests_record_what_the_script_that_fetches_would_fetch() -> None:
    for folder, scripts in ((STATIC / "vendor", vendor.SCRIPTS), (OF_TESTS, vendor.TEST_SCRIPTS)):
        entries = json.loads((folder / "MANIFEST.json").read_text())["scripts"]
        wanted = [asdict(script) for script in scripts]
        assert [{name: entry[name] for name in wanted[0]} for entry in entries] == wanted
        assert all(re.fullmatch(r"[0-9a-f]{64}", entry["source_sha256"]) for entry in entries)


@pytest.mark.parametrize("script", VENDORED + OWN, ids=lambda script: script.name)
@pytest.mark.parametrize("feature", TOO_NEW)
def test_no_script_uses_what_the_oldest_television_cannot_parse(script: Path, feature: str) -> None:
    found = re.search(TOO_NEW[feature], without_comments(script))
    assert found is None, f"{feature} in {script.name}: {found}"


@pytest.mark.parametrize(
    "feature",
    [
        r"\bclamp\(",
        r"\bmin\(",
        r"\bmax\(",
        r":is\(",
        r":where\(",
        r":has\(",
        r"@layer",
        r"@container",
        r"\binset:",
        r"aspect-ratio:\s",
        r"\boklch\(",
        r"[^-]\bgap:",
        r"&",
    ],
)
def test_the_style_sheet_uses_nothing_that_the_oldest_television_ignores(feature: str) -> None:
    rules = re.sub(r"/\*.*?\*/", "", (STATIC / "board.css").read_text(), flags=re.DOTALL)
    rules = re.sub(r"@media[^{]*", "", rules)
    assert re.search(feature, rules) is None
