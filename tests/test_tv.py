"""A television that lives alone for months, in a real Chromium: it looks after itself, and can be reached."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from playwright.sync_api import Error as PlaywrightError

from scripts import devtools
from tests.conftest import Server, chromium, wait_until
from tests.samples import answered, rang

LIVE = "html[data-link=live]"
IS_LIVE = "document.documentElement.dataset.link === 'live'"
HOUR = 3_600_000
COUNT_TONES = """
    window.tones = 0;
    const create = AudioContext.prototype.createOscillator;
    AudioContext.prototype.createOscillator = function () { window.tones += 1; return create.call(this); };
"""
COUNT_LOCKS = """
    window.locks = [];
    const request = WakeLock.prototype.request;
    WakeLock.prototype.request = function (kind) {
        const lock = request.call(this, kind);
        lock.then(held => window.locks.push(held));
        return lock;
    };
"""
NO_STORAGE = """
    for (const name of ["localStorage", "sessionStorage"])
        Object.defineProperty(window, name, { get() { throw new DOMException("no", "SecurityError"); } });
"""
NOTE_PROBES = """
    window.probes = [];
    window.answers = 0;
    const ask = window.fetch;
    window.fetch = function (address, options) {
        const answer = ask.call(this, address, options);
        if (address !== location.href) return answer;
        window.probes.push(wallboard.localNow());
        answer.then(() => setTimeout(() => { window.answers += 1; }, 0));
        return answer;
    };
"""


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    assert errors == []


def hang_up(page: Page, server: Server, address: str = "/boards/main?tv=reception", *scripts: str) -> None:
    """Opens the board, with `scripts` run before its own."""
    for script in scripts:
        page.add_init_script("{" + script + "}")
    page.goto(server.url + address)
    page.wait_for_selector(LIVE, state="attached")


def choose(page: Page, **choices: str) -> None:
    """The supervisor's choices for the board, as the root element carries them."""
    page.evaluate("choices => Object.assign(document.documentElement.dataset, choices)", choices)


def until(page: Page, expression: str, within: float = 10) -> None:
    """Asks from outside: the policy of our pages lets no page evaluate what it is told, as a wait in the page would."""

    def is_true() -> bool:
        try:
            return bool(page.evaluate(expression))
        except PlaywrightError:  # it is just leaving for another page
            return False

    wait_until(is_true, expression, within)


def told(server: Server, tv: str = "reception") -> dict[str, Any]:
    answer = server.client.get(f"/tvs/{tv}")
    found: dict[str, Any] = answer.json() if answer.status_code == 200 else {"report": {}, "word": ""}
    return found


def minutes_ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()


def wait_long(server: Server, call: str = "alarm", queue: str = "Sales") -> None:
    """A caller who has waited for four minutes."""
    assert server.post(rang(call=call, queue=queue, call_start_at=minutes_ago(4))).status_code == 200


def take(server: Server, call: str = "alarm", queue: str = "Sales") -> None:
    """The one who waited is answered."""
    assert server.post(answered(call=call, queue=queue, call_start_at=minutes_ago(4))).status_code == 200


def clock_at(page: Page, minutes: int) -> str:
    """The board's time of day, so many minutes from now."""
    milliseconds = page.evaluate("wallboard.localNow()") + minutes * 60_000
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%H:%M")


def expect_another_load(page: Page, loaded: str, within: float = 10) -> None:
    """The page is another load than the one that was named `loaded`."""
    until(page, f"window.wallboard && wallboard.identity && wallboard.identity.page !== '{loaded}'", within)


# its report


def test_it_tells_the_server_how_it_is(page: Page, server: Server) -> None:
    hang_up(page, server)
    wait_until(lambda: told(server)["report"].get("link") == "live", "it reports that it is live")
    report = told(server)["report"]
    build = page.locator("html").get_attribute("data-build")
    assert (report["board"], report["build"]) == ("main", build)
    assert (report["width"], report["height"]) == (1920, 1080)
    assert report["transport"] == "stream"
    assert abs(report["clock_offset_ms"]) < 1000
    assert (report["errors"], report["missing_fragments"]) == (0, 0)
    assert {"audio", "storage"} <= set(report["features"])
    assert told(server)["engine"].startswith("Chromium ")


def test_it_says_at_once_that_its_link_is_gone_and_back(page: Page, server: Server) -> None:
    hang_up(page, server)
    wait_until(lambda: told(server)["word"] == "Live", "it is live")
    page.route("**/stream*", lambda route: route.abort())
    page.route("**/tiles*", lambda route: route.abort())
    page.evaluate("window.dispatchEvent(new Event('online'))")
    server.stop(signal.SIGKILL)
    server.start()
    wait_until(lambda: told(server)["word"] == "Not live", "it says that it is not live", within=15)
    page.unroute("**/stream*")
    page.unroute("**/tiles*")
    wait_until(lambda: told(server)["word"] == "Live", "it says that it is live again", within=25)
    assert told(server)["report"]["reconnects"] > 0


def test_a_page_that_is_left_is_not_lost(page: Page, server: Server) -> None:
    hang_up(page, server)
    wait_until(lambda: told(server)["word"] == "Live", "it is live")
    page.goto("about:blank")
    wait_until(lambda: told(server)["word"] == "Closed", "it has said good-bye")


def test_it_keeps_its_id_where_something_is_kept(context: BrowserContext, page: Page, server: Server) -> None:
    hang_up(page, server, "/boards/main")
    id = page.evaluate("wallboard.identity.id")
    page.reload()
    assert page.evaluate("wallboard.identity.id") == id
    other = context.new_page()
    hang_up(other, server, "/boards/main?tv=left")
    assert other.evaluate("wallboard.identity.id") == "left"


def test_it_works_where_nothing_can_be_kept(page: Page, server: Server) -> None:
    hang_up(page, server, "/boards/main", NO_STORAGE)
    id = page.evaluate("wallboard.identity.id")
    wait_until(lambda: told(server, id)["word"] == "Live", "it is live")
    assert "storage" not in told(server, id)["report"]["features"]
    choose(page, sound="once")
    wait_long(server)
    expect(page.locator("#board-hero [data-alarm=alarm]").first).to_be_attached()
    server.client.post(
        f"/supervisor/tvs/{id}", data={"do": "rename", "name": "Kitchen"}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    until(page, "wallboard.identity.name() === 'Kitchen'")


# the supervisor's list


@pytest.fixture
def desk(context: BrowserContext, page: Page, server: Server) -> Page:
    """The list, with one television on it."""
    hang_up(page, server)
    wait_until(lambda: told(server)["word"] == "Live", "the television is live")
    desk = context.new_page()
    desk.goto(f"{server.url}/supervisor/tvs")
    expect(desk.locator("tr[data-tv=reception]")).to_contain_text("Live")
    return desk


def test_identify_shows_its_name_on_its_screen_and_on_no_other(
    context: BrowserContext, page: Page, desk: Page, server: Server
) -> None:
    other = context.new_page()
    hang_up(other, server, "/boards/main?tv=kitchen")
    desk.get_by_role("button", name="Identify reception").click()
    expect(page.locator(".tv-identify")).to_contain_text("reception", timeout=1500)
    expect(desk.get_by_text("asked: identify")).to_be_visible()
    assert other.locator(".tv-identify").count() == 0


def test_the_sign_goes_after_fifteen_seconds(page: Page, server: Server) -> None:
    page.clock.install()
    hang_up(page, server)
    wait_until(lambda: told(server)["word"] == "Live", "it is live")
    page.evaluate("""document.dispatchEvent(new CustomEvent("wallboard:command", { detail:
        { id: "1", tv: "reception", do: "identify", page: wallboard.identity.page, name: "" } }))""")
    expect(page.locator(".tv-identify")).to_be_visible()
    page.clock.fast_forward(15_500)
    expect(page.locator(".tv-identify")).to_have_count(0)


def test_reload_reloads_it_once(page: Page, desk: Page, server: Server) -> None:
    loaded = page.evaluate("wallboard.identity.page")
    desk.get_by_role("button", name="Reload reception").click()
    expect_another_load(page, loaded)
    again = page.evaluate("wallboard.identity.page")
    wait_until(lambda: told(server)["report"]["page"] == again, "the new page has reported")
    wait_until(lambda: told(server)["report"]["link"] == "live", "and again that it is live")
    assert page.evaluate("wallboard.identity.page") == again


def test_reload_waits_for_a_page_that_answers(page: Page, desk: Page) -> None:
    probed: list[str] = []

    def fail(route: Route) -> None:
        probed.append(route.request.url)
        route.fulfill(status=503, body="no")

    page.route("**/boards/main?*", fail)
    loaded = page.evaluate("wallboard.identity.page")
    desk.get_by_role("button", name="Reload reception").click()
    # A route is answered only while Playwright is asked something.
    wait_until(lambda: page.evaluate("true") and bool(probed), "it has asked whether the page is there")
    assert page.evaluate("wallboard.identity.page") == loaded
    page.unroute("**/boards/main?*")
    expect_another_load(page, loaded, within=20)


def test_a_new_name_is_kept_by_the_television(page: Page, desk: Page, server: Server) -> None:
    desk.get_by_role("link", name="reception").click()
    desk.get_by_label("Name").fill("Reception, <b>left</b>")
    desk.get_by_role("button", name="Rename").click()
    expect(desk.get_by_role("heading", level=1)).to_have_text("Reception, <b>left</b>")
    until(page, "wallboard.identity.name() === 'Reception, <b>left</b>'")
    server.stop()
    server.start()
    wait_until(lambda: told(server).get("name") == "Reception, <b>left</b>", "the name came back", within=20)


def test_a_television_that_polls_is_reached_too(page: Page, server: Server) -> None:
    page.route("**/stream*", lambda route: route.fulfill(status=503, body="no"))
    page.clock.install()
    hang_up(page, server)
    wait_until(lambda: told(server)["word"] == "Live, by polling", "it polls")
    answer = server.client.post(
        "/supervisor/tvs/reception", data={"do": "identify"}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status_code == 303
    page.clock.fast_forward(20_000)
    expect(page.locator(".tv-identify")).to_be_visible()


# the screen itself


def test_the_screen_is_kept_awake_and_again_after_the_browser_has_let_it_go(page: Page, server: Server) -> None:
    hang_up(page, server, "/boards/main?tv=reception", COUNT_LOCKS)
    until(page, "window.locks.length === 1")
    assert page.evaluate("wallboard.wakeLockState()") == "held"
    page.evaluate("window.locks[0].release()")
    until(page, "wallboard.wakeLockState() === 'refused'")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    until(page, "window.locks.length === 2 && wallboard.wakeLockState() === 'held'")


def test_a_browser_without_a_wake_lock_shows_the_board_all_the_same(page: Page, server: Server) -> None:
    hang_up(page, server, "/boards/main?tv=reception", "delete Navigator.prototype.wakeLock;")
    wait_until(lambda: told(server)["report"].get("wake_lock") == "absent", "it says so")
    assert told(server)["report"]["errors"] == 0


def test_the_picture_wanders_within_the_margin_and_nothing_is_fitted_anew(page: Page, server: Server) -> None:
    server.post(rang())
    page.clock.install()
    hang_up(page, server)
    let_time_be_turned(page)
    page.evaluate("""() => {
        window.fitted = 0;
        new MutationObserver(() => window.fitted++).observe(document.documentElement, { attributeFilter: ["style"] });
        window.reached = 0;
        window.addEventListener("resize", () => window.reached++);
    }""")
    seen: set[tuple[float, float]] = set()
    before = page.evaluate("[innerWidth, innerHeight]")
    for _ in range(40):
        page.clock.fast_forward(61_000)
        x, y, width, height = page.evaluate("""() => {
            const at = new DOMMatrix(getComputedStyle(document.querySelector(".screen")).transform);
            return [at.e, at.f, document.documentElement.scrollWidth, document.documentElement.scrollHeight];
        }""")
        assert [width, height] == before, "no scroll bars"
        assert -1080 * 0.01 <= min(x, y) <= max(x, y) <= 0
        seen.add((x, y))
    assert len(seen) > 20  # at its dullest hour it goes there and back the same way: 22
    assert len({x for x, _ in seen}) > 5
    assert len({y for _, y in seen}) > 5
    assert page.evaluate("[window.fitted, window.reached]") == [0, 0]
    assert page.evaluate("getComputedStyle(document.querySelector('.screen')).transitionDuration") == "0s"


@pytest.mark.parametrize(("minutes_from", "minutes_to", "dimmed"), [
    (-60, 60, True), (120, 60, True), (60, 120, False), (60, -60, False),
])  # fmt: skip
def test_out_of_hours_it_is_dark_and_can_be_read(
    page: Page, server: Server, minutes_from: int, minutes_to: int, dimmed: bool
) -> None:
    hang_up(page, server)
    choose(page, dimFrom="00:00", dimTo="23:59")
    page.wait_for_selector("html[data-dimmed]", state="attached")
    choose(page, dimFrom=clock_at(page, minutes_from), dimTo=clock_at(page, minutes_to))
    page.wait_for_selector("html[data-dimmed]" if dimmed else "html:not([data-dimmed])", state="attached")
    style = "getComputedStyle(document.querySelector('.tv-cover'))"
    cover = page.evaluate(f"[{style}.visibility, {style}.opacity, {style}.pointerEvents]")
    assert cover == ["visible" if dimmed else "hidden", "0.55" if dimmed else "0", "none"]


def test_an_alarm_lights_the_screen_while_it_lasts(page: Page, server: Server) -> None:
    hang_up(page, server)
    choose(page, dimFrom=clock_at(page, -60), dimTo=clock_at(page, 60))
    page.wait_for_selector("html[data-dimmed]", state="attached")
    wait_long(server)
    page.wait_for_selector("html:not([data-dimmed])", state="attached")
    take(server)
    page.wait_for_selector("html[data-dimmed]", state="attached")


# leaving the page


def let_time_be_turned(page: Page) -> None:
    """The server's heartbeats no longer set the time that the test has turned on."""
    page.evaluate("wallboard.heardServerTime = () => {}")


def test_once_a_night_it_reloads_after_a_good_probe_only(page: Page, server: Server) -> None:
    page.clock.install()
    hang_up(page, server, "/boards/main?tv=reception", NOTE_PROBES)
    let_time_be_turned(page)
    loaded = page.evaluate("wallboard.identity.page")
    page.route("**/boards/main?*", lambda route: route.fulfill(status=503, body="no"))
    began = page.evaluate("wallboard.localNow()")
    for _ in range(31 * 4):
        page.clock.fast_forward(HOUR // 4)
        if page.evaluate("window.probes.length"):
            break
    probed_at = page.evaluate("window.probes[0]")
    assert probed_at - began > 6 * HOUR
    assert 2.5 * HOUR <= probed_at % (24 * HOUR) <= 4.75 * HOUR
    assert page.evaluate("wallboard.identity.page") == loaded
    until(page, "window.answers === 1")
    page.clock.fast_forward(11 * 60_000)
    until(page, "window.answers === 2")
    assert page.evaluate("wallboard.identity.page") == loaded
    page.unroute("**/boards/main?*")
    page.clock.fast_forward(11 * 60_000)
    expect_another_load(page, loaded)
    page.wait_for_selector(LIVE, state="attached")
    let_time_be_turned(page)
    page.clock.fast_forward(5 * HOUR)
    page.wait_for_selector(LIVE, state="attached")
    assert page.evaluate("window.probes.length") == 0


def other_board(page: Page, server: Server, slug: str) -> None:
    """A board `slug` that shows what `main` does."""

    def answer(route: Route) -> None:
        main = route.request.url.replace(f"/boards/{slug}", "/boards/main")
        if "/stream" in main or "/tiles" in main:
            route.continue_(url=main)
            return
        response = route.fetch(url=main)
        route.fulfill(response=response, body=response.text().replace('data-slug="main"', f'data-slug="{slug}"'))

    page.route(f"**/boards/{slug}*", answer)
    page.route(f"**/boards/{slug}/**", answer)


def test_it_turns_through_its_boards_and_passes_over_one_that_does_not_answer(page: Page, server: Server) -> None:
    other_board(page, server, "sales")
    page.clock.install()
    hang_up(page, server)
    history = page.evaluate("history.length")
    choose(page, rotation="gone sales", rotationSeconds="20")
    with page.expect_response("**/boards/gone*") as gone:
        page.clock.fast_forward(21_000)
    assert gone.value.status == 404
    expect(page.locator("html[data-slug=main]")).to_be_attached()
    page.clock.fast_forward(11_000)
    page.wait_for_selector("html[data-slug=sales][data-link=live]", state="attached")
    wait_until(lambda: told(server)["report"].get("board") == "sales", "it is the same television")
    page.clock.fast_forward(21_000)
    page.wait_for_selector("html[data-slug=main][data-link=live]", state="attached")
    assert page.evaluate("history.length") == history


def test_it_stays_while_somebody_waits_too_long_and_five_minutes_at_most(page: Page, server: Server) -> None:
    other_board(page, server, "sales")
    page.clock.install()
    hang_up(page, server)
    wait_long(server)
    page.wait_for_selector("#board-hero [data-alarm=alarm]", state="attached")
    choose(page, rotation="sales", rotationSeconds="20")
    page.clock.fast_forward(25_000)
    page.wait_for_selector("html[data-slug=main][data-link=live]", state="attached")
    page.clock.run_for(3_000)
    assert page.locator("html").get_attribute("data-slug") == "main"
    page.clock.fast_forward(300_000)
    page.wait_for_selector("html[data-slug=sales]", state="attached")


# sound


def sounding(page: Page, server: Server, sound: str) -> None:
    """A board that has sound; what a test evaluates counts as somebody's touch, so it may sound at once."""
    page.clock.install()
    hang_up(page, server, "/boards/main?tv=reception", COUNT_TONES)
    choose(page, sound=sound)
    until(page, "wallboard.soundState() === 'ready'")


def tones(page: Page) -> int:
    count: int = page.evaluate("window.tones")
    return count


def test_it_asks_for_a_key_press_and_is_silent_until_then(server: Server, tmp_path: Path) -> None:
    browser = devtools.Browser(Path(chromium()), tmp_path / "profile", may_sound=False)
    page, sign = browser.page, "document.querySelector('.tv-sound:not([hidden])')"
    try:
        page.ask("Page.addScriptToEvaluateOnNewDocument", source=f"{{{COUNT_TONES}}}")
        page.go(f"{server.url}/boards/main?tv=reception")
        assert page.wait_for(IS_LIVE, 10)
        page.evaluate("document.documentElement.dataset.sound = 'while'")
        assert page.wait_for(f"!!{sign}", 5)
        assert page.evaluate(f"{sign}.textContent") == "Press any key to allow sound"
        wait_long(server)
        assert page.wait_for("wallboard.alarmNow()", 5)
        swaps = "document.addEventListener('wallboard:swapped', () => { window.swaps = (window.swaps || 0) + 1; })"
        page.evaluate(swaps)
        server.post(rang(call="and another"))
        assert page.wait_for("window.swaps > 0", 10)
        assert page.evaluate("window.tones") == 0
        assert page.evaluate("wallboard.soundState()") == "blocked"
        for kind in ("keyDown", "keyUp"):
            page.ask("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13)
        assert page.wait_for(f"!{sign} && window.tones >= 3", 5)
        assert page.evaluate("wallboard.soundState()") == "ready"
        page.evaluate("wallboard.reload()")  # which needs no second key press
        assert page.wait_for(f"window.tones === 0 && {IS_LIVE}", 10)
        page.evaluate("document.documentElement.dataset.sound = 'while'")
        assert page.wait_for("window.tones >= 3", 10)
    finally:
        browser.close()


def test_once_sounds_once_for_each_new_alarm(page: Page, server: Server) -> None:
    sounding(page, server, "once")
    wait_long(server)
    until(page, "window.tones === 3")
    page.clock.fast_forward(30_000)
    page.wait_for_selector(LIVE, state="attached")
    page.clock.run_for(2_000)
    assert tones(page) == 3
    wait_long(server, "another", "Support")
    until(page, "window.tones === 6")


def test_while_sounds_until_the_caller_is_answered(page: Page, server: Server) -> None:
    sounding(page, server, "while")
    wait_long(server)
    until(page, "window.tones === 3")
    page.clock.run_for(8_500)
    until(page, "window.tones >= 6")
    take(server)
    page.wait_for_selector("#board-hero:not(:has([data-figure=longest][data-alarm=alarm]))", state="attached")
    silent = tones(page)
    page.clock.run_for(20_000)
    assert tones(page) == silent


def test_a_board_that_is_not_live_makes_no_sound(page: Page, server: Server) -> None:
    sounding(page, server, "while")
    wait_long(server)
    until(page, "window.tones === 3")
    server.send(signal.SIGSTOP)
    page.wait_for_selector("html[data-link=stale]", state="attached")
    silent = tones(page)
    page.clock.run_for(30_000)
    assert tones(page) == silent
    server.send(signal.SIGCONT)
    until(page, f"window.tones > {silent}", within=20)


def test_a_board_without_sound_asks_for_nothing_and_makes_none(page: Page, server: Server) -> None:
    hang_up(page, server, "/boards/main?tv=reception", COUNT_TONES)
    wait_long(server)
    page.wait_for_selector("#board-hero [data-alarm=alarm]", state="attached")
    page.keyboard.press("Enter")
    wait_until(lambda: told(server)["report"].get("sound") == "off", "it reports that sound is off")
    assert (tones(page), page.locator(".tv-sound").count()) == (0, 0)


# /diag


@pytest.mark.alone
def test_a_good_screen_is_told_so_and_the_list_has_it(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/diag?tv=reception")
    expect(page.locator("#verdict")).to_have_text("✓ This screen can show the wallboard.", timeout=15_000)
    expect(page.locator("#report")).to_contain_text("has it")
    diagnosis = told(server)["diagnosis"]
    assert (diagnosis["verdict"], diagnosis["stream"]) == ("fit", "live")
    assert diagnosis["first_tiles_ms"] < 3000
    assert 1800 < diagnosis["heartbeat_ms"] < 2300
    page.goto(f"{server.url}/supervisor/tvs/reception")
    expect(page.get_by_text("This screen can show the wallboard.")).to_be_visible()


def test_a_screen_that_lacks_something_is_told_what(page: Page, server: Server) -> None:
    page.add_init_script("delete window.AbortController;")
    page.goto(f"{server.url}/diag?tv=reception")
    expect(page.locator("#verdict")).to_have_text(
        "✗ This screen cannot show the wallboard: its browser has no AbortController."
    )
    wait_until(lambda: (told(server).get("diagnosis") or {}).get("missing") == ["AbortController"], "it is reported")


def test_a_browser_that_cannot_read_the_scripts_is_told_so(page: Page, server: Server) -> None:
    page.route("**/syntax.js*", lambda route: route.fulfill(body="", content_type="text/javascript"))  # as if unread
    page.goto(f"{server.url}/diag?tv=reception")
    expect(page.locator("#verdict")).to_contain_text("its browser has no Scripts of 2018")


def test_a_swallowed_stream_is_found_and_polling_does(page: Page, server: Server) -> None:
    page.route("**/stream", lambda route: route.fulfill(status=503, body="no"))
    page.goto(f"{server.url}/diag?tv=reception")
    expect(page.locator("#stream")).to_contain_text("the board polls instead", timeout=15_000)
    expect(page.locator("#verdict")).to_have_attribute("data-verdict", "fit")


def test_a_server_that_sends_nothing_is_no_good_screen(page: Page, server: Server) -> None:
    page.route("**/stream", lambda route: route.abort())
    page.route("**/tiles", lambda route: route.abort())
    page.goto(f"{server.url}/diag?tv=reception")
    expect(page.locator("#verdict")).to_contain_text("data does not come through", timeout=15_000)
