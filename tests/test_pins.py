"""Every package is pinned with its hashes, the lists and the pins agree, and no audit passes unasked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from scripts import audit, pins, sbom
from scripts.pins import DEV, PINNED, ROOT, RUNTIME, Pin, Unpinned

HOSTS_AND_PATHS = re.compile(r"https?:|file:|\s@\s|^\s*--(?!hash=sha256:[0-9a-f]{64})|(?<!hash)[=\s]/", re.MULTILINE)


def chosen(name: str) -> dict[str, str]:
    """The names and versions of a list that people write."""
    lines = (ROOT / name).read_text().splitlines()
    kept = (line.partition(" ;")[0] for line in lines if line and not line.startswith(("#", "-")))
    return dict(line.split("==") for line in kept)


def pinned(name: str) -> dict[str, str]:
    return {pin.name: pin.version for pin in pins.pins(name)}


@pytest.mark.parametrize("name", PINNED)
def test_each_line_is_a_version_with_hashes_and_names_no_host_and_no_path(name: str) -> None:
    assert len(pins.pins(name)) > len(chosen(name.replace(".txt", ".in")))
    assert HOSTS_AND_PATHS.findall((ROOT / name).read_text()) == []


@pytest.mark.parametrize("name", PINNED)
def test_what_we_chose_is_what_is_pinned_after_make_pins(name: str) -> None:
    ours = chosen(name.replace(".txt", ".in"))
    assert ours.items() <= pinned(name).items()
    asked = {pin.name for pin in pins.pins(name) if any(by.startswith("-r ") for by in pin.asked_for_by)}
    brought = {**chosen("requirements.in"), **chosen("requirements-oidc.in")} if name == DEV else {}
    assert asked == {*ours, *brought}


def test_the_files_agree_about_every_version() -> None:
    assert pinned(RUNTIME).items() <= pinned(DEV).items()
    for name in PINNED:
        assert {n: v for n, v in pinned(name).items() if n in pinned(DEV)}.items() <= pinned(DEV).items()


def test_the_server_is_tested_with_the_versions_that_are_pinned() -> None:
    installed = {}
    for pin in pins.pins(DEV):
        try:
            installed[pin.name] = version(pin.name)
        except PackageNotFoundError:
            assert pin.marker, f"{pin.name} is pinned but not installed"
    assert installed.items() <= pinned(DEV).items()


@pytest.mark.parametrize("line", ["click", "click==8.5.1", "click>=8 \\\n    --hash=sha256:" + "0" * 64, "-e ."])
def test_a_line_that_pins_nothing_is_refused(line: str) -> None:
    with pytest.raises(Unpinned):
        pins.parse(line)


def test_pip_refuses_a_package_whose_bytes_are_others(tmp_path: Path) -> None:
    """The check that all the hashes are for: with a wrong one nothing is installed."""
    (tmp_path / "wallboard_probe-1-py3-none-any.whl").write_bytes(b"other bytes")
    wanted = tmp_path / "requirements.txt"
    wanted.write_text(f"wallboard-probe==1 --hash=sha256:{'0' * 64}\n")
    command = [sys.executable, "-m", "pip", "install", "--isolated", "--no-index", f"--find-links={tmp_path}",
               "--dry-run", "--require-hashes", f"--requirement={wanted}"]  # fmt: skip
    ran = subprocess.run(command, text=True, capture_output=True, check=False)
    assert ran.returncode != 0
    assert "DO NOT MATCH THE HASHES" in ran.stderr


# --- the bill of materials -----------------------------------------------------------------------------


def test_the_bill_names_every_pin_and_every_vendored_script_with_its_hash() -> None:
    bill = sbom.bill()
    components = {component["purl"]: component for component in bill["components"]}
    assert len(components) == len(bill["components"])
    for pin in pins.pins(RUNTIME):
        files = components.pop(f"pkg:pypi/{pin.name}@{pin.version}")["externalReferences"][0]["hashes"]
        assert [f"sha256:{file['content']}" for file in files] == list(pin.hashes)
    manifest = json.loads(sbom.MANIFEST.read_text())["scripts"]
    assert {purl: c["hashes"][0]["content"] for purl, c in components.items()} == {
        f"pkg:npm/{entry['package']}@{entry['version']}": entry["output_sha256"] for entry in manifest
    }


def test_the_bill_leads_from_the_wallboard_to_everything() -> None:
    bill = sbom.bill()
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in bill["dependencies"]}
    reached, ahead = set(), ["wallboard"]
    while ahead:
        ref = ahead.pop()
        if ref not in reached:
            reached.add(ref)
            ahead += needs[ref]
    assert reached == {"wallboard", *(component["bom-ref"] for component in bill["components"])}
    assert sbom.bill() == bill


# --- the audit -----------------------------------------------------------------------------------------

TWO = [Pin("a", "1", None, ("sha256:x",), ()), Pin("b", "2", None, ("sha256:y",), ())]
SOUND = {"name": "a", "version": "1", "vulns": []}
FLAWED = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
SKIPPED = {"name": "b", "skip_reason": "not found"}
REPORTS = {
    "all sound": ([SOUND, {**FLAWED, "vulns": []}], 0, "No known vulnerability in 2 pins."),
    "a flaw": ([SOUND, FLAWED], 1, "VULNERABLE: b 2, CVE-1; mended in 3"),
    "one passed over": ([SOUND, SKIPPED], 2, "NOT AUDITED: 1 of 2"),
    "one not mentioned": ([SOUND], 2, "NOT AUDITED: 1 of 2"),
    "another version": ([SOUND, {**FLAWED, "version": "9", "vulns": []}], 2, "NOT AUDITED: 1 of 2"),
    "a flaw and one passed over": ([FLAWED, {"name": "a", "skip_reason": "x"}], 1, "NOT AUDITED: 1 of 2"),
}


@pytest.mark.parametrize("case", REPORTS)
def test_an_audit_passes_only_when_every_pin_was_answered_for(case: str) -> None:
    packages, status, words = REPORTS[case]
    told = audit.judge(json.dumps({"dependencies": packages}), TWO)
    assert told[0] == status
    assert words in told[1]


def test_an_audit_without_a_report_has_not_passed() -> None:
    status, words = audit.judge("", TWO)
    assert (status, words.splitlines()[0]) == (
        2, "NOT AUDITED: 2 of 2 pins got no answer from the vulnerability service (a, b).",
    )  # fmt: skip
