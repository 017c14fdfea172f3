"""What televisions were asked to do and have perhaps not heard; knows no report, no HTTP and no page.

Commands are sent by the board's stream at once and handed out again with the answer to the next report, for a screen
whose stream is swallowed; each names the load of the page that it is meant for, so that none is obeyed twice or after a
reload. Other processes are told of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from wallboard.commons import Commons

COMMAND_SECONDS = 60.0
MOST_COMMANDS = 5
_KIND = "tv_order"
_RELAYED_WITHIN_SECONDS = 10.0

Order = Literal["reload", "identify", "rename", "move"]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that one television shall do; only the load `page` obeys it (`rename`: any)."""

    id: str
    tv: str
    do: Order
    page: str = ""
    name: str = ""


class Orders:
    """The last `MOST_COMMANDS` of each television, void after `COMMAND_SECONDS`."""

    def __init__(
        self,
        steady: Callable[[], float],
        commons: Commons,
        kept: Callable[[Command], None],
        relay: Callable[[Command], None],
    ) -> None:
        """`kept` hears of every command, `relay` sends one that was given in another process by the streams of this."""
        self._steady = steady
        self._commons = commons
        self._kept = kept
        self._relay = relay
        self._all: dict[str, dict[str, tuple[float, Command]]] = {}
        commons.hear(_KIND, self._take)

    def give(self, command: Command) -> None:
        self._keep(command, self._steady())
        self._commons.tell(_KIND, command.id, msgspec.json.encode(command), COMMAND_SECONDS)

    def hand_out(self, tv: str, page: str) -> tuple[Command, ...]:
        """What it was asked and has perhaps not heard; a load of the page that came later is not meant."""
        meant = tuple(command for command in self._still(tv) if command.page == page)
        for known in self._all.pop(tv, {}):
            self._commons.tell(_KIND, known, None, COMMAND_SECONDS)
        return meant

    def asked(self, tv: str) -> tuple[Order, ...]:
        return tuple(command.do for command in self._still(tv))

    def name_of(self, tv: str) -> str | None:
        """The last name that it was given."""
        given = [command.name for _, command in self._all.get(tv, {}).values() if command.do == "rename"]
        return given[-1] if given else None

    def forget(self, tv: str) -> None:
        self._all.pop(tv, None)

    def _still(self, tv: str) -> list[Command]:
        now = self._steady()
        return [command for at, command in self._all.get(tv, {}).values() if now - at < COMMAND_SECONDS]

    def _keep(self, command: Command, at: float) -> None:
        orders = self._all.setdefault(command.tv, {})
        orders[command.id] = (at, command)
        while len(orders) > MOST_COMMANDS:
            del orders[next(iter(orders))]
        self._kept(command)

    def _take(self, key: str, value: bytes | None, ago: float) -> None:
        if value is None:
            for orders in self._all.values():
                orders.pop(key, None)
            return
        command = msgspec.json.decode(value, type=Command)
        self._keep(command, self._steady() - ago)
        if ago < _RELAYED_WITHIN_SECONDS:
            self._relay(command)
