"""A steady clock that a test turns by hand."""

from __future__ import annotations


class Watch:
    """Called like `time.monotonic`."""

    def __init__(self, seconds: float = 1_000.0) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds
