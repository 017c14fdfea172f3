"""Views become HTML: escaped, marked, the same in the page and in the push, and only where changed."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from wallboard.orders import steps
from wallboard.render import PARTS, Renderer
from wallboard.views import AgentTile, Board, CallRow, Footer, Hero, Lamp, Notice, Panel, Title, View, VisitTile

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
HOSTILE = "<script>alert('x')</script>\" onload=\"x"


class Tree(HTMLParser):
    """Every element's attributes, and whether each tag that needs closing is closed in order."""

    VOID = frozenset({"meta", "link"})

    def __init__(self, html: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def having(self, attribute: str) -> list[dict[str, str | None]]:
        return [attributes for _, attributes in self.elements if attribute in attributes]

    @property
    def ids(self) -> list[str | None]:
        return [attributes["id"] for attributes in self.having("id")]


def visit(name: str = "Sales", kind: str = "queue", **changes: object) -> VisitTile:
    tile = VisitTile(
        key=f"visit-{name.lower()}",
        name=name,
        kind="queue",
        alarm="calm",
        alarm_word="",
        waiting=2,
        ringing=1,
        talking=3,
        longest_wait_since_ms=1000,
        service_level_percent=81,
        service_level_target_percent=80,
        service_level_alarm="calm",
        offered=60,
        answered=48,
        abandoned=7,
        unanswered=1,
        abandon_alarm="calm",
        average_speed_of_answer_seconds=14,
    )
    return replace(tile, kind=kind, **changes)


def agent(number: str = "1001", **changes: object) -> AgentTile:
    tile = AgentTile(
        key=f"agent-{number}",
        number=number,
        name="Priya Shah",
        state="idle",
        since_ms=1000,
        with_whom="",
        answered=14,
        missed=1,
        outbound=2,
    )
    return replace(tile, **changes)


def call(id: str = "160455961758", **changes: object) -> CallRow:
    row = CallRow(
        key=f"call-{id}",
        id=id,
        direction="inbound",
        state="ringing",
        result="",
        caller="ACME",
        number="…001",
        place="Sales",
        agents="Priya Shah",
        since_ms=1000,
        lasted_seconds=None,
        voicemail=False,
        longest=False,
        alarm="calm",
    )
    return replace(row, **changes)


def panel(key: str, kind: str, *tiles: View, **changes: object) -> Panel:
    title = Title(key=f"{key}-title", text=key.title(), total=len(tiles), hidden=0)
    group = Panel(key=key, kind="waiting", title=title, empty="Nothing yet", tiles=())
    return replace(group, kind=kind, tiles=tiles, **changes)


def titled(group: Panel, **changes: object) -> Panel:
    return replace(group, title=replace(group.title, **changes))


HERO = Hero(
    waiting=2,
    waiting_too_long=0,
    waiting_alarm="calm",
    longest_wait_since_ms=None,
    longest_wait_alarm="calm",
    longest_caller="",
    longest_place="",
    service_level_percent=None,
    service_level_target_percent=80,
    service_level_seconds=20,
    service_level_alarm="calm",
    offered=118,
    answered=97,
    missed=15,
    abandoned=9,
    abandon_alarm="calm",
    voicemails_today=3,
    voicemails_new=2,
    outbound_placed=12,
    outbound_answered=9,
)

BOARD = Board(
    slug="main",
    sequence=7,
    footer=Footer(
        name="Main", message="", theme="dark", time_zone="UTC", utc_offset_seconds=0, last_event_at_ms=1000,
        presumed_ended=0,
        pbx=Lamp(state="normal", alarm="calm", text="PBX"), journal=Lamp(state="fine", alarm="calm", text="Journal"),
    ),
    notice=Notice(alarm="calm", text=""),
    hero=HERO,
    panels=(
        panel("queues", "queues", visit("Sales"), visit("Support")),
        panel("groups", "ring_groups", visit("Night", kind="ring_group")),
        panel("agents", "agents", agent("1001"), agent("1002")),
        panel("live", "waiting", call("1"), call("2", state="talking")),
        panel("done", "ended"),
    ),
)  # fmt: skip


@pytest.fixture
def renderer() -> Renderer:
    return Renderer(TEMPLATES)


def page(renderer: Renderer, board: Board = BOARD) -> bytes:
    return renderer.page(board, boot="boot1", build="build1", now_ms=5000)


def with_panel(index: int, changed: Panel) -> Board:
    panels = list(BOARD.panels)
    panels[index] = changed
    return replace(BOARD, panels=tuple(panels), sequence=BOARD.sequence + 1)


def with_agents(*tiles: AgentTile, **changes: object) -> Board:
    return with_panel(2, replace(BOARD.panels[2], tiles=tiles, **changes))


def with_queues(*tiles: VisitTile) -> Board:
    return with_panel(0, replace(BOARD.panels[0], tiles=tiles))


def roots(html: bytes) -> list[str]:
    """The ids of the fragments, that is of what htmx will swap: nested ones belong to their fragment."""
    tree, found, depth = Tree(html), [], 0
    assert tree.elements or not html
    for closing, attributes in re.findall(rb"<(/?)(?:\w+)([^>]*)>", html):
        if not closing and depth == 0:
            found.append(re.findall(rb' id="([^"]*)"', attributes)[0].decode())
        depth += -1 if closing else 1
    return found


def test_the_page_starts_stale_and_names_its_boot_build_board_and_sequence(renderer: Renderer) -> None:
    root = Tree(page(renderer)).elements[0][1]
    assert root["data-link"] == "stale"
    assert (root["data-boot"], root["data-build"], root["data-slug"]) == ("boot1", "build1", "main")
    assert (root["data-sequence"], root["data-now"]) == ("7", "5000")


def test_the_page_needs_no_inline_script_or_style(renderer: Renderer) -> None:
    tree = Tree(page(renderer))
    assert all("src" in attributes for tag, attributes in tree.elements if tag == "script")
    assert not any(tag == "style" or "style" in attributes for tag, attributes in tree.elements)
    assert not any(name.startswith("on") for _, attributes in tree.elements for name in attributes)


def test_every_id_is_there_once(renderer: Renderer) -> None:
    ids = Tree(page(renderer)).ids
    assert len(ids) == len(set(ids))


def test_calls_agents_queues_and_ring_groups_carry_their_marks(renderer: Renderer) -> None:
    tree = Tree(page(renderer))
    assert [(m["data-call"], m["data-state"]) for m in tree.having("data-call")] == [("1", "ringing"), ("2", "talking")]
    assert [(m["data-agent"], m["data-state"]) for m in tree.having("data-agent")] == [
        ("1001", "idle"),
        ("1002", "idle"),
    ]
    assert [mark["data-queue"] for mark in tree.having("data-queue")] == ["Sales", "Support"]
    assert [mark["data-ring-group"] for mark in tree.having("data-ring-group")] == ["Night"]


@pytest.mark.parametrize(
    "view",
    [
        visit(HOSTILE, key="v", alarm_word=HOSTILE, alarm="alarm"),
        agent(HOSTILE, key="a", name=HOSTILE, with_whom=HOSTILE),
        call(HOSTILE, key="c", caller=HOSTILE, place=HOSTILE, agents=HOSTILE, result=HOSTILE),
        titled(panel("p", "ended", empty=HOSTILE), text=HOSTILE),
        Notice(alarm="alarm", text=HOSTILE),
        replace(BOARD.footer, name=HOSTILE, time_zone=HOSTILE),
    ],
    ids=lambda view: type(view).__name__,
)
def test_what_strangers_type_stays_text(renderer: Renderer, view: View) -> None:
    tree = Tree(renderer.tile(view))
    assert "script" not in [tag for tag, _ in tree.elements]
    assert tree.having("onload") == []


@pytest.mark.parametrize("text", ["caller", "place", "agents"])
def test_text_of_a_call_cannot_turn_the_direction_of_its_neighbours(renderer: Renderer, text: str) -> None:
    assert "\u202eevil</bdi>" in renderer.tile(call(**{text: "\u202eevil"})).decode()


def test_what_is_not_known_is_a_dash_and_never_a_zero(renderer: Renderer) -> None:
    tile = renderer.tile(visit(service_level_percent=None)).decode()
    assert ">–</dd>" in tile
    assert '<span class="since">–</span>' in renderer.tile(call(since_ms=None)).decode()


def test_durations_that_tick_are_left_to_the_browser(renderer: Renderer) -> None:
    assert '<span class="since" data-since="1000"></span>' in renderer.tile(agent()).decode()


@pytest.mark.parametrize(("seconds", "shown"), [(None, "–"), (0, "0:00"), (75, "1:15"), (3723, "1:02:03")])
def test_the_talk_time_of_an_ended_call(renderer: Renderer, seconds: int | None, shown: str) -> None:
    row = renderer.tile(call(state="ended", lasted_seconds=seconds)).decode()
    assert f'<p class="time">{shown}</p>' in row


def test_a_panel_without_tiles_says_so(renderer: Renderer) -> None:
    assert '<p class="empty">No calls yet</p>' in renderer.tile(panel("p", "ended", empty="No calls yet")).decode()


def test_tiles_that_are_not_listed_are_counted(renderer: Renderer) -> None:
    assert "+8 more" in renderer.tile(titled(panel("p", "ended", call()), total=9, hidden=8)).decode()


def test_alarms_come_with_a_word_and_an_icon(renderer: Renderer) -> None:
    hero = renderer.tile(
        replace(HERO, waiting_alarm="alarm", waiting_too_long=3, longest_wait_alarm="warn", service_level_alarm="warn")
    ).decode()
    assert hero.count("#i-alarm") == 1
    assert hero.count("#i-alert") == 2
    for words in ("3 too long", "Long wait", "Low"):
        assert words in hero
    for count, words in ((1, "1 long wait<"), (2, "2 long waits<")):
        assert words in renderer.tile(replace(HERO, waiting_alarm="warn", waiting_too_long=count)).decode()


def test_voicemails_that_nobody_has_dealt_with_are_told_from_those_of_today(renderer: Renderer) -> None:
    hero = renderer.tile(replace(HERO, voicemails_new=2, voicemails_today=3)).decode()
    assert re.search('>2</dd><dt>new voicemail</dt><dd [^>]*class="detail"[^>]*>3 today</dd>', hero)


def test_page_and_push_have_the_same_markup(renderer: Renderer) -> None:
    whole = page(renderer)
    for view in (BOARD.footer, BOARD.notice, BOARD.hero, *BOARD.panels, *BOARD.panels[2].tiles):
        assert renderer.tile(view) in whole
    assert roots(renderer.snapshot(BOARD)) == ["board-hero", "board-notice", "board-footer", "board-floor"]


def test_every_fragment_asks_to_be_morphed_into_its_place(renderer: Renderer) -> None:
    for view in (BOARD.footer, BOARD.notice, BOARD.hero, *BOARD.panels, *BOARD.panels[0].tiles):
        tag, attributes = Tree(renderer.tile(view)).elements[0]
        assert attributes["hx-swap-oob"] == "morph", tag
        assert attributes["id"]


TALKING = agent("1001", state="talking")
CHANGES = {
    "nothing": (replace(BOARD, sequence=8), []),
    "the notice": (replace(BOARD, notice=Notice(alarm="warn", text="Late")), ["board-notice"]),
    "a number": (replace(BOARD, hero=replace(HERO, waiting=3)), ["hero-waiting-digits"]),
    "two numbers": (
        replace(BOARD, hero=replace(HERO, waiting=3, answered=98)),
        ["hero-waiting-digits", "hero-today-answered"],
    ),
    "a number and its alarm": (replace(BOARD, hero=replace(HERO, waiting=3, waiting_alarm="warn")), ["hero-waiting"]),
    "a number of a queue": (with_queues(visit(talking=4), visit("Support")), ["visit-sales-talking"]),
    "a queue's alarm": (with_queues(visit(alarm="warn", waiting=3), visit("Support")), ["visit-sales"]),
    "an event": (replace(BOARD, footer=replace(BOARD.footer, last_event_at_ms=2000)), ["board-received"]),
    "the message": (replace(BOARD, footer=replace(BOARD.footer, message="Hello")), ["board-message"]),
    "one agent": (with_agents(TALKING, agent("1002")), ["agent-1001"]),
    "the order": (with_agents(agent("1002"), agent("1001")), ["agents-tiles"]),
    "one more": (with_agents(agent("1001"), agent("1002"), agent("1003")), ["agents-tiles"]),
    "all others": (with_agents(agent("1004"), agent("1005")), ["agents"]),
    "the last that goes": (with_agents(), ["agents"]),
    "a title": (with_panel(2, titled(BOARD.panels[2], text="Team")), ["agents-title"]),
    "a count": (with_panel(2, titled(BOARD.panels[2], total=9)), ["agents-title-count"]),
    "a count and what is hidden": (with_panel(2, titled(BOARD.panels[2], total=9, hidden=7)), ["agents-title"]),
    "a panel that goes": (replace(BOARD, panels=BOARD.panels[1:]), ["board-floor"]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_only_what_changed_is_sent(renderer: Renderer, change: str) -> None:
    after, fragments = CHANGES[change]
    assert roots(renderer.changes(BOARD, after)) == fragments


@pytest.mark.parametrize("alarm", ["calm", "warn", "alarm"])
def test_what_is_sent_by_itself_is_one_whole_element(renderer: Renderer, alarm: str) -> None:
    before, after = replace(HERO, waiting_alarm=alarm, abandon_alarm=alarm), visit(alarm=alarm, abandon_alarm=alarm)
    changed = replace(after, waiting=9, ringing=9, talking=9, longest_wait_since_ms=9, offered=99, abandoned=19)
    told = replace(before, waiting=9, offered=9, answered=9, missed=9, abandoned=19, outbound_placed=9)
    told = replace(told, outbound_answered=19)
    html = renderer.changes(
        replace(with_queues(after), hero=before),
        replace(with_queues(changed), hero=told),
    )
    assert roots(html) == [
        "hero-waiting-digits", "hero-today-answered", "hero-today-offered", "hero-today-missed",
        "hero-today-abandoned", "hero-today-outbound", "hero-today-picked-up", "visit-sales-waiting",
        "visit-sales-wait", "visit-sales-ringing", "visit-sales-talking", "visit-sales-abandoned",
        "visit-sales-answered",
    ]  # fmt: skip


@pytest.mark.parametrize("before", [None, replace(BOARD, slug="other")], ids=["no board", "another board"])
def test_without_a_board_before_it_the_change_is_a_snapshot(renderer: Renderer, before: Board | None) -> None:
    assert renderer.changes(before, BOARD) == renderer.snapshot(BOARD)


def test_nothing_is_drawn_twice(renderer: Renderer) -> None:
    renderer.snapshot(BOARD)
    drawn = renderer.drawn
    renderer.snapshot(BOARD)
    page(renderer)
    assert renderer.drawn == drawn
    renderer.changes(BOARD, with_agents(TALKING, agent("1002")))
    assert renderer.drawn == drawn + 1


def test_a_fragment_has_no_carriage_return_that_could_break_a_frame(renderer: Renderer) -> None:
    assert b"\r" not in renderer.tile(call(caller="a\r\ndata: evil"))


def test_a_panel_that_gains_a_tile_does_not_say_the_others_again(renderer: Renderer) -> None:
    tiles = [agent(str(number)) for number in range(100, 130)]
    changed = replace(tiles[3], state="talking")
    sent = renderer.changes(with_agents(*tiles), with_agents(*tiles[:3], changed, *tiles[4:], agent("new")))
    tree = Tree(sent)
    assert tree.having("data-order")[0]["data-order"] == "+30 agent-new"
    assert [mark["data-agent"] for mark in tree.having("data-agent")] == ["103", "new"]


KEYS = st.lists(st.sampled_from("abcdefghijkl"), unique=True)


@given(before=KEYS, after=KEYS)
def test_an_order_told_in_steps_is_that_order(before: list[str], after: list[str]) -> None:
    words = steps(before, after).split()
    staying = iter([key for key in before if key not in words and f"-{key}" not in words])
    order: list[str] = []
    for word in words:
        order += islice(staying, int(word)) if word.startswith("+") else [word] if word[0] != "-" else []
    assert order == after
    assert list(staying) == []
    assert {word[1:] for word in words if word.startswith("-")} == {*before} - {*after}


@pytest.mark.parametrize(("after", "told"), [
    ("abcde", "+5"), ("bcdea", "+4 a"), ("eabcd", "e +4"), ("acbde", "+1 c +3"), ("abde", "+4 -c"),
    ("xabc", "x +3 -d -e"), ("", "-a -b -c -d -e"),
])  # fmt: skip
def test_only_what_moves_is_named(after: str, told: str) -> None:
    assert steps("abcde", after) == told


def test_a_part_is_drawn_from_what_makes_it_be_sent() -> None:
    """Its template is given nothing else, so none can show what would not be sent."""
    shown = {name for parts in PARTS.values() for fields in parts.values() for name in fields}
    assert shown == {*Hero.__struct_fields__, *Footer.__struct_fields__}
