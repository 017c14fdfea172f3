"""All suites, or those named: `python -m benchmarks [--short] [SUITE ...]`, or `make bench`; one table at the end."""

from __future__ import annotations

from benchmarks import browser, fanout, fold, glass, idle, ingest, memory, render, restart, scale
from benchmarks.command import Measure, main

SUITES: dict[str, Measure] = {
    "fanout": fanout.measure,
    "glass": glass.measure,
    "ingest": ingest.measure,
    "fold": fold.measure,
    "restart": restart.measure,
    "memory": memory.measure,
    "render": render.measure,
    "idle": idle.measure,
    "scale": scale.measure,
    "browser": browser.measure,
}

if __name__ == "__main__":
    main(__doc__, SUITES, choose=True)
