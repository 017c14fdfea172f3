"""The clock under a running server: set wrong and right, changed for the summer, and past midnight."""

from __future__ import annotations

import signal
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser

from tests.conftest import Server, wait_until
from tests.faults import Faults
from tests.posting import HEALED_WITHIN, assert_nothing_lost, posting, settled
from tests.samples import Body, abandoned, answered, body, rang

pytestmark = pytest.mark.alone

QUEUED = body("webhook_component_event", "waits", component_name="Before Sales")
MEANING = {"X-Wallboard-Meaning": "queue_entered:Sales"}


def told_at(instant: datetime, event: Body) -> Body:
    return event | {"call_start_at": instant.isoformat()}


def live(server: Server) -> dict[str, str]:
    return {call["id"]: call["state"] for call in server.state()["calls"] if call["state"] != "ended"}


def ages(server: Server) -> dict[str, float]:
    """How many seconds each busy agent has been at it, by the server's own clock."""
    state = server.state()
    now = datetime.fromisoformat(state["as_of"])
    busy = (agent for agent in state["agents"] if agent["state"] != "idle")
    return {agent["number"]: (now - datetime.fromisoformat(agent["since"])).total_seconds() for agent in busy}


def clock_error(server: Server, faults: Faults) -> float:
    as_of = datetime.fromisoformat(server.state()["as_of"])
    return abs(as_of.timestamp() - time.time() - faults.clock_seconds)


def as_seconds(shown: str | None) -> int:
    minutes, seconds = (shown or "").rsplit(":", 2)[-2:]
    hours = int(shown.split(":")[0]) if shown and shown.count(":") == 2 else 0
    return hours * 3600 + int(minutes) * 60 + int(seconds)


@pytest.mark.parametrize("wrong_by", [-3600, 3600], ids=["an hour slow", "an hour fast"])
def test_a_clock_that_is_set_right(faulty: Server, faults: Faults, browser: Browser, wrong_by: int) -> None:
    """Both ways: the clock goes wrong under an empty board, calls come, and it is set right again."""
    faults.step_clock(wrong_by)
    wait_until(lambda: clock_error(faulty, faults) < 1, "the server follows its clock", within=HEALED_WITHIN)
    began, started = time.monotonic(), datetime.now(UTC)
    faulty.post(told_at(started, rang("1001", "rings")))
    faulty.post(told_at(started, answered("1002", "talks") | {"connected_at": None}))
    faulty.post(told_at(started, QUEUED), **MEANING)
    page = browser.new_page()
    page.goto(f"{faulty.url}/boards/main")
    page.wait_for_selector('[data-call="talks"]', state="attached")
    faults.step_clock(0)
    stepped = time.monotonic()
    with posting(faulty) as posted:
        wait_until(lambda: clock_error(faulty, faults) < 1, "the server follows its clock", within=HEALED_WITHIN)
        calls = {"rings": "ringing", "talks": "talking", "waits": "waiting"}
        assert calls.items() <= live(faulty).items()
        age = time.monotonic() - began
        assert {agent: pytest.approx(age, abs=1.5) for agent in ("1001", "1002")}.items() <= ages(faulty).items()

        def durations() -> list[int]:
            texts = page.locator('[data-agent="1002"] [data-since], [data-call="waits"] [data-since]').all_inner_texts()
            return [as_seconds(text) for text in texts]

        def are_right() -> bool:
            age = time.monotonic() - began
            return len(found := durations()) == 2 and all(abs(seconds - age) < 2.5 for seconds in found)

        wait_until(are_right, "the screen's durations are right", within=HEALED_WITHIN)
        assert time.monotonic() - stepped < HEALED_WITHIN
    page.close()
    assert_nothing_lost(faulty, posted)
    assert calls.items() <= live(faulty).items()


SYDNEY, LONDON = "Australia/Sydney", "Europe/London"


class Change(NamedTuple):
    """An instant at which the local clock jumps, or the day changes, and how long that local day is."""

    zone: str
    day: date
    at: datetime
    hours: int

    def local(self, clock: str, days: int = 0) -> datetime:
        return datetime.fromisoformat(f"{self.day + timedelta(days)}T{clock}").replace(tzinfo=ZoneInfo(self.zone))


CHANGES = [
    Change(SYDNEY, date(2026, 10, 4), datetime(2026, 10, 3, 16, tzinfo=UTC), 23),
    Change(SYDNEY, date(2027, 4, 4), datetime(2027, 4, 3, 16, tzinfo=UTC), 25),
    Change(LONDON, date(2027, 3, 28), datetime(2027, 3, 28, 1, tzinfo=UTC), 23),
    Change(LONDON, date(2026, 10, 25), datetime(2026, 10, 25, 1, tzinfo=UTC), 25),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change.zone} {change.hours} h")
def test_a_day_on_which_the_clocks_change(tmp_path: Path, data: Path, faults: Faults, change: Change) -> None:
    assert change.local("00:00", 1).timestamp() - change.local("00:00").timestamp() == change.hours * 3600
    server = _server_at(tmp_path, data, faults, change.zone, change.at.timestamp() - 1)
    try:
        server.post(told_at(change.at - timedelta(seconds=30), rang("1001", "rings")))
        server.post(told_at(change.at - timedelta(seconds=30), answered("1002", "talks")))
        offset = _offset(server)
        for call, start in (
            ("day's first", change.local("00:00:01")), ("day's last", change.local("23:59:59")),
            ("day before", change.local("23:59:59", -1)), ("day after", change.local("00:00:01", 1)),
        ):  # fmt: skip
            server.post(told_at(start, abandoned(call)))
        wait_until(lambda: _offset(server) != offset, "the local clock changes")
        state = server.state()
        assert live(server) == {"rings": "ringing", "talks": "talking"}
        assert (state["day"], state["totals"]["inbound"]["offered"]) == (change.day.isoformat(), 4)
        naive = told_at(change.at, rang("1003", "naive")) | {"call_start_at": f"{change.day}T02:30:00"}
        assert server.post(naive).json()["accepted"] == 1
        server.post(naive | {"unique_call_id": "too", "call_start_at": f"{change.day}T01:30:00"})
        state = server.state()
        assert (state["totals"]["inbound"]["offered"], state["webhooks"]["set_aside"]) == (6, 0)
        assert server.client.get("/boards/main").status_code == 200
        before = settled(server)
        server.stop(signal.SIGKILL)
        assert settled(server.start()) == before
    finally:
        server.close()


def test_midnight_with_live_calls(tmp_path: Path, data: Path, faults: Faults) -> None:
    midnight = Change(SYDNEY, date(2026, 11, 25), datetime(2026, 11, 24, 13, tzinfo=UTC), 24)
    server = _server_at(tmp_path, data, faults, SYDNEY, midnight.at.timestamp() - 1)
    try:
        started = midnight.at - timedelta(seconds=30)
        server.post(told_at(started, rang("1001", "rings")))
        server.post(told_at(started, answered("1002", "talks")))
        server.post(told_at(started, QUEUED), **MEANING)
        assert _offered(server) == ("2026-11-24", 3)
        wait_until(lambda: server.state()["day"] == "2026-11-25", "midnight")
        assert _offered(server) == ("2026-11-25", 0), "they count in the day in which they started"
        assert live(server) == {"rings": "ringing", "talks": "talking", "waits": "waiting"}
        server.post(told_at(started, abandoned("waits")))
        server.post(told_at(midnight.at, rang("1003", "new")))
        assert _offered(server) == ("2026-11-25", 1)
        assert live(server) == {"rings": "ringing", "talks": "talking", "new": "ringing"}
        before = settled(server)
        server.stop(signal.SIGKILL)
        assert settled(server.start()) == before
    finally:
        server.close()


def _server_at(tmp_path: Path, data: Path, faults: Faults, zone: str, instant: float) -> Server:
    """A server on an empty journal whose clock has just been set to `instant`."""
    database = f"sqlite:///{data}/wallboard.db"
    server = Server(tmp_path, **faults.environment, DATABASE_URL=database, WALLBOARD_TIME_ZONE=zone).start()
    faults.set_clock(instant)
    return server


def _offset(server: Server) -> timedelta | None:
    return datetime.fromisoformat(server.state()["as_of"]).utcoffset()


def _offered(server: Server) -> tuple[str, int]:
    state = server.state()
    return state["day"], state["totals"]["inbound"]["offered"]
