"""The soak's arithmetic on series whose slope is known, and a run of seconds on the real thing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import msgspec
import pytest

from scripts.slopes import fit
from scripts.soak_report import Run
from tests.conftest import ROOT

HOURS = [n / 360 for n in range(360)]


def noise(rng: Random, resemblance: float) -> list[float]:
    errors = [0.0]
    while len(errors) < len(HOURS):
        errors.append(resemblance * errors[-1] + rng.gauss(0, 1))
    return errors


def test_an_exact_line_is_found() -> None:
    (slope,) = fit([3 + 7 * t for t in HOURS], HOURS)
    assert slope.value == pytest.approx(7)
    assert slope.margin == pytest.approx(0, abs=1e-6)


def test_two_causes_are_told_apart() -> None:
    calls = [1000 * t + 100 * (n % 48) for n, t in enumerate(HOURS)]
    per_call, leak = fit([50 + 4 * c + 9 * t for c, t in zip(calls, HOURS, strict=True)], calls, HOURS)
    assert per_call.value == pytest.approx(4)
    assert leak.value == pytest.approx(9)


def test_causes_that_go_together_cannot_be_told_apart() -> None:
    assert not any(slope.margin < 1e9 for slope in fit([1, 2, 3, 5, 4], [1, 2, 3, 4, 5], [10, 20, 30, 40, 50]))


@pytest.mark.parametrize("resemblance", [0.0, 0.5, 0.9])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(resemblance: float) -> None:
    rng = Random(f"slopes {resemblance}")
    held = 0
    for _ in range(100):
        (slope,) = fit([5 * t + e for t, e in zip(HOURS, noise(rng, resemblance), strict=True)], HOURS)
        held += slope.low <= 5 <= slope.high
    assert held >= 87


def test_what_does_not_move_is_flat() -> None:
    (slope,) = fit([812.0] * len(HOURS), HOURS)
    assert (slope.value, slope.holds_zero) == (0, True)


def soak(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.soak", *arguments]
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, timeout=120, check=False)


def test_a_short_run_reports_and_can_be_reported_again(tmp_path: Path) -> None:
    out = tmp_path / "soak.json"
    ended = soak("15", "--viewers", "20", "--every", "0.5", "--out", str(out))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    run = msgspec.json.decode(out.read_bytes(), type=Run)
    assert (run.lost, run.dropped, run.complaints) == (0, 0, [])
    assert run.acknowledged > 100
    assert run.samples[-1].viewers > 0
    assert run.samples[-1].tasks > 0
    again = soak("--report", str(out))
    assert again.stdout in ended.stdout
    assert "server memory over a new server's" in again.stdout
