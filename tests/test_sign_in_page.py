"""Signing in in a real Chromium: on a phone, without script, and where the browser cannot keep it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ViewportSize

from tests.conftest import CHROMIUM_FLAGS, Server, chromium
from tests.signing import PASSWORD, People, code_in, people

PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1280, "height": 720}


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    server = Server(tmp_path_factory.mktemp("page")).start()
    staff = people(server)
    yield staff
    staff.close()
    server.close()


@pytest.fixture(params=[(DESK, True), (PHONE, True), (PHONE, False)], ids=["desk", "phone", "phone without script"])
def context(request: pytest.FixtureRequest, browser: Browser, staff: People) -> Iterator[BrowserContext]:
    viewport, has_script = request.param
    context = browser.new_context(viewport=viewport, java_script_enabled=has_script, base_url=staff.server.url)
    yield context
    context.close()


def test_it_leads_in_and_on_to_where_somebody_was_going_and_out_again(context: BrowserContext, staff: People) -> None:
    page = context.new_page()
    page.goto("/supervisor/day?x=1")
    assert page.url == f"{staff.server.url}/sign-in?next=/supervisor/day%3Fx%3D1"
    page.fill("input[autocomplete=username]", "supervisor")
    page.fill("input[autocomplete=current-password]", "not the password")
    page.click("button")
    assert page.inner_text("[role=alert]") == "The name or the password is wrong."
    assert page.input_value("#name") == "supervisor"
    page.fill("#password", PASSWORD)
    page.click("button")
    page.wait_for_url("**/supervisor/day?x=1")
    assert page.locator(".desk-me bdi").inner_text() == "The supervisor"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") if page.viewport_size == PHONE else True
    page.click("text=Sign out")
    page.wait_for_url("**/sign-in?out")
    page.goto("/supervisor")
    assert "/sign-in" in page.url


def test_a_links_code_leaves_the_address_and_no_log_and_no_referrer_has_it(staff: People, browser: Browser) -> None:
    form = {"name": "newcomer", "shown": "New", "role": "viewer", "limit": "all"}
    code = code_in(staff.client("admin").post("/supervisor/people", data=form).text)
    context = browser.new_context(viewport=PHONE, base_url=staff.server.url)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(f"{one.method} {one.url} {one.headers.get('referer', '')}"))
    page.goto(f"/claim#{code}")
    page.wait_for_selector("#password")
    assert page.url == f"{staff.server.url}/claim"
    page.fill("#password", PASSWORD)
    page.click("button")
    page.wait_for_url(f"{staff.server.url}/")
    assert asked
    assert not any(code in line for line in asked)
    assert code not in (staff.server.folder / "log").read_text()
    context.close()


def test_an_open_page_of_the_desk_goes_to_signing_in_when_its_session_ends(staff: People, browser: Browser) -> None:
    context = staff.browser(browser, "viewer")
    page = context.new_page()
    page.goto("/supervisor")
    page.wait_for_selector("html[data-link=live]", state="attached")
    assert staff.client("admin").post("/supervisor/people/viewer", data={"do": "out"}).status_code == 303
    page.wait_for_url("**/sign-in?next=%2Fsupervisor", timeout=20_000)
    context.close()


def test_where_the_browser_cannot_keep_it_the_page_says_that_it_needs_https(
    elsewhere: Browser, staff: People
) -> None:
    page = elsewhere.new_page()
    page.goto(f"http://wallboard.test:{staff.server.port}/sign-in?next=/supervisor")
    page.fill("#name", "supervisor")
    page.fill("#password", PASSWORD)
    page.click("button")
    page.wait_for_url("**/sign-in?kept=**")
    assert "Signing in needs https" in page.inner_text("[role=alert]")


@pytest.fixture
def elsewhere(browser: Browser) -> Iterator[Browser]:
    """A Chromium to which a name that is no loopback name is this machine: plain http elsewhere."""
    flags = [*CHROMIUM_FLAGS, "--host-resolver-rules=MAP wallboard.test 127.0.0.1"]
    launched = browser.browser_type.launch(executable_path=chromium(), args=flags)
    yield launched
    launched.close()
