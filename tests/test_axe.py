"""Every page of the desk in both themes and on a phone, read by axe-core: WCAG 2.2 AA without a finding."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from tests.conftest import ROOT, Server
from tests.samples import abandoned, answered, answered_call, body, missed, rang, summary
from tests.signing import People, people

AXE = (Path(ROOT) / "tests" / "vendor" / "axe.min.js").read_text()
PAGES = [
    "/",
    "/setup",
    "/supervisor",
    "/supervisor?q=nobody-of-that-name",
    "/supervisor/callbacks",
    "/supervisor/callbacks?show=done",
    "/supervisor/callbacks?show=mine",
    "/supervisor/day",
    "/supervisor/boards",
    "/supervisor/boards/main",
    "/supervisor/boards/new",
    "/supervisor/tvs",
    "/supervisor/tvs/pair",
    "/diag",
    "/tv",
    "/claim",
    "/supervisor/account",
    "/supervisor/people",
    "/supervisor/keys",
    "/supervisor/audit",
]
SIGNED_IN = [
    "/",
    "/supervisor/account",
    "/supervisor/people",
    "/supervisor/people/viewer",
    "/supervisor/keys",
    "/supervisor/audit",
]
SIGNED_OUT = ["/sign-in", "/sign-in?kept=&next=/", "/sign-in?out", "/claim", "/claim#no-such-code"]
SIZES: dict[str, ViewportSize] = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def floor() -> list[dict[str, object]]:
    """A floor with everything on it: waits of every alarm, talks, missed callers, voicemails, a note."""
    now = datetime.now(UTC)
    waits = [(now - timedelta(seconds=ago)).isoformat() for ago in (3, 30, 90)]
    calls = [rang(f"200{n}", f"w{n}", call_start_at=start) for n, start in enumerate(waits)]
    talk = [rang("1002", "t1", call_start_at=waits[2]), answered("1002", "t1", call_start_at=waits[2])]
    lost = [missed("1001", "m1"), abandoned("m1"), body("voicemail", "m1", recorded_at=waits[0], audio_file="https://x.example/a.wav")]
    withheld = [summary("m2", "abandoned", None, None, 2, 0, caller_id="anonymous", caller_name=None)]
    return [*answered_call("a1"), *calls, *talk, *lost, *withheld]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("axe")).start()
    server.post(floor())
    yield server
    server.close()


@pytest.fixture
def page(browser: Browser, server: Server, theme: str, size: str) -> Iterator[Page]:
    context = browser.new_context(
        viewport=SIZES[size],
        color_scheme="dark" if theme == "dark" else "light",
        base_url=server.url,
        bypass_csp=True,  # axe itself is put into the page; what the page may load is tested elsewhere
    )
    context.add_cookies([{"name": "wallboard_name", "value": "Robin", "url": server.url}])
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(page: Page, path: str, theme: str, size: str) -> None:
    page.goto(path)
    if path.startswith("/supervisor"):
        page.wait_for_selector("html[data-link=live]", state="attached")
    for summary_of in page.locator("main details > summary").all():
        summary_of.click()
    assert findings(page) == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_while_a_screen_is_paired(page: Page, server: Server, theme: str, size: str) -> None:
    """A wrong code, the right one, a pairing without a name, and the page and the list of what is paired."""
    ours = {"Sec-Fetch-Site": "same-origin"}
    waiting = server.client.post("/tv/pairing", json={"width": 1, "height": 1}, headers=ours)
    page.goto("/supervisor/tvs/pair")
    page.wait_for_selector("html[data-link=live]", state="attached")
    for typed, then in (("XXXX XXXX", ".problem"), (waiting.json()["code"], "#pair-name")):
        page.fill("#pair-code", typed)
        page.click("text=Find the screen")
        page.wait_for_selector(then)
        assert findings(page) == []
    page.click("text=Pair it")
    page.wait_for_selector(".trouble")
    assert findings(page) == []
    page.fill("#pair-name", f"{theme} {size}")
    page.click("text=Pair it")
    page.wait_for_selector(".revoke")
    page.click(".revoke summary")
    assert findings(page) == []
    page.click("text=All TVs")
    page.wait_for_selector("text=Not heard since the start")
    assert findings(page) == []


@pytest.fixture(scope="module")
def staff(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    server = Server(tmp_path_factory.mktemp("axe-people")).start()
    server.post(floor())
    staff = people(server)
    staff.client("admin").post("/supervisor/keys", data={"kind": "pbx", "name": "The PBX"})
    yield staff
    staff.close()
    server.close()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_for_who_is_signed_in_or_out(browser: Browser, staff: People, theme: str, size: str) -> None:
    context = staff.browser(browser, "admin", SIZES[size], scheme=theme, bypass_csp=True)
    found = {path: found_at(context, path) for path in SIGNED_IN}
    context.clear_cookies()
    found |= {path: found_at(context, path) for path in SIGNED_OUT}
    context.close()
    assert {path: what for path, what in found.items() if what} == {}


def found_at(context: BrowserContext, path: str) -> list[str]:
    page = context.new_page()
    page.goto(path)
    if path.startswith("/supervisor"):
        page.wait_for_selector("html[data-link=live]", state="attached")
    if "#" in path:
        page.wait_for_selector("#trouble")
    for summary_of in page.locator("main details > summary").all():
        summary_of.click()
    found = findings(page)
    page.close()
    return found


def test_axe_finds_what_is_wrong(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<html lang=en><title>x</title><main><h1>x</h1><img src=data:,><input></main></html>")
    assert {"image-alt", "label"} <= {found.split(":")[0] for found in findings(page)}
    page.close()


def findings(page: Page) -> list[str]:
    """`rule: element` of everything that axe-core holds against the page."""
    page.evaluate(AXE)
    result = page.evaluate("tags => axe.run(document, {runOnly: tags})", STANDARDS)
    nodes = [(found["id"], node) for found in result["violations"] for node in found["nodes"]]
    return [f"{rule}: {node['html'][:160]} {node['failureSummary'][:200]}" for rule, node in nodes]
