"""How often a password may be tried: an attacker is slowed down, and nobody's own browser is locked out."""

from __future__ import annotations

import pytest

from tests.watch import Watch
from wallboard.access.origins import network_of
from wallboard.allowances import Allowances
from wallboard.people.attempts import Attempts, Try


@pytest.fixture
def steady() -> Watch:
    return Watch()


@pytest.fixture
def attempts(steady: Watch) -> Attempts:
    return Attempts(steady)


def tries(attempts: Attempts, one: Try, most: int = 1_000) -> int:
    """How many wrong passwords can be tried right now."""
    for count in range(most):
        if attempts.wait_seconds(one) > 0:
            return count
        attempts.take(one)
    return most


ATTACKER = Try(address="198.51.100.1", name="robin", is_account=True)


def test_an_address_has_ten_tries_and_then_one_a_minute(attempts: Attempts, steady: Watch) -> None:
    assert tries(attempts, ATTACKER) == 10
    assert attempts.wait_seconds(ATTACKER) == pytest.approx(60)
    steady.seconds += 59
    assert tries(attempts, ATTACKER) == 0
    steady.seconds += 1
    assert tries(attempts, ATTACKER) == 1
    steady.seconds += 86_400
    assert tries(attempts, ATTACKER) == 10


def test_one_account_from_many_addresses_has_thirty(attempts: Attempts) -> None:
    made = [Try(address=f"198.51.100.{n}", name="robin", is_account=True) for n in range(200)]
    assert sum(tries(attempts, one, 1) for one in made) == 30


def test_a_browser_that_was_signed_in_before_is_not_locked_out_by_an_attack(attempts: Attempts) -> None:
    for n in range(200):
        tries(attempts, Try(address=f"198.51.100.{n}", name="robin", is_account=True))
    own = Try(address="198.51.100.1", name="robin", is_account=True, device="0123")
    assert attempts.wait_seconds(own) == 0
    assert tries(attempts, own) == 10, "nor is it a way around"


def test_who_signs_in_rightly_uses_nothing_up(attempts: Attempts) -> None:
    for _ in range(500):
        assert attempts.wait_seconds(ATTACKER) == 0
        attempts.take(ATTACKER)
        attempts.give_back(ATTACKER)


def test_many_at_once_count_before_any_of_them_is_answered(attempts: Attempts) -> None:
    for _ in range(10):
        attempts.take(ATTACKER)
    assert attempts.wait_seconds(ATTACKER) > 0


def test_a_name_that_nobody_has_is_slowed_down_alike(attempts: Attempts) -> None:
    made = [Try(address=f"198.51.100.{n}", name="nobody", is_account=False) for n in range(200)]
    assert sum(tries(attempts, one, 1) for one in made) == 30


def test_made_up_names_do_not_empty_an_accounts_bucket(attempts: Attempts) -> None:
    for n in range(30):
        attempts.take(Try(address=f"198.51.100.{n}", name="robin", is_account=True))
    for n in range(30_000):
        attempts.take(Try(address=f"2001:db8:{n % 65_536:x}::1", name=f"made up {n}", is_account=False))
    assert attempts.wait_seconds(Try(address="192.0.2.1", name="robin", is_account=True)) > 0


def test_what_is_kept_is_bounded(steady: Watch) -> None:
    buckets = Allowances(10, 1 / 60, steady, most=100)
    for n in range(10_000):
        buckets.take(str(n))
    assert len(buckets) == 100


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        (None, "unknown"),
        ("nonsense", "unknown"),
    ],
)
def test_a_household_is_one_network(address: str | None, network: str) -> None:
    assert network_of(address) == network
