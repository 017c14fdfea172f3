"""A call list's rows as the webhooks that the PBX would have sent, checked against the list itself."""

from __future__ import annotations

import io
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from wallboard import replay
from wallboard.replay import CallListError
from wallboard.sender import Webhook

HEADER = "call_uid,service_type,arrived_at,answered_at,ended_at,wait_s,talk_s,outcome,agent"
TODAY = date(2026, 11, 23)

ANSWERED = "a1,PS,1999-01-03T10:00:00,1999-01-03T10:00:25,1999-01-03T10:02:25,25,120,answered,TOVA"
ABANDONED = "a2,NW,1999-01-03T10:00:05,,1999-01-03T10:00:41,36,,abandoned,"
NO_SERVER = "a3,PS,1999-01-03T10:00:06,1999-01-03T10:00:07,1999-01-03T10:00:30,1,23,answered,NO_SERVER"
NEXT_DAY = "a4,PS,1999-01-04T23:59:50,1999-01-04T23:59:50,1999-01-05T00:01:00,0,70,answered,MIKI"


def listed(*rows: str, header: str = HEADER) -> replay.CallList:
    return replay.parse(io.StringIO("\n".join([header, *rows]) + "\n"))


def webhooks(*rows: str, speed: float = 1.0, day: date | None = None) -> list[Webhook]:
    return list(replay.webhooks(replay.moved(listed(*rows), today=TODAY, day=day), speed=speed))


def bodies(*rows: str, day: date | None = None) -> list[dict[str, Any]]:
    return [json.loads(webhook.body) for webhook in webhooks(*rows, day=day)]


def test_an_answered_call_enters_rings_for_ten_seconds_is_answered_and_ends() -> None:
    assert [(webhook.due_seconds, json.loads(webhook.body)["type"]) for webhook in webhooks(ANSWERED)] == [
        (0, "webhook_component_event"),
        (15, "user_inbound"),
        (25, "user_inbound_answered"),
        (145, "user_inbound_completed"),
        (145, "queue_call"),
    ]


def test_the_component_event_says_which_queue_was_entered_and_names_no_agent() -> None:
    [entered, *others] = webhooks(ANSWERED)
    assert entered.headers == (("X-Wallboard-Meaning", "queue_entered:PS"),)
    assert json.loads(entered.body)["user_number"] is None
    assert not any(webhook.headers for webhook in others)


def test_an_answered_call_tells_its_wait_and_talk_as_the_list_does() -> None:
    summary = bodies(ANSWERED)[-1]
    assert (summary["call_start_at"], summary["connected_at"]) == (
        "2026-11-23T10:00:00.000",
        "2026-11-23T10:00:25.000",
    )
    assert (summary["call_duration"], summary["conversation_duration"]) == (145, "120")
    assert (summary["status"], summary["user_name"], summary["queue_name"]) == ("answered", "TOVA", "PS")


def test_an_abandoned_call_rings_nobody() -> None:
    entered, summary = bodies(ABANDONED)
    assert entered["type"] == "webhook_component_event"
    assert (summary["status"], summary["call_duration"], summary["conversation_duration"]) == (
        "abandoned",
        36,
        "0",
    )
    assert (summary["user_name"], summary["connected_at"]) == (None, None)


def test_an_answered_call_without_a_server_names_nobody_and_is_still_answered() -> None:
    entered, summary = bodies(NO_SERVER)
    assert entered["type"] == "webhook_component_event"
    assert (summary["status"], summary["user_name"], summary["connected_at"]) == (
        "answered",
        None,
        "2026-11-23T10:00:07.000",
    )


def test_a_short_wait_rings_from_the_arrival_and_keeps_the_calls_own_order() -> None:
    at_once = "a5,PS,1999-01-03T10:00:00,1999-01-03T10:00:00,1999-01-03T10:00:00,0,0,answered,TOVA"
    assert [body["type"] for body in bodies(at_once)] == [
        "webhook_component_event",
        "user_inbound",
        "user_inbound_answered",
        "user_inbound_completed",
        "queue_call",
    ]


def test_all_calls_together_stand_in_the_order_of_time() -> None:
    due = [webhook.due_seconds for webhook in webhooks(NO_SERVER, ABANDONED, ANSWERED)]
    assert due == sorted(due) == [0, 5, 6, 15, 25, 30, 41, 145, 145]


def test_in_one_second_ends_stand_before_answers_and_answers_before_arrivals() -> None:
    follower = "b1,PS,1999-01-03T10:02:00,1999-01-03T10:02:25,1999-01-03T10:09:00,25,395,answered,TOVA"
    newcomer = "b2,PS,1999-01-03T10:02:25,,1999-01-03T10:09:00,395,,abandoned,"
    at_once = [
        (webhook.call, json.loads(webhook.body)["type"])
        for webhook in webhooks(newcomer, follower, ANSWERED)
        if webhook.due_seconds == 145
    ]
    assert at_once == [
        ("a1", "user_inbound_completed"),
        ("a1", "queue_call"),
        ("b1", "user_inbound_answered"),
        ("b2", "webhook_component_event"),
    ]


def test_the_last_day_of_the_file_becomes_today() -> None:
    starts = {body["unique_call_id"]: body["call_start_at"][:10] for body in bodies(ANSWERED, NEXT_DAY)}
    assert starts == {"a1": "2026-11-22", "a4": "2026-11-23"}


def test_one_day_alone_becomes_today() -> None:
    starts = {
        body["unique_call_id"]: body["call_start_at"]
        for body in bodies(ANSWERED, NEXT_DAY, day=date(1999, 1, 3))
    }
    assert starts == {"a1": "2026-11-23T10:00:00.000"}


def test_a_call_over_midnight_counts_in_the_day_of_its_arrival() -> None:
    assert bodies(NEXT_DAY)[-1]["call_duration"] == 70
    assert bodies(NEXT_DAY)[0]["call_start_at"] == "2026-11-23T23:59:50.000"


def test_a_day_that_the_file_has_not_is_told_with_those_it_has() -> None:
    with pytest.raises(CallListError, match=r"1999-01-09.*1999-01-03 to 1999-01-04"):
        replay.moved(listed(ANSWERED, NEXT_DAY), today=TODAY, day=date(1999, 1, 9))


@pytest.mark.parametrize(("speed", "last_due"), [(1, 145), (10, 14.5), (0, 0)])
def test_speed_changes_the_posting_and_never_the_bodies(speed: float, last_due: float) -> None:
    assert webhooks(ANSWERED, speed=speed)[-1].due_seconds == last_due
    assert [hook.body for hook in webhooks(ANSWERED, speed=speed)] == [
        hook.body for hook in webhooks(ANSWERED)
    ]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (
            "c1,PS,soon,,1999-01-03T10:00:41,,,,",
            "arrived_at should be a time like 2026-11-23T10:42:07, not 'soon'",
        ),
        (
            "c1,PS,1999-01-03T10:00:05,,,,,,",
            "ended_at should be a time like 2026-11-23T10:42:07, not nothing",
        ),
        ("c1,,1999-01-03T10:00:05,,1999-01-03T10:00:41,,,,", "service_type is empty"),
        (
            "c1,PS,1999-01-03T10:00:05,,1999-01-03T10:00:04,,,,",
            "arrived_at, answered_at and ended_at are not in this order",
        ),
        (
            "c1,PS,1999-01-03T10:00:05,1999-01-03T10:00:50,1999-01-03T10:00:41,,,,",
            "arrived_at, answered_at and ended_at are not in this order",
        ),
        ("c1", "arrived_at should be a time like 2026-11-23T10:42:07, not nothing"),
        (ANSWERED, "an earlier row has this call_uid in the same queue"),
    ],
)
def test_a_bad_row_is_reported_with_its_line_and_the_rest_goes_on(row: str, why: str) -> None:
    calls = listed(ANSWERED, row, ABANDONED)
    assert calls.bad_rows == (replay.BadRow(3, why),)
    assert list(replay.report(calls)) == [f"Line 3 skipped: {why}."]
    assert [call.uid for call in calls.calls] == ["a1", "a2"]


def test_a_file_full_of_bad_rows_is_not_recited() -> None:
    lines = list(replay.report(listed(*["nonsense"] * 50)))
    assert (len(lines), lines[-1]) == (21, "30 more rows skipped.")


def test_other_operators_exports_are_read() -> None:
    header = "\ufeffEnded_At; SERVICE_TYPE;skill;arrived_at;answered_at"
    row = "1999-01-03 10:01:00;New  Sales;7;1999-01-03 10:00:00+02:00;null;and;more"
    file = io.StringIO("\n".join([header.removeprefix("\ufeff"), row, ""]))
    [call] = replay.parse(file).calls
    assert (call.queue, call.answered_at, call.agent) == ("New Sales", None, None)
    assert call.arrived_at == datetime.fromisoformat("1999-01-03T10:00:00")
    assert call.uid == "19990103100000000002"


def test_a_byte_order_mark_does_not_hide_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text(
        f"arrived_at,service_type,answered_at,ended_at\n{','.join(ABANDONED.split(',')[2:3])}", "utf-8-sig"
    )
    assert len(replay.read(path).bad_rows) == 1


def test_missing_columns_are_told_together() -> None:
    with pytest.raises(CallListError, match=r"lacks ended_at, answered_at; needed are"):
        listed("x,y", header="service_type,arrived_at")


@pytest.mark.parametrize("content", ["", "\n"])
def test_an_empty_file_lacks_its_columns(content: str) -> None:
    with pytest.raises(CallListError, match="lacks arrived_at"):
        replay.parse(io.StringIO(content))


def test_a_file_that_cannot_be_opened_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(CallListError, match=r"missing\.csv cannot be read"):
        replay.read(tmp_path / "missing.csv")


def test_a_list_without_any_call_cannot_be_replayed() -> None:
    with pytest.raises(CallListError, match="no call"):
        replay.moved(listed(), today=TODAY)


def test_a_week_gives_the_figures_that_the_list_gives() -> None:
    rows = [
        f"w{n},PS,1999-01-03T10:{n % 60:02d}:00,{answered},1999-01-03T11:{n % 60:02d}:30,,,,{agent}"
        for n in range(60)
        for answered, agent in [(f"1999-01-03T10:{n:02d}:{n:02d}", "TOVA") if n % 3 else ("", "")]
    ]
    summaries = [body for body in bodies(*rows) if body["type"] == "queue_call"]
    waits = [
        (datetime.fromisoformat(body["connected_at"]) - datetime.fromisoformat(body["call_start_at"])).seconds
        for body in summaries
        if body["status"] == "answered"
    ]
    talks = [int(body["conversation_duration"]) for body in summaries if body["status"] == "answered"]
    answered = [n for n in range(60) if n % 3]
    assert sorted(waits) == answered
    assert sum(talks) == sum(3630 - n for n in answered)
    assert [body["call_duration"] for body in summaries if body["status"] == "abandoned"] == [3630] * 20
