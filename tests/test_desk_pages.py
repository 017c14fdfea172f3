"""Now and Call back in a real Chromium, against a real server: live, shared, and without losing the reader's place."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.complaints import heard_from, serious
from tests.conftest import Server
from tests.samples import Body, abandoned, answered, answered_call, body, completed, missed, rang, summary
from tests.test_markup import ELEMENTS

FIRST, SECOND = "+61290000001", "+61290000002"


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def lost(call: str, number: str | None = FIRST, started: float = 600, queue: str = "Sales") -> list[Body]:
    """A call that nobody answered, 30 s long, `started` seconds ago."""
    own = {"caller_id": number, "call_start_at": ago(started)}
    return [{**missed("1001", call, 30, queue), **own}, {**abandoned(call, 30, queue), **own}]


def rung_back(call: str, number: str = "0290000001", agent: str = "1002") -> list[Body]:
    """An outbound call that was answered a moment ago."""
    told = body(
        "user_outbound", call, caller_id="+61380000000", caller_name=None, dest_number=number, user_number=agent,
        user_name=f"Agent {agent}", call_start_at=ago(9),
    )  # fmt: skip
    return [told, told | {"type": "user_outbound_answered", "connected_at": ago(2)}]


@pytest.fixture
def context(browser: Browser, server: Server) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1600, "height": 900}, base_url=server.url)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    heard = heard_from(page)
    yield page
    assert serious(heard) == []


def opened(page: Page, path: str) -> Page:
    """The page at `path`, live, with a mark that a reload would wipe out."""
    page.goto(path)
    expect(page.locator("html[data-link=live]")).to_be_attached()
    page.evaluate("window.notReloaded = true")
    return page


def was_not_reloaded(page: Page) -> bool:
    return bool(page.evaluate("window.notReloaded === true"))


def named(page: Page, name: str) -> Page:
    """The same page, its reader known as `name`."""
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_text(f"You are {name}")).to_be_visible()
    return page


def line(page: Page, number: str = FIRST) -> Locator:
    return page.locator(f'[data-caller="{number}"]')


# --- Now ---------------------------------------------------------------------------------------------------------


def test_a_call_is_followed_from_its_first_ring_to_its_end(page: Page, server: Server) -> None:
    opened(page, "/supervisor")
    expect(page.get_by_text("Nothing has arrived from the PBX yet")).to_be_visible()
    began = ago(40)
    server.post([rang("1001", call_start_at=began), missed("1001") | {"call_start_at": began}])
    server.post(rang("1002", call_start_at=began))
    row = page.locator('[data-call="1001"]')
    expect(row).to_have_attribute("data-state", "ringing")
    expect(row).to_contain_text("Long wait")
    expect(row.locator("summary")).to_contain_text("rings Agent 1002")
    server.post(answered("1002", call_start_at=began))
    expect(row).to_have_attribute("data-state", "talking")
    expect(page.locator('[data-agent="1002"]')).to_contain_text("ACME Pty Ltd")
    server.post([completed("1002", call_start_at=began), summary(call_start_at=began)])
    expect(row).to_have_count(0)
    expect(page.get_by_text("No call is on, and nobody waits.")).to_be_visible()


def test_focus_and_an_open_way_outlive_the_swaps(page: Page, server: Server) -> None:
    server.post(rang("1001", "a", call_start_at=ago(5)))
    opened(page, "/supervisor")
    summary_of = page.locator('[data-call="a"] summary')
    summary_of.focus()
    page.keyboard.press("Enter")
    page.evaluate("document.querySelector('[data-call=a] th').marked = 'the same element'")
    server.post(rang("1002", "b", call_start_at=ago(60)))
    expect(page.locator('[data-call="b"]')).to_be_visible()
    expect(page.locator('[data-call="a"] details')).to_have_attribute("open", "")
    expect(summary_of).to_be_focused()
    assert page.evaluate("document.querySelector('[data-call=a] th').marked") == "the same element"


def test_what_is_being_typed_is_not_taken_away(page: Page, server: Server) -> None:
    server.post([rang("1001", "a", caller_name="Zeta"), rang("1002", "b", caller_name="Omega")])
    opened(page, "/supervisor")
    page.get_by_label("Find").press_sequentially("zeta", delay=60)
    expect(page.locator('[data-call="b"]')).to_have_count(0)
    expect(page.locator('[data-call="a"]')).to_be_visible()
    server.post(rang("1003", "c", caller_name="Zeta the second"))
    expect(page.locator('[data-call="c"]')).to_be_visible()
    expect(page.get_by_label("Find")).to_have_value("zeta")
    expect(page.get_by_label("Find")).to_be_focused()
    assert page.url.endswith("/supervisor?q=zeta")


def test_filters_and_sorts_are_in_the_address_and_back_undoes_them(page: Page, server: Server) -> None:
    server.post([rang("1001", "a"), rang("1002", "b", queue="Support"), *answered_call("done", "1002")])
    opened(page, "/supervisor")
    page.get_by_label("Queue", exact=True).select_option("Support")
    expect(page.locator("[data-call]")).to_have_count(1)
    assert page.url.endswith("/supervisor?queue=Support")
    page.get_by_role("link", name="Answered").click()
    page.wait_for_url("**/supervisor?queue=Support&agents=answered")
    page.go_back()
    page.wait_for_url("**/supervisor?queue=Support")
    page.go_back()
    expect(page.locator("[data-call]")).to_have_count(2)
    expect(page.get_by_label("Queue", exact=True)).to_have_value("")
    page.go_forward()
    expect(page.locator("[data-call]")).to_have_count(1)
    server.post(rang("1003", "c", queue="Support"))
    expect(page.locator('[data-call="c"]')).to_be_visible()
    assert was_not_reloaded(page)


def test_nothing_that_matches_says_so_and_leads_out(page: Page, server: Server) -> None:
    server.post(rang("1001", "a"))
    opened(page, "/supervisor?q=nobody")
    expect(page.get_by_text("No live call matches the filter.")).to_be_visible()
    page.get_by_role("link", name="Clear the filter").click()
    expect(page.locator('[data-call="a"]')).to_be_visible()
    expect(page.get_by_label("Find")).to_have_value("")
    assert was_not_reloaded(page)


def test_the_way_between_the_pages_is_no_reload(page: Page, server: Server) -> None:
    server.post(lost("1"))
    opened(page, "/supervisor")
    page.get_by_role("link", name="1 to call back").click()
    expect(line(page)).to_be_visible()
    expect(page.locator("#desk-nav [aria-current]")).to_have_text("Call back")
    page.get_by_role("link", name="Now", exact=True).click()
    expect(page.locator("#now")).to_be_visible()
    page.go_back()
    expect(line(page)).to_be_visible()
    assert page.title().startswith("Call back")
    assert was_not_reloaded(page)


@pytest.mark.parametrize("path", ["/supervisor?queue=Support&state=ringing", "/supervisor/callbacks?queue=Support"])
def test_without_script_the_filters_are_a_plain_form(browser: Browser, server: Server, path: str) -> None:
    server.post([rang("1001", "a"), rang("1002", "b", queue="Support")])
    server.post([*lost("c"), *lost("d", SECOND, queue="Support")])
    context = browser.new_context(java_script_enabled=False, base_url=server.url)
    page = context.new_page()
    page.goto(path.partition("?")[0])
    expect(page.locator("tr[data-call], tr[data-row]")).to_have_count(2)
    page.get_by_label("Queue", exact=True).select_option("Support")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tr[data-call], tr[data-row]")).to_have_count(1)
    assert "queue=Support" in page.url
    context.close()


FOREIGN = "script, img, iframe, object, embed, base, style, link, video, audio, math, meta, svg:not(.icon)"


def test_what_strangers_type_stays_text_on_both_pages(browser: Browser, server: Server) -> None:
    typed = [f'"></bdi></textarea>{element}' for element in ELEMENTS]
    for number, text in enumerate(typed):
        told = {"caller_name": text, "caller_id": f"+6129000{number:04}", "call_start_at": ago(60)}
        server.post(rang(f"a{text}", f"live{number}", queue=text) | told | {"user_name": text})
        server.post({**abandoned(f"lost{number}", 30, text), **told})
    mark = {"mark": "note", "caller": "+61290000000", "text": typed[0]}
    ours = {"Sec-Fetch-Site": "same-origin", "Cookie": "wallboard_name=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"}
    httpx.post(f"{server.url}/supervisor/callbacks/marks", data=mark, headers=ours)
    httpx.post(f"{server.url}/supervisor/callbacks/marks", data=mark | {"mark": "take"}, headers=ours)
    context = browser.new_context(base_url=server.url)
    page = context.new_page()
    said: list[str] = []
    page.on("dialog", lambda dialog: said.append(dialog.message))
    for path in ("/supervisor", f"/supervisor?{urlencode({'q': typed[0]})}", "/supervisor/callbacks"):
        opened(page, path)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        server.post(rang("1001", f"after{path}"))
        expect(page.locator("main tr[id]").first).to_be_visible()
        assert page.locator("main").locator(FOREIGN).count() == 0
        assert page.locator("main [onerror], main [onload], main [hx-on\\:htmx\\:load]").count() == 0
    assert typed[0].replace(chr(10), " ") in page.locator(".note").inner_text()
    assert said == []
    context.close()


# --- Call back ---------------------------------------------------------------------------------------------------


def test_a_line_closes_itself_when_the_caller_is_rung_back(page: Page, server: Server) -> None:
    server.post([*lost("1"), *lost("2", started=300), *lost("3", SECOND)])
    opened(page, "/supervisor/callbacks")
    expect(line(page)).to_contain_text("2 ×")
    expect(page.locator("[data-row]")).to_have_count(2)
    out = rung_back("out")
    server.post(out[0])
    expect(line(page)).to_contain_text("Agent 1002 is ringing them now")
    server.post(out[1])
    expect(line(page)).to_have_count(0)
    expect(line(page, SECOND)).to_be_visible()
    assert server.state()["callbacks"] == {"open": 1}
    page.get_by_role("link", name="Done and reached").click()
    expect(line(page)).to_contain_text("Rung back by Agent 1002")
    assert was_not_reloaded(page)


def test_two_supervisors_see_each_others_marks_and_the_first_one_has_the_caller(
    browser: Browser, server: Server, page: Page
) -> None:
    server.post(lost("1"))
    named(opened(page, "/supervisor/callbacks"), "Robin")
    elsewhere = browser.new_context(base_url=server.url)
    other = named(opened(elsewhere.new_page(), "/supervisor/callbacks"), "Sascha")
    mine = other.get_by_role("button", name="Mine")
    other.route("**/callbacks/list*", lambda route: route.abort())  # has not heard of it yet
    other.evaluate("document.getElementById('desk-trouble').hidden = true")
    line(page).get_by_role("button", name="Mine").click()
    expect(line(page)).to_contain_text("You, since")
    mine.click()
    expect(other.get_by_role("status").filter(has_text="Robin was faster")).to_be_visible()
    expect(line(other)).to_contain_text("Robin, since")
    other.unroute("**/callbacks/list*")
    line(page).get_by_role("button", name="Done").click()
    expect(line(other)).to_have_count(0)
    elsewhere.close()


def test_marks_outlive_a_restart(page: Page, server: Server) -> None:
    server.post([*lost("1"), *lost("2", SECOND), *lost("3", "+61290000003")])
    named(opened(page, "/supervisor/callbacks"), "Robin")
    line(page).get_by_role("button", name="Mine").click()
    expect(line(page)).to_contain_text("You, since")
    line(page).locator("summary", has_text="Note").click()
    line(page).get_by_role("textbox").fill("ring after 3 <b>o'clock</b>")
    line(page).get_by_role("button", name="Keep note").click()
    expect(line(page).locator(".note")).to_contain_text("ring after 3 <b>o'clock</b>")
    line(page, SECOND).get_by_role("button", name="Done").click()
    expect(line(page, SECOND)).to_have_count(0)
    server.stop(signal.SIGKILL)
    server.start()
    opened(page, "/supervisor/callbacks")
    expect(page.locator("[data-row]")).to_have_count(2)
    expect(line(page)).to_contain_text("You, since")
    expect(line(page).locator(".note")).to_contain_text("ring after 3")


def test_done_can_be_undone_and_focus_goes_on_to_the_next_line(page: Page, server: Server) -> None:
    server.post([*lost("1", started=100), *lost("2", SECOND, started=200)])
    named(opened(page, "/supervisor/callbacks"), "Robin")
    line(page).get_by_role("button", name="Done").focus()
    page.keyboard.press("Enter")
    expect(line(page)).to_have_count(0)
    expect(line(page, SECOND).get_by_role("button", name="Done")).to_be_focused()
    expect(page.locator("#callbacks-said")).to_contain_text("is done")
    page.get_by_role("button", name="Undo").click()
    expect(line(page)).to_be_visible()


def test_focus_stays_on_the_button_that_was_pressed(page: Page, server: Server) -> None:
    server.post(lost("1"))
    named(opened(page, "/supervisor/callbacks"), "Robin")
    page.get_by_role("button", name="Mine").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Release")).to_be_focused()
    server.post(lost("2", SECOND))
    expect(line(page, SECOND)).to_be_visible()
    expect(page.get_by_role("button", name="Release")).to_be_focused()


def test_a_note_half_written_outlives_the_swaps(page: Page, server: Server) -> None:
    server.post(lost("1"))
    named(opened(page, "/supervisor/callbacks"), "Robin")
    line(page).locator("summary", has_text="Note").click()
    line(page).get_by_role("textbox").fill("half a th")
    page.get_by_label("Find").focus()
    server.post(lost("2", SECOND))
    expect(line(page, SECOND)).to_be_visible()
    expect(line(page).get_by_role("textbox")).to_have_value("half a th")
    line(page).get_by_role("button", name="Mine").click()
    expect(page.locator("#callbacks-said")).to_contain_text("is yours")
    expect(line(page).get_by_role("textbox")).to_have_value("half a th")
    line(page).get_by_role("button", name="Keep note").click()
    expect(line(page).locator(".note")).to_contain_text("half a th")
    expect(line(page).get_by_role("textbox")).to_have_count(0)
    expect(line(page).locator("summary", has_text="Note")).to_be_focused()


def test_a_mark_without_a_name_asks_for_the_name(page: Page, server: Server) -> None:
    server.post(lost("1"))
    opened(page, "/supervisor/callbacks")
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#callbacks-said")).to_contain_text("Tell your name first")
    expect(line(page)).to_be_visible()


def test_new_voicemails_fall_when_they_are_dealt_with(page: Page, server: Server) -> None:
    link = {"audio_file": ["https://voice.test/1.wav"]}
    server.post(body("voicemail", "1", recorded_at=ago(60), **link))
    server.post(body("voicemail", "2", caller_id=SECOND, recorded_at=ago(50)))
    named(opened(page, "/supervisor/callbacks"), "Robin")
    assert server.state()["totals"]["voicemails"]["new"] == 2
    listen = line(page).get_by_role("link", name="Listen")
    assert listen.get_attribute("href") == "https://voice.test/1.wav"
    expect(line(page, SECOND).get_by_role("link", name="Listen")).to_have_count(0)
    line(page).get_by_role("button", name="Done").click()
    expect(line(page)).to_have_count(0)
    assert server.state()["totals"]["voicemails"]["new"] == 1


def test_without_script_a_mark_is_a_plain_form(browser: Browser, server: Server) -> None:
    server.post(lost("1"))
    context = browser.new_context(java_script_enabled=False, base_url=server.url)
    page = context.new_page()
    page.goto("/supervisor/callbacks")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text("Tell your name first")).to_be_visible()
    page.get_by_label("Your name").fill("Robin")
    page.get_by_role("button", name="Keep").click()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text("Nobody waits for a call back.")).to_be_visible()
    context.close()


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"mark": "take"}, 400),
        ({"mark": "delete", "caller": FIRST}, 400),
        ({"mark": "note", "caller": FIRST, "text": "x" * 20_000}, 413),
        ({"mark": "take", "caller": FIRST}, 303),
    ],
)
def test_odd_marks_are_refused(server: Server, form: dict[str, str], status: int) -> None:
    answer = httpx.post(
        f"{server.url}/supervisor/callbacks/marks", data=form, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status_code == status


def test_the_name_is_kept_for_a_year_where_no_script_can_read_it(server: Server) -> None:
    told, ours = {"name": "Zoë \u202e" + "x" * 100}, {"Sec-Fetch-Site": "same-origin"}
    answer = httpx.post(f"{server.url}/supervisor/name", data=told, headers=ours)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("wallboard_name=Zo%C3%AB%20xxx")
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert "Max-Age=31536000" in cookie
    assert len(cookie.partition(";")[0]) < 90
