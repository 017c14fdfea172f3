"""What is usual of a PBX by local hour, which silence is not, and whose clock is wrong; on simulated weeks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.test_board import Floor
from tests.weeks import MONDAY, SYDNEY, Centre, Watched, answered, rang
from wallboard.usual import Hours, Pbx

WEEKS = 5
BUSY = 60


def local(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of the sixth week; day 0 is its Monday."""
    on = MONDAY + timedelta(weeks=WEEKS, days=day)
    return datetime(on.year, on.month, on.day, hour, minute, tzinfo=SYDNEY)


@pytest.fixture(scope="module")
def busy() -> Pbx:
    """After five weeks of sixty calls an hour; last week's Tuesday was a holiday."""
    holiday = MONDAY + timedelta(weeks=WEEKS - 1, days=1)
    return Watched(events=Centre(BUSY, closed=(holiday,)).events(MONDAY, 7 * WEEKS)).pbx


@pytest.mark.parametrize(("since", "until", "state"), [
    (local(1, 10), local(1, 10, 5), "normal"),
    (local(1, 10), local(1, 10, 12), "quiet"),
    (local(1, 17, 50), local(1, 20), "normal"),
    (local(1, 17, 50), local(2, 7, 59), "normal"),
    (local(1, 17, 50), local(2, 9), "quiet"),
    (local(4, 17, 50), local(7, 7, 59), "normal"),
    (local(4, 17, 50), local(7, 9), "quiet"),
    (local(1, 10), local(11, 10), "quiet"),
], ids=["five minutes on a busy Tuesday", "twelve minutes on a busy Tuesday, a week after a holiday", "closing time",
        "the night", "a morning on which nobody calls, or a holiday", "the weekend", "a Monday on which nobody calls",
        "ten days"])  # fmt: skip
def test_which_silence_is_unusual(busy: Pbx, since: datetime, until: datetime, state: str) -> None:
    assert busy.health(since, until).state == state


def test_the_events_to_be_expected_are_those_of_the_hours_gone_by(busy: Pbx) -> None:
    expected = busy.health(local(2, 9), local(2, 10, 30)).expected_events
    assert expected == pytest.approx(4 * BUSY * (1.0 + 1.2 / 2), rel=0.1)


@pytest.mark.parametrize(("calls_per_hour", "found_within"), [(60, 12), (20, 40), (6, 150)])
def test_a_dead_link_on_a_tuesday_at_ten_is_found_within_minutes(calls_per_hour: int, found_within: int) -> None:
    dead_at = local(1, 10)
    events = Centre(calls_per_hour).events(MONDAY, 7 * WEEKS + 2)
    found = Watched(events=[event for event in events if event.received_at < dead_at]).found_after(dead_at)
    assert found is not None
    assert found <= timedelta(minutes=found_within)


def test_two_calls_an_hour_are_no_false_alarm_in_half_a_year() -> None:
    events = Centre(2, weekend=0.3).events(MONDAY, 182)
    assert len(events) > 5000
    assert list(Watched().silences(events)) == []


def test_a_ring_all_of_many_phones_makes_no_silence_unusual() -> None:
    """Forty events a call: counted as events, one quiet minute would be an alarm."""
    watched = Watched()
    for week in range(WEEKS):
        for n in range(12):
            at = local(1, 10, 5 * n) - timedelta(weeks=WEEKS - week)
            for phone in range(40):
                watched.hear(rang(f"{week}-{n}", at + timedelta(seconds=phone)))
    health = watched.pbx.health(local(1, 10), local(1, 10, 15))
    assert (health.state, health.expected_events) == ("normal", 120)


# --- the first days ------------------------------------------------------------------------------------


def test_of_a_pbx_that_was_never_heard_nothing_is_known() -> None:
    health = Pbx(SYDNEY).health(None, local(0, 10))
    assert (health.state, health.expected_events, health.clock_offset_seconds) == ("nothing", None, None)


@pytest.mark.parametrize(("days", "asked", "state"), [
    (1, 1, "learning"), (2, 2, "quiet"), (5, 5, "learning"), (6, 6, "learning"), (7, 7, "quiet"), (7, 12, "normal"),
], ids=["second day", "third day", "first Saturday", "first Sunday", "second Monday", "second Saturday"])  # fmt: skip
def test_the_first_days(days: int, asked: int, state: str) -> None:
    """A weekday is judged by two earlier ones, by its own kind from the second week on."""
    pbx = Watched(events=Centre(BUSY).events(MONDAY, days)).pbx
    morning = datetime.combine(MONDAY + timedelta(days=asked), datetime.min.time(), SYDNEY) + timedelta(hours=10)
    assert pbx.health(morning, morning + timedelta(minutes=30)).state == state


HOURS: dict[str, tuple[dict[int, int], float | None]] = {
    "nothing known": ({}, None),
    "one such day": ({-1: 9}, None),
    "the least of two such days": ({-2: 9, -1: 7}, 7),
    "a weekend is another kind": ({-6: 1, -5: 1, -4: 9, -3: 9, -2: 9, -1: 9}, 9),
    "days since the first without any are zeros": ({-4: 9, -1: 9}, 0),
    "last week's weekday before any other": ({-7: 20, -2: 9, -1: 7}, 20),
    "the median of two": ({-14: 20, -7: 30}, 25),
    "the median of four": ({-28: 1, -21: 30, -14: 40, -7: 50}, 35),
    "no more than four weeks": ({-35: 1000, -28: 8, -21: 8, -14: 8, -7: 8}, 8),
    "a week without any is a zero": ({-14: 20}, 10),
}


@pytest.mark.parametrize("case", HOURS)
def test_the_usual_number_of_an_hour(case: str) -> None:
    counts, usual = HOURS[case]
    hours, friday = Hours(), date(2026, 3, 6)
    for day in sorted(counts):
        hours.count(friday + timedelta(days=day), 9)
        for _ in range(counts[day]):
            hours.count(friday + timedelta(days=day), 10)
    assert hours.usual(friday, 10) == usual


def test_an_hour_that_began_before_the_first_event_is_no_sample() -> None:
    hours, friday = Hours(), date(2026, 3, 6)
    for hour in (10, 10, 10, 11, 11):
        hours.count(friday, hour)
    assert hours.usual(friday + timedelta(weeks=1), 10) == 0, "the least of Monday to Thursday"
    assert hours.usual(friday + timedelta(weeks=1), 11) == 2


def test_old_days_are_forgotten() -> None:
    hours = Hours()
    for day in range(400):
        hours.count(MONDAY + timedelta(days=day), 10)
    assert len(hours._days) == 35


@pytest.mark.parametrize(("zone", "day"), [
    ("Australia/Sydney", date(2026, 4, 5)), ("Australia/Sydney", date(2026, 10, 4)),
    ("Europe/Berlin", date(2026, 3, 29)), ("Europe/Berlin", date(2026, 10, 25)),
    ("Australia/Lord_Howe", date(2026, 4, 5)), ("Australia/Lord_Howe", date(2026, 10, 4)), ("Asia/Kathmandu", MONDAY),
])  # fmt: skip
def test_hours_that_come_twice_or_never_are_walked_as_often_as_they_come(zone: str, day: date) -> None:
    place, hours = ZoneInfo(zone), Hours()
    midnight = datetime(day.year, day.month, day.day, tzinfo=place).astimezone(UTC)
    for n in range(35 * 24 * 6):
        at = (midnight - timedelta(days=35) + timedelta(minutes=10 * n)).astimezone(place)
        hours.count(at.date(), at.hour)
    assert hours.expected(midnight, midnight + timedelta(hours=12), place) == pytest.approx(72, abs=6)
    assert hours.expected(midnight, midnight, place) == 0


def test_the_same_events_are_learnt_the_same_again() -> None:
    events = Centre(20).events(MONDAY, 14)
    now = datetime(2026, 3, 16, 10, 30, tzinfo=SYDNEY)
    once, again = Watched(events=events), Watched(events=events)
    assert once.pbx.health(once.last_at, now) == again.pbx.health(again.last_at, now)


# --- the clock -----------------------------------------------------------------------------------------

LAGS: dict[str, tuple[list[float], float | None, bool]] = {
    "too few to tell": ([45] * 4, None, False),
    "prompt": ([0.4] * 20, 0.4, False),
    "just bearable": ([30] * 20, 30, False),
    "behind": ([45] * 20, 45, True),
    "ahead": ([-45] * 20, -45, True),
    "a wrong time zone": ([36_000] * 20, 36_000, True),
    "one late event": ([45.0] * 9 + [600.0] + [45.0] * 10, 45, True),
    "a backlog": ([60 * n for n in range(20)], None, False),
    "only the last twenty": ([500.0] * 30 + [1.0] * 20, 1, False),
}


@pytest.mark.parametrize("case", LAGS)
def test_how_far_the_clocks_are_apart(case: str) -> None:
    lags, offset, differ = LAGS[case]
    pbx = Pbx(SYDNEY)
    for number, lag in enumerate(lags):
        received_at = local(1, 10) + timedelta(minutes=number)
        pbx.hear(answered(str(number), received_at, received_at - timedelta(seconds=lag)), begins_call=True)
    health = pbx.health(local(1, 10), local(1, 11))
    assert (health.clock_offset_seconds, health.clocks_differ) == (offset, differ)


def test_an_answer_without_its_time_tells_nothing_of_the_clock() -> None:
    pbx = Pbx(SYDNEY)
    pbx.hear(answered("1", local(1, 10), None), begins_call=True)
    assert pbx.health(local(1, 10), local(1, 10)).clock_offset_seconds is None


def test_the_state_says_how_the_pbx_stands() -> None:
    floor = Floor()
    assert floor.state["pbx"] == {
        "state": "nothing", "last_event_at": None, "expected_events": None, "clock_offset_seconds": None,
    }  # fmt: skip
