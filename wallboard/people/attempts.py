"""How often a password may be tried, without locking its owner out; knows no account, no cookie and no time of day.

Only what failed counts. A browser that has signed in to the account before has a bucket of its own: an attack on
the account, from however many addresses, keeps out unknown browsers only. All others draw from two buckets at once,
their address's (IPv6: the network's, for a household has 2^64 of them) and the account's.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

import msgspec

_MOST_KEPT = 10_000
_REFILL_SECONDS = 60.0
ADDRESS_BURST, ACCOUNT_BURST, DEVICE_BURST = 10, 30, 10


class Buckets:
    """One bucket per key with `burst` tries, and one more each minute; those that filled again longest ago go first."""

    def __init__(self, burst: int, steady: Callable[[], float], most: int = _MOST_KEPT) -> None:
        self._burst = burst
        self._steady = steady
        self._most = most
        self._empty_since: OrderedDict[str, float] = (
            OrderedDict()
        )  # when it would have been empty, had it never stopped

    def __len__(self) -> int:
        return len(self._empty_since)

    def wait_seconds(self, key: str) -> float:
        """0 if there is a try left, else how long until there is one."""
        return max(0.0, _REFILL_SECONDS - (self._steady() - self._level(key)))

    def take(self, key: str) -> None:
        self._keep(key, self._level(key) + _REFILL_SECONDS)

    def give_back(self, key: str) -> None:
        if key in self._empty_since:
            self._keep(key, self._empty_since[key] - _REFILL_SECONDS)

    def _level(self, key: str) -> float:
        """The moment at which the bucket was, or will be, empty; a full one was so `burst` minutes ago."""
        full = self._steady() - self._burst * _REFILL_SECONDS
        return max(full, self._empty_since.get(key, full))

    def _keep(self, key: str, level: float) -> None:
        self._empty_since[key] = level
        self._empty_since.move_to_end(key)
        while len(self._empty_since) > self._most:
            self._empty_since.popitem(last=False)


class Try(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt. `device` is the browser's id if it has signed in to this account before, else empty."""

    address: str | None
    name: str
    is_account: bool
    device: str = ""


class Attempts:
    """All buckets. Names of accounts have places of their own, so that names made up cannot push them out."""

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._addresses = Buckets(ADDRESS_BURST, steady)
        self._accounts = Buckets(ACCOUNT_BURST, steady)
        self._strange_names = Buckets(ACCOUNT_BURST, steady)
        self._devices = Buckets(DEVICE_BURST, steady)

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

    def _of(self, one: Try) -> list[tuple[Buckets, str]]:
        if one.device:
            return [(self._devices, f"{one.name} {one.device}")]
        names = self._accounts if one.is_account else self._strange_names
        return [(self._addresses, network_of(one.address)), (names, one.name)]


def network_of(address: str | None) -> str:
    """An IPv4 address as it is, an IPv6 address without its last half."""
    try:
        parsed = ip_address(address or "")
    except ValueError:
        return "unknown"
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
