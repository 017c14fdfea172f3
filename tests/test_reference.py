"""Pins the reference board to the document by numbers worked out by hand; knows nothing of the real one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import floors
from tests.floors import BASE_AT, Body, Stream, deliveries, shuffled_with_repetitions
from tests.reference import Options, board

START = "2026-11-23T00:00:00.000Z"  # BASE_AT
OPTIONS = Options(components=floors.COMPONENTS)


def said(kind: str, agent: str | None = None, call: str = "1", **more: Any) -> Body:
    body = {"type": kind, "unique_call_id": call, "call_start_at": START, "user_number": agent}
    return body | {"caller_id": "+61290000001", "dest_number": "+61380000000"} | more


def moment(offset: float) -> str:
    return (BASE_AT + timedelta(seconds=offset)).isoformat()


def ring(agent: str, queue: str | None = "Sales", **more: Any) -> Body:
    return said("user_inbound", agent, queue_name=queue, **more)


def answer(agent: str, at: float, queue: str | None = "Sales", **more: Any) -> Body:
    return said("user_inbound_answered", agent, queue_name=queue, connected_at=moment(at), **more)


def miss(agent: str, end: float | None, queue: str | None = "Sales", **more: Any) -> Body:
    lasted: Body = {"call_duration": end, "conversation_duration": "0", "connected_at": "null"}
    return said("user_inbound_completed", agent, queue_name=queue, **lasted, **more)


def hang_up(agent: str, answered: float, end: float, queue: str | None = "Sales", **more: Any) -> Body:
    lasted: Body = {"call_duration": end, "conversation_duration": str(end - answered)}
    named: Body = {"queue_name": queue, "connected_at": moment(answered)}
    return said("user_inbound_completed", agent, **named, **lasted, **more)


def summary(status: str, end: float, queue: str = "Sales", **more: Any) -> Body:
    return said("queue_call", queue_name=queue, status=status, call_duration=end, **more)


def shown(*items: tuple[float, Body], now: float | None = None, options: Options = OPTIONS) -> dict[str, Any]:
    at = items[-1][0] if now is None else now
    return board(deliveries(list(items)), options, BASE_AT + timedelta(seconds=at))


def in_turn(*bodies: Body, now: float | None = None, options: Options = OPTIONS) -> dict[str, Any]:
    """One body each second."""
    return shown(*enumerate(bodies), now=now, options=options)


def subset(whole: Mapping[str, Any], **names: Any) -> bool:
    return {name: whole[name] for name in names} == names


def test_one_missed_ring_then_an_answer_in_a_queue() -> None:
    told = {"connected_at": moment(21), "conversation_duration": "180", "user_number": "1002"}
    state = in_turn(
        ring("1001"), miss("1001", 12), ring("1002"), answer("1002", 21), hang_up("1002", 21, 201),
        summary("answered", 201, **told),
    )  # fmt: skip
    assert state["calls"]["1"]["outcome"] == "answered"
    assert state["calls"]["1"]["offers"] == {
        "1001": {"state": "ended", "result": "missed"},
        "1002": {"state": "ended", "result": "answered"},
    }
    assert state["agents"]["1001"]["today"] == {"answered": 0, "missed": 1, "outbound": 0, "talk_seconds": 0}
    assert state["agents"]["1002"]["today"] == {
        "answered": 1,
        "missed": 0,
        "outbound": 0,
        "talk_seconds": 180,
    }
    assert state["queues"]["Sales"]["today"] == {
        "offered": 1, "answered": 1, "abandoned": 0, "unanswered": 0, "open": 0, "short_abandoned": 0,
        "service_level": 0.0, "abandon_rate": 0.0, "average_speed_of_answer": 21.0,
        "average_handle_time": 180.0, "longest_wait_today": 21.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("end", "result"),
    [(17, "missed"), (18, "answered_elsewhere"), (22, "answered_elsewhere"), (None, "answered_elsewhere")],
)
def test_a_ring_that_ends_within_two_seconds_of_the_answer_went_elsewhere(
    end: float | None, result: str
) -> None:
    state = in_turn(ring("1001"), ring("1002"), answer("1002", 20), miss("1001", end))
    assert state["calls"]["1"]["offers"]["1001"]["result"] == result
    assert state["agents"]["1001"]["today"]["missed"] == (1 if result == "missed" else 0)


def test_an_answer_silences_the_others_at_once_and_a_late_ring_rings_nobody() -> None:
    state = in_turn(ring("1001"), ring("1002"), answer("1002", 2), ring("1003"))
    assert {n: a["state"] for n, a in state["agents"].items()} == {
        "1001": "idle",
        "1002": "talking",
        "1003": "idle",
    }
    assert subset(state["queues"]["Sales"], waiting=0, ringing=0, talking=1)
    assert subset(state["totals"]["inbound"], offered=1, answered=1, open=0)


def test_being_rung_again_by_the_same_body_is_one_offer_with_two_missed_rings() -> None:
    again = in_turn(ring("1001"), miss("1001", 12), ring("1001"))
    assert again["agents"]["1001"]["state"] == "ringing"
    assert subset(again["queues"]["Sales"], waiting=0, ringing=1)
    twice = in_turn(ring("1001"), miss("1001", 12), ring("1001"), miss("1001", 26), miss("1001", 26))
    assert subset(twice["agents"]["1001"], state="idle")
    assert twice["agents"]["1001"]["today"]["missed"] == 2
    assert subset(twice["queues"]["Sales"], waiting=1, ringing=0)


def test_an_earlier_miss_that_arrives_late_leaves_a_talking_offer_talking() -> None:
    state = in_turn(ring("1001"), answer("1001", 20), miss("1001", 12))
    assert state["agents"]["1001"]["state"] == "talking"
    assert state["agents"]["1001"]["today"]["missed"] == 1


@pytest.mark.parametrize(
    ("formula", "level"),
    [
        ("default", 1 / 4),  # 5 ended, 1 of them short
        ("strict", 1 / 5),
        ("answered_only", 1 / 2),
        ("late_abandons", 1 / 4),  # 2 answered, 1 unanswered, 1 abandoned after 30 s
        ("abandons_credited", 2 / 5),  # the one abandoned after 3 s is credited
    ],
)
def test_the_service_level_by_each_formula(formula: str, level: float) -> None:
    state = in_turn(
        summary("answered", 100, call="1", connected_at=moment(20)),
        summary("Answered", 100, call="2", connected_at=moment(21)),
        summary("abandoned", 3, call="3"),
        summary("abandoned", 30, call="4"),
        summary("timeout", 60, call="5"),
        ring("1001", call="6"),
        options=Options(formula=formula),
    )
    today = state["queues"]["Sales"]["today"]
    assert subset(today, offered=6, answered=2, abandoned=2, unanswered=1, open=1, short_abandoned=1)
    assert subset(today, service_level=level, abandon_rate=1 / 4, average_speed_of_answer=20.5)
    assert subset(today, average_handle_time=79.5, longest_wait_today=60)  # (80 + 79) / 2
    assert state["totals"]["inbound"] == {
        "offered": 6,
        "answered": 2,
        "missed": 3,
        "open": 1,
        "presumed_ended": 0,
    }


def test_no_service_level_without_a_call_that_counts() -> None:
    today = in_turn(summary("abandoned", 4.9))["queues"]["Sales"]["today"]
    assert subset(today, short_abandoned=1, service_level=None, abandon_rate=None)


def test_a_transfer_lives_on_after_the_first_agent_and_counts_for_both() -> None:
    bodies = [ring("1001"), answer("1001", 10), ring("1002", None), hang_up("1001", 10, 40)]
    assert in_turn(*bodies)["calls"]["1"]["state"] == "ringing"
    bodies += [answer("1002", 45, None), hang_up("1002", 45, 75, None)]
    assert in_turn(*bodies[:5])["calls"]["1"]["state"] == "talking"
    state = in_turn(*bodies)
    assert subset(state["calls"]["1"], state="ended", outcome="answered")
    assert [state["agents"][n]["today"]["talk_seconds"] for n in ("1001", "1002")] == [30, 30]
    assert state["queues"]["Sales"]["today"]["answered"] == 1


def test_an_overflow_gives_each_queue_its_own_visit() -> None:
    state = in_turn(
        ring("1001"),
        miss("1001", 15),
        summary("timeout", 15),
        ring("1001", "Support"),
        answer("1001", 30, "Support"),
    )
    assert subset(state["queues"]["Sales"]["today"], offered=1, unanswered=1, answered=0)
    assert subset(state["queues"]["Support"]["today"], offered=1, answered=1, average_speed_of_answer=30)
    assert state["agents"]["1001"]["today"] == {"answered": 1, "missed": 1, "outbound": 0, "talk_seconds": 0}
    assert state["totals"]["inbound"]["offered"] == 1


@pytest.mark.parametrize(
    ("bodies", "silence"),
    [([ring("1001", None)], 180), ([ring("1001"), miss("1001", 9)], 1800), ([answer("1001", 1)], 14400)],
)
def test_silence_ends_a_call_under_its_own_name(bodies: list[Body], silence: float) -> None:
    last = len(bodies) - 1
    assert not in_turn(*bodies, now=last + silence - 1)["calls"]["1"]["presumed_ended"]
    state = in_turn(*bodies, now=last + silence)
    assert subset(state["calls"]["1"], state="ended", outcome=None, presumed_ended=True)
    assert state["totals"]["inbound"] == {
        "offered": 1,
        "answered": 0,
        "missed": 0,
        "open": 0,
        "presumed_ended": 1,
    }
    assert state["agents"]["1001"]["state"] == "idle"
    back = shown(*enumerate(bodies), (silence + 99, hang_up("1001", 1, silence)))
    assert subset(back["calls"]["1"], presumed_ended=False, outcome="answered")


def test_outbound_calls_are_placed_and_answered_and_never_missed() -> None:
    dialling = in_turn(said("user_outbound", "1001"))
    assert (dialling["agents"]["1001"]["state"], dialling["calls"]["1"]["state"]) == ("dialling", "ringing")
    over = said(
        "user_outbound_completed", "1001", connected_at="", call_duration=9, conversation_duration="0"
    )
    state = in_turn(said("user_outbound", "1001"), over)
    assert subset(state["calls"]["1"], direction="outbound", outcome="unanswered")
    assert state["calls"]["1"]["offers"]["1001"] == {"state": "ended", "result": None}
    assert state["totals"]["outbound"] == {"placed": 1, "answered": 0}
    assert state["agents"]["1001"]["today"] == {"answered": 0, "missed": 0, "outbound": 1, "talk_seconds": 0}


def test_voicemails_are_distinct_by_call_and_time_and_alone_offer_nothing() -> None:
    left = [said("voicemail", recorded_at=moment(offset)) for offset in (60, 60, 90)]
    state = in_turn(*left)
    assert state["totals"]["voicemails"] == {"today": 2, "new": 2}
    assert state["voicemail_boxes"] == {"+61380000000": {"today": 2, "new": 2}}
    assert subset(state["calls"]["1"], voicemail=True, outcome=None)
    assert state["totals"]["inbound"]["offered"] == 0
    dealt = Options(dealt_with=frozenset({("1", BASE_AT + timedelta(seconds=60))}))
    assert in_turn(*left, options=dealt)["totals"]["voicemails"] == {"today": 2, "new": 1}


def test_a_component_makes_no_agent_and_a_mapped_one_opens_and_closes_a_visit() -> None:
    entered, left, other = (
        said("webhook_component_event", "+61290000001", component_name=name)
        for name in ("Into Sales", "Out of Sales", "After hours")
    )
    waiting = in_turn(entered)
    assert waiting["agents"] == {}
    assert subset(waiting["queues"]["Sales"], waiting=1, longest_wait_since=BASE_AT.isoformat())
    state = in_turn(left, entered, other, other)
    assert subset(state["queues"]["Sales"]["today"], offered=1, unanswered=1, open=0)
    assert subset(state["calls"]["1"], state="ended", outcome="missed")
    assert state["components"] == {"After hours": 1}
    assert in_turn(other)["totals"]["inbound"]["offered"] == 0


@pytest.mark.parametrize(
    "absent", [{}, {"connected_at": None}, {"connected_at": ""}, {"connected_at": "null"}]
)
def test_four_spellings_of_absent(absent: Body) -> None:
    ended = said("user_inbound_completed", "1001", call_duration="7", conversation_duration="0") | absent
    assert in_turn(ended)["calls"]["1"]["outcome"] == "missed"


def test_the_old_dialect_and_times_without_a_zone() -> None:
    old = {
        "type": "inbound_call_to_user", "unique_call_id": "7", "from_number": "1", "exten": "1003",
        "start_at": "2026-11-23T12:00:00", "queue_name": "Support", "ring_group_name": "null",
    }  # fmt: skip
    state = board([(BASE_AT, old)], Options(time_zone="Australia/Sydney"), BASE_AT)
    assert state["calls"]["7"]["started_at"] == "2026-11-23T01:00:00+00:00"
    assert state["agents"]["1003"]["state"] == "ringing"
    assert list(state["queues"]) == ["Support"]
    assert state["ring_groups"] == {}


def test_a_call_counts_in_the_day_in_which_it_started() -> None:
    """The call starts at 11 in the morning of the 23rd in Sydney and still talks after midnight."""
    options = Options(time_zone="Australia/Sydney")
    midnight = 13 * 3600
    live = shown((0, answer("1001", 5)), (midnight - 9, ring("1002")), now=midnight, options=options)
    assert live["calls"]["1"]["state"] == "talking"
    assert live["queues"]["Sales"]["today"]["offered"] == live["totals"]["inbound"]["offered"] == 0
    assert live["queues"]["Sales"]["talking"] == 1
    late = Options(time_zone="Australia/Sydney", day_starts_at=time(4))
    assert shown((0, answer("1001", 5)), now=midnight, options=late)["totals"]["inbound"]["offered"] == 1


@pytest.mark.parametrize("hour_of_utc", [13, 37])
def test_a_day_of_25_hours_is_one_day(hour_of_utc: int) -> None:
    """Sydney's clocks go back on 5 April 2026: that day lasts from 13:00 to 14:00 UTC of the next."""
    options = Options(time_zone="Australia/Sydney")
    at = datetime.fromisoformat("2026-04-04T00:00:00+00:00") + timedelta(hours=hour_of_utc, minutes=30)
    assert options.day_of(at).isoformat() == "2026-04-05"


def final(stream: Stream, options: Options = OPTIONS, day_before: bool = False) -> dict[str, Any]:
    """The board when all has arrived; of the day before, as far as its calls and numbers go, if wanted."""
    items = deliveries(stream)
    last = max((at for at, _ in items), default=BASE_AT)
    now = BASE_AT - timedelta(seconds=1) if day_before else max(last, BASE_AT)
    return board(items, options, now + timedelta(seconds=1) * (not day_before))


def conserved(state: Mapping[str, Any]) -> bool:
    visits = [p["today"] for kind in ("queues", "ring_groups") for p in state[kind].values()]
    total = state["totals"]["inbound"]
    return total["offered"] == sum(
        total[n] for n in ("answered", "missed", "open", "presumed_ended")
    ) and all(
        t["offered"] == sum(t[n] for n in ("answered", "abandoned", "unanswered", "open")) for t in visits
    )


ANY_SEED = st.integers(0, 2**16)
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
IN_SYDNEY = Options(
    time_zone="Australia/Sydney", day_starts_at=time(11), formula="strict", components=floors.COMPONENTS
)


@pytest.mark.parametrize("scenario", floors.SCENARIOS)
@settings(UNHURRIED, max_examples=20)
@given(seed=ANY_SEED, order=ANY_SEED)
def test_every_scenario_yields_a_finished_call_in_any_order(
    scenario: floors.Scenario, seed: int, order: int
) -> None:
    stream = floors.one_call(scenario, seed)
    state = final(stream)
    assert [(c["state"], c["presumed_ended"]) for c in state["calls"].values()] == [("ended", False)]
    assert final(shuffled_with_repetitions(stream, order)) == state


@settings(UNHURRIED, max_examples=60)
@given(floors.streams(), ANY_SEED, st.sampled_from([OPTIONS, IN_SYDNEY]), st.booleans())
def test_the_order_of_finished_calls_does_not_matter(
    stream: Stream, order: int, options: Options, day_before: bool
) -> None:
    state = final(stream, options, day_before)
    assert conserved(state)
    assert final(shuffled_with_repetitions(stream, order), options, day_before) == state


@settings(UNHURRIED, max_examples=60)
@given(floors.streams(), ANY_SEED)
def test_offered_is_conserved_in_the_middle_of_everything(stream: Stream, moment_of_cut: int) -> None:
    assert conserved(final(floors.cut(stream, moment_of_cut)))
    assert conserved(final(floors.with_losses(stream, moment_of_cut, share=0.3)))


def test_a_floor_is_the_same_for_the_same_seed_and_large() -> None:
    stream = floors.floor(7, 60)
    assert stream == floors.floor(7, 60)
    assert stream != floors.floor(8, 60)
    assert [at for at, _ in stream] == sorted(at for at, _ in stream)
    state = final(stream)
    assert state["totals"]["inbound"]["offered"] > 30
    assert conserved(state)
    assert final(shuffled_with_repetitions(stream, 1)) == state
