"""How much is measured: all of it, a short form for development, and a tiny one that only shows that it runs."""

from __future__ import annotations

import msgspec


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """`events` are those of the journal that is folded, `calls` those of the long day."""

    name: str
    runs: int
    seconds: float
    storm_seconds: float
    warm_seconds: float
    viewers: int
    many_viewers: int
    rate: float = 50.0
    storm_rate: float = 500.0
    connections: int = 64
    boards: int = 50
    events: int
    calls: int
    floor: str = "huge"
    yardsticks: tuple[str, ...] = ("nchan", "better-sse", "sse-starlette", "Jinja per viewer")


FULL = Size(
    name="full", runs=3, seconds=10, storm_seconds=60, warm_seconds=1, viewers=1000, many_viewers=4000,
    events=1_000_000, calls=100_000,
)  # fmt: skip
SHORT = Size(
    name="short", runs=1, seconds=4, storm_seconds=8, warm_seconds=0.5, viewers=1000, many_viewers=2000,
    events=50_000, calls=10_000,
)  # fmt: skip
TINY = Size(
    name="tiny", runs=1, seconds=0.3, storm_seconds=0.3, warm_seconds=0.1, viewers=4, many_viewers=6, rate=20,
    storm_rate=40, connections=4, boards=2, events=400, calls=300, floor="small", yardsticks=("sse-starlette",),
)  # fmt: skip
