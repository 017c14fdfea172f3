"""The three lamps: the PBX, the journal and the viewer's link are told apart, in words and never by colour alone."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Server
from tests.samples import Body, answered, completed, rang, summary
from tests.test_render import BOARD, TEMPLATES, Tree
from tests.weeks import rang as ring
from wallboard import lamps, views
from wallboard.board import Board
from wallboard.journal import Delivery
from wallboard.journal.sqlite import SqliteJournal
from wallboard.look import Look
from wallboard.parse import Reader, Unrecognised
from wallboard.render import Renderer
from wallboard.rules import Rules
from wallboard.tiles import compose
from wallboard.usual import Health, PbxState

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def lamp(state: PbxState, ago: timedelta = timedelta(minutes=12, seconds=30)) -> views.Lamp:
    return lamps.pbx(Health(state, None, None), None if state == "nothing" else NOON - ago, NOON)


@pytest.mark.parametrize(("state", "alarm", "text"), [
    ("normal", "calm", "PBX"), ("quiet", "warn", "PBX quiet 12 min"), ("learning", "calm", "PBX learning"),
    ("nothing", "calm", "PBX not heard"),
])  # fmt: skip
def test_the_pbxs_lamp(state: PbxState, alarm: str, text: str) -> None:
    shown = lamp(state)
    assert (shown.state, shown.alarm, shown.text) == (state, alarm, text)


@pytest.mark.parametrize(("ago", "text"), [
    ({"seconds": 95}, "95 s"), ({"minutes": 119}, "119 min"), ({"hours": 26}, "26 h"),
])  # fmt: skip
def test_how_long_a_silence_lasts(ago: dict[str, int], text: str) -> None:
    assert lamp("quiet", timedelta(**ago)).text == f"PBX quiet {text}"


def test_the_journals_lamp() -> None:
    assert lamps.journal(None) == views.Lamp(state="fine", alarm="calm", text="Journal")
    assert lamps.journal(None, [0]) == views.Lamp(state="mended", alarm="warn", text="Journal mended")
    assert lamps.journal(None, [3, 4]) == views.Lamp(state="mended", alarm="warn", text="Journal lost 7")
    assert lamps.journal("disk full") == views.Lamp(state="trouble", alarm="alarm", text="Journal stopped")


@pytest.mark.parametrize(("health", "words"), [
    (Health("normal", 3.6, None), "Usual in such a time: 4 events."),
    (Health("quiet", 60.2, None), "Usual in such a time: 60 events. Either few people call today, a holiday"),
    (Health("learning", None, None), "still being learnt"),
])  # fmt: skip
def test_the_pbxs_lamp_in_a_sentence(health: Health, words: str) -> None:
    said = lamps.silence_words(health, NOON - timedelta(minutes=3), NOON)
    assert said.startswith("The last event came 3 min ago.")
    assert words in said


def footer(**changed: views.Lamp) -> str:
    return Renderer(TEMPLATES).tile(msgspec.structs.replace(BOARD.footer, **changed)).decode()


def test_a_lamp_that_warns_has_an_icon_and_words_and_a_calm_one_none() -> None:
    assert footer().count("#i-alert") == 0
    assert footer(pbx=lamp("quiet")).count("#i-alert") == 1
    both = footer(pbx=lamp("quiet"), journal=lamps.journal("disk full"))
    assert (both.count("#i-alert"), both.count("#i-alarm")) == (1, 1)
    assert "PBX quiet 12 min" in both
    assert "Journal stopped" in both


def test_every_lamp_has_its_mark_and_words_for_when_the_link_is_dead() -> None:
    tree = Tree(footer().encode())
    assert [mark["data-pbx"] for mark in tree.having("data-pbx")] == ["normal"]
    assert [mark["data-journal"] for mark in tree.having("data-journal")] == ["fine"]
    assert footer().count("not known") == 2


# --- from events to lamps ------------------------------------------------------------------------------


def board_of(*bodies: Body, received_at: datetime) -> Board:
    reader, board = Reader(zone=ZoneInfo("UTC"), components={}), Board(Rules(zone=ZoneInfo("UTC")))
    for given_body in bodies:
        event = reader.read(given_body, received_at)
        assert not isinstance(event, Unrecognised)
        board.apply(event)
    return board


@pytest.mark.parametrize(("seconds", "said"), [
    (0, ""), (29, ""), (45, "differ by 45 s: running waits are wrong"), (-45, "differ by 45 s"),
    (36_000, "differ by 10 h"),
])  # fmt: skip
def test_a_wrong_clock_is_said_on_the_board(seconds: int, said: str) -> None:
    connected_at = (NOON - timedelta(seconds=seconds)).isoformat()
    board = board_of(*(answered(call=str(n)) | {"connected_at": connected_at} for n in range(5)), received_at=NOON)
    notice = compose(board, NOON, Look(), sequence=1, trouble=None).notice
    assert said in notice.text
    assert (notice.alarm, bool(notice.text)) == ("warn" if said else "calm", bool(said))


def test_a_silence_that_is_unusual_reaches_the_footer() -> None:
    board = Board(Rules(zone=ZoneInfo("UTC")))
    for week in (4, 3, 2, 1):
        for n in range(-60, 60):
            board.apply(ring(f"{week}-{n}", NOON - timedelta(weeks=week) + timedelta(minutes=n)))
    board.apply(ring("last", NOON))
    shown = [
        compose(board, NOON + timedelta(minutes=minutes), Look(), sequence=1, trouble=None).footer.pbx.state
        for minutes in (0, 10, 13)
    ]
    assert shown == ["normal", "normal", "quiet"]


# --- in the browser ------------------------------------------------------------------------------------


def keep(folder: Path, received: list[tuple[datetime, Body]]) -> None:
    """Writes a journal of bodies that came at those times."""
    deliveries = [Delivery(received_at=at, body=msgspec.json.encode(body)) for at, body in received]

    async def run() -> None:
        journal = SqliteJournal(folder / "wallboard.db")
        await journal.open(lambda entry: None)
        for first in range(0, len(deliveries), 200):
            await asyncio.gather(*(journal.append(delivery) for delivery in deliveries[first : first + 200]))
        await journal.close()

    with ThreadPoolExecutor(1) as aside:  # the browser's driver has a loop in this thread
        aside.submit(asyncio.run, run()).result()


@pytest.fixture
def quiet_server(idle_server: Server) -> Server:
    """Four weeks with a call a minute at this hour, and nothing for half an hour."""
    now = datetime.now(UTC)
    past = [now - timedelta(weeks=week) + timedelta(minutes=n) for week in (4, 3, 2, 1) for n in range(-90, 60)]
    calls = enumerate([*past, now - timedelta(minutes=30)])
    keep(idle_server.folder, [(at, rang(call=f"past-{n}", call_start_at=at.isoformat())) for n, at in calls])
    return idle_server.start()


@pytest.fixture
def board_page(quiet_server: Server, browser: Browser) -> Any:
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(f"{quiet_server.url}/boards/main")
    yield page
    context.close()


def test_the_lamps_tell_a_quiet_pbx_a_stopped_journal_and_a_dead_link_apart(
    quiet_server: Server, board_page: Page
) -> None:
    pbx, journal = board_page.locator("[data-pbx]"), board_page.locator("[data-journal]")
    expect(board_page.locator("html[data-link=live]")).to_be_attached(timeout=5000)
    expect(pbx).to_have_attribute("data-pbx", "quiet")
    expect(pbx).to_contain_text("PBX quiet 30 min")
    assert quiet_server.state()["pbx"]["state"] == "quiet"

    quiet_server.post(rang(call="new"))
    expect(pbx).to_have_attribute("data-pbx", "normal", timeout=3000)
    expect(journal).to_have_attribute("data-journal", "fine")

    blocker = sqlite3.connect(quiet_server.folder / "wallboard.db", isolation_level=None)
    blocker.execute("BEGIN EXCLUSIVE")
    assert quiet_server.post(rang(call="refused")).status_code == 503
    expect(journal).to_have_attribute("data-journal", "trouble", timeout=3000)
    expect(journal.get_by_text("Journal stopped")).to_be_visible()
    colour = "getComputedStyle(document.querySelector('[data-journal]')).backgroundColor"
    assert board_page.evaluate(colour) != "rgba(0, 0, 0, 0)"

    quiet_server.send(signal.SIGSTOP)
    expect(board_page.locator("html[data-link=stale]")).to_be_attached(timeout=10_000)
    expect(journal.get_by_text("Journal not known")).to_be_visible()
    expect(journal.get_by_text("Journal stopped")).to_be_hidden()
    expect(pbx.get_by_text("PBX not known")).to_be_visible()
    assert board_page.evaluate(colour) == "rgba(0, 0, 0, 0)"

    blocker.close()
    quiet_server.send(signal.SIGCONT)
    expect(board_page.locator("html[data-link=live]")).to_be_attached(timeout=15_000)
    expect(journal).to_have_attribute("data-journal", "fine", timeout=10_000)


def test_a_restart_knows_the_same(quiet_server: Server) -> None:
    quiet_server.post([rang(call="new"), answered(call="new"), rang(call="new")])
    before = quiet_server.state()
    quiet_server.stop(signal.SIGKILL)
    quiet_server.start()
    after = quiet_server.state()
    assert before["ledger"]["duplicates"] == 1
    assert before["ledger"] == after["ledger"]
    assert {**before["pbx"], "expected_events": None} == {**after["pbx"], "expected_events": None}
    assert after["pbx"]["state"] == "normal"
    assert after["pbx"]["expected_events"] < 12


def test_the_setup_page_says_which_trigger_is_not_ticked(idle_server: Server, browser: Browser) -> None:
    now = datetime.now(UTC)
    started: dict[str, Any] = {"call_start_at": now.isoformat()}
    told = [event(call=str(n), **started) for n in range(5) for event in (rang, completed, summary)]
    keep(idle_server.folder, [(now - timedelta(minutes=2), event) for event in told])
    server, context = idle_server.start(), browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{server.url}/setup")
    row = page.locator('tr[data-trigger="user_inbound_answered"]')
    expect(row).to_contain_text("Not ticked in the PBX?")
    expect(row).to_have_attribute("data-alarm", "warn")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    server.post(answered(call="late", **started))
    expect(row).to_contain_text("5 of 5 did not come: webhooks are being lost", timeout=5000)
    expect(page.locator('tr[data-trigger="queue_call"]')).to_contain_text("all came")
    expect(page.locator("#pbx")).to_have_attribute("data-pbx", "learning")
    context.close()


def test_the_setup_page_of_a_board_that_heard_nothing(server: Server) -> None:
    html = server.client.get("/setup/seen").text
    assert "Nothing has been heard of the PBX yet." in html
    assert html.count('data-alarm="calm"') == 9
