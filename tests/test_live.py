"""The board in a real Chromium: a call is seen at once, a dead link is seen within seconds, and it heals."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.complaints import heard_from, serious
from tests.conftest import Server
from tests.samples import abandoned, answered, completed, missed, rang, summary

pytestmark = pytest.mark.alone

SHOWN_WITHIN_MS = 300


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    page = context.new_page()
    heard = heard_from(page)
    page.goto(f"{server.url}/boards/main")
    expect(page.locator("html[data-link=live]")).to_be_attached(timeout=5000)
    yield page
    context.close()
    assert serious(heard) == []


def seen_after(page: Page, selector: str) -> float:
    """Milliseconds until `selector` is on the page."""
    started = time.monotonic()
    page.wait_for_selector(selector, state="attached", timeout=5000)
    return (time.monotonic() - started) * 1000


def test_a_call_is_seen_ringing_answered_and_completed(page: Page, server: Server) -> None:
    for bodies, state in (
        ([rang("1001"), missed("1001")], "waiting"),
        ([rang("1002")], "ringing"),
        ([answered("1002")], "talking"),
        ([completed("1002"), summary()], "ended"),
    ):
        server.post(bodies)
        assert seen_after(page, f'[data-call="1001"][data-state="{state}"]') < SHOWN_WITHIN_MS
    assert seen_after(page, '[data-agent="1002"][data-state="idle"]') < SHOWN_WITHIN_MS
    assert page.locator('[data-call="1001"]').count() == 1
    assert page.locator('[data-queue="Sales"]').count() == 1
    assert page.locator("html").get_attribute("data-sequence") == "4"


def test_a_stopped_server_is_seen_within_five_seconds_and_the_board_comes_back(page: Page, server: Server) -> None:
    server.send(signal.SIGSTOP)
    stopped = time.monotonic()
    page.wait_for_selector("html[data-link=stale]", state="attached", timeout=10_000)
    assert time.monotonic() - stopped < 5
    assert page.get_by_text("Not live").first.is_visible()
    server.send(signal.SIGCONT)
    page.wait_for_selector("html[data-link=live]", state="attached", timeout=15_000)
    server.post(rang(call="7"))
    page.wait_for_selector('[data-call="7"]', state="attached", timeout=5_000)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restarted_server_is_found_again_without_a_hand(page: Page, server: Server, number: signal.Signals) -> None:
    server.post(rang(call="8"))
    page.wait_for_selector('[data-call="8"]', state="attached")
    boot = page.locator("html").get_attribute("data-boot")
    server.stop(number)
    page.wait_for_selector("html[data-link=stale]", state="attached", timeout=5_000)
    server.start()
    server.post(abandoned(call="8"))
    page.wait_for_selector("html[data-link=live]", state="attached", timeout=15_000)
    page.wait_for_selector('[data-call="8"][data-state="ended"]', state="attached", timeout=5_000)
    assert page.locator("html").get_attribute("data-boot") != boot


def test_a_swallowed_stream_is_replaced_by_polling(browser: Browser, server: Server) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("**/stream", lambda route: route.fulfill(status=503, body="no"))
    page.goto(f"{server.url}/boards/main")
    page.wait_for_selector("html[data-link=live]", state="attached", timeout=30_000)
    server.post(rang(call="9"))
    page.wait_for_selector('[data-call="9"][data-state="ringing"]', state="attached", timeout=5_000)
    context.close()


def test_markup_in_a_callers_name_is_text(page: Page, server: Server) -> None:
    name = '<img src=x onerror=alert(1)><script>alert(2)</script>" onload="x'
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    server.post(rang(call="10", caller_name=name, queue="<b>Q</b>"))
    page.wait_for_selector('[data-call="10"]', state="attached")
    assert name in (page.locator('[data-call="10"]').text_content() or "")
    assert page.locator('[data-queue="<b>Q</b>"]').count() == 1
    assert dialogs == []


def test_the_seconds_tick_in_the_browser(page: Page, server: Server) -> None:
    server.post(rang(call_start_at=datetime.now(UTC).isoformat()))
    timer = page.locator('[data-call="1001"] [data-since]').first
    expect(timer).to_have_text("0:02", timeout=5000)
    expect(timer).to_have_text("0:03", timeout=2000)


def test_the_setup_page_fills_by_itself(browser: Browser, server: Server) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/")
    expect(page.locator('tr[data-type="user_inbound"]')).to_have_attribute("data-seen", "no")
    server.post(rang())
    expect(page.locator('tr[data-type="user_inbound"]')).to_have_attribute("data-seen", "yes", timeout=5000)
    context.close()
