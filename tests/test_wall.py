"""The wall in Chromium: everything has its place on every screen, at every size of floor, in both themes."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect

from scripts.staged import FLOORS, Staged
from tests.walls import drawn, push, shown
from wallboard.boards.definitions import Definition
from wallboard.views import Board, Notice

SIZES = [(1280, 720), (1920, 1080), (3840, 2160), (1080, 1920), (1024, 768), (2560, 1080), (390, 844)]
WALLS = [size for size in SIZES if size[0] >= 900]
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 2
LONG_NAMES = Staged(
    queues=(LONG, "W" * 60, "Sales and Service Adelaide and Surrounds"),
    ring_groups=("Reception and Front Desk of the Northern Campus",),
    names=(LONG, "W" * 40, "Maximiliana-Theodora Featherstonehaugh-Cholmondeley"),
    callers=(LONG, "M" * 80, "Bell & Co"),
    waits=(40_000, 4000, 700, 66, 5),
)
MANY_WAITING = Staged(waits=tuple(range(160, 20, -3)), ringing=0, talking=20)
HARD = {
    **FLOORS,
    "long names": LONG_NAMES,
    "many waiting": MANY_WAITING,
    "no queue": Staged(queues=(), ring_groups=()),
    "no agent": Staged(agents=3, talking=0, dialling=0, ringing=0, queues=("Sales",)),
}

# Every text that can be seen, with the box that it has and the boxes that it must stay in.
TEXTS = """() => {
  const found = [];
  const sides = e => (b => [b.left, b.top, b.right, b.bottom])(e.getBoundingClientRect());
  const walker = document.createTreeWalker(document.querySelector('.screen'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, owner = node.parentElement;
    if (!node.data.trim() || owner.closest('.unseen') || !owner.getClientRects().length) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    const style = getComputedStyle(owner);
    let cut = owner;
    while (cut.parentElement && getComputedStyle(cut).textOverflow !== 'ellipsis') cut = cut.parentElement;
    found.push({
      text: node.data.trim(), size: parseFloat(style.fontSize),
      box: [box.left, box.top, box.right, box.bottom],
      ellipsis: cut.scrollWidth > cut.clientWidth, holder: sides(cut),
      tile: sides(owner.closest('li, .figure, .notice, .message, .strip, .title, .empty') || owner),
    });
  }
  return found;
}"""
TILES = """() => Array.from(
  document.querySelectorAll('.figure, .visit, .agent, .call, .title, .empty, .notice, .footer'))
  .filter(e => e.getClientRects().length)
  .map(e => { const b = e.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom, e.id || e.className]; })"""
SCROLLS = """() => Array.from(document.querySelectorAll('*')).filter(e => {
  const s = getComputedStyle(e);
  return (e === document.documentElement || s.overflowX !== 'visible' && s.overflowX !== 'hidden')
    && (e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight); }).map(e => e.outerHTML.slice(0, 80))"""


def troubles(page: Page, width: int, height: int) -> list[str]:
    """Texts outside their tile, tiles outside the screen or over one another; a name may end in an ellipsis."""
    found: list[str] = []
    for text in page.evaluate(TEXTS):
        if not within(text["tile"], text["holder"] if text["ellipsis"] else text["box"], 2):
            found.append(f"{text['text'][:40]!r} is out of its tile: {text['box']} {text['tile']}")
    tiles = page.evaluate(TILES)
    if width >= 900:
        found += [f"{tile} is off the screen" for tile in tiles if not within(safe(width, height), tile[:4], 1)]
    found += [f"{a[4]} lies over {b[4]}" for n, a in enumerate(tiles) for b in tiles[n + 1 :] if overlap(a, b)]
    return found


def safe(width: int, height: int) -> tuple[float, float, float, float]:
    """What a set with five per cent of overscan still shows."""
    return width * 0.025, height * 0.025, width * 0.975, height * 0.975


def within(outer: Any, inner: Any, slack: float) -> bool:
    return bool(
        inner[0] >= outer[0] - slack
        and inner[1] >= outer[1] - slack
        and inner[2] <= outer[2] + slack
        and inner[3] <= outer[3] + slack
    )


def overlap(a: Any, b: Any) -> bool:
    return bool(min(a[2], b[2]) - max(a[0], b[0]) > 1 and min(a[3], b[3]) - max(a[1], b[1]) > 1)


def resized(page: Page, size: tuple[int, int]) -> None:
    """Makes the screen another one, and waits until the board has fitted itself to it."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


@pytest.mark.parametrize("floor", HARD)
def test_nothing_is_cut_off_or_lies_over_another(browser: Browser, floor: str) -> None:
    board = drawn(HARD[floor], Definition(message="Town hall at three in the big room"))
    found = []
    with shown(browser, board) as page:
        for size in SIZES:
            resized(page, size)
            found += [(size, trouble) for trouble in troubles(page, *size)]
            if size in WALLS and (scrolling := page.evaluate(SCROLLS)):
                found.append((size, f"scrolls: {scrolling}"))
            if not page.evaluate("document.documentElement.scrollWidth <= innerWidth"):
                found.append((size, "scrolls sideways"))
    assert found == []


@pytest.mark.parametrize("floor", ["normal", "alarming"])
def test_no_text_of_a_normal_floor_is_under_two_and_a_half_per_cent_of_the_height(browser: Browser, floor: str) -> None:
    with shown(browser, drawn(FLOORS[floor])) as page:
        for size in [(1280, 720), (1920, 1080), (3840, 2160)]:
            resized(page, size)
            assert smaller_than(0.025 * size[1], page) == []


def test_a_normal_floor_on_a_screen_on_its_side_has_letters_as_large_as_on_the_same_screen_upright(
    browser: Browser,
) -> None:
    with shown(browser, drawn(FLOORS["normal"]), 1080, 1920) as page:
        assert smaller_than(0.025 * 1080, page) == []


def smaller_than(least: float, page: Page) -> list[tuple[str, float]]:
    return [(text["text"], text["size"]) for text in page.evaluate(TEXTS) if text["size"] < least - 0.05]


STALE = """() => {
  document.documentElement.dataset.transport = 'stream';
  document.documentElement.dataset.link = 'stale';
  document.querySelector('.link-word').textContent = 'Not live';
  document.querySelector('.link-detail').textContent = '– last update 17 s ago, reconnecting';
}"""


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("floor", ["normal", "huge"])
def test_the_words_that_it_is_not_live_are_large_and_cover_nothing(browser: Browser, floor: str, theme: Any) -> None:
    with shown(browser, drawn(FLOORS[floor], Definition(theme=theme, message="Hello"))) as page:
        page.evaluate(STALE)
        for width, height in SIZES:
            resized(page, (width, height))
            banner, word = page.locator(".link-banner").bounding_box(), page.locator(".link-word")
            assert banner is not None
            below = banner["y"] + banner["height"]
            covered = [tile for tile in page.evaluate(TILES) if tile[1] < below - 1]
            assert covered == [], (width, height)
            shorter = min(height, width * 9 / 16) if width > height else width
            assert word.evaluate("e => parseFloat(getComputedStyle(e).fontSize)") >= 0.05 * shorter
            assert troubles(page, width, height) == []


def test_the_three_numbers_at_the_top_are_eight_per_cent_high(browser: Browser) -> None:
    """Of the height, or of the width of a screen on its side; digits are 0.7 em high in the flattest of the fonts."""
    with shown(browser, drawn(FLOORS["alarming"])) as page:
        for width, height in WALLS:
            resized(page, (width, height))
            shorter = min(height, width * 9 / 16) if width > height else width
            for figure in ("waiting", "longest", "level"):
                digits = page.locator(f"[data-figure={figure}] .digits")
                em = digits.evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
                assert em * 0.7 >= 0.08 * shorter, (width, height, figure)


def on_page(page: Page, selector: str, mark: str) -> set[str]:
    found: list[str] = page.evaluate(
        "([s, m]) => Array.from(document.querySelectorAll(s)).filter(e => e.getClientRects().length)"
        ".map(e => e.getAttribute(m))",
        [selector, mark],
    )
    return set(found)


@pytest.mark.parametrize("size", [(1280, 720), (1080, 1920)])
def test_every_agent_and_queue_is_reached_and_what_is_urgent_stays(browser: Browser, size: tuple[int, int]) -> None:
    with shown(browser, drawn(FLOORS["huge"]), *size) as page:
        ringing = on_page(page, '.agent[data-state="ringing"]', "data-agent")
        urgent = on_page(page, '.visit:not([data-alarm="calm"])', "data-queue")
        assert (len(ringing), len(urgent)) == (11, 3)
        agents, queues = set(), set()
        for _ in range(int(page.locator("#agents-title .more").inner_text().split("/")[1])):
            assert on_page(page, '.agent[data-state="ringing"]', "data-agent") == ringing
            assert on_page(page, '.visit:not([data-alarm="calm"])', "data-queue") == urgent
            assert troubles(page, *size) == []
            agents |= on_page(page, ".agent", "data-agent")
            queues |= on_page(page, ".visit[data-queue]", "data-queue")
            page.evaluate("wallboard.turns.turn()")
        assert (len(agents), len(queues)) == (300, 40)
        expect(page.locator("#agents-title .more")).to_have_text(f"1/{_ + 1}")


@pytest.mark.parametrize(("size", "waits"), [((1920, 1080), True), ((390, 844), False)])
def test_tiles_are_laid_out_only_when_they_have_been_fitted(browser: Browser, size: Any, waits: bool) -> None:
    with shown(browser, drawn(FLOORS["normal"]), *size) as page:
        assert page.locator(".tiles > li").first.is_visible()
        laid_out = page.evaluate(
            "document.documentElement.removeAttribute('data-fitted');"
            "Array.from(document.querySelectorAll('.tiles > li')).filter(tile => tile.offsetHeight).length"
        )
        assert (laid_out == 0) is waits


def test_the_page_turns_every_ten_seconds_without_motion(browser: Browser) -> None:
    with shown(browser, drawn(FLOORS["huge"])) as page:
        first = on_page(page, ".agent", "data-agent")
        page.clock.install()
        page.reload()
        page.wait_for_function("window.wallboard && window.wallboard.turns")
        page.clock.run_for(6_000)  # the clock goes on by itself while the page is loaded
        assert on_page(page, ".agent", "data-agent") == first
        page.clock.run_for(4_500)
        assert on_page(page, ".agent", "data-agent") != first
        assert (
            page.evaluate("getComputedStyle(document.querySelector('.agent[data-state=idle]')).animationName") == "none"
        )


def test_a_ring_all_of_more_phones_than_have_a_place_pages_through_them(browser: Browser) -> None:
    board = drawn(replace_floor(FLOORS["huge"]))
    agents = next(panel for panel in board.panels if panel.kind == "agents")
    all_ring = replace(agents, tiles=tuple(replace(tile, state="ringing") for tile in agents.tiles))
    board = replace(board, panels=tuple(all_ring if panel is agents else panel for panel in board.panels))
    with shown(browser, board) as page:
        seen = set()
        for _ in range(8):
            seen |= on_page(page, ".agent", "data-agent")
            page.evaluate("wallboard.turns.turn()")
        assert len(seen) == 300


def replace_floor(floor: Staged | None) -> Staged:
    assert floor is not None
    return floor


def test_an_agent_that_begins_to_ring_comes_onto_the_page_at_once(browser: Browser) -> None:
    before = drawn(FLOORS["huge"])
    agents = next(panel for panel in before.panels if panel.kind == "agents")
    last = replace(agents.tiles[-1], state="ringing")
    after = replace(
        before,
        panels=tuple(
            replace(panel, tiles=(*panel.tiles[:-1], last)) if panel is agents else panel for panel in before.panels
        ),
    )
    with shown(browser, before) as page:
        tile = page.locator(f"#{last.key}")
        expect(tile).to_be_hidden()
        push(page, before, after)
        expect(tile).to_be_visible()
        push(page, after, before)
        expect(tile).to_be_hidden()


@pytest.mark.parametrize("size", WALLS)
def test_every_waiting_caller_of_a_huge_floor_is_listed_the_longest_first(
    browser: Browser, size: tuple[int, int]
) -> None:
    with shown(browser, drawn(FLOORS["huge"]), *size) as page:
        assert len(on_page(page, "#calls-waiting .call", "data-call")) == 19
        first = page.locator("#calls-waiting .call").first
        expect(first).to_have_attribute("data-longest", "")
        expect(first).to_contain_text("Longest")
        caller = first.locator(".caller").inner_text()
        assert page.locator('[data-figure="longest"] .under').inner_text().startswith(caller)


def test_the_theme_the_title_and_the_message_change_without_a_reload(browser: Browser) -> None:
    before = drawn(FLOORS["small"])
    after = replace(before, footer=replace(before.footer, theme="light", name="Night shift", message="Hello"))
    with shown(browser, before) as page:
        push(page, before, after)
        expect(page.locator("html[data-theme=light]")).to_be_attached()
        expect(page).to_have_title("Night shift")
        expect(page.get_by_text("Hello")).to_be_visible()


def test_a_notice_makes_room_for_itself(browser: Browser) -> None:
    before = drawn(FLOORS["normal"])
    after = replace(before, notice=Notice(alarm="alarm", text="The journal cannot be written. " * 6))
    with shown(browser, before) as page:
        push(page, before, after)
        expect(page.locator("#board-notice")).to_be_visible()
        page.wait_for_function("parseFloat(document.documentElement.style.getPropertyValue('--unit')) < 2.5")
        assert troubles(page, 1920, 1080) == []


PANELS: list[tuple[str, ...]] = [("agents",), ("queues",), ("waiting",), ("waiting", "ended"), ("queues", "waiting"),
          ("waiting", "talking", "ended"), ("ring_groups", "agents"), ()]  # fmt: skip


@pytest.mark.parametrize("size", [(1920, 1080), (1080, 1920)])
@pytest.mark.parametrize("panels", PANELS, ids=lambda panels: "+".join(panels) or "none")
def test_any_choice_of_panels_fills_the_screen(browser: Browser, panels: Any, size: tuple[int, int]) -> None:
    with shown(browser, drawn(FLOORS["alarming"], Definition(panels=panels)), *size) as page:
        assert troubles(page, *size) == []
        assert page.evaluate(SCROLLS) == []


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


COLOURS = """() => {
  const found = new Map();
  const walker = document.createTreeWalker(document.querySelector('.screen'), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const owner = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !owner.getClientRects().length) continue;
    let ground = owner;
    while (/rgba\\(0, 0, 0, 0\\)/.test(getComputedStyle(ground).backgroundColor)) ground = ground.parentElement;
    const pair = [getComputedStyle(owner).color, getComputedStyle(ground).backgroundColor];
    found.set(pair.join(), [...pair, walker.currentNode.data.trim()]);
  }
  return Array.from(found.values());
}"""


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("floor", ["normal", "alarming", "huge", "empty"])
def test_every_text_has_a_contrast_of_four_and_a_half(browser: Browser, floor: str, theme: Any) -> None:
    with shown(browser, drawn(FLOORS[floor], Definition(theme=theme, message="Hello"))) as page:
        poor = []
        for text, ground, words in page.evaluate(COLOURS):
            lights = sorted((luminance(text), luminance(ground)))
            if (lights[1] + 0.05) / (lights[0] + 0.05) < 4.5:
                poor.append((words, text, ground))
        assert poor == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_amber_and_red_differ_in_lightness_shape_and_words(browser: Browser, theme: Any) -> None:
    """To whoever cannot tell the colours: one ground is light where the other is dark, and the signs differ."""
    with shown(browser, drawn(FLOORS["alarming"], Definition(theme=theme))) as page:
        grounds = {}
        for alarm, sign in (("warn", "alert"), ("alarm", "alarm")):
            row = page.locator(f'.call[data-alarm="{alarm}"]').first
            grounds[alarm] = luminance(row.evaluate("e => getComputedStyle(e).backgroundColor"))
            assert row.locator(f'use[href="#i-{sign}"]').count() == 1
        lights = sorted(grounds.values())
        assert (lights[1] + 0.05) / (lights[0] + 0.05) > 2
        for tile in page.locator('.visit[data-alarm="alarm"]').all():
            expect(tile).to_contain_text("Too long")


def test_nothing_moves_where_motion_is_not_wanted(browser: Browser) -> None:
    with shown(browser, drawn(FLOORS["alarming"])) as page:
        name = "getComputedStyle(document.querySelector('.agent[data-state=ringing]')).animationName"
        assert page.evaluate(name) == "begin"
        page.emulate_media(reduced_motion="reduce")
        assert page.evaluate(name) == "none"


def test_the_timers_of_a_page_are_right_when_it_is_turned_to(browser: Browser) -> None:
    with shown(browser, drawn(FLOORS["huge"])) as page:
        for _ in range(3):
            page.evaluate("wallboard.turns.turn()")
            blank = "Array.from(document.querySelectorAll('[data-since]')).filter(e => !e.textContent).length"
            assert page.evaluate(blank) == 0


def board_without(board: Board, *kinds: str) -> Board:
    return replace(board, panels=tuple(panel for panel in board.panels if panel.kind not in kinds))


def test_a_panel_that_goes_gives_its_room_to_the_others(browser: Browser) -> None:
    before = drawn(FLOORS["normal"])
    with shown(browser, before) as page:
        push(page, before, board_without(before, "queues", "ring_groups"))
        assert troubles(page, 1920, 1080) == []
        assert page.locator("html").get_attribute("data-agents") == "roomy"


def same_but_ticking(page: Page) -> str:
    """The floor's HTML without what the browser itself writes into it."""
    html: str = page.evaluate("""() => {
      const floor = document.getElementById('board-floor').cloneNode(true);
      floor.querySelectorAll('[data-since], .more').forEach(e => { e.textContent = ''; });
      floor.querySelectorAll('*').forEach(e => ['style', 'data-lines', 'data-off', 'data-first', 'data-paged',
        'data-page', 'class', 'hx-swap-oob'].forEach(name => e.removeAttribute(name)));
      return floor.innerHTML.replace(/>\\s+</g, '><');
    }""")
    return html


@pytest.mark.parametrize(("first", "then"), [("normal", "alarming"), ("alarming", "normal"), ("normal", "small"),
                                             ("small", "huge"), ("huge", "empty"), ("empty", "normal")])  # fmt: skip
def test_a_push_makes_the_page_what_a_reload_would(browser: Browser, first: str, then: str) -> None:
    before, after = drawn(FLOORS[first]), drawn(FLOORS[then])
    with shown(browser, after) as page:
        wanted = same_but_ticking(page)
    with shown(browser, before) as page:
        push(page, before, after)
        assert same_but_ticking(page) == wanted


def test_a_tile_that_should_be_there_and_is_not_makes_the_page_ask_anew(browser: Browser) -> None:
    before = drawn(FLOORS["normal"])
    agents = next(panel for panel in before.panels if panel.kind == "agents")
    fewer = replace(agents, tiles=agents.tiles[1:])
    after = replace(before, panels=tuple(fewer if panel is agents else panel for panel in before.panels))
    with shown(browser, before) as page:
        page.evaluate("document.body.addEventListener('htmx:oobErrorNoTarget', () => { window.asked = true; })")
        push(page, before, after)
        assert page.evaluate("window.asked") is None
        push(page, after, before)
        assert page.locator(".agent").count() == 25
        page.locator(".agent").nth(3).evaluate("e => e.remove()")
        push(page, before, after)
        assert page.evaluate("window.asked") is True
