"""A body that is read at once, typed, says the same as one that is read field by field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import floors
from tests.hostile import corpus
from tests.samples import START, abandoned, answered, completed, missed, rang, summary
from wallboard import plain
from wallboard.bodies import Body, Unreadable, decode
from wallboard.parse import EVENT_TYPES, Reader, type_of

NOW = START
READER = Reader(zone=ZoneInfo("Australia/Sydney"), components={"In": ("queue_entered", "Sales")})
FIELDS = (
    "unique_call_id", "call_start_at", "caller_id", "caller_name", "dest_number", "queue_name", "ring_group_name",
    "user_number", "user_name", "status", "connected_at", "call_duration", "conversation_duration", "from_number",
    "exten", "start_at", "to_name", "audio_file", "component_name", "recorded_at",
)  # fmt: skip
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=12),
    st.text("ab \u202e\u200b\x07", max_size=9).map(lambda text: f"{text:x>210}"),
    st.lists(st.text(max_size=3), max_size=2),
    st.sampled_from([
        "", "null", "NULL", " null ", "Sales", "1001", "187", "1e3", "inf", "2026-11-23T01:00:00Z", 1, 1.0, True,
        0, -0.0, 10**30, "2026-11-23 12:00:00", "0001-01-01T00:00:00+14:00", "2019-11-23T01:00:00+11:00", "\ud800",
        "+61290000001",
    ]),
)  # fmt: skip
PLAIN = (rang(), answered(), completed(), missed(), summary(), abandoned(), rang(queue=None), summary(agent=None))


def same(body: Body, now: datetime = NOW) -> None:
    """Both ways, twice: what is remembered of the first time may not change the second."""
    for _ in range(2):
        assert repr(READER.read(body, now)) == repr(READER.read_patiently(type_of(body), body, now))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first text waits for a table of characters
@given(
    st.sampled_from(PLAIN),
    st.sampled_from((*EVENT_TYPES, "inbound_call_to_user", "other")),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5),
    st.sets(st.sampled_from(FIELDS), max_size=3),
)
def test_any_body_says_the_same_both_ways(body: Body, kind: str, odd: dict[str, Any], absent: set[str]) -> None:
    changed = body | {"type": kind} | odd
    same({name: value for name, value in changed.items() if name not in absent})


def test_hostile_bodies_say_the_same_both_ways() -> None:
    read = 0
    for case in corpus():
        try:
            bodies = decode(case.raw)
        except Unreadable:
            continue
        for body in bodies:
            same(body)
            read += 1
    assert read > 100


@pytest.mark.parametrize("seed", range(3))
def test_a_floors_bodies_are_read_at_once_and_say_the_same(seed: int) -> None:
    told = [(at, body) for at, body in floors.deliveries(floors.by_time(floors.floor(seed, 20)))]
    at_once = 0
    for at, body in told:
        same(body, at)
        at_once += plain.read(type_of(body), body, READER.zone, at) is not None
    assert at_once > len(told) / 2


def test_a_body_as_the_pbx_documents_it_is_read_at_once() -> None:
    assert all(plain.read(type_of(body), body, UTC, NOW) is not None for body in PLAIN)
