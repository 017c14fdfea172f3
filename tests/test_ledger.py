"""The ledger: what each call owed and what of it never came, whatever the order."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import floors
from tests.samples import START, Body, abandoned, answered, answered_call, at, body, completed, missed, rang, summary
from tests.test_any_order import after
from tests.test_board import Floor
from wallboard.board import Board
from wallboard.ledger import ENOUGH_TO_TELL, TRIGGERS, Ledger, account, diagnose, trigger_of
from wallboard.parse import Reader, Unrecognised
from wallboard.rules import Rules
from wallboard.simulator import history

GROUP: dict[str, Any] = {"ring_group_name": "Reception"}
INBOUND = [rang(), answered(), completed(), summary()]
IN_GROUP = [
    rang(queue=None, **GROUP), answered(queue=None, **GROUP), completed(queue=None, **GROUP),
    {**summary(), **GROUP, "type": "ring_group_call", "queue_name": None},
]  # fmt: skip
OUTBOUND = [
    body("user_outbound", user_number="1002"),
    body("user_outbound_answered", user_number="1002", connected_at=at(9)),
    body("user_outbound_completed", user_number="1002", connected_at=at(9), call_duration=69),
]
NOTHING = {"calls_complete": 0, "calls_incomplete": 0, "calls_without_end": 0, "summaries_without_offers": 0,
           "offers_without_answer": 0, "offers_without_completion": 0, "duplicates": 0}  # fmt: skip


def ledger(floor: Floor) -> dict[str, Any]:
    found: dict[str, Any] = floor.state["ledger"]
    return found


def numbers(floor: Floor) -> dict[str, int]:
    return {name: count for name, count in ledger(floor).items() if name in NOTHING}


def missing(floor: Floor) -> dict[str, int]:
    return {row["type"]: row["missing"] for row in ledger(floor)["triggers"] if row["missing"]}


def expected(floor: Floor) -> dict[str, int]:
    return {row["type"]: row["expected"] for row in ledger(floor)["triggers"] if row["expected"]}


def lost(call: list[Body], *kinds: str) -> Floor:
    """The floor long after `call`, of which these types never came."""
    return Floor(*(body for body in call if body["type"] not in kinds)).wait(hours=5)


def test_an_empty_day_has_every_row_and_nothing_in_it() -> None:
    empty = {**NOTHING, "presumed_ended": 0}
    rows = [{"type": trigger, "expected": 0, "missing": 0} for trigger in TRIGGERS]
    assert ledger(Floor()) == {**empty, "triggers": rows}


@pytest.mark.parametrize("call", [INBOUND, IN_GROUP, OUTBOUND], ids=["queue", "ring group", "outbound"])
def test_of_a_whole_call_everything_came(call: list[Body]) -> None:
    floor = Floor(*call)
    assert numbers(floor) == {**NOTHING, "calls_complete": 1}
    assert (expected(floor), missing(floor)) == ({kind["type"]: 1 for kind in call}, {})


@pytest.mark.parametrize(("call", "kind"), [(c, b["type"]) for c in (INBOUND, IN_GROUP, OUTBOUND) for b in c])
def test_each_event_that_is_lost_alone_is_missing_alone(call: list[Body], kind: str) -> None:
    floor = lost(call, kind)
    assert (expected(floor), missing(floor)) == ({body["type"]: 1 for body in call}, {kind: 1})
    counted = {"user_inbound_answered": "offers_without_answer", "user_outbound_answered": "offers_without_answer",
               "user_inbound_completed": "offers_without_completion",
               "user_outbound_completed": "offers_without_completion"}.get(kind)  # fmt: skip
    without_end = int(kind == "user_outbound_completed")
    more = {counted: 1} if counted else {}
    assert numbers(floor) == {**NOTHING, "calls_incomplete": 1, "calls_without_end": without_end, **more}


INCOMPLETE = {
    "a ring and nothing else": (
        [rang()], {"user_inbound_completed": 1, "queue_call": 1},
        {"calls_without_end": 1, "offers_without_completion": 1},
    ),
    "a talk without an end": (
        [rang(), answered()], {"user_inbound_completed": 1, "queue_call": 1},
        {"calls_without_end": 1, "offers_without_completion": 1},
    ),
    "a summary alone": (
        [summary()], {"user_inbound": 1, "user_inbound_answered": 1, "user_inbound_completed": 1},
        {"summaries_without_offers": 1},
    ),
    "a summary alone that names nobody": (
        [summary(agent=None)], {"user_inbound": 1, "user_inbound_answered": 1, "user_inbound_completed": 1},
        {"summaries_without_offers": 1},
    ),
    "two summaries that name one agent": (
        [summary(), summary(queue="Support")],
        {"user_inbound": 1, "user_inbound_answered": 1, "user_inbound_completed": 1}, {"summaries_without_offers": 2},
    ),
    "a summary of somebody else's answer": (
        [rang("1001"), missed("1001"), summary(agent="1002")],
        {"user_inbound": 1, "user_inbound_answered": 1, "user_inbound_completed": 1}, {"summaries_without_offers": 1},
    ),
    "a ring whose answer and end only the summary tells": (
        [rang(), summary()], {"user_inbound_answered": 1, "user_inbound_completed": 1},
        {"offers_without_answer": 1, "offers_without_completion": 1},
    ),
    "a completion alone": (
        [completed()], {"user_inbound": 1, "user_inbound_answered": 1, "queue_call": 1}, {"offers_without_answer": 1},
    ),
    "a queue that was entered and never left": (
        [body("webhook_component_event", component_name="In")], {"queue_call": 1}, {"calls_without_end": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", INCOMPLETE)
def test_what_an_incomplete_call_owes(case: str) -> None:
    bodies, owed, counted = INCOMPLETE[case]
    floor = Floor(*bodies).wait(hours=5)
    assert missing(floor) == owed
    assert numbers(floor) == {**NOTHING, "calls_incomplete": 1, **counted}


COMPLETE = {
    "abandoned before any phone rang": [abandoned()],
    "rung, missed and abandoned": [rang(), missed("1002"), abandoned()],
    "missed on a direct line": [rang(queue=None), missed("1002", queue=None)],
    "an outbound call nobody took": [OUTBOUND[0], {**OUTBOUND[2], "connected_at": None}],
    "left a queue by its Webhook object": [
        body("webhook_component_event", component_name="In"),
        body("webhook_component_event", component_name="Out"),
    ],
}


@pytest.mark.parametrize("case", COMPLETE)
def test_what_never_was_is_not_missed(case: str) -> None:
    assert numbers(Floor(*COMPLETE[case]).wait(hours=5)) == {**NOTHING, "calls_complete": 1}


def test_a_voicemail_alone_is_no_call_to_account_for() -> None:
    assert numbers(Floor(body("voicemail", recorded_at=at(40))).wait(hours=5)) == NOTHING


def test_what_may_still_come_is_not_yet_missing() -> None:
    floor = Floor(*lost_summary()).wait(seconds=4)
    assert numbers(floor) == NOTHING
    assert numbers(floor.wait(seconds=1)) == {**NOTHING, "calls_incomplete": 1}
    assert missing(floor.feed(summary())) == {}
    assert numbers(floor) == {**NOTHING, "calls_complete": 1}


def lost_summary() -> list[Body]:
    return [rang(), answered(), completed()]


def test_what_may_still_come_of_yesterdays_call_does_not_touch_today() -> None:
    late = [{**body, "call_start_at": at(-86_400), "unique_call_id": "2"} for body in lost_summary()]
    assert numbers(Floor(*INBOUND, *late)) == {**NOTHING, "calls_complete": 1}


def test_a_live_call_owes_nothing_until_it_is_presumed_ended() -> None:
    floor = Floor(rang()).wait(minutes=3)
    assert numbers(floor) == NOTHING
    assert numbers(floor.wait(seconds=1))["calls_without_end"] == 1
    assert ledger(floor)["presumed_ended"] == 1
    assert numbers(floor.feed(answered())) == NOTHING, "it lives after all"


def test_a_clock_that_is_set_back_takes_the_account_back() -> None:
    floor = Floor(rang()).wait(minutes=4)
    assert numbers(floor)["calls_incomplete"] == 1
    floor.now -= timedelta(minutes=3)
    assert numbers(floor) == NOTHING


def test_redeliveries_are_counted_and_change_nothing_else() -> None:
    assert numbers(Floor(*INBOUND, *INBOUND)) == {**NOTHING, "calls_complete": 1, "duplicates": 4}


def test_the_ledger_is_todays_and_goes_with_its_day() -> None:
    floor = Floor(*lost_summary()).wait(days=1)
    assert numbers(floor) == NOTHING
    floor.wait(days=1).feed(*answered_call("2"))
    assert len(floor.board.book._days) == len(floor.board.days)
    assert set(floor.board.book._accounts) == {"2"}


@pytest.mark.parametrize("seed", range(2))
def test_a_floor_that_loses_nothing_owes_nothing(seed: int) -> None:
    floor = after(history(START + timedelta(hours=1), minutes=60, agents=12, seed=seed)).wait(minutes=1)
    assert numbers(floor) == {**NOTHING, "calls_complete": numbers(floor)["calls_complete"]}
    assert numbers(floor)["calls_complete"] > 100


def board_after(deliveries: list[tuple[datetime, Body]]) -> Board:
    reader, board = Reader(zone=ZoneInfo("UTC"), components={}), Board(Rules(zone=ZoneInfo("UTC")))
    for received_at, given_body in deliveries:
        event = reader.read(given_body, received_at)
        if not isinstance(event, Unrecognised):
            board.apply(event)
    return board


def of_day(board: Board, day: timedelta = timedelta()) -> dict[str, Any]:
    """The ledger, long after everything, but for what repetition and arrival decide."""
    now = floors.BASE_AT + timedelta(hours=10)
    board.settle(now)
    sums = vars(board.book.ledger((now + day).date(), now))
    return {name: +value if name in ("expected", "missing") else value
            for name, value in sums.items() if name != "duplicates"}  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(floors.streams(), st.integers(0, 2**32))
def test_order_and_repetition_do_not_matter(stream: floors.Stream, seed: int) -> None:
    kept = floors.with_losses(stream, seed, share=0.3)
    plain = board_after(floors.deliveries(kept))
    shuffled = board_after(floors.deliveries(floors.shuffled_with_repetitions(kept, seed)))
    for day in (timedelta(), timedelta(days=-1)):
        assert of_day(shuffled, day) == of_day(plain, day)


@pytest.mark.parametrize("seed", range(4))
def test_the_sums_are_those_of_the_calls_at_every_moment(seed: int) -> None:
    stream = floors.with_losses(floors.floor(seed, 40), seed)
    for length in (len(stream) // 3, len(stream) // 2, len(stream)):
        deliveries = floors.deliveries(stream[:length])
        board, now = board_after(deliveries), deliveries[-1][0] + timedelta(minutes=2)
        board.settle(now)
        today, recounted = now.date(), Ledger()
        for call in board.calls.values():
            over = call.state() == "ended" or board.is_presumed(call)
            if call.counts and over and board.rules.day_of(call.started_at) == today:
                recounted.move(account(call), 1)
        found = board.book.ledger(today, now)
        assert (found.calls_complete, found.calls_incomplete) == (
            recounted.calls_complete,
            recounted.calls_incomplete,
        )
        assert (+found.expected, +found.missing) == (+recounted.expected, +recounted.missing)


# --- what it means -------------------------------------------------------------------------------------


def meaning(came: int, missed: int, *, seen: bool) -> tuple[str, str]:
    sums = Ledger()
    sums.expected["queue_call"], sums.missing["queue_call"] = came + missed, missed
    rows = {row.trigger: row for row in diagnose(sums, {"queue_call"} if seen else set())}
    return rows["queue_call"].alarm, rows["queue_call"].text


@pytest.mark.parametrize(("came", "missed", "seen", "alarm", "text"), [
    (0, 0, False, "calm", "–"),
    (0, 0, True, "calm", "–"),
    (9, 0, True, "calm", "all came"),
    (9, 1, True, "warn", "1 of 10 did not come: webhooks are being lost"),
    (0, ENOUGH_TO_TELL, False, "warn", "Not ticked in the PBX?"),
    (0, ENOUGH_TO_TELL, True, "warn", "5 of 5 did not come: webhooks are being lost"),
    (0, ENOUGH_TO_TELL - 1, False, "warn", "4 of 4 did not come: not ticked, or webhooks are being lost"),
])  # fmt: skip
def test_what_a_triggers_row_means(came: int, missed: int, seen: bool, alarm: str, text: str) -> None:
    assert meaning(came, missed, seen=seen) == (alarm, text)


def test_every_trigger_knows_its_events() -> None:
    reader, found = Reader(zone=ZoneInfo("UTC"), components={}), set()
    for given_body in (*INBOUND, *IN_GROUP, *OUTBOUND, body("voicemail", recorded_at=at(1))):
        event = reader.read(given_body, START)
        assert not isinstance(event, Unrecognised)
        found.add(trigger_of(event))
    assert found == {*TRIGGERS, None}


def test_a_document_keeps_its_keys() -> None:
    document = Floor().state
    assert set(document["ledger"]) == {*NOTHING, "presumed_ended", "triggers"}
    assert set(document["pbx"]) == {"state", "last_event_at", "expected_events", "clock_offset_seconds"}
