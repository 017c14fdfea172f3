"""A screen and a supervisor in a real Chromium: paired, moved, renamed and revoked without a hand at the screen.

The screen's browser comes through a proxy, as far as the server can tell, so that it is nobody at this machine.
"""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from playwright.sync_api import Error as PlaywrightError

from tests.complaints import heard_from, serious
from tests.conftest import Server, wait_until
from wallboard.boards.definitions import Definition
from wallboard.boards.file import write

ELSEWHERE = {"X-Forwarded-For": "203.0.113.9"}
OURS = {"Sec-Fetch-Site": "same-origin"}
LIST = "/supervisor/tvs"
WAITING = "html[data-pairing=waiting]"
LIVE = "html[data-link=live]"
EXTENT = """(() => {
    const range = document.createRange();
    range.selectNodeContents(document.getElementById("code"));
    const box = range.getBoundingClientRect();
    return [box.left, box.right];
})()"""
CODE = re.compile(r"^[A-Z0-9]{4} [A-Z0-9]{4}$")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("pairing")).start()
    save(
        server,
        Definition(slug="sales", name="Sales"),
        Definition(slug="turns", name="Turns", rotation=("turns", "main")),
    )
    yield server
    server.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1920, "height": 1080}, extra_http_headers=ELSEWHERE)
    yield context
    context.close()


@pytest.fixture
def screen(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == []


def save(server: Server, *boards: Definition) -> None:
    form = {"do": "apply", "toml": write(boards)}
    assert server.client.post("/supervisor/boards/import", data=form, headers=OURS).status_code == 303


def ask(server: Server, id: str, **form: str) -> None:
    assert server.client.post(f"{LIST}/{id}", data=form, headers=OURS).status_code == 303


def hang_up(server: Server, screen: Page, name: str = "Reception", board: str = "main") -> str:
    """Pairs the screen as the desk would; returns its id, when its board is live."""
    screen.goto(f"{server.url}/tv")
    screen.wait_for_selector(WAITING, state="attached")
    form = {"do": "pair", "code": screen.inner_text("#code"), "name": name, "board": board}
    paired = server.client.post(f"{LIST}/pair", data=form, headers=OURS)
    assert paired.status_code == 303, paired.text
    shows(screen, board)
    return paired.headers["location"].removeprefix(f"{LIST}/").partition("?")[0]


def shows(screen: Page, board: str, within: float = 15) -> None:
    """Its own board, live; and it got there by itself."""
    seen(screen, f"location.pathname === '/boards/{board}' && document.documentElement.dataset.link === 'live'", within)


def waits(screen: Page, within: float = 5) -> None:
    """It shows a code to be paired by."""
    seen(screen, "location.pathname === '/tv' && document.documentElement.dataset.pairing === 'waiting'", within)


def seen(screen: Page, expression: str, within: float) -> None:
    def is_true() -> bool:
        try:
            return bool(screen.evaluate(expression))
        except PlaywrightError:  # it is just leaving for another page
            return False

    wait_until(is_true, expression, within)


def told(server: Server, id: str) -> dict[str, Any]:
    answer = server.client.get(f"/tvs/{id}")
    said: dict[str, Any] = answer.json() if answer.status_code == 200 else {"report": {}, "name": "", "word": ""}
    return said


def test_a_supervisor_pairs_a_screen_by_its_code(server: Server, browser: Browser, screen: Page) -> None:
    heard = heard_from(screen)
    screen.goto(f"{server.url}/tv")
    expect(screen.locator("#code")).to_have_text(CODE)
    expect(screen.locator("#qr svg path")).to_have_count(1)
    expect(screen.locator("#address")).to_have_text(f"{server.url}/supervisor/tvs/pair")
    code = screen.inner_text("#code")
    context = browser.new_context(viewport={"width": 390, "height": 844}, base_url=server.url)
    desk = context.new_page()
    complaints = heard_from(desk)
    desk.goto(LIST)
    desk.wait_for_selector(LIVE, state="attached")
    desk.click("text=Pair a screen")
    desk.fill("#pair-code", "xxxx-xxxx")
    desk.click("text=Find the screen")
    expect(desk.locator(".problem")).to_contain_text("No screen shows this code now")
    desk.fill("#pair-code", code.lower())
    desk.click("text=Find the screen")
    expect(desk.locator("#desk")).to_contain_text("1920×1080")
    desk.click("text=Pair it")
    expect(desk.locator(".trouble")).to_contain_text("Give it a name")
    desk.fill("#pair-name", "By the lifts")
    desk.select_option("#pair-board", "sales")
    desk.click("text=Pair it")
    expect(desk.locator(".done")).to_contain_text("Paired")
    shows(screen, "sales")
    expect(desk.locator("#tv")).to_contain_text("Live", timeout=10_000)
    desk.click("text=All TVs")
    expect(desk.locator("tr", has_text="By the lifts")).to_contain_text("Live")
    assert serious(complaints) == []
    assert serious(heard) == []
    context.close()


def test_a_phone_that_reads_the_square_brings_the_code_along(server: Server, browser: Browser) -> None:
    page = browser.new_page(base_url=server.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url + " " + request.headers.get("referer", "")))
    page.goto(f"{LIST}/pair#CDFGHJKM")
    expect(page.locator("#pair-code")).to_have_value("CDFG HJKM")
    assert page.url == f"{server.url}{LIST}/pair", "nothing of it stays in the address"
    page.click("text=Find the screen")
    expect(page.locator(".problem")).to_contain_text("No screen shows this code")
    assert not [url for url in asked if "CDFG" in url]
    page.close()


def test_the_square_holds_the_address_of_the_desk_and_the_code(server: Server, screen: Page) -> None:
    """Drawn from the screen's own picture and compared with what a QR code of that text is."""
    from wallboard.tv.qr import qr_of

    screen.goto(f"{server.url}/tv")
    screen.wait_for_selector(WAITING, state="attached")
    code = screen.inner_text("#code").replace(" ", "")
    expected = qr_of(f"{server.url}{LIST}/pair#{code}")
    assert screen.get_attribute("#qr path", "d") == expected.path


def test_a_code_can_be_read_from_across_the_room(server: Server, screen: Page) -> None:
    screen.goto(f"{server.url}/tv")
    screen.wait_for_selector(WAITING, state="attached")
    for width, height in ((1280, 720), (1920, 1080), (3840, 2160), (1080, 1920), (1024, 768), (2560, 1080), (390, 844)):
        screen.set_viewport_size({"width": width, "height": height})
        size = float(screen.evaluate("parseFloat(getComputedStyle(document.getElementById('code')).fontSize)"))
        box = screen.locator("#code").bounding_box()
        assert box is not None
        assert size >= 0.15 * min(width, height)
        text = screen.evaluate(EXTENT)
        assert text[0] >= 0
        assert text[1] <= width
        assert screen.evaluate("document.documentElement.scrollWidth") <= width
        assert screen.evaluate("document.documentElement.scrollHeight") <= height


def test_a_revoked_screen_shows_a_new_code_within_seconds(server: Server, screen: Page) -> None:
    id = hang_up(server, screen)
    ask(server, id, do="revoke")
    started = time.monotonic()
    waits(screen, within=5)
    assert time.monotonic() - started < 5
    assert screen.inner_text("#code")


def test_a_screen_that_slept_while_it_was_revoked_does_so_when_it_wakes(
    server: Server, context: BrowserContext, screen: Page
) -> None:
    id = hang_up(server, screen)
    sleep = context.new_cdp_session(screen)
    sleep.send("Page.setWebLifecycleState", {"state": "frozen"})
    ask(server, id, do="revoke")
    assert screen.url.endswith("/boards/main")
    sleep.send("Page.setWebLifecycleState", {"state": "active"})
    waits(screen, within=8)


def test_a_screen_that_was_revoked_during_a_restart_shows_a_code(server: Server, screen: Page) -> None:
    id = hang_up(server, screen)
    server.stop()
    server.start()
    ask(server, id, do="revoke")
    waits(screen, within=15)


def test_a_moved_screen_goes_to_its_new_board_at_once(server: Server, screen: Page) -> None:
    id = hang_up(server, screen)
    ask(server, id, do="move", board="sales")
    shows(screen, "sales", within=5)


def test_it_goes_home_also_from_a_board_that_it_may_still_see(server: Server, screen: Page) -> None:
    id = hang_up(server, screen, board="main")
    wait_until(lambda: told(server, id)["report"].get("link") == "live", "it reports")
    ask(server, id, do="move", board="turns")  # whose turns main is one of: no stream of it is closed
    shows(screen, "turns", within=5)


def test_after_a_restart_it_is_moved_as_before(server: Server, screen: Page) -> None:
    id = hang_up(server, screen)
    server.stop()
    server.start()
    shows(screen, "main")
    ask(server, id, do="move", board="sales")
    shows(screen, "sales", within=8)


def test_a_renamed_screen_knows_its_name_at_once(server: Server, screen: Page) -> None:
    id = hang_up(server, screen)
    wait_until(lambda: told(server, id)["report"].get("link") == "live", "it reports")
    ask(server, id, do="rename", name="Canteen")
    seen(screen, "wallboard.identity.name() === 'Canteen'", 5)
    ask(server, id, do="identify")
    expect(screen.locator(".tv-identify b")).to_have_text("Canteen")


def test_a_board_stays_on_the_glass_while_the_server_is_ill(server: Server, screen: Page) -> None:
    hang_up(server, screen)
    statuses = cycle((500, 502, 503, 504))

    def be_ill(route: Route) -> None:
        route.fulfill(status=next(statuses), content_type="application/json", body='{"error": "unavailable"}')

    screen.route(re.compile("/(stream|tiles|pairing)"), be_ill)
    server.stop(signal.SIGKILL)
    server.start()
    seen(screen, "document.documentElement.dataset.link === 'stale'", 10)
    started = time.monotonic()
    wait_until(lambda: time.monotonic() - started > 3, "it had the time to leave", within=5)
    assert screen.url.endswith("/boards/main")
    screen.unroute_all()
    shows(screen, "main", within=20)


def test_a_screen_that_waits_outlives_the_server(server: Server, screen: Page) -> None:
    screen.goto(f"{server.url}/tv")
    screen.wait_for_selector(WAITING, state="attached")
    before = screen.inner_text("#code")
    server.stop(signal.SIGKILL)
    screen.wait_for_selector("html[data-pairing=silent]", state="attached", timeout=25_000)
    expect(screen.locator("#said")).to_contain_text("goes on asking by itself")
    server.start()
    screen.wait_for_selector(WAITING, state="attached", timeout=45_000)
    assert screen.url.endswith("/tv")
    assert screen.inner_text("#code") != before, "the server has forgotten who waited"


def test_a_browser_without_cookies_says_so(server: Server, browser: Browser) -> None:
    page = browser.new_page()
    page.route("**/tv/pairing", lambda route: route.fulfill(json={"state": "unknown", "build": "x"}))
    page.clock.install()
    page.goto(f"{server.url}/tv")
    for _ in range(6):
        page.wait_for_timeout(50)
        page.clock.run_for(60_000)
    page.wait_for_selector("html[data-pairing=refused]", state="attached")
    expect(page.locator("#said")).to_contain_text("keeps no cookies here")
    page.close()


def test_a_screen_that_starts_before_the_server_is_ready_waits_without_an_error_page(
    server: Server, screen: Page
) -> None:
    id = hang_up(server, screen)
    assert id
    starting = '<!doctype html><html data-status="503" data-look-every="200"><script src="/static/missing.js"></script>'
    screen.route("**/boards/main", lambda route: route.fulfill(status=503, content_type="text/html", body=starting))
    screen.goto(f"{server.url}/boards/main")
    assert screen.get_attribute("html", "data-status") == "503"
    screen.unroute("**/boards/main")
    shows(screen, "main")


def test_a_signage_page_shows_a_board_that_was_paired_inside_its_frame(tmp_path: Path, browser: Browser) -> None:
    """A page of another site, over https; the wallboard on loopback, which browsers trust as much."""
    origin = "https://signage.example"
    wall = Server(tmp_path, WALLBOARD_FRAME_ANCESTORS=origin).start()
    context = browser.new_context(extra_http_headers=ELSEWHERE)
    context.grant_permissions(["local-network-access"], origin=origin)  # to loopback, from the internet
    page = context.new_page()
    frame = f'<!doctype html><title>Signage</title><iframe src="{wall.url}/tv?tv=lobby" width=1280 height=720></iframe>'
    page.route(f"{origin}/**", lambda route: route.fulfill(content_type="text/html", body=frame))
    page.goto(f"{origin}/player")
    shown = page.frame_locator("iframe")
    expect(shown.locator("#code")).to_have_text(CODE)
    form = {"do": "pair", "code": shown.locator("#code").inner_text(), "name": "Lobby", "board": "main"}
    assert wall.client.post(f"{LIST}/pair", data=form, headers=OURS).status_code == 303
    expect(shown.locator("html")).to_have_attribute("data-link", "live", timeout=15_000)
    wait_until(lambda: "Live" in wall.client.get(LIST).text, "it is a television, not a preview")
    [cookie] = [kept for kept in context.cookies() if kept["name"] == "__Host-wallboard_tv"]
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "None")
    context.close()
    wall.close()


def test_no_other_page_can_frame_a_board(server: Server, browser: Browser) -> None:
    context = browser.new_context()
    context.grant_permissions(["local-network-access"], origin="https://evil.example")
    page = context.new_page()
    complaints = heard_from(page)
    frame = f'<!doctype html><title>Evil</title><iframe src="{server.url}/boards/main"></iframe>'
    page.route("https://evil.example/**", lambda route: route.fulfill(content_type="text/html", body=frame))
    page.goto("https://evil.example/")
    wait_until(lambda: any("frame-ancestors" in said for said in complaints), "the browser refuses")
    context.close()
