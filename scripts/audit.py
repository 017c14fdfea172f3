"""Asks pip-audit about every pin, and says plainly what came of it; what could not be asked has not passed.

    python -m scripts.audit

Exit status 1: something pinned has a known vulnerability. 2: the question was not answered for every pin.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from scripts.pins import PINNED, ROOT, Pin, pins

PIP_AUDIT = ROOT / ".venv-audit" / "bin" / "pip-audit"
REPORT = ROOT / "build" / "audit.json"


def main() -> int:
    wanted = list({pin.name: pin for name in PINNED for pin in pins(name)}.values())
    status, verdict = judge(ask(wanted, REPORT), wanted)
    print(verdict)
    return status


def ask(wanted: list[Pin], report: Path) -> str:
    """pip-audit's report, or nothing where it wrote none."""
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    asked = report.with_name("audited.txt")
    # Without their markers, for pip-audit passes over what this machine would not install.
    asked.write_text("".join(f"{pin.name}=={pin.version} --hash={pin.hashes[0]}\n" for pin in wanted))
    options = ["--disable-pip", "--progress-spinner=off", "--format=json", f"--output={report}"]
    command = [str(PIP_AUDIT), *options, "--requirement", str(asked)]
    ran = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    if report.exists():
        return report.read_text()
    print("\n".join(ran.stderr.strip().splitlines()[-3:]), file=sys.stderr)
    return ""


def judge(report: str, wanted: list[Pin]) -> tuple[int, str]:
    """The exit status and the words for it."""
    told = json.loads(report)["dependencies"] if report else []
    vulnerable = [_told(package, flaw) for package in told for flaw in package.get("vulns", [])]
    answered = {(package["name"], package["version"]) for package in told if "vulns" in package}
    unanswered = [pin.name for pin in wanted if (pin.name, pin.version) not in answered]
    if vulnerable or unanswered:
        return 1 if vulnerable else 2, "\n".join([*vulnerable, *_not_audited(unanswered, len(wanted))])
    return 0, f"No known vulnerability in {len(wanted)} pins."


def _told(package: dict[str, Any], flaw: dict[str, Any]) -> str:
    mended = ", ".join(flaw["fix_versions"]) or "no release yet"
    return f"VULNERABLE: {package['name']} {package['version']}, {flaw['id']}; mended in {mended}"


def _not_audited(names: list[str], of: int) -> list[str]:
    if not names:
        return []
    some = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return [
        f"NOT AUDITED: {len(names)} of {of} pins got no answer from the vulnerability service ({some}).",
        "Run this where the service can be reached; until then nothing is known about them.",
    ]


if __name__ == "__main__":
    raise SystemExit(main())
