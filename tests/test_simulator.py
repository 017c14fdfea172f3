"""The simulated floor, heard through the bodies it posts: believable, deterministic, and never impossible."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from wallboard import simulator
from wallboard.sender import Webhook
from wallboard.simulator_staff import DESKS, staff

START = datetime(2026, 11, 23, 10, 0, 0, 123_000, tzinfo=UTC)
ABSENT = (None, "", "null")
Body = dict[str, Any]


def floor(seconds: float, **given: Any) -> list[Webhook]:
    return list(takewhile(lambda webhook: webhook.due_seconds < seconds, simulator.live(START, **given)))


def read(webhooks: Iterable[Webhook]) -> list[Body]:
    return [json.loads(webhook.body) for webhook in webhooks]


def by_call(webhooks: Iterable[Webhook]) -> dict[str, list[Body]]:
    calls: dict[str, list[Body]] = defaultdict(list)
    for body in read(webhooks):
        calls[body["unique_call_id"]].append(body)
    return calls


def was_answered(body: Body) -> bool:
    return body.get("connected_at") not in ABSENT


def phones(webhooks: Iterable[Webhook]) -> Iterator[tuple[float, dict[str, str]]]:
    """After each webhook of a phone: when, and what every phone does that is not idle, by extension."""
    doing: dict[str, str] = {}
    for webhook in webhooks:
        body = json.loads(webhook.body)
        match body["type"]:
            case "user_inbound" | "user_outbound":
                assert body["user_number"] not in doing
                doing[body["user_number"]] = "ringing" if body["type"] == "user_inbound" else "dialling"
            case "user_inbound_answered" | "user_outbound_answered":
                assert doing[body["user_number"]] in ("ringing", "dialling")
                doing[body["user_number"]] = "talking"
            case "user_inbound_completed" | "user_outbound_completed":
                assert (doing.pop(body["user_number"]) == "talking") == was_answered(body)
        yield webhook.due_seconds, dict(doing)


def test_the_same_seed_and_instant_give_the_same_floor() -> None:
    assert floor(300, seed=7) == floor(300, seed=7)
    assert floor(300, seed=7) != floor(300, seed=8)


@pytest.mark.parametrize("agents", [3, 7, 8, 25, 120, 300])
def test_no_agent_is_ever_rung_or_talking_twice_at_once(agents: int) -> None:
    assert any(phones(floor(900, agents=agents)))


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_demo_is_busy_within_half_a_minute_and_stays_so(seed: int) -> None:
    moments = [doing for due, doing in phones(floor(1200, seed=seed)) if due >= 30]
    talking = [list(doing.values()).count("talking") for doing in moments]
    assert talking[0] >= 5
    assert 9 <= sum(talking) / len(talking) <= 15
    assert sum("ringing" in doing.values() for doing in moments) / len(moments) > 0.85


@pytest.mark.parametrize("hour", [3, 10, 23])
def test_a_demo_is_busy_at_any_hour(hour: int) -> None:
    webhooks = takewhile(lambda webhook: webhook.due_seconds < 600, simulator.live(START.replace(hour=hour)))
    talking = [list(doing.values()).count("talking") for due, doing in phones(webhooks) if due >= 30]
    assert sum(talking) / len(talking) >= 8


def test_everything_that_a_pbx_reports_happens_within_half_an_hour() -> None:
    seen = {body["type"] for body in read(floor(1800))}
    assert seen == {
        *("user_inbound", "user_inbound_answered", "user_inbound_completed", "queue_call", "ring_group_call"),
        *("user_outbound", "user_outbound_answered", "user_outbound_completed", "voicemail"),
        *("recording_inbound", "recording_outbound", "webhook_component_event"),
    }


def test_every_desk_has_answered_and_every_kind_of_outcome_comes_about() -> None:
    summaries = [body for body in read(floor(3600)) if "status" in body]
    answered = {
        body.get("queue_name") or body.get("ring_group_name") for body in summaries if was_answered(body)
    }
    assert answered == {desk.place.name for desk in DESKS}
    assert {body["status"] for body in summaries} == {"answered", "abandoned", "unanswered"}


def test_finished_calls_are_complete_and_in_order() -> None:
    for bodies in by_call(simulator.history(START, minutes=90)).values():
        types = [body["type"] for body in bodies]
        assert types.count("user_inbound") == types.count("user_inbound_completed")
        assert types.count("user_outbound") == types.count("user_outbound_completed")
        talks = [body for body in bodies if body["type"] == "user_inbound_completed" and was_answered(body)]
        assert types.count("user_inbound_answered") == len(talks)
        first_summary = next((n for n, body in enumerate(bodies) if "status" in body), len(bodies))
        assert {*types[first_summary:]} <= {"queue_call", "ring_group_call", "recording_inbound"}


def test_every_visit_of_a_queue_is_announced_and_summed_up() -> None:
    webhooks = simulator.history(START, minutes=90)
    entered = Counter(
        (webhook.call, meaning.partition(":")[2])
        for webhook in webhooks
        for _, meaning in webhook.headers
        if meaning.startswith("queue_entered:")
    )
    summed_up = Counter(
        (body["unique_call_id"], body["queue_name"])
        for body in read(webhooks)
        if body["type"] == "queue_call"
    )
    assert entered == summed_up
    assert max(entered.values()) == 1


def test_components_before_queues_carry_their_meaning_and_the_menu_carries_none() -> None:
    said: dict[str, set[str]] = defaultdict(set)
    for webhook in floor(3600):
        body = json.loads(webhook.body)
        if body["type"] == "webhook_component_event":
            said[body["component_name"]].update(meaning for _, meaning in webhook.headers)
    assert said["Sales entered"] == {"queue_entered:Sales"}
    assert said["Sales queue time-out"] == {"queue_timeout:Sales"}
    assert said["After hours menu"] == set()


def test_an_agent_who_is_rung_again_gets_the_very_same_body() -> None:
    rings = Counter(webhook.body for webhook in floor(1800) if b'"user_inbound"' in webhook.body)
    assert rings.most_common(1)[0][1] >= 2


def test_a_ring_group_rings_its_free_agents_together_and_stops_when_one_answers() -> None:
    for bodies in by_call(simulator.history(START, minutes=60)).values():
        rings = [
            body for body in bodies if body.get("ring_group_name") == "Reception" and "status" not in body
        ]
        if len(rings) > 4 and rings[1]["type"] == "user_inbound":
            answer = next(body for body in rings if body["type"] == "user_inbound_answered")
            after = rings[rings.index(answer) + 1 :]
            assert {body["type"] for body in after} == {"user_inbound_completed"}
            assert len({body["user_number"] for body in rings}) >= 2
            return
    pytest.fail("no ring group rang two agents")


def test_a_transfer_is_another_agent_talking_on_the_same_call() -> None:
    talkers = [
        {body["user_number"] for body in bodies if body["type"] == "user_inbound_answered"}
        for bodies in by_call(floor(1800)).values()
    ]
    assert any(len(agents) == 2 for agents in talkers)


def test_some_callers_whom_nobody_answered_are_rung_back_and_some_wait_for_it() -> None:
    missed: dict[str, int] = {}
    reached: set[str] = set()
    for n, body in enumerate(read(simulator.history(START, minutes=90))):
        if body.get("status") == "abandoned":
            missed.setdefault(body["caller_id"], n)
        if body["type"] == "user_outbound_answered" and n > missed.get(body["dest_number"], n):
            reached.add(body["dest_number"])
    assert 0.2 < len(reached) / len(missed) < 0.8


def test_timestamps_are_utc_with_milliseconds_and_never_ahead_of_the_posting() -> None:
    sydney = START.astimezone(ZoneInfo("Australia/Sydney"))
    webhooks = takewhile(lambda webhook: webhook.due_seconds < 300, simulator.live(sydney))
    for webhook in webhooks:
        body = json.loads(webhook.body)
        for name in ("call_start_at", "connected_at", "recorded_at"):
            if body.get(name) not in ABSENT:
                assert re.fullmatch(r"2026-11-23T10:\d\d:\d\d\.\d{3}Z", body[name])
                said_at = datetime.fromisoformat(body[name])
                assert START <= said_at <= START + timedelta(seconds=webhook.due_seconds, milliseconds=1)


def test_webhooks_stand_in_the_order_of_time() -> None:
    due = [webhook.due_seconds for webhook in floor(900)]
    assert due == sorted(due)


def test_a_faster_floor_lives_the_same_calls_in_less_real_time() -> None:
    slow, fast = floor(600), floor(60, speed=10)
    assert [webhook.call for webhook in fast] == [webhook.call for webhook in slow]
    assert [webhook.due_seconds * 10 for webhook in fast] == pytest.approx(
        [hook.due_seconds for hook in slow]
    )
    slow_talk, fast_talk = (
        sum(
            int(body["conversation_duration"])
            for body in read(hooks)
            if was_answered(body) and "status" in body
        )
        for hooks in (slow, fast)
    )
    assert fast_talk == pytest.approx(slow_talk / 10, rel=0.1)


def test_fewer_calls_can_be_asked_for() -> None:
    calls = {
        body["unique_call_id"] for body in read(simulator.history(START, minutes=240, calls_per_hour=60))
    }
    assert 180 <= len(calls) <= 330


def test_the_past_ends_with_every_phone_idle() -> None:
    *_, (_, doing) = phones(simulator.history(START, minutes=60))
    assert doing == {}


def test_the_past_lies_between_its_beginning_and_now() -> None:
    starts = [
        datetime.fromisoformat(body["call_start_at"])
        for body in read(simulator.history(START, minutes=30))
        if "call_start_at" in body
    ]
    assert START - timedelta(minutes=30) <= min(starts) < START - timedelta(minutes=29)
    assert max(starts) < START


def test_the_past_never_reaches_behind_local_midnight() -> None:
    soon_after_midnight = datetime(2026, 11, 23, 0, 20, tzinfo=ZoneInfo("Australia/Sydney"))
    midnight = soon_after_midnight.replace(minute=0)
    bodies = read(simulator.history(soon_after_midnight, minutes=240))
    assert bodies
    assert min(datetime.fromisoformat(b["call_start_at"]) for b in bodies if "call_start_at" in b) >= midnight
    assert simulator.history(midnight, minutes=240) == []


def test_the_past_and_the_floor_share_their_agents_and_no_call() -> None:
    past, now = simulator.history(START, minutes=60), floor(600)
    assert {hook.call for hook in past}.isdisjoint(hook.call for hook in now)
    names = {
        (body["user_number"], body["user_name"])
        for body in [*read(past), *read(now)]
        if body["type"] == "user_outbound"
    }
    assert len({number for number, _ in names}) == len(names)


def test_bundles_hold_every_body_once_beside_those_with_the_same_headers() -> None:
    past = simulator.history(START, minutes=60)
    bundles = list(simulator.in_bundles(past))
    unbundled = [(hook.headers, json.dumps(body)) for hook in bundles for body in json.loads(hook.body)]
    assert Counter(unbundled) == Counter((hook.headers, json.dumps(json.loads(hook.body))) for hook in past)
    assert len(bundles) < len(past) / 15


def test_faults_are_the_same_for_the_same_seed() -> None:
    webhooks = floor(900)
    faulty = list(simulator.with_faults(webhooks, seed=3))
    assert faulty == list(simulator.with_faults(webhooks, seed=3))
    assert faulty != list(simulator.with_faults(webhooks, seed=4))


def test_faults_repeat_delay_and_lose_about_as_much_as_they_should() -> None:
    webhooks = [Webhook(number / 10, str(number), b"{}") for number in range(20_000)]
    done = simulator.Faults()
    faulty = list(simulator.with_faults(webhooks, done=done))
    came = Counter(webhook.call for webhook in faulty)
    late = [hook for hook in faulty if came[hook.call] == 1 and hook.due_seconds > int(hook.call) / 10]
    assert sum(times == 2 for times in came.values()) / 20_000 == pytest.approx(0.03, abs=0.005)
    assert len(late) / 20_000 == pytest.approx(0.03, abs=0.005)
    assert (20_000 - len(came)) / 20_000 == pytest.approx(0.01, abs=0.003)
    twice = sum(times == 2 for times in came.values())
    assert (done.repeated, done.delayed, done.lost.total()) == (twice, len(late), 20_000 - len(came))


def test_faults_tell_what_they_lost_so_that_a_board_can_be_checked_against_it() -> None:
    done = simulator.Faults()
    webhooks = floor(900)
    faulty = list(simulator.with_faults(webhooks, done=done))
    gone = Counter(json.loads(hook.body)["type"] for hook in {w.body: w for w in webhooks}.values())
    gone.subtract(json.loads(body)["type"] for body in {hook.body for hook in faulty})
    assert +gone == done.lost
    assert all(f"{kind} {count}" in done.words() for kind, count in done.lost.items())


def test_faults_keep_the_stream_in_the_order_of_its_due_times() -> None:
    due = [webhook.due_seconds for webhook in simulator.with_faults(floor(900))]
    assert due == sorted(due)


@pytest.mark.parametrize("size", [3, 7, 8, 25, 300])
def test_a_staff_of_any_size_has_somebody_at_every_desk(size: int) -> None:
    agents = staff(size, Random(1))
    assert [agent.party.number for agent in agents] == [str(1001 + place) for place in range(size)]
    assert len({agent.party.name for agent in agents}) == size
    assert {skill for agent in agents for skill in agent.skills} == {desk.place.name for desk in DESKS}


@pytest.mark.parametrize("given", [{"agents": 2}, {"agents": 301}, {"speed": 0}])
def test_an_impossible_floor_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="floor"):
        simulator.live(START, **given)
