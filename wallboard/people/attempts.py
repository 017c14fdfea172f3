"""How often a password may be tried, without locking its owner out; knows no account, no cookie and no time of day.

Only what failed counts. A browser that has signed in to the account before has a bucket of its own: an attack on
the account, from however many addresses, keeps out unknown browsers only. All others draw from two buckets at once,
their address's (IPv6: the network's, for a household has 2^64 of them) and the account's.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from wallboard.access.origins import network_of
from wallboard.allowances import Allowances

_PER_SECOND = 1 / 60
ADDRESS_BURST, ACCOUNT_BURST, DEVICE_BURST = 10, 30, 10


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. `device` is the browser's id if it has signed in to this account before, else empty."""

    address: str | None
    name: str
    is_account: bool
    device: str = ""


class Attempts:
    """Names of accounts have places of their own, so that names made up cannot push them out."""

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._addresses = Allowances(ADDRESS_BURST, _PER_SECOND, steady)
        self._accounts = Allowances(ACCOUNT_BURST, _PER_SECOND, steady)
        self._strange_names = Allowances(ACCOUNT_BURST, _PER_SECOND, steady)
        self._devices = Allowances(DEVICE_BURST, _PER_SECOND, steady)

    def wait_seconds(self, one: Try) -> float:
        """How long until this may be tried; 0 is now."""
        return max(buckets.wait_seconds(key) for buckets, key in self._of(one))

    def take(self, one: Try) -> None:
        """Before the password is compared, so that many at once count as well."""
        for buckets, key in self._of(one):
            buckets.take(key)

    def give_back(self, one: Try) -> None:
        """The password was right."""
        for buckets, key in self._of(one):
            buckets.give_back(key)

    def _of(self, one: Try) -> list[tuple[Allowances, str]]:
        if one.device:
            return [(self._devices, f"{one.name} {one.device}")]
        names = self._accounts if one.is_account else self._strange_names
        return [(self._addresses, network_of(one.address)), (names, one.name)]
