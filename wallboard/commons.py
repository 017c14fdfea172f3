"""What all processes know for a short while, such as a code on a screen, by its kind and key; knows not what it is.

Whoever owns a kind keeps its own memory, tells of each change, and hears of those that were made elsewhere. Where there
is one process alone, nobody is told.
"""

from __future__ import annotations

from collections.abc import Callable

Take = Callable[[str, bytes | None, float], None]
"""Hears of a change: the key, the value (`None`: it is gone), and how many seconds ago it was told elsewhere."""


class Commons:
    """One process's end of it; this is that of a process alone."""

    def hear(self, kind: str, take: Take) -> None:
        """Has `take` told of every change of this kind that is made elsewhere; the newest of a key is enough."""

    def tell(self, kind: str, key: str, value: bytes | None, seconds: float) -> None:
        """All others know of it a moment later. It is forgotten after so many seconds. Never waits and never fails."""

    async def settle(self) -> bool:
        """When this returns, what was told here can be known elsewhere; False if it cannot be told just now."""
        return True

    async def refresh(self) -> bool:
        """When this returns, what was settled elsewhere before is known here; False if it cannot be asked for."""
        return True

    async def run(self) -> None:
        """Carries it to and fro."""

    async def close(self) -> None:
        """Lets go of the database."""
