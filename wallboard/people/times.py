"""When something was, as people's pages say it; knows nothing of what it was."""

from __future__ import annotations

from datetime import datetime, tzinfo

from wallboard.clock import Clock


class Times:
    """In the board's time zone."""

    def __init__(self, clock: Clock, zone: tzinfo) -> None:
        self._clock = clock
        self._zone = zone

    def at(self, moment: datetime) -> str:
        return moment.astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S")

    def ago(self, moment: datetime) -> str:
        """`just now`, `5 min ago`, `3 h ago`, `2 days ago`."""
        seconds = (self._clock.now() - moment).total_seconds()
        if seconds < 60:
            return "just now"
        if seconds < 3600:
            return f"{seconds // 60:.0f} min ago"
        if seconds < 48 * 3600:
            return f"{seconds // 3600:.0f} h ago"
        return f"{seconds // 86_400:.0f} days ago"
