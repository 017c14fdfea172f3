"""Boards made and edited in a real browser by supervisors, and seen on the walls that show them."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.complaints import heard_from, serious
from tests.conftest import Server, wait_until
from tests.faults import Faults
from tests.samples import answered, completed, rang, summary

TOML = "[[boards]]\nslug = 'support'\nname = 'Support'\n\n[boards.targets]\nservice_level_target = 0.6\n"


class Supervisor:
    """A browser of its own, and everything that it complained of."""

    def __init__(self, browser: Browser, server: Server, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(viewport={"width": 1600, "height": 1000}, **options)
        self._url = server.url
        self._heard: list[list[str]] = []

    def open(self, path: str) -> Page:
        page = self.context.new_page()
        self._heard.append(heard_from(page))
        page.goto(self._url + path)
        return page

    def complaints(self) -> list[str]:
        return [said for heard in self._heard for said in serious(heard)]

    def watch(self, slug: str) -> Page:
        page = self.open(f"/boards/{slug}")
        expect(page.locator("html[data-link=live]")).to_be_attached(timeout=10_000)
        return page


@pytest.fixture
def office(browser: Browser, server: Server) -> Iterator[list[Supervisor]]:
    server.post([rang("1001"), rang("1002", call="2", queue="Support")])
    supervisors = [Supervisor(browser, server) for _ in range(2)]
    yield supervisors
    for supervisor in supervisors:
        supervisor.context.close()
        assert supervisor.complaints() == []


@pytest.fixture
def supervisor(office: list[Supervisor]) -> Supervisor:
    return office[0]


def make(server: Server, toml: str = TOML) -> None:
    """Boards made by the import, where a test is about something else."""
    sent = httpx.post(
        f"{server.url}/supervisor/boards/import",
        data={"toml": toml, "do": "apply"},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert sent.status_code == 303, sent.text


def target(page: Page) -> Any:
    return page.locator("#board-hero")


def save(page: Page) -> None:
    page.locator(".save button.primary").click()


# --- making and editing --------------------------------------------------------------------------------


def test_a_board_is_made_and_shows_the_chosen_queue(supervisor: Supervisor) -> None:
    page = supervisor.open("/supervisor/boards")
    page.get_by_role("link", name="New board").click()
    page.get_by_label("Name", exact=True).fill("Søles – Floor 2")
    expect(page.get_by_label("Address")).to_have_value("s-les-floor-2")
    page.locator("[name=queues_shown][value=chosen]").check()
    page.locator("[name=queues][value=Sales]").check()
    save(page)
    expect(page.locator(".done")).to_contain_text("Saved")
    assert page.url.endswith("/supervisor/boards/s-les-floor-2?saved")
    wall = supervisor.watch("s-les-floor-2")
    expect(wall.locator("[data-queue]")).to_have_count(1)
    expect(wall.locator("[data-queue=Sales]")).to_be_attached()


def test_an_edited_target_is_on_the_open_wall_at_once(supervisor: Supervisor, server: Server) -> None:
    server.post([answered("1002", call="2", queue="Support"), completed("1002", call="2", queue="Support")])
    server.post(summary(call="2", queue="Support"))
    wall = supervisor.watch("main")
    expect(target(wall)).to_contain_text("80")
    boot = wall.evaluate("window.loaded = true")
    assert boot is True
    page = supervisor.open("/supervisor/boards/main")
    page.get_by_label("Service level, target in %").first.fill("73")
    page.get_by_label("Answered in time means within").first.fill("45")
    save(page)
    expect(target(wall)).to_contain_text("73", timeout=2_000)
    expect(target(wall)).to_contain_text("45", timeout=2_000)
    assert wall.evaluate("window.loaded") is True, "the wall was loaded anew for what the server draws by itself"


def test_another_theme_reaches_a_wall_that_is_open(supervisor: Supervisor) -> None:
    wall = supervisor.watch("main")
    page = supervisor.open("/supervisor/boards/main")
    page.get_by_label("Theme").select_option("light")
    page.get_by_label("Message").fill("Well done, all of you")
    save(page)
    expect(wall.get_by_text("Well done, all of you")).to_be_visible(timeout=2_000)
    expect(wall.locator("html[data-theme=light]")).to_be_attached(timeout=15_000)
    expect(wall.locator("html[data-link=live]")).to_be_attached(timeout=10_000)


def test_a_form_works_without_scripts(browser: Browser, server: Server) -> None:
    plain = Supervisor(browser, server, java_script_enabled=False)
    page = plain.open("/supervisor/boards/new")
    page.get_by_label("Name", exact=True).fill("Plain")
    page.get_by_label("Address").fill("Not plain")
    page.get_by_role("button", name="Add an exception").click()
    page.get_by_label("named").fill("Sales")
    page.get_by_role("button", name="Make the board").click()
    expect(page.get_by_role("alert")).to_contain_text("Not saved yet: one thing is to be put right")
    assert page.get_by_label("Address").get_attribute("aria-invalid") == "true"
    said = (page.get_by_label("Address").get_attribute("aria-describedby") or "").split()
    assert any("Use small letters" in page.locator(f'[id="{one}"]').inner_text() for one in said)
    assert page.get_by_label("Name", exact=True).input_value() == "Plain"
    page.get_by_label("Address").fill("plain")
    page.get_by_role("button", name="Make the board").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    expect(page.get_by_label("named")).to_have_value("Sales")
    page.goto(f"{server.url}/boards/plain")
    expect(page.get_by_text("Plain").first).to_be_visible()
    plain.context.close()


def test_mistakes_are_told_at_their_fields_and_nothing_is_lost(supervisor: Supervisor) -> None:
    page = supervisor.open("/supervisor/boards/main")
    page.get_by_label("Message").fill("kept")
    page.get_by_label("Wait turns red after").first.fill("soon")
    save(page)
    expect(page.locator('[id="f-targets.wait_alarm_seconds-problem"]')).to_contain_text("whole seconds")
    expect(page.get_by_role("alert").get_by_role("link")).to_have_text("Wait turns red")
    expect(page.get_by_label("Wait turns red after").first).to_have_value("soon")
    expect(page.get_by_label("Message")).to_have_value("kept")


def test_an_exception_holds_for_its_queue_alone(supervisor: Supervisor) -> None:
    wall = supervisor.watch("main")
    page = supervisor.open("/supervisor/boards/main")
    page.get_by_role("button", name="Add an exception").click()
    page.get_by_label("named").fill("Support")
    page.locator('[id="f-places.0.service_level_target"]').fill("55")
    save(page)
    expect(page.locator(".done")).to_be_visible()
    page.get_by_role("button", name="Take this exception out").click()
    expect(page.get_by_label("named")).to_have_count(0)
    expect(wall.locator("[data-queue=Support]")).to_be_attached()


def test_three_hundred_agents_can_be_looked_through(supervisor: Supervisor, server: Server) -> None:
    for first in range(2000, 2300, 100):
        server.post([rang(f"{number}", call=f"c{number}") for number in range(first, first + 100)])
    page = supervisor.open("/supervisor/boards/main")
    page.locator("[name=agents_shown][value=chosen]").check()
    page.get_by_label("Find agent in the list").fill("2217")
    expect(page.locator("#list-agents li:visible")).to_have_count(1)
    expect(page.locator("#count-agents")).to_contain_text("1 of 30")
    page.locator("#list-agents li:visible input").check()
    page.get_by_label("Find agent in the list").fill("")
    save(page)
    expect(page.locator(".done")).to_be_visible()
    expect(page.locator("[name=agents]:checked")).to_have_count(1)
    wall = supervisor.watch("main")
    expect(wall.locator("[data-agent]")).to_have_count(1)


# --- two supervisors -----------------------------------------------------------------------------------


def test_the_second_supervisor_is_told_and_chooses(office: list[Supervisor], server: Server) -> None:
    first, second = (supervisor.open("/supervisor/boards/main") for supervisor in office)
    office[0].context.add_cookies([{"name": "wallboard_name", "value": "Jo%20B", "url": server.url}])
    first.get_by_label("Message").fill("from the first")
    save(first)
    expect(first.locator(".done")).to_be_visible()
    second.get_by_label("Message").fill("from the second")
    save(second)
    alert = second.get_by_role("alert").filter(has_text="Not saved")
    expect(alert).to_contain_text("Jo B")
    expect(alert).to_contain_text("message")
    wall = office[0].watch("main")
    expect(wall.get_by_text("from the first")).to_be_visible()
    expect(second.get_by_label("Message")).to_have_value("from the second")
    second.get_by_role("button", name="Save mine over theirs").click()
    expect(second.locator(".done")).to_be_visible()
    expect(wall.get_by_text("from the second")).to_be_visible()


def test_a_board_removed_while_it_is_edited_can_be_made_anew(office: list[Supervisor], server: Server) -> None:
    make(server)
    editor, list_ = office[0].open("/supervisor/boards/support"), office[1].open("/supervisor/boards")
    list_.get_by_role("link", name="Remove Support").click()
    list_.get_by_role("button", name="Remove it").click()
    expect(list_.get_by_role("status").filter(has_text="is removed")).to_be_visible()
    save(editor)
    editor.get_by_role("button", name="Make it anew").click()
    expect(editor.locator(".done")).to_be_visible()


# --- the preview ---------------------------------------------------------------------------------------


def test_the_preview_is_the_live_board_as_it_would_be(supervisor: Supervisor, server: Server) -> None:
    page = supervisor.open("/supervisor/boards/main")
    shown = page.frame_locator("#preview iframe")
    expect(shown.locator("html[data-link=live]")).to_be_attached(timeout=10_000)
    server.post(rang("1003", call="3", queue="Returns"))
    expect(shown.locator("[data-queue=Returns]")).to_be_attached(timeout=3_000)
    page.get_by_label("Message").fill("only a draft")
    expect(shown.get_by_text("only a draft")).to_be_attached(timeout=3_000)
    page.get_by_label("Theme").select_option("light")
    expect(shown.locator("html[data-theme=light][data-link=live]")).to_be_attached(timeout=10_000)
    page.get_by_label("Wait turns red after").first.fill("x")
    expect(page.locator(".preview-note")).to_contain_text("Not shown yet", timeout=3_000)
    expect(shown.get_by_text("only a draft")).to_be_attached()
    wall = supervisor.watch("main")
    expect(wall.get_by_text("only a draft")).to_have_count(0)


def test_no_page_but_the_editor_may_frame_a_draft_and_none_a_board(server: Server, supervisor: Supervisor) -> None:
    page = supervisor.open("/supervisor/boards/main")
    address = page.locator("#preview iframe").get_attribute("src") or ""
    policy = httpx.get(server.url + address).headers["content-security-policy"]
    assert "frame-ancestors 'self'" in policy
    assert "frame-ancestors 'none'" in httpx.get(f"{server.url}/boards/main").headers["content-security-policy"]
    editor = httpx.get(f"{server.url}/supervisor/boards").headers["content-security-policy"]
    assert "frame-src 'self'" in editor
    assert "frame-ancestors 'none'" in editor


def test_a_preview_comes_back_after_a_restart(supervisor: Supervisor, server: Server) -> None:
    page = supervisor.open("/supervisor/boards/main")
    shown = page.frame_locator("#preview iframe")
    expect(shown.locator("html[data-link=live]")).to_be_attached(timeout=10_000)
    server.stop()
    server.start()
    page.get_by_label("Message").fill("after the restart")
    expect(shown.get_by_text("after the restart")).to_be_attached(timeout=25_000)


# --- files, restarts, removed boards -------------------------------------------------------------------


def test_boards_go_out_and_come_in_as_one_file(supervisor: Supervisor, server: Server, tmp_path: Path) -> None:
    make(server, TOML + "[[boards]]\nslug = 'zoe'\nname = '<b>Zoë</b>'\nqueues = ['Sales', '\"Q\"']\n")
    page = supervisor.open("/supervisor/boards")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export all as one file").click()
    file = tmp_path / "boards.toml"
    download.value.save_as(file)
    exported = file.read_text()
    page.goto(f"{server.url}/supervisor/boards/zoe/remove")
    page.get_by_role("button", name="Remove it").click()
    expect(page.locator(".done")).to_be_visible()
    page.get_by_role("link", name="Import", exact=True).click()
    page.get_by_label("File").set_input_files(file)
    expect(page.get_by_label("Its text")).to_have_value(re.compile("slug = "))
    page.get_by_label("Its text").fill(page.get_by_label("Its text").input_value().replace('"Support"', '"Helpdesk"'))
    page.get_by_role("button", name="Show what would change").click()
    rows = page.locator("tbody tr")
    expect(rows).to_have_text([re.compile("Wallboard.*same", re.S), re.compile("Zoë.*new", re.S),
                               re.compile("Helpdesk.*changed: name", re.S)])  # fmt: skip
    page.get_by_role("button", name="Bring these in").click()
    expect(page.locator(".done")).to_be_visible()
    again = httpx.get(f"{server.url}/supervisor/boards.toml").text
    assert sorted(again.replace("Helpdesk", "Support").splitlines()) == sorted(exported.splitlines())


def test_a_file_with_mistakes_changes_nothing_and_names_them(supervisor: Supervisor, server: Server) -> None:
    page = supervisor.open("/supervisor/boards/import")
    page.get_by_label("Its text").fill(TOML + "colour = 1\n[[boards]]\nslug = 'B'\nname = 'B'\n")
    page.get_by_role("button", name="Show what would change").click()
    alert = page.get_by_role("alert").filter(has_text="cannot be used")
    expect(alert).to_contain_text("board support: targets.colour")
    expect(alert).to_contain_text("board B: slug")
    expect(page.get_by_label("Its text")).to_have_value(re.compile("colour"))
    assert httpx.get(f"{server.url}/boards/support").status_code == 404


def test_boards_stay_over_a_restart_even_a_hard_one(supervisor: Supervisor, server: Server) -> None:
    make(server)
    before = httpx.get(f"{server.url}/supervisor/boards.toml").text
    server.kill()
    server.start()
    assert httpx.get(f"{server.url}/supervisor/boards.toml").text == before
    wall = supervisor.watch("support")
    expect(target(wall)).to_contain_text("60")


def test_a_television_whose_board_is_removed_says_so_and_comes_back(supervisor: Supervisor, server: Server) -> None:
    make(server)
    wall = supervisor.watch("support")
    page = supervisor.open("/supervisor/boards/support/remove")
    expect(page.get_by_text("1 screen shows")).to_be_visible()
    page.get_by_role("button", name="Remove it").click()
    expect(wall.get_by_text("This board no longer exists")).to_be_visible(timeout=5_000)
    turned_on_later = supervisor.open("/boards/support")
    expect(turned_on_later.get_by_text("This board does not exist")).to_be_visible()
    make(server)
    for television in (wall, turned_on_later):
        expect(television.locator("html[data-link=live]")).to_be_attached(timeout=20_000)
    expect(wall.get_by_text("This board no longer exists")).to_have_count(0)


def test_a_deploys_file_makes_boards_at_the_start(idle_server: Server, tmp_path: Path) -> None:
    file = tmp_path / "boards.toml"
    file.write_text(TOML)
    idle_server._settings["WALLBOARD_BOARDS_FILE"] = str(file)
    idle_server.start()
    wait_until(lambda: idle_server.client.get("/boards/support").status_code == 200, "the file's board is there")
    file.write_text(TOML + "[[boards]]\nslug = 'b'\nname = 'B'\ntheme = 'pink'\n")
    idle_server.stop()
    refused = idle_server.run("serve")
    assert refused.returncode == 2
    assert "WALLBOARD_BOARDS_FILE" in refused.stderr
    assert "board b: theme: Choose dark or light." in refused.stderr


# --- for everybody -------------------------------------------------------------------------------------

UNNAMED = """() => Array.from(document.querySelectorAll("input, select, textarea, button, iframe, a"))
  .filter(e => !e.closest("[hidden], [aria-hidden=true]") && e.type !== "hidden")
  .filter(e => !(e.labels && e.labels.length) && !e.textContent.trim() && !e.getAttribute("aria-label") && !e.title)
  .map(e => e.outerHTML.slice(0, 200))"""
TWICE = """() => { const ids = Array.from(document.querySelectorAll("[id]"), e => e.id);
  return ids.filter((id, n) => ids.indexOf(id) !== n); }"""
NOWHERE = """() => Array.from(document.querySelectorAll("[aria-describedby], [for]"))
  .flatMap(e => (e.getAttribute("aria-describedby") || e.htmlFor).split(" ").filter(Boolean))
  .filter(id => !document.getElementById(id))"""


@pytest.mark.parametrize("path", ["", "/new", "/main", "/support", "/support/remove", "/import"])
@pytest.mark.parametrize("width", [1920, 390])
def test_every_field_has_its_name_and_nothing_sticks_out(
    supervisor: Supervisor, server: Server, path: str, width: int
) -> None:
    make(server, TOML + "[[boards.places]]\nname = 'Sales'\n")
    page = supervisor.open(f"/supervisor/boards{path}")
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate(TWICE) == []
    assert page.evaluate(NOWHERE) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_only_one_of_our_pages_can_save(server: Server) -> None:
    for path in ("main", "new", "import", "preview", "main/remove"):
        sent = httpx.post(f"{server.url}/supervisor/boards/{path}", data={"name": "evil"})
        assert sent.status_code == 403, path


def test_what_cannot_be_written_is_not_called_saved_and_not_lost(faulty: Server, faults: Faults) -> None:
    ours = {"Sec-Fetch-Site": "same-origin"}
    form = httpx.get(f"{faulty.url}/supervisor/boards.toml").text
    board = {"name": "Sales", "slug": "sales", "version": "none", "message": "kept as typed", "rotation_seconds": "30",
             "masking": "none", "theme": "dark", "sound": "off"}  # fmt: skip
    with faults.writes_fail(errno.ENOSPC):
        refused = httpx.post(f"{faulty.url}/supervisor/boards/new", data=board, headers=ours, timeout=10)
        assert refused.status_code == 503
        assert "Not saved: the journal cannot be written" in refused.text
        assert 'value="kept as typed"' in refused.text
        assert httpx.get(f"{faulty.url}/supervisor/boards.toml").text == form
    wait_until(faulty.is_ready, "the journal is well again")
    assert httpx.post(f"{faulty.url}/supervisor/boards/new", data=board, headers=ours).status_code == 303
    assert "kept as typed" in httpx.get(f"{faulty.url}/supervisor/boards.toml").text


@pytest.mark.parametrize("path", ["new", "main", "preview", "import"])
def test_a_form_of_any_size_is_answered(server: Server, path: str) -> None:
    ours = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}
    address = f"{server.url}/supervisor/boards/{path}"
    for body in (b"a=" + b"x" * 4_000_000, b"a=1&" * 9_000, b"", b"\xff=%ff&places.0.=&places.9999999.name=x&over="):
        assert httpx.post(address, content=body, headers=ours, timeout=20).status_code in (200, 413, 422)
