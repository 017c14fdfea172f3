"""The vendor's bodies, their traps, and what is refused."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.samples import answered, body, completed, rang, summary
from wallboard.bodies import Unreadable, _examined, decode, fingerprint
from wallboard.events import Answered, Completed, ComponentPassed, Place, Rang, Summarised
from wallboard.parse import EVENT_TYPES, Reader, Unrecognised

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
READER = Reader(zone=ZoneInfo("Australia/Sydney"), components={"In": ("queue_entered", "Sales")})


def read(given: dict[str, Any], meaning: tuple[str, str] | None = None, received_at: datetime = NOW) -> Any:
    return READER.read(given, received_at, meaning)


def test_twelve_types_are_known() -> None:
    assert len(tuple(EVENT_TYPES)) == 12


@pytest.mark.parametrize("absent", [None, "", "null", "NULL", "  "])
def test_absent_values_come_in_many_spellings(absent: str | None) -> None:
    event = read(rang(queue=absent, caller_name=absent))
    assert event.places == ()
    assert event.caller_name is None


@pytest.mark.parametrize(("given", "expected"), [
    (187, 187_000), ("187", 187_000), ("187.5", 187_500), (0, 0), (None, None), ("null", None), ("", None),
    (-1, None), ("x", None), (True, None), ([1], None), (1e300, None), ("inf", None), ("nan", None),
])  # fmt: skip
def test_durations_come_as_numbers_and_as_strings(given: Any, expected: int | None) -> None:
    assert read(completed() | {"conversation_duration": given}).talk_ms == expected


@pytest.mark.parametrize(("given", "expected"), [
    ("2019-10-01T15:31:15.000Z", datetime(2019, 10, 1, 15, 31, 15, tzinfo=UTC)),
    ("2019-10-01T15:31:15+00:00", datetime(2019, 10, 1, 15, 31, 15, tzinfo=UTC)),
    ("2019-10-01T15:31:15", datetime(2019, 10, 1, 5, 31, 15, tzinfo=UTC)),
    ("2019-10-01 15:31:15", datetime(2019, 10, 1, 5, 31, 15, tzinfo=UTC)),
    ("0001-01-01T00:00:00+14:00", None), ("9999-12-31T23:59:59-14:00", None), ("yesterday", None), (12, None),
])  # fmt: skip
def test_a_time_without_a_zone_is_the_boards(given: Any, expected: datetime | None) -> None:
    event = read(answered() | {"connected_at": given}, received_at=datetime(2019, 10, 1, 16, tzinfo=UTC))
    assert event.connected_at == expected


@pytest.mark.parametrize(("given", "known"), [
    ("2026-11-24T00:59:59Z", True), ("2026-11-24T01:00:01Z", False), ("2025-10-20T00:00:00Z", True),
    ("2025-10-18T00:00:00Z", False), ("1970-01-01T00:00:00Z", False), ("2199-12-31T00:00:00Z", False),
])  # fmt: skip
def test_a_time_far_from_its_arrival_is_not_known(given: str, known: bool) -> None:
    assert (read(rang(call_start_at=given)).call_started_at is not None) == known


def test_the_older_dialect_is_understood() -> None:
    old = {
        "type": "inbound_call_to_user", "unique_call_id": 160455963000, "from_number": "+61290000004",
        "from_name": "Bell & Co", "exten": "1003", "to_number": "+61380000000", "to_name": "Lee Wong",
        "start_at": "2026-11-23T01:00:00.000Z", "queue_name": "Support",
    }  # fmt: skip
    event = read(old)
    assert isinstance(event, Rang)
    assert (event.call_id, event.agent, event.agent_name) == ("160455963000", "1003", "Lee Wong")
    assert (event.caller_number, event.caller_name) == ("+61290000004", "Bell & Co")
    assert event.call_started_at == NOW


def test_a_component_event_names_the_caller_never_an_agent() -> None:
    event = read(body("webhook_component_event", user_name="Caller", user_number="+612", component_name="In"))
    assert isinstance(event, ComponentPassed)
    assert (event.caller_name, event.caller_number) == ("Caller", "+612")
    assert event.entered == Place("queue", "Sales")


def test_the_objects_own_header_wins_over_the_setting() -> None:
    given = body("webhook_component_event", component_name="In")
    event = read(given, ("queue_timeout", "Support"))
    assert (event.entered, event.timed_out) == (None, Place("queue", "Support"))


def test_an_agent_without_a_number_goes_by_name() -> None:
    event = read(rang() | {"user_number": None})
    assert event.agent == "Agent 1002"


def test_any_word_of_status_is_kept_in_lower_case() -> None:
    assert read(summary(status="Overflow")).status == "overflow"


@pytest.mark.parametrize("given", [
    {"type": "user_inbound_missed", "unique_call_id": "1"}, {"unique_call_id": "1"}, {"type": "user_inbound"},
    {"type": "user_inbound", "unique_call_id": "1"}, {"type": "queue_call", "unique_call_id": "1"}, {},
    {"type": ["user_inbound"], "unique_call_id": "1"}, {"type": "webhook_component_event", "unique_call_id": "1"},
])  # fmt: skip
def test_what_cannot_be_understood_is_unrecognised_not_refused(given: dict[str, Any]) -> None:
    assert isinstance(read(given), Unrecognised)


def test_control_and_bidi_characters_are_taken_out() -> None:
    event = read(rang(caller_name="A\r\ndata: x\u202eB\x00\ud800C"))
    assert event.caller_name == "A data: x B C"


@pytest.mark.parametrize(("raw", "reason"), [
    (b"", "not JSON"), (b"{", "not JSON"), (b"1", "not a JSON object"), (b'"x"', "not a JSON object"),
    (b"[1]", "not a JSON object"), (b"null", "not a JSON object"), (b'{"a":NaN}', "NaN"),
    (b'{"a":-Infinity}', "-Infinity"), (b'{"a":1,"a":2}', "duplicate keys"), (b'{"a":{"b":1,"b":1}}', "duplicate"),
    (b'{"a":' + b"[" * 32 + b"]" * 32 + b"}", "deeper than 32"), (b"[" * 200_000, "deeper than 32"), (b"\xff", "UTF-8"),
])  # fmt: skip
def test_what_is_no_json_object_is_unreadable(raw: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        decode(raw)


def test_thirty_two_levels_are_fine() -> None:
    assert decode(b'{"a":' + b"[" * 31 + b"]" * 31 + b"}")


def test_arrays_are_several_events_and_an_empty_one_is_none() -> None:
    assert decode(b'[{"a":1},{"b":2}]') == [{"a": 1}, {"b": 2}]
    assert decode(b"[]") == []
    assert decode(b'\xef\xbb\xbf{"a":1}') == [{"a": 1}]


def test_the_fingerprint_is_of_the_content_not_of_its_spelling() -> None:
    assert fingerprint({"a": 1, "b": "x"}) == fingerprint({"b": "x", "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})
    assert fingerprint({"a": "\ud800"})


def test_a_huge_number_is_no_trouble() -> None:
    event = read(decode(b'{"type":"user_inbound","unique_call_id":1,"user_number":' + b"9" * 5000 + b"}")[0])
    assert isinstance(event, Unrecognised | Rang)


def test_every_sample_is_read() -> None:
    kinds = {type(read(given)) for given in (rang(), answered(), completed(), summary())}
    assert kinds == {Rang, Answered, Completed, Summarised}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(list(EVENT_TYPES)), st.dictionaries(st.sampled_from(sorted(completed())), values))
def test_no_value_in_any_field_raises(kind: str, odd: dict[str, Any]) -> None:
    read(body(kind, component_name="x", recorded_at="y", status="z") | odd | {"type": kind})
    fingerprint(odd)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_unreadable(raw: bytes) -> None:
    with contextlib.suppress(Unreadable):
        assert isinstance(decode(raw), list)


def test_real_bodies_survive_a_round_trip() -> None:
    assert decode(json.dumps(completed()).encode()) == [completed()]


_KEYS = st.sampled_from(["type", "unique_call_id", "a", "b", "ä", ""])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.integers(10**17, 10**60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=6,
)


def _outcome(work: Callable[[bytes], object], raw: bytes) -> str:
    try:
        return repr(work(raw))
    except Unreadable as error:
        return str(error)


@given(st.lists(st.tuples(_KEYS, _VALUES), max_size=5), st.booleans(), st.data())
def test_the_short_way_through_a_plain_body_ends_where_the_long_way_does(
    pairs: list[tuple[str, object]], ascii: bool, data: st.DataObject
) -> None:
    fields = ",".join(f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=ascii)}" for key, value in pairs)
    raw = f"{{{fields}}}".encode("utf-8", "surrogatepass")
    at = data.draw(st.integers(0, len(raw)))
    damaged = raw[:at] + data.draw(st.binary(max_size=2)) + raw[at + data.draw(st.integers(0, 2)) :]
    for sent in (raw, damaged):
        assert _outcome(decode, sent) == _outcome(_examined, sent)


@given(st.dictionaries(_KEYS, _VALUES, max_size=5))
def test_the_order_of_the_fields_does_not_touch_the_fingerprint(body: dict[str, object]) -> None:
    assert fingerprint(body) == fingerprint(dict(reversed(body.items())))
