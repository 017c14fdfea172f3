"""What each sees is decided on the server: nothing else is in the bytes that leave it."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.conftest import Server, wait_until
from tests.samples import Body, abandoned, answered, at, body, completed, missed, rang, summary
from tests.test_board import NOON, Floor
from tests.test_day_pages import days_ago, number
from tests.test_days import MONDAY, board, past, sheet_of
from tests.visited import told
from wallboard.access.visitors import Role
from wallboard.board import Board
from wallboard.boards.definitions import Definition
from wallboard.boards.kept import Boards
from wallboard.callbacks.list import Asked, compose
from wallboard.callbacks.seen import lines_seen
from wallboard.day.rows import CallRow
from wallboard.day.seen import Seen
from wallboard.day.sheet import Sheet
from wallboard.events import Place
from wallboard.eyes import Eyes
from wallboard.masking import mask
from wallboard.recordings import playable
from wallboard.scope import EVERYTHING, Scope, Sight, chosen_of, scope_of

__all__ = ["board", "past"]

TODAY = datetime.now(UTC).date()
PAST = TODAY - timedelta(days=5)
VIEWER, ADMIN = told(Role.VIEWER), told(Role.ADMIN)
LIMITED, LIMITED_SUPERVISOR = told(Role.VIEWER, "sales"), told(Role.SUPERVISOR, "sales")

BOARDS = """
[[boards]]
slug = "sales"
name = "Sales"
queues = ["Sales"]
ring_groups = ["Front"]
agents = ["1001", "Agent 1002"]

[[boards]]
slug = "hidden"
name = "No callers"
masking = "hidden"
"""

# The digits in the middle are what nobody may see who may not see numbers; the last three are shown.
KNOWN, SECRET = "+61270135792", "+61270246813"
IN_A_NAME = "Ring 02 7046.8135 or 02_7057_9246"
ZELDA = {"user_name": "Zelda"}
HIDDEN_NAMES = ("Zenith", "Zigzag", "Zelda", "Zorro", "Zulu")
"""A queue, a ring group, an agent and two callers of another part of the floor: all of their names begin with Z."""


def seen_part() -> list[Body]:
    """Calls that came to Sales, or that an agent of the board was offered; one went on to another queue."""
    quick = {"caller_id": KNOWN, "caller_name": "Plain Caller"}
    return [
        *(one | quick for one in (rang("1001", "s1"), answered("1001", "s1"), completed("1001", "s1"), summary("s1"))),
        *(one | quick for one in (missed("1001", "s2", 30), abandoned("s2", 30))),
        rang("1002", "s3", caller_name=IN_A_NAME, caller_id=KNOWN),
        missed("1001", "s4", 25) | quick, summary("s4", "timeout", None, None, 25, 0) | quick,
        rang("2001", "s4", "Zenith") | quick | ZELDA, answered("2001", "s4", 40, "Zenith") | quick | ZELDA,
        rang("1002", "s5", "Zenith") | quick, answered("1002", "s5", 14, "Zenith") | quick,
        body("recording_inbound", "s1", call_recording_link="https://voice.test/s1.wav", recorded_at=at(300)),
        body("voicemail", "s2", recorded_at=at(90), audio_file="https://voice.test/s2.wav", **quick),
        body("voicemail", "v1", recorded_at=at(95), audio_file="https://elsewhere.test/v1.wav", caller_id=SECRET,
             caller_name=None),
        body("user_outbound", "o1", caller_id="+61380000000", caller_name=None, dest_number=KNOWN, user_number="1002",
             user_name="Agent 1002"),
    ]  # fmt: skip


def hidden_part() -> list[Body]:
    """Another queue, ring group and agent with callers of their own; and one who is known to the seen part as well."""
    own = {"caller_id": SECRET, "caller_name": "Zorro"}
    return [
        rang("2001", "h1", "Zenith") | own | ZELDA, answered("2001", "h1", 14, "Zenith") | own | ZELDA,
        *(one | own for one in (abandoned("h2", 50, "Zenith"), abandoned("h3", 3, "Zenith"))),
        summary("h4", "abandoned", None, None, 45, 0, "Zenith") | {"caller_id": KNOWN, "caller_name": "Zulu"},
        rang("2001", "h5", None, ring_group_name="Zigzag") | own | ZELDA,
        body("user_outbound", "h6", caller_id="+61380000000", caller_name=None, dest_number=SECRET, user_number="2001",
             user_name="Zelda"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Both parts of the floor, today, and the same five days ago; a supervisor has written on one caller."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "boards.toml").write_text(BOARDS)
    bodies = [*seen_part(), *hidden_part()]
    server = Server(folder, build="tests.visited", WALLBOARD_BOARDS_FILE=str(folder / "boards.toml")).start()
    server.post(bodies)
    server.post([days_ago(5, one) | {"unique_call_id": f"p-{one['unique_call_id']}"} for one in bodies])
    marks = {"mark": "note", "text": "Ring 0270135792 after three"}
    for caller in (KNOWN, SECRET):
        post(server, {"caller": caller, **marks}, ADMIN)
    wait_until(lambda: server.client.get("/boards/hidden").status_code == 200, "the deploy's boards are there")
    yield server
    server.close()


def get(server: Server, address: str, who: dict[str, str], status: int = 200) -> str:
    answer = server.client.get(address, headers=who)
    assert answer.status_code == status, (address, answer.status_code)
    return answer.text


def post(server: Server, mark: dict[str, str], who: dict[str, str]) -> httpx.Response:
    headers = {**who, "Origin": server.url, "HX-Request": "true", "Cookie": "wallboard_name=Robin"}
    return server.client.post("/supervisor/callbacks/marks", data=mark, headers=headers)


def counted(server: Server, who: dict[str, str]) -> str:
    address = f"/supervisor/day/{PAST}"
    wait_until(lambda: "day-counting" not in get(server, address, who), "the day is counted", within=60)
    return address


_LINKS = re.compile(r'(?:href|hx-get|action)="(/[^"]*)"')
_NOT_THEIRS = ("/setup", "/static/", "/supervisor/boards", "/supervisor/tvs", "/supervisor/name")
OF_A_KIND = 2
"""So many pages are looked at that differ only in whose they are or how they are sorted; of calls all."""


def crawl(server: Server, who: dict[str, str]) -> dict[str, str]:
    """Every page, part and file that a reader is led to, by its address; an admin has looked at the same before."""
    day = f"/supervisor/day/{TODAY}"
    files = [f"{day}/{what}.csv" for what in ("intervals", "queues", "ring_groups", "agents", "calls")]
    to_do = ["/", "/supervisor", "/supervisor/callbacks?show=all", "/supervisor/callbacks?show=done", *files,
             "/supervisor/day?table=1", "/supervisor/day?all=ring_groups", counted(server, who),
             f"/supervisor/day/{PAST}/calls.csv", f"{day}/calls?number=agent_missed",
             "/boards/sales", "/boards/sales/tiles"]  # fmt: skip
    found: dict[str, str] = {}
    kinds: Counter[str] = Counter()
    while to_do:
        address = to_do.pop(0)
        if address in found or kinds[kind := _kind(address)] >= OF_A_KIND:
            continue
        kinds[kind] += 1
        if kinds[kind] == 1:
            server.client.get(address, headers=ADMIN)
        answer = server.client.get(address, headers=who)
        assert answer.status_code in (200, 303), (address, answer.status_code)
        found[address] = answer.text
        led_to = [unescape(link) for link in _LINKS.findall(answer.text)]
        to_do += [link for link in led_to if not link.startswith(_NOT_THEIRS) and not _is_other_day(link)]
    return found


def _kind(address: str) -> str:
    """The path with the names of what is asked, and which number is."""
    url = httpx.URL(address)
    asked = [name for name in sorted(url.params) if name not in ("number", "every", "table") and "_by" not in name]
    return f"{url.path}?{'&'.join(asked)}{url.params.get('number', '')}"


def _is_other_day(address: str) -> bool:
    """Nothing was posted on it; `seen` is only for a page that is open."""
    day = re.search(r"/day/(\d{4}-\d\d-\d\d)", address)
    return "seen=" in address or (day is not None and day.group(1) not in (str(TODAY), str(PAST)))


def digits(text: str) -> str:
    """The text without what may stand between the digits of a number."""
    return re.sub(r"[\s().\-/_+]", "", unescape(text))


# --- one part of the floor -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def limited(served: Server) -> dict[str, str]:
    return crawl(served, LIMITED)


def test_a_viewer_of_one_board_is_led_through_the_whole_desk(limited: dict[str, str]) -> None:
    kinds = ("/supervisor/calls/", f"/supervisor/day/{TODAY}/calls?", f"/supervisor/day/{PAST}/calls?", "/boards/sales",
             f"/supervisor/day/{TODAY}/agents.csv", "/supervisor/live", "/supervisor/callbacks/list")  # fmt: skip
    for kind in kinds:
        assert any(address.startswith(kind) for address in limited), kind
    whole = "".join(limited.values())
    for name in ("Sales", "Agent 1001", "Agent 1002", "Plain Caller", "another queue", "another agent", "…792"):
        assert name in whole, name


@pytest.mark.parametrize("name", [*HIDDEN_NAMES, "2001"])
def test_no_name_of_another_part_is_in_any_byte(limited: dict[str, str], name: str) -> None:
    assert [address for address, text in limited.items() if re.search(rf"\b{name}", text)] == []


def test_no_number_is_in_any_byte(limited: dict[str, str]) -> None:
    for middle in ("70135", "70246", "70468", "70579", "13579", "24681", "46813"):
        assert [address for address, text in limited.items() if middle in digits(text)] == [], middle
    assert [address for address, text in limited.items() if "tel:" in text or "data-caller=" in text] == []


def test_no_recording_is_linked_for_a_viewer_but_that_there_is_one_is_said(limited: dict[str, str]) -> None:
    assert [address for address, text in limited.items() if "voice.test" in text or "elsewhere.test" in text] == []
    assert any("There is one, at the PBX" in text for text in limited.values())


@pytest.mark.parametrize("call", ["h1", "h2", "h4", "h5", "h6", "v1", "p-h2"])
def test_a_call_of_another_part_is_not_found(served: Server, call: str) -> None:
    day = PAST if call.startswith("p-") else TODAY
    if day == PAST:
        counted(served, LIMITED)
    get(served, f"/supervisor/calls/{call}?day={day}", ADMIN)
    get(served, f"/supervisor/calls/{call}?day={day}", LIMITED, status=404)


@pytest.mark.parametrize("asked", ["?queue=Zenith", "?agent=2001", "?q=zelda", "?q=zenith", "?q=zorro"])
def test_no_filter_finds_what_is_not_seen(served: Server, asked: str) -> None:
    assert "data-call=" in get(served, f"/supervisor/live{asked}", ADMIN)
    assert "data-call=" not in get(served, f"/supervisor/live{asked}", LIMITED)


def test_the_numbers_are_of_what_is_seen(served: Server) -> None:
    for address in ("/supervisor/day", counted(served, LIMITED)):
        html = get(served, address, LIMITED)
        assert {name: number(html, name) for name in ("offered", "answered", "abandoned", "unanswered")} == {
            "offered": "4", "answered": "1", "abandoned": "1", "unanswered": "1",
        }  # fmt: skip
        assert (number(html, "inbound_offered"), number(html, "voicemails")) == ("5", "1")
        assert number(get(served, address, ADMIN), "voicemails") == "2"
    live = get(served, "/supervisor/live", LIMITED)
    assert re.findall(r'data-(?:queue|ring-group)="([^"]+)"', live) == ["Sales"]
    assert {call.removeprefix("p-") for call in re.findall(r'data-call="([^"]+)"', live)} == {"s3", "s4", "s5", "o1"}
    assert set(re.findall(r'data-agent="([^"]+)"', live)) == {"1001", "1002"}
    assert "<b>1</b> to call back" in live


def test_a_caller_is_settled_for_everybody_also_by_an_agent_whom_some_do_not_see() -> None:
    """Reached in another queue: whoever sees the first try alone must not ring again."""
    reached = {"call_start_at": at(100), **ZELDA}
    floor = Floor(missed("1001", "a", 30), abandoned("a", 30))
    eyes = Eyes(floor.board, Sight(scope=scope(Definition(queues=("Sales",), agents=("1001",)))))
    assert [line.closed for line in lines_seen(eyes)] == [None]
    floor.feed(rang("2001", "b", "Zenith") | reached, answered("2001", "b", 110, "Zenith") | reached)
    floor.feed(missed("2001", "c", 30, "Zenith") | ZELDA, abandoned("c", 30, "Zenith"))
    assert [len(line.tries) for line in lines_seen(eyes)] == [1]
    row = compose(eyes, NOON + timedelta(seconds=300), Asked(show="done"), "").rows[0]
    assert row.closed == "Rang again and was answered by another agent, 12:01"


def test_a_supervisor_of_one_board_marks_no_caller_of_another(served: Server) -> None:
    refused = post(served, {"caller": SECRET, "mark": "done"}, LIMITED_SUPERVISOR)
    assert "That caller is not on the list any more." in refused.text
    assert "Zorro" not in refused.text


# --- numbers -------------------------------------------------------------------------------------------


def test_a_viewer_of_the_whole_floor_reads_every_name_and_no_number(served: Server) -> None:
    found = crawl(served, VIEWER)
    whole = "".join(found.values())
    assert all(name in whole for name in HIDDEN_NAMES)
    for middle in ("70135", "70246", "70468", "70579"):
        assert [address for address, text in found.items() if middle in digits(text)] == [], middle


@pytest.mark.parametrize("path", ["/supervisor/live", "/supervisor/callbacks/list"])
@pytest.mark.parametrize("asked", ["70135", "0270135792", "+61 2 7013", "702468", "70468135"])
def test_no_search_tells_whether_a_masked_number_is_there(served: Server, path: str, asked: str) -> None:
    query = httpx.QueryParams({"q": asked, "show": "all"})
    mark = "data-call=" if path == "/supervisor/live" else "data-row="
    assert mark not in get(served, f"{path}?{query}", VIEWER)
    assert "…792" in get(served, f"{path}?{httpx.QueryParams({'q': '792', 'show': 'all'})}", VIEWER)


def test_a_row_of_a_masked_caller_is_named_by_no_digest_of_the_number(served: Server) -> None:
    address = "/supervisor/callbacks/list?show=all"
    rows = [set(re.findall(r'data-row="(\w+)"', get(served, address, who))) for who in (ADMIN, VIEWER)]
    assert len(rows[0]) == len(rows[1]) > 1
    assert rows[0].isdisjoint(rows[1])


def test_a_viewer_marks_nobody_and_is_shown_no_way_to(served: Server) -> None:
    assert "<form" not in get(served, "/supervisor/callbacks/list?show=all", VIEWER)
    assert post(served, {"caller": KNOWN, "mark": "done"}, VIEWER).status_code == 403


def test_a_supervisor_reads_numbers_and_is_led_to_recordings_at_listed_hosts_alone(served: Server) -> None:
    html = get(served, "/supervisor/callbacks?show=all", ADMIN)
    assert f'href="tel:{KNOWN}"' in html
    assert re.findall(r'<a href="(https:[^"]+)" rel="noreferrer noopener"', html) == ["https://voice.test/s2.wav"]
    page = get(served, f"/supervisor/calls/s1?day={TODAY}", ADMIN)
    assert '<a href="https://voice.test/s1.wav" rel="noreferrer noopener"' in page
    assert 'href="https://elsewhere' not in get(served, f"/supervisor/calls/v1?day={TODAY}", ADMIN)
    calls = {call["id"]: call["recording"] for call in served.state()["calls"]}
    assert (calls["s1"], calls["h1"]) == ("https://voice.test/s1.wav", None)


@pytest.mark.parametrize("slug", ["main", "sales", "hidden"])
def test_no_masked_number_is_in_what_a_board_sends(served: Server, slug: str) -> None:
    tv = told(Role.TV, slug)
    sent = get(served, f"/boards/{slug}", tv) + json.dumps(json.loads(get(served, f"/boards/{slug}/tiles", tv)))
    with served.client.stream("GET", f"/boards/{slug}/stream", headers=tv) as stream:
        sent += next(text for text in stream.iter_text() if "board-hero" in text)
    for middle in ("70135", "70246", "70468", "70579"):
        assert middle not in digits(sent)
    assert ("…792" in sent) == (slug != "hidden")
    assert ("Plain Caller" in sent) == (slug != "hidden")


@pytest.mark.parametrize(("text", "shown"), [
    ("02 9000 0001", "…001"), ("+61-2-9000-0001", "…001"), ("02_9000_0001 Bob", "…001 Bob"), ("0·2·9·0·0", "…900"),
    ("٠٢٩٠٠٠٠٠٠١", "…٠٠١"), ("Studio 54", "Studio 54"), ("A1B2C3D4E5", "A1B2C3D4E5"), (None, ""),
])  # fmt: skip
def test_a_number_is_masked_however_it_is_written(text: str | None, shown: str) -> None:
    assert mask(text) == shown


# --- the rules -----------------------------------------------------------------------------------------

HOSTS = ("voice.example.com", "*.pbx.test")


@pytest.mark.parametrize("link", [
    "https://voice.example.com/a.wav", "https://voice.example.com:443/a.wav?x=1#t", "https://VOICE.example.com/",
    "https://a.b.pbx.test/x", "https://voice.example.com",
])  # fmt: skip
def test_a_recording_at_a_listed_host_can_be_listened_to(link: str) -> None:
    assert playable(link, HOSTS) == link


@pytest.mark.parametrize("link", [
    None, "", "http://voice.example.com/a", "javascript:alert(1)", "https://pbx.test/x", "https://evilpbx.test/x",
    "https://voice.example.com.evil.test/", "https://voice.example.com@evil.test/", "https://evil.test\\@x.pbx.test/",
    "https://evil.test/\\.pbx.test/", "https://x.pbx.test:8443/", "https://x.pbx.test\n.evil.test/", " https://x.pbx.test/",
    "https://xn--vоice.pbx.test/", "//voice.example.com/a", "https://.pbx.test/x", "https://voice.example.com /a",
])  # fmt: skip
def test_no_other_link_leads_anywhere(link: str | None) -> None:
    assert playable(link, HOSTS) is None


def test_no_host_is_listed_unless_somebody_lists_it() -> None:
    assert playable("https://voice.example.com/a.wav", ()) is None


SALES, SUPPORT, FRONT = Place("queue", "Sales"), Place("queue", "Support"), Place("ring_group", "Front")


def scope(*definitions: Definition) -> Scope:
    return Scope(frozenset(map(chosen_of, definitions)))


def test_two_boards_together_show_what_either_shows_and_no_more() -> None:
    one = scope(Definition(queues=("Sales",), agents=()))
    assert (one.sees_place(SALES), one.sees_place(SUPPORT), one.sees_place(FRONT)) == (True, False, True)
    assert (one.sees_call([SALES], []), one.sees_call([FRONT], [("1", "A")])) == (True, False)
    both = scope(Definition(queues=("Sales",), agents=()), Definition(queues=(), agents=("1", "Bea")))
    assert not both.sees_place(SUPPORT)
    assert (both.sees_agent("1", None), both.sees_agent("2", "Bea"), both.sees_agent("2", "A")) == (True, True, False)
    assert (both.sees_call([SUPPORT], [("2", "Bea")]), both.sees_call([SUPPORT], [("3", "Cem")])) == (True, False)


def test_a_limit_to_boards_that_are_no_more_shows_nothing_and_to_main_everything() -> None:
    boards = Boards(lambda: None)
    assert scope_of(boards, None) == EVERYTHING
    assert scope_of(boards, {"main"}) == EVERYTHING
    gone = scope_of(boards, {"gone"})
    assert not gone.is_all
    assert (gone.sees_place(SALES), gone.sees_agent("1", "A"), gone.sees_call([SALES], [])) == (False, False, False)


def seen(whole: Sheet, sight: Sight) -> Sheet:
    return asyncio.run(Seen(whole, sight).brought_up())


def test_the_sums_of_a_part_are_those_of_its_calls(board: Board) -> None:
    whole = sheet_of(board, MONDAY)
    part = seen(whole, Sight(scope=scope(Definition(queues=("Sales",), ring_groups=(), agents=()))))
    assert part.place(SALES) == whole.place(SALES)
    assert part.places("queue") == [SALES]
    assert (part.agents(), part.places("ring_group")) == ([], [])
    came = {key for key, row in whole.rows.items() if any(visit.place == SALES for visit in row.visits)}
    assert set(part.rows) == came
    assert 0 < part.calls["inbound_offered"] == len(came) < whole.calls["inbound_offered"]


def test_a_part_follows_the_whole(board: Board) -> None:
    async def follow() -> None:
        whole = sheet_of(board, MONDAY)
        part = Seen(whole, Sight(scope=scope(Definition(queues=("Sales",), ring_groups=(), agents=())), numbers=False))
        before = await part.brought_up()
        row = next(row for row in before.rows.values() if row.caller_number)
        version, offered = before.version, before.place(SALES).offered
        assert await part.brought_up() is before
        assert before.version == version
        again: CallRow = msgspec.structs.replace(whole.rows[row.key], key="again", caller_number="+61270135792")
        whole.put(again)
        assert (await part.brought_up()).place(SALES).offered == offered + 1
        assert before.rows["again"].caller_number == "…792"
        whole.take_out("again")
        assert (await part.brought_up()).place(SALES).offered == offered
        assert before.version > version

    asyncio.run(follow())


def test_a_host_that_is_none_stops_the_start(tmp_path: Path) -> None:
    server = Server(tmp_path, WALLBOARD_RECORDING_HOSTS="https://voice.test/x")
    done = server.run("check")
    server.close()
    assert done.returncode != 0
    assert "WALLBOARD_RECORDING_HOSTS" in done.stdout + done.stderr
