"""Many processes on one PostgreSQL agree to the byte, and what looks for misses finds them where there are some."""

from __future__ import annotations

import asyncio

import pytest

from tests import many

pytestmark = pytest.mark.alone


def test_8_writers_4_processes_and_no_end_of_trouble_and_nothing_is_missed_or_doubled() -> None:
    result = asyncio.run(many.run(4_000))
    assert result.sound, result
    assert result.account.sent == 4_000
    assert len(result.account.acknowledged) > 2_000, result
    assert result.rolled_back > 0
    assert result.terminated > 0
    assert result.kills > 0


def test_a_build_without_the_lock_is_found_out() -> None:
    result = asyncio.run(many.run(1_000, build="tests.lockless"))
    assert not result.agrees, result
    assert any(entries > 0 for entries in result.missed), result
