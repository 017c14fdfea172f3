"""Pairing on a server with accounts: a supervisor's phone, a viewer's, and a screen that is nobody's any more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Server, wait_until
from tests.signing import PASSWORD, People, people

WAITING = "html[data-pairing=waiting]"
LIVE = "html[data-link=live]"
LIST = "/supervisor/tvs"


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    server = Server(tmp_path_factory.mktemp("paired")).start()
    staff = people(server)
    yield staff
    staff.close()
    server.close()


@pytest.fixture
def screen(browser: Browser, staff: People) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1920, "height": 1080}, base_url=staff.server.url)
    yield context.new_page()
    context.close()


def test_a_phone_that_has_to_sign_in_first_still_has_the_code(browser: Browser, staff: People, screen: Page) -> None:
    screen.goto("/boards/main")
    screen.wait_for_selector(WAITING, state="attached")
    code = screen.inner_text("#code")
    context = browser.new_context(viewport={"width": 390, "height": 844}, base_url=staff.server.url)
    phone = context.new_page()
    phone.goto(f"{LIST}/pair#{code.replace(' ', '')}")
    phone.fill("#name", "supervisor")
    phone.fill("#password", PASSWORD)
    phone.click("button")
    expect(phone.locator("#pair-code")).to_have_value(code)
    phone.click("text=Find the screen")
    phone.fill("#pair-name", "Reception")
    phone.click("text=Pair it")
    screen.wait_for_url("**/boards/main")
    screen.wait_for_selector(LIVE, state="attached")
    expect(phone.locator("#tv")).to_contain_text("Paired by The supervisor", timeout=10_000)
    phone.click(".revoke summary")
    phone.click("text=Revoke this TV")
    screen.wait_for_url("**/tv*", timeout=5_000)
    screen.wait_for_selector(WAITING, state="attached")
    audit = staff.client("admin").get("/supervisor/audit").text
    assert "paired the TV" in audit
    assert "revoked the TV" in audit
    context.close()


def test_a_viewer_pairs_nothing_and_a_persons_browser_is_not_listed(browser: Browser, staff: People) -> None:
    viewer = staff.client("viewer")
    assert viewer.post(f"{LIST}/pair", data={"code": "CDFGHJKM"}).status_code == 403
    context = staff.browser(browser, "viewer")
    page = context.new_page()
    asked: list[str] = []
    page.on("requestfinished", lambda request: asked.append(f"{request.method} {request.url}"))
    page.goto("/boards/main?tv=laptop")
    page.wait_for_selector(LIVE, state="attached")
    wait_until(lambda: any(line.startswith("POST") and "/tvs/laptop" in line for line in asked), "it reports")
    assert "laptop" not in staff.client("supervisor").get(LIST).text
    context.close()
