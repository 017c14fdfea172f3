"""The day's pages on a real server: what they answer, how they move, and that Back, phones and strangers are borne."""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.complaints import heard_from
from tests.conftest import Server, wait_until
from tests.samples import START, abandoned, answered, answered_call, at, missed, rang, summary

TODAY = START.date()


def bodies() -> list[dict[str, Any]]:
    """Four callers in two queues: one answered late, one at once, one who gave up, one who gave up at once."""
    return [
        rang("1001", "c1"), missed("1001", "c1"), *answered_call("c1"),
        *answered_call("c2", "1003"),
        rang("1001", "c3"), missed("1001", "c3", 40), abandoned("c3", 40),
        abandoned("c4", 2, "Support"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with these calls, for tests that change nothing."""
    server = Server(tmp_path_factory.mktemp("served")).start()
    server.post(bodies())
    yield server
    server.close()


def number(html: str, name: str) -> str:
    """A figure's value on the page; its first one is that of the scope."""
    found = re.search(rf'data-number="{name}".*?<dd class="value">(.*?)</dd>', html, re.S)
    assert found, name
    return re.sub(r"<span class=\"remark.*|<[^>]+>|under the target: ", "", found.group(1)).strip()


def get(server: Server, address: str) -> str:
    answer = server.client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.text


# --- what they answer ----------------------------------------------------------------------------------


def test_the_day_shows_its_numbers(served: Server) -> None:
    html = get(served, "/supervisor/day")
    assert {name: number(html, name) for name in ("offered", "answered", "abandoned", "short_abandoned", "open")} == {
        "offered": "4", "answered": "2", "abandoned": "2", "short_abandoned": "1", "open": "0",
    }  # fmt: skip
    assert number(html, "service_level") == "66.7 %"
    assert number(html, "inbound_offered") == "4"
    assert "answered within 20 s ÷ (answered + abandoned + unanswered − abandoned under 5 s)" in html


def test_one_queue_alone_can_be_shown(served: Server) -> None:
    html = get(served, "/supervisor/day?queue=Support")
    assert (number(html, "offered"), number(html, "abandoned"), number(html, "service_level")) == ("1", "1", "–")


def test_a_queue_that_nobody_called_shows_that(served: Server) -> None:
    html = get(served, "/supervisor/day?queue=Nobody")
    assert "No call has come to Nobody on this day yet." in html
    assert number(html, "offered") == "0"


def test_each_number_leads_to_as_many_calls(served: Server) -> None:
    for address in ("/supervisor/day", "/supervisor/day?queue=Sales", "/supervisor/day?queue=Support&every=60"):
        html = get(served, address)
        links = re.findall(r'<a href="(/supervisor/day/[^"]+/calls\?number=(\w+)[^"]*)">([^<]+)</a>', html)
        assert len(links) > 10
        for link, name, text in links:
            count = re.search(r'id="count">([\d,]+)<', get(served, unescape(link)))
            assert count
            if text.isdigit() and not name.startswith("agent_talk"):
                assert count.group(1) == text, link


@pytest.mark.parametrize(
    "address",
    [
        "/supervisor/day/1999-01-01", "/supervisor/day/2999-01-01", "/supervisor/day/yesterday",
        f"/supervisor/day/{TODAY}/calls?number=__class__", f"/supervisor/day/{TODAY}/calls",
        f"/supervisor/day/{TODAY}/secrets.csv", "/supervisor/day/x/calls.csv", "/supervisor/calls/none",
        "/supervisor/calls/none?day=1999-01-01",
    ],
)  # fmt: skip
def test_what_there_is_not_is_not_found(served: Server, address: str) -> None:
    answer = served.client.get(address)
    assert answer.status_code == 404
    assert "/supervisor/day" in answer.text


@pytest.mark.parametrize(
    ("asked", "leads_to"),
    [
        (f"?day={TODAY}", "/supervisor/day"),
        (f"?day={TODAY - timedelta(days=1)}&every=15", f"/supervisor/day/{TODAY - timedelta(days=1)}?every=15"),
        ("?show=queue:Sales", "/supervisor/day?queue=Sales"),
        ("?queue=Sales&show=ring_groups:", "/supervisor/day?all=ring_groups"),
        ("?day=nonsense", "/supervisor/day"),
        ("?show=queue:A%26B:C", "/supervisor/day?queue=A%26B%3AC"),
    ],
)
def test_the_pickers_lead_to_an_address_that_can_be_kept(served: Server, asked: str, leads_to: str) -> None:
    answer = served.client.get(f"/supervisor/day{asked}")
    assert (answer.status_code, answer.headers["Location"]) == (303, leads_to)


def test_a_file_is_served_under_a_name_of_its_day(served: Server) -> None:
    for what, lines in (("queues", 2), ("agents", 3), ("calls", 4), ("intervals", 48), ("ring_groups", 0)):
        answer = served.client.get(f"/supervisor/day/{TODAY}/{what}.csv")
        assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
        name = what.replace("_", "-")
        assert answer.headers["content-disposition"] == f'attachment; filename="wallboard-{TODAY}-{name}.csv"'
        assert len(list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))) == lines


# --- the part that moves -------------------------------------------------------------------------------


def moving(server: Server) -> str:
    found = re.search(r'id="day-bell"[^>]*hx-get="([^"]+)"', get(server, "/supervisor/day"))
    assert found
    return unescape(found.group(1))


def test_nothing_is_drawn_anew_while_nothing_has_changed(server: Server) -> None:
    server.post(bodies())
    address = moving(server)
    assert server.client.get(address).status_code == 204
    server.post(rang("1009", "c9"))
    wait_until(lambda: server.client.get(address).status_code == 200, "the new call is counted")
    html = server.client.get(address).text
    assert number(html, "offered") == "5"
    assert html.lstrip().startswith('<div id="day-moving"')


def test_after_midnight_the_page_of_today_is_another_one(served: Server) -> None:
    answer = served.client.get(f"/supervisor/day?every=15&seen={TODAY - timedelta(days=1)}/7")
    assert answer.status_code == 204
    assert '"path": "/supervisor/day?every=15"' in answer.headers["HX-Location"]


# --- past days -----------------------------------------------------------------------------------------


def days_ago(days: int, body: dict[str, Any]) -> dict[str, Any]:
    """The same body of a call so many days earlier."""
    moved = {}
    for name, value in body.items():
        is_time = name.endswith("_at") and isinstance(value, str) and value != "null"
        moved[name] = at(0, datetime.fromisoformat(value) - timedelta(days=days)) if is_time else value
    return moved


def counted(server: Server, day: date) -> str:
    """The page of a past day once it has been counted."""
    wait_until(lambda: "day-counting" not in get(server, f"/supervisor/day/{day}"), "the day is counted", within=60)
    return get(server, f"/supervisor/day/{day}")


def test_a_past_day_is_counted_from_the_journal_and_again_when_a_late_event_comes(server: Server) -> None:
    day = TODAY - timedelta(days=5)
    server.post([days_ago(5, body) for body in bodies()])
    server.post([days_ago(3, body) for body in answered_call("other")])
    html = counted(server, day)
    assert (number(html, "offered"), number(html, "answered"), number(html, "service_level")) == ("4", "2", "66.7 %")
    assert number(counted(server, TODAY - timedelta(days=3)), "offered") == "1"
    server.post([days_ago(5, body) for body in answered_call("late")])
    assert number(counted(server, day), "offered") == "5"
    server.stop()
    server.start()
    assert number(counted(server, day), "offered") == "5"


def test_a_day_of_which_nothing_is_known_says_so(served: Server) -> None:
    html = counted(served, TODAY - timedelta(days=20))
    assert "No call has come to a queue on this day." in html
    assert "No call has ended on this day." in html


# --- one call ------------------------------------------------------------------------------------------


def test_a_call_is_told_with_its_way_its_numbers_and_its_events(server: Server) -> None:
    server.post([rang("1001"), missed("1001", lasted=5)])
    server.post(rang("1002"))
    server.post(rang("1002"))
    server.post([answered("1002"), {"type": "user_inbound", "unique_call_id": "1001"}])
    server.post(summary())
    server.post([rang("1002", "2001"), rang("1002", "10012")])
    html = get(server, "/supervisor/calls/1001")
    tag = r"(?: <span class=\"tag\">([\w ]+)</span>)?"
    raw = re.findall(rf"<code>(\w+)</code>.*?entry (\d+)</span>{tag}</summary>", html)
    assert raw == [
        ("user_inbound", "1", ""), ("user_inbound_completed", "1", ""), ("user_inbound", "2", ""),
        ("user_inbound", "3", "repeated"), ("user_inbound_answered", "4", ""), ("user_inbound", "4", "not recognised"),
        ("queue_call", "5", ""),
    ]  # fmt: skip
    assert "offered, answered, answered in time, wait 0:14, talk 3:07" in html
    assert "Answered by Agent 1002 (1002)" in html
    offers = re.findall(r'<th scope="row"><bdi>([^<]*)</bdi></th><td>([^<]*)</td><td>([^<]*)</td>', html)
    assert [(agent, result) for agent, _, result in offers] == [
        ("Agent 1001 (1001)", "missed"), ("Agent 1002 (1002)", "answered"),
    ]  # fmt: skip


def test_a_call_of_a_past_day_is_told_from_the_journal(server: Server) -> None:
    day = TODAY - timedelta(days=5)
    server.post([days_ago(5, body) for body in answered_call("c/1?#")])
    link = re.search(r'href="(/supervisor/calls/[^"]+)"', counted(server, day))
    assert link
    html = get(server, unescape(link.group(1)))
    assert html.count("entry 1</span>") == 4
    assert "offered, answered, answered in time" in html


# --- in a browser --------------------------------------------------------------------------------------


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    heard = heard_from(page)
    server.post(bodies())
    page.goto(f"{server.url}/supervisor/day")
    expect(page.locator("html[data-link=live]")).to_be_attached(timeout=10_000)
    yield page
    context.close()
    assert heard == []


def offered(page: Page, count: int) -> None:
    expect(page.locator('#day-moving [data-number="offered"] .value')).to_have_text(str(count), timeout=10_000)


def test_the_page_moves_with_the_calls_and_keeps_what_was_chosen(page: Page, server: Server) -> None:
    page.evaluate("window.untouched = true")
    offered(page, 4)
    page.click("#sort-agents-agent_missed")
    expect(page.locator("#day-agents th[aria-sort=descending]")).to_contain_text("Missed")
    assert page.locator("#day-agents tbody th").first.inner_text() == "Agent 1001 (1001)"
    server.post([rang("1002", "n"), missed("1002", "n"), rang("1003", "n"), missed("1003", "n")])
    offered(page, 5)
    assert page.evaluate("document.activeElement.id") == "sort-agents-agent_missed", "the reader's place is kept"
    expect(page.locator("#day-agents th[aria-sort=descending]")).to_contain_text("Missed")
    page.select_option("#pick-scope", "queue:Support")
    page.click("form button.primary")
    expect(page).to_have_url(re.compile(r"queue=Support"))
    offered(page, 1)
    server.post(abandoned("m", 7, "Support"))
    offered(page, 2)
    assert page.evaluate("window.untouched")


def test_back_and_forward_lead_through_what_was_looked_at(page: Page, server: Server) -> None:
    page.evaluate("window.untouched = true")
    page.click("#every-15")
    expect(page.locator("#every-15[aria-current]")).to_be_attached()
    page.click('#day-moving [data-number="abandoned"] .value a')
    expect(page.locator("h1")).to_have_text("Abandoned: 2")
    page.locator(".call-list tbody a").first.click()
    expect(page.locator("h1")).to_contain_text("Call from")
    page.locator(".raw summary").first.click()
    expect(page.locator(".raw pre").first).to_contain_text('"unique_call_id"')
    page.go_back()
    expect(page.locator("h1")).to_have_text("Abandoned: 2")
    page.go_back()
    expect(page.locator("#every-15[aria-current]")).to_be_attached()
    offered(page, 4)
    page.go_back()
    expect(page.locator("#every-30[aria-current]")).to_be_attached()
    page.go_forward()
    expect(page.locator("#every-15[aria-current]")).to_be_attached()
    assert page.evaluate("window.untouched"), "no full page was loaded"
    server.post(rang("1009", "z"))
    offered(page, 5)


def test_a_past_day_fills_itself_in_once_it_is_counted(page: Page, server: Server) -> None:
    server.post([days_ago(5, body) for body in bodies()[:4]])
    page.fill("#pick-day", str(TODAY - timedelta(days=5)))
    page.click("form button.primary")
    expect(page.locator("#day-moving")).to_have_attribute("data-day", str(TODAY - timedelta(days=5)), timeout=60_000)
    offered(page, 1)
    page.click("#later")
    expect(page.locator("#day-moving")).to_have_attribute("data-day", str(TODAY - timedelta(days=4)), timeout=60_000)
    page.click("#to-today")
    offered(page, 4)


def test_a_file_is_saved_and_the_page_stays(page: Page, server: Server) -> None:
    with page.expect_download() as saved:
        page.get_by_role("link", name="Calls", exact=True).click()
    assert saved.value.suggested_filename == f"wallboard-{TODAY}-calls.csv"
    with open(saved.value.path(), encoding="utf-8-sig", newline="") as file:
        assert {line["call"] for line in csv.DictReader(file)} == {"c1", "c2", "c3", "c4"}
    offered(page, 4)


def test_without_scripts_every_choice_is_a_plain_page(browser: Browser, served: Server) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served.url}/supervisor/day")
    page.click("#as-table")
    expect(page.locator("#intervals caption")).to_be_visible()
    page.select_option("#pick-scope", "queue:Support")
    page.click("form button.primary")
    expect(page).to_have_url(f"{served.url}/supervisor/day?queue=Support&table=1")
    page.click("#sort-queues-offered")
    expect(page.locator("#day-queues th[aria-sort=descending]")).to_contain_text("Offered")
    context.close()


def test_what_strangers_type_stays_text(page: Page, server: Server) -> None:
    evil = '<img src=x onerror=alert(1)>"\'><script>alert(1)</script>'
    server.post([abandoned("e1", 30, evil) | {"caller_name": evil, "caller_id": evil, "unique_call_id": evil}])
    server.post(rang("1001", "e2") | {"user_name": evil})
    expect(page.locator("#day-queues")).to_contain_text(evil)
    expect(page.locator("#day-agents")).to_contain_text(evil)
    page.locator("#day-ended a").first.click()
    expect(page.locator("h1")).to_contain_text("Call from")
    page.go_back()
    page.locator("#day-queues tbody th a", has_text="<img").click()
    expect(page.locator("#day-scope")).to_have_text(evil)
    expect(page.locator(".picture title").first).to_contain_text(evil)
    page.locator('#day-moving [data-number="abandoned"] .value a').click()
    expect(page.locator("h1")).to_have_text("Abandoned: 1")
    page.locator(".call-list tbody a").first.click()
    expect(page.locator("code", has_text=evil).first).to_be_visible()


@pytest.mark.parametrize("address", ["/supervisor/day?table=1", f"/supervisor/day/{TODAY}/calls?number=offered",
                                     "/supervisor/calls/c1"])  # fmt: skip
def test_on_a_phone_nothing_is_cut_off(browser: Browser, served: Server, address: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{served.url}{address}")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for region in page.locator(".scrolls").all():
        assert region.get_attribute("tabindex") == "0"
        assert region.get_attribute("aria-label") or region.get_attribute("aria-labelledby")
    context.close()


def test_on_a_phone_a_label_stands_beside_what_it_is_for(browser: Browser, served: Server) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{served.url}/supervisor/day")
    for width, name in itertools.product(range(320, 400, 10), ("pick-day", "pick-scope")):
        page.set_viewport_size({"width": width, "height": 844})
        label, field = page.locator(f"label[for={name}]").bounding_box(), page.locator(f"#{name}").bounding_box()
        assert label is not None
        assert field is not None
        assert field["y"] <= label["y"] <= field["y"] + field["height"], (width, name)
    context.close()


def test_the_charts_picture_says_what_the_table_says(browser: Browser, served: Server) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{served.url}/supervisor/day?table=1")
    titles = page.locator(".picture .bar title").all_text_contents()
    assert "12:00–12:30: 2 answered of 4 offered" in titles
    assert "12:00–12:30: 2 abandoned of 4 offered" in titles
    assert "12:00–12:30: longest wait 0:40" in titles
    assert page.locator(".picture .dot title").all_text_contents() == [
        "12:00–12:30: service level 66.7 %, under the target", "12:00–12:30: average wait 0:14",
    ]  # fmt: skip
    assert page.locator("#intervals tbody tr").all_inner_texts() == [
        "12:00–12:30\t4\t2\t2\t0\t0\t66.7 %\t0:14\t0:40",
    ]
    assert page.locator("svg.picture").get_attribute("role") == "img"
    context.close()
