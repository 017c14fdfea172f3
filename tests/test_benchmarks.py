"""`make bench` still runs: every suite that needs no browser, so small that no figure means anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks.figures import Figure, Peer, Report, Suite, meets, spread, table
from tests.conftest import ROOT

GROUPS = [["fanout", "glass", "ingest", "render", "idle"], ["fold", "restart", "memory"], ["scale"]]


@pytest.mark.parametrize("suites", GROUPS, ids="-".join)
def test_the_suites_print_a_table_and_keep_json(suites: list[str], tmp_path: Path) -> None:
    kept = tmp_path / "bench.json"
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--out", str(kept), *suites]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = msgspec.json.decode(kept.read_bytes(), type=Report)
    assert [suite.name for suite in report.suites] == suites
    assert all(suite.figures for suite in report.suites)
    assert report.machine["starlette"]
    for suite in report.suites:
        for figure in suite.figures:
            assert f"| {suite.name}: {figure.what} " in done.stdout
    assert "Nothing was lost" in done.stdout


def test_the_median_of_the_runs_is_compared_with_the_median_of_the_peers() -> None:
    figure = Figure(what="a delivery", unit="us", runs=[9.0, 5.0, 6.0])
    assert meets(figure, Peer("nchan", [5.0, 5.0, 90.0], most=1.2)) is True
    assert meets(figure, Peer("nchan", [4.9], most=1.2)) is False
    assert meets(figure, Peer("nchan", [1.0], most=1.2, or_under=20.0)) is True
    assert meets(figure, Peer("bare", [10.0], least=0.6)) is True
    assert meets(figure, Peer("bare", [10.1], least=0.6)) is False
    assert meets(figure, Peer("nchan", [1.0])) is None


@pytest.mark.parametrize(
    ("runs", "said"), [([4.0], "4 ms"), ([3.0, 100.2, 4.26], "4.26 ms (3–100)"), ([12345.0], "12,345 ms")]
)
def test_a_figure_is_a_median_with_its_spread(runs: list[float], said: str) -> None:
    assert spread(runs, "ms") == said


def test_a_missed_target_and_a_loss_are_said() -> None:
    missed = Figure(what="idle", unit="%", runs=[4.0], most=3.0)
    printed = table([Suite("idle", [missed], wrong=["3 changes were not shown to a viewer"])])
    assert "| ≤ 3 %  | NO  |" in printed
    assert "WRONG in idle: 3 changes" in printed
    assert "Nothing was lost" not in printed
