"""The fold: what each event means, and what must hold whatever the order (call-model.md)."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.samples import START, Body, abandoned, answered, answered_call, at, body, completed, missed, rang, summary
from wallboard.board import Board
from wallboard.parse import Reader, Unrecognised
from wallboard.rules import Rules
from wallboard.settings import Formula
from wallboard.state import state
from wallboard.totals import Thresholds

NOON = START


class Floor:
    """A board, fed with bodies, that reads like the API."""

    def __init__(self, *bodies: Body, zone: str = "UTC", formula: Formula = "default", **rules: Any) -> None:
        self.board = Board(Rules(zone=ZoneInfo(zone), **rules))
        self.reader = Reader(
            zone=ZoneInfo(zone), components={"In": ("queue_entered", "Sales"), "Out": ("queue_timeout", "Sales")}
        )
        self.now = NOON
        self.formula: Formula = formula
        self.feed(*bodies)

    def feed(self, *bodies: Body, after: float = 1) -> Self:
        for given_body in bodies:
            self.now += timedelta(seconds=after)
            event = self.reader.read(given_body, self.now)
            assert not isinstance(event, Unrecognised), event
            self.news = self.board.apply(event)
        return self

    def wait(self, **how_long: float) -> Self:
        self.now += timedelta(**how_long)
        return self

    @property
    def state(self) -> dict[str, Any]:
        return state(self.board, self.now, sequence=0, webhooks={}, journal={}, formula=self.formula)

    @property
    def inbound(self) -> dict[str, int]:
        totals: dict[str, int] = self.state["totals"]["inbound"]
        return totals

    def call(self, id: str = "1001") -> dict[str, Any]:
        return next(call for call in self.state["calls"] if call["id"] == id)

    def agent(self, number: str = "1002") -> dict[str, Any]:
        return next(agent for agent in self.state["agents"] if agent["number"] == number)

    def queue(self, name: str = "Sales") -> dict[str, Any]:
        return next(queue for queue in self.state["queues"] if queue["name"] == name)

    def results(self, id: str = "1001") -> dict[str, str]:
        return {offer["agent"]: offer["result"] for offer in self.call(id)["offers"]}


def decided(floor: Floor) -> Any:
    """All that must not depend on order or repetition."""
    document = floor.state
    return (
        document["totals"],
        sorted((call["id"], call["state"], call["outcome"], call["voicemail"]) for call in document["calls"]),
        {queue["name"]: queue["today"] for queue in document["queues"] + document["ring_groups"]},
        {agent["number"]: (agent["state"], agent["today"]) for agent in document["agents"]},
        {queue["name"]: (queue["waiting"], queue["ringing"], queue["talking"]) for queue in document["queues"]},
        document["voicemail_boxes"],
        document["components"],
    )


# --- one call ------------------------------------------------------------------------------------------


def test_a_phone_rings_is_answered_and_hung_up() -> None:
    floor = Floor(rang())
    assert (floor.call()["state"], floor.agent()["state"]) == ("ringing", "ringing")
    assert (floor.queue()["ringing"], floor.queue()["waiting"]) == (1, 0)
    assert floor.queue()["longest_wait_since"] == at(0).replace("Z", "+00:00")
    floor.feed(answered())
    assert (floor.call()["state"], floor.agent()["state"]) == ("talking", "talking")
    assert floor.agent()["since"] == at(14).replace("Z", "+00:00")
    assert floor.queue()["talking"] == 1
    assert floor.inbound == {"offered": 1, "answered": 1, "missed": 0, "open": 0, "presumed_ended": 0}
    floor.feed(completed())
    assert (floor.call()["state"], floor.call()["outcome"]) == ("ended", "answered")
    assert (floor.call()["talk_seconds"], floor.call()["ended_at"]) == (187.0, at(201).replace("Z", "+00:00"))
    assert floor.agent()["state"] == "idle"
    assert floor.agent()["today"] == {"answered": 1, "missed": 0, "outbound": 0, "talk_seconds": 187.0}


def test_the_queues_figures_are_of_the_summary() -> None:
    today = Floor(*answered_call()).queue()["today"]
    assert (today["offered"], today["answered"], today["service_level"]) == (1, 1, 1.0)
    assert (today["average_speed_of_answer"], today["average_handle_time"], today["longest_wait_today"]) == (
        14,
        187,
        14,
    )


def test_a_caller_who_gives_up_is_abandoned_and_the_agent_missed_the_ring() -> None:
    floor = Floor(rang("1001"), missed("1001"), abandoned())
    assert (floor.call()["outcome"], floor.results()) == ("abandoned", {"1001": "missed"})
    assert floor.inbound["missed"] == 1
    assert floor.queue()["today"]["abandon_rate"] == 1.0
    assert floor.queue()["today"]["longest_wait_today"] == 21.0


def test_between_two_rings_the_caller_waits() -> None:
    floor = Floor(rang("1001"), missed("1001"))
    assert (floor.call()["state"], floor.queue()["waiting"], floor.agent("1001")["state"]) == ("waiting", 1, "idle")


def test_the_same_phone_rung_again_is_no_redelivery() -> None:
    floor = Floor(rang("1001"), missed("1001", lasted=12), rang("1001"))
    assert floor.news
    assert floor.agent("1001")["state"] == "ringing"
    floor.feed(missed("1001", lasted=30))
    assert floor.agent("1001")["today"]["missed"] == 2
    floor.feed(missed("1001", lasted=30))
    assert not floor.news
    assert floor.agent("1001")["today"]["missed"] == 2


def test_a_ring_all_that_one_answers_is_nobodys_miss() -> None:
    floor = Floor(rang("1001"), rang("1002"), rang("1003"), answered("1002"))
    assert floor.agent("1001")["state"] == "idle", "the others stop ringing without their completions"
    floor.feed(missed("1001", lasted=14), missed("1003", lasted=13), completed("1002"), summary())
    assert floor.results() == {"1001": "answered_elsewhere", "1002": "answered", "1003": "answered_elsewhere"}
    assert floor.agent("1001")["today"]["missed"] == 0


def test_a_ring_that_ended_long_before_the_answer_is_missed() -> None:
    floor = Floor(rang("1001"), missed("1001", lasted=11.9), rang("1002"), *answered_call()[1:])
    assert floor.results() == {"1001": "missed", "1002": "answered"}


def test_late_news_of_a_ring_all_rings_nobody() -> None:
    floor = Floor(rang("1002"), answered("1002"), rang("1001"))
    assert floor.agent("1001")["state"] == "idle"


def test_a_late_ring_does_not_take_an_answer_back() -> None:
    floor = Floor(answered(), rang())
    assert floor.agent()["state"] == "talking"
    assert floor.feed(completed(), rang(call="1001", caller_name="Other")).agent()["state"] == "idle"


def test_an_unanswered_ring_that_ended_leaves_a_talk_on() -> None:
    floor = Floor(rang(), answered(after=40), missed("1002", lasted=12))
    assert floor.agent()["state"] == "talking"
    assert floor.agent()["today"]["missed"] == 1


def test_a_transfer_is_another_offer_of_the_same_call() -> None:
    floor = Floor(rang("1001"), answered("1001"), rang("1002", queue=None))
    assert (floor.agent("1001")["state"], floor.agent("1002")["state"]) == ("talking", "ringing")
    floor.feed(answered("1002", after=60, queue=None), completed("1001", lasted=70, talk=56))
    assert floor.call()["state"] == "talking"
    floor.feed(completed("1002", after=60, lasted=100, talk=40, queue=None))
    assert (floor.call()["state"], floor.call()["talk_seconds"], floor.inbound["offered"]) == ("ended", 96.0, 1)


def test_an_overflow_counts_in_both_queues() -> None:
    floor = Floor(
        rang("1001"), missed("1001"), summary(status="overflow", agent=None, after=None, lasted=15, talk=0),
        rang("1002", queue="Support"), answered("1002", queue="Support", after=30),
        completed("1002", queue="Support", after=30), summary(queue="Support", after=30),
    )  # fmt: skip
    assert floor.queue("Sales")["today"]["unanswered"] == 1
    assert floor.queue("Support")["today"]["answered"] == 1
    assert floor.inbound["answered"] == 1


def test_a_caller_who_talks_in_one_queue_waits_in_no_other() -> None:
    floor = Floor(rang("1001"), missed("1001"), rang("1002", queue="Support"), answered("1002", queue="Support"))
    assert (floor.queue("Sales")["waiting"], floor.queue("Support")["talking"]) == (0, 1)


def test_a_summary_closes_every_offer_of_its_visit() -> None:
    floor = Floor(rang("1001"), answered("1002"), summary())
    assert (floor.call()["state"], floor.agent("1002")["state"]) == ("ended", "idle")
    assert floor.agent("1002")["today"]["talk_seconds"] == 187.0, "the summary names the agent whose end was lost"


def test_the_summary_ends_a_transferred_talk_whose_own_end_was_lost() -> None:
    floor = Floor(rang("1001"), answered("1001"), rang("1002", queue=None), answered("1002", after=60, queue=None))
    floor.feed(completed("1001", lasted=70, talk=56), summary(agent="1001"))
    assert (floor.call()["state"], floor.agent("1002")["state"]) == ("ended", "idle")


def test_an_outbound_call_dials_talks_and_ends() -> None:
    floor = Floor(body("user_outbound", user_number="1002"))
    assert (floor.agent()["state"], floor.call()["direction"]) == ("dialling", "outbound")
    floor.feed(body("user_outbound_answered", user_number="1002", connected_at=at(9)))
    assert floor.agent()["state"] == "talking"
    floor.feed(
        body(
            "user_outbound_completed",
            user_number="1002",
            connected_at=at(9),
            call_duration=69,
            conversation_duration=60,
        )
    )
    assert floor.state["totals"]["outbound"] == {"placed": 1, "answered": 1}
    assert floor.agent()["today"] == {"answered": 0, "missed": 0, "outbound": 1, "talk_seconds": 60.0}
    assert floor.inbound["offered"] == 0


def test_a_direct_call_that_is_missed_leaves_a_voicemail() -> None:
    floor = Floor(rang(queue=None), missed("1002", queue=None), body("voicemail", recorded_at=at(40)))
    floor.feed(body("voicemail", recorded_at=at(40)))
    assert not floor.news
    assert (floor.call()["outcome"], floor.call()["voicemail"]) == ("missed", True)
    assert floor.state["totals"]["voicemails"] == {"today": 1, "new": 1}
    assert floor.state["voicemail_boxes"] == [{"number": "+61380000000", "today": 1, "new": 1}]


def test_voicemails_recordings_and_components_alone_do_not_count_as_a_call() -> None:
    floor = Floor(
        body("voicemail", recorded_at=at(1)), body("recording_inbound", call_recording_link="https://x/1"),
        body("webhook_component_event", component_name="Menu", user_number="+61290000001"),
    )  # fmt: skip
    assert floor.inbound["offered"] == 0
    assert floor.state["agents"] == []
    assert floor.state["components"] == [{"name": "Menu", "today": 1}]


def test_a_webhook_object_shows_the_caller_before_the_first_ring() -> None:
    floor = Floor(body("webhook_component_event", component_name="In"))
    assert (floor.queue()["waiting"], floor.call()["state"]) == (1, "waiting")
    floor.feed(body("webhook_component_event", component_name="Out"))
    assert (floor.queue()["waiting"], floor.queue()["today"]["unanswered"]) == (0, 1)


# --- lost webhooks and the day -------------------------------------------------------------------------


def test_a_call_of_which_nothing_more_is_heard_is_presumed_ended_and_comes_back() -> None:
    floor = Floor(rang()).wait(minutes=3)
    assert floor.call()["state"] == "ringing"
    floor.wait(seconds=1)
    assert (floor.call()["state"], floor.call()["presumed_ended"], floor.call()["outcome"]) == ("ended", True, None)
    assert (floor.agent()["state"], floor.queue()["ringing"]) == ("idle", 0)
    assert floor.inbound == {"offered": 1, "answered": 0, "missed": 0, "open": 1, "presumed_ended": 1}
    floor.feed(answered())
    assert (floor.call()["state"], floor.inbound["presumed_ended"]) == ("talking", 0)


def test_a_clock_that_is_set_back_takes_the_presumption_back() -> None:
    floor = Floor(rang()).wait(minutes=4)
    assert floor.inbound["presumed_ended"] == 1
    floor.now -= timedelta(minutes=3)
    assert (floor.inbound["presumed_ended"], floor.call()["state"]) == (0, "ringing")


@pytest.mark.parametrize(("hours", "expected"), [(3.9, "talking"), (4.1, "ended")])
def test_a_talk_may_last_four_hours(hours: float, expected: str) -> None:
    assert Floor(rang(), answered()).wait(hours=hours).call()["state"] == expected


def test_a_call_counts_in_the_day_it_started_whenever_it_ends() -> None:
    rules = Rules(zone=ZoneInfo("Australia/Sydney"), day_starts_at=time(6))
    assert rules.day_of(datetime(2026, 11, 23, 18, 59, tzinfo=UTC)) == date(2026, 11, 23)
    assert rules.day_of(datetime(2026, 11, 23, 19, 0, tzinfo=UTC)) == date(2026, 11, 24)
    floor = Floor(rang(call_start_at=at(-86_400)), answered(call_start_at=at(-86_400)))
    assert floor.inbound["offered"] == 0
    assert floor.call()["state"] == "talking", "live calls stay on the board across midnight"


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 10, 4), 23), (date(2026, 4, 5), 25), (date(2026, 6, 1), 24)])
def test_a_day_at_a_clock_change_is_one_day(day: date, hours: int) -> None:
    rules = Rules(zone=ZoneInfo("Australia/Sydney"))
    start = datetime.combine(day, time(), ZoneInfo("Australia/Sydney")).astimezone(UTC)
    days = [rules.day_of(start + timedelta(hours=hour)) for hour in range(-1, hours + 1)]
    assert days.count(day) == hours


def test_a_call_that_late_news_brings_to_another_day_is_of_that_one_alone() -> None:
    floor = Floor(rang() | {"call_start_at": None})
    assert floor.board.days.keys() == {NOON.date()}
    floor.feed(answered() | {"call_start_at": at(-86_400)})
    of_day = {day: sums.call_ids for day, sums in floor.board.days.items()}
    assert of_day == {NOON.date() - timedelta(days=1): {"1001"}, NOON.date(): set()}


def test_yesterday_is_forgotten_after_two_days() -> None:
    floor = Floor(*answered_call())
    floor.wait(days=2).feed(rang(call="2", call_start_at=at(2 * 86_400)))
    assert "1001" not in floor.board.calls
    assert len(floor.board.days) <= 2
    assert floor.agent()["today"]["answered"] == 0


# --- numbers -------------------------------------------------------------------------------------------


def answered_after(call: str, wait: float) -> list[Body]:
    return [
        completed(call=call, after=wait, lasted=wait + 60, talk=60),
        summary(call, after=wait, lasted=wait + 60, talk=60),
    ]


@pytest.mark.parametrize(("formula", "expected"), [
    ("default", 2 / 5), ("strict", 2 / 6), ("answered_only", 2 / 3), ("late_abandons", 2 / 4),
    ("abandons_credited", 4 / 6),
])  # fmt: skip
def test_service_level_by_its_named_formulas(formula: Formula, expected: float) -> None:
    floor = Floor(
        *answered_after("1", 5), *answered_after("2", 20), *answered_after("3", 20.001),
        abandoned("4", 4), abandoned("5", 10), abandoned("6", 50), formula=formula,
    )  # fmt: skip
    assert floor.queue()["today"]["service_level"] == pytest.approx(expected)
    assert floor.queue()["today"]["short_abandoned"] == 1
    assert floor.queue()["today"]["abandon_rate"] == pytest.approx(2 / 5)


def test_no_denominator_is_no_value_never_a_hundred_per_cent() -> None:
    assert Floor(abandoned("1", 4)).queue()["today"]["service_level"] is None


def test_thresholds_can_be_set() -> None:
    floor = Floor(*answered_after("1", 25), thresholds=Thresholds(30_000, 0))
    assert floor.queue()["today"]["service_level"] == 1.0


# --- whatever the order --------------------------------------------------------------------------------

SEVEN_EVENTS = [
    rang("1001"), missed("1001"), rang("1002"), rang("1003"), completed("1002"), missed("1003", lasted=14), summary(),
]  # fmt: skip
WITHOUT_SUMMARY = [
    rang("1001", queue=None), missed("1001", queue=None), rang("1002", queue=None),
    missed("1002", lasted=30, queue=None),
    body("voicemail", recorded_at=at(40)),
]  # fmt: skip


@pytest.mark.parametrize("events", [SEVEN_EVENTS, WITHOUT_SUMMARY], ids=["with summary", "without"])
def test_every_permutation_gives_the_same_numbers(events: list[Body]) -> None:
    expected = decided(Floor(*events))
    for order in itertools.permutations(events):
        assert decided(Floor(*order)) == expected


def call_of(number: int, rng: random.Random) -> list[Body]:
    """One finished call of a random kind."""
    call, queue, lasted = str(number), rng.choice(["Sales", "Support"]), rng.randint(10, 90)
    a, b = rng.sample(["1001", "1002", "1003", "1004"], 2)
    ring_all = [rang(a, call, queue), rang(b, call, queue), answered(b, call, lasted, queue),
                missed(a, call, lasted, queue), completed(b, call, lasted, lasted + 50, 50, queue),
                summary(call, "answered", b, lasted, lasted + 50, 50, queue)]  # fmt: skip
    again = [rang(a, call, queue), missed(a, call, 9, queue), rang(a, call, queue), missed(a, call, 20, queue),
             abandoned(call, lasted, queue)]  # fmt: skip
    direct = [rang(a, call, None), missed(a, call, 20, None), rang(b, call, None), missed(b, call, 40, None),
              body("voicemail", call, recorded_at=at(number))]  # fmt: skip
    transfer = [rang(a, call, queue), answered(a, call, 9, queue), rang(b, call, None), answered(b, call, 40, None),
                completed(a, call, 9, 42, 33, queue), completed(b, call, 40, 90, 50, None),
                summary(call, "answered", a, 9, 90, 81, queue)]  # fmt: skip
    outbound = [body(f"user_outbound{stage}", call, user_number=a, **more) for stage, more in (
        ("", {}), ("_answered", {"connected_at": at(8)}),
        ("_completed", {"connected_at": at(8), "call_duration": 30, "conversation_duration": 22}))]  # fmt: skip
    overflow = [rang(a, call, "Sales"), missed(a, call, 10, "Sales"), rang(a, call, "Support"),
                answered(a, call, 30, "Support"), completed(a, call, 30, 60, 30, "Support"),
                summary(call, "answered", a, 30, 60, 30, "Support"),
                summary(call, "timeout", None, None, 15, 0, "Sales")]  # fmt: skip
    return rng.choice([ring_all, again, direct, transfer, outbound, overflow])


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_random_floors_are_the_same_in_any_order_with_any_repetition(seed: int, calls: int) -> None:
    rng = random.Random(seed)
    events = [event for number in range(calls) for event in call_of(number, rng)]
    expected = decided(Floor(*events))
    shuffled = [*events, *rng.choices(events, k=len(events))]
    rng.shuffle(shuffled)
    assert decided(Floor(*shuffled)) == expected


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_conservation_holds_at_every_moment(seed: int) -> None:
    rng = random.Random(seed)
    events = [event for number in range(8) for event in call_of(number, rng)]
    rng.shuffle(events)
    floor = Floor()
    for event in events:
        floor.feed(event)
        inbound = floor.inbound
        assert inbound["offered"] == inbound["answered"] + inbound["missed"] + inbound["open"]
        for queue in floor.state["queues"]:
            today = queue["today"]
            assert today["offered"] == sum(today[name] for name in ("answered", "abandoned", "unanswered", "open"))
            assert min(value for value in today.values() if value is not None) >= 0
