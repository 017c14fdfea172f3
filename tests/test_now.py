"""What the page Now shows of a board, and for whom it looks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from starlette.requests import Request

from tests.samples import Body, answered, answered_call, at, body, missed, rang
from tests.test_board import NOON, Floor
from wallboard.boards.definitions import Definition, PlaceTargets, Targets
from wallboard.eyes import Eyes
from wallboard.look import Look
from wallboard.now import floor as nows
from wallboard.now.filter import Asked
from wallboard.now.floor import compose
from wallboard.now.pages import asked_of, query_of
from wallboard.now.views import Now

LOOK = Look()


def dialled(call: str, agent: str) -> Body:
    return body("user_outbound", call, caller_id="+61380000000", caller_name=None, dest_number="0290000009",
                user_number=agent, user_name=f"Agent {agent}", call_start_at=at(50))  # fmt: skip


def busy_floor() -> Floor:
    """At 70 s past noon: two wait (one long, nobody rung), one talks, one dials, one agent is idle."""
    return Floor(
        *answered_call("0", "1005"),
        *[one | {"call_start_at": at(0)} for one in (rang("1001", "1"), missed("1001", "1"))],
        rang("1002", "2", queue="Support", caller_name="Bell & Co", caller_id="0290000002", call_start_at=at(60)),
        rang("1003", "3", call_start_at=at(30)),
        answered("1003", "3", after=40, call_start_at=at(30)),
        dialled("4", "1004"),
    )


def shown(**asked: str) -> Now:
    return compose(Eyes(busy_floor().board), NOON + timedelta(seconds=70), Asked(**asked), LOOK, trouble=None)


def calls(**asked: str) -> list[str]:
    return [call.id for call in shown(**asked).calls]


def test_who_waits_longest_comes_first_and_who_talks_last() -> None:
    page = shown()
    assert [(call.id, call.state_word, call.lasted, call.alarm) for call in page.calls] == [
        ("1", "Waiting", "1:10", "alarm"),
        ("2", "Ringing", "0:10", "calm"),
        ("3", "Talking", "0:30", "calm"),
        ("4", "Dialling", "0:20", "calm"),
    ]
    assert (page.waiting, page.talking, page.busy, page.idle, page.longest) == (2, 1, 3, 2, "1:10")


def test_an_outbound_call_is_shown_by_the_number_that_is_called() -> None:
    call = shown(state="dialling").calls[0]
    assert (call.number, call.dialled, call.agents) == ("+61 2 9000 0009", "+61 3 8000 0000", "Agent 1004")


def test_an_agents_day_stands_beside_what_the_phone_does() -> None:
    agents = {agent.number: agent for agent in shown().agents}
    talking = agents["1003"]
    assert (talking.state_word, talking.lasted, talking.with_whom) == ("Talking", "0:30", "ACME Pty Ltd")
    assert (agents["1005"].answered, agents["1005"].talk, agents["1005"].state_word) == (1, "3:07", "Idle")
    assert agents["1001"].missed == 1
    assert agents["1004"].outbound == 1


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"queue": "Support"}, ["2"]),
        ({"queue": "Nowhere"}, []),
        ({"agent": "1003"}, ["3"]),
        ({"agent": "1001"}, ["1"]),
        ({"state": "talking"}, ["3"]),
        ({"state": "ringing"}, ["2"]),
        ({"q": "bell"}, ["2"]),
        ({"q": "AGENT 1002"}, ["2"]),
        ({"q": "support"}, ["2"]),
        ({"q": "02 9000 0009"}, ["4"]),
        ({"q": "acme", "state": "waiting"}, ["1"]),
        ({"calls": "-wait"}, ["4", "3", "2", "1"]),
        ({"calls": "queue"}, ["4", "1", "3", "2"]),
    ],
    ids=str,
)
def test_filters_and_sorts(asked: dict[str, str], found: list[str]) -> None:
    assert calls(**asked) == found


@pytest.mark.parametrize(
    ("sort", "first"), [("", "1001"), ("-name", "1005"), ("answered", "1003"), ("missed", "1001"), ("talk", "1005")]
)
def test_agents_are_sorted(sort: str, first: str) -> None:
    assert shown(agents=sort).agents[0].number == first


MAIN = Definition(
    name="Floor",
    targets=Targets(wait_warn_seconds=60, service_level_seconds=10),
    places=(
        PlaceTargets(name="Support", wait_warn_seconds=5, wait_alarm_seconds=8),
        PlaceTargets(name="Sales", service_level_seconds=15, service_level_target=0.5),
    ),
)


def test_waits_and_levels_go_by_the_targets_of_the_board_main() -> None:
    page = compose(Eyes(busy_floor().board), NOON + timedelta(seconds=70), Asked(), Look(definition=MAIN), trouble=None)
    assert {call.id: call.alarm for call in page.calls[:2]} == {"1": "warn", "2": "alarm"}
    assert (page.alarm, page.waiting_alarm) == ("warn", "alarm")
    places = {place.name: place for place in page.places}
    assert (places["Support"].alarm, places["Sales"].alarm) == ("alarm", "warn")
    assert (places["Support"].service_level_percent, places["Sales"].service_level_percent) == (None, 100)
    assert (places["Support"].target, places["Sales"].target) == ("", "50 % within 15 s")
    assert page.targets == (
        "Target: 80 % within 10 s, set for the board “Floor”.",
        "Sales: as its own on the board “Floor” says.",
    )


def test_a_call_leads_to_its_own_page() -> None:
    assert shown().calls[0].address == f"/supervisor/calls/1?day={NOON.date()}"


def test_places_with_a_long_wait_come_first() -> None:
    assert [(place.name, place.waiting, place.alarm_word) for place in shown().places] == [
        ("Sales", 1, "Too long"),
        ("Support", 1, ""),
    ]


def request(query: str) -> Request:
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", {}),
        ("queue=A%26B&q=+x+", {"queue": "A&B", "q": "x"}),
        ("state=asleep&calls=-colour&agents=__class__", {}),
        ("calls=-wait&agents=talk&state=idle", {"calls": "-wait", "agents": "talk", "state": "idle"}),
    ],
)
def test_an_address_says_what_is_asked_and_nonsense_is_left_out(query: str, asked: dict[str, Any]) -> None:
    read = asked_of(request(query))
    assert read == Asked(**asked)
    assert asked_of(request(query_of(read).removeprefix("?"))) == read


def test_a_long_text_in_the_address_is_cut() -> None:
    assert len(asked_of(request("q=" + "x" * 5000)).q) == 200


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65, "1:05"), (3723, "1:02:03"), (-5, "0:00")])
def test_a_duration_is_written_as_the_browser_writes_it(seconds: int, text: str) -> None:
    assert nows.duration(seconds) == text
