"""Behind every number stand as many calls as it says, and its words name what is in it."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator

import pytest

from tests.test_days import FORGOTTEN_AT, MONDAY, Past, board, past, sheet_of
from wallboard.board import Board
from wallboard.boards.definitions import Definition, PlaceTargets
from wallboard.day import exports
from wallboard.day import figures as day_figures
from wallboard.day import tables as day_tables
from wallboard.day import words as say
from wallboard.day.behind import LISTS, calls_behind, count
from wallboard.day.choice import Choice, read
from wallboard.day.explain import VISITS, Standards, Terms, words_of
from wallboard.day.lines import call_line, caller_of
from wallboard.day.live import Live
from wallboard.day.sheet import Sheet, Tally
from wallboard.events import Place
from wallboard.figures import ABANDON_RATE, LEVELS, share
from wallboard.look import Look
from wallboard.measure import standards_of

__all__ = ["board", "past"]


@pytest.fixture(scope="module")
def sheet(board: Board) -> Sheet:
    return sheet_of(board, MONDAY, Terms(service_level_ms=30_000, short_abandon_ms=12_000))


def scopes(sheet: Sheet) -> Iterator[list[Place]]:
    for kind in ("queue", "ring_group"):
        yield sheet.places(kind)
        yield from ([place] for place in sheet.places(kind))


@pytest.mark.parametrize("number", VISITS)
def test_as_many_visits_stand_behind_a_number_as_it_says(sheet: Sheet, number: str) -> None:
    for places in scopes(sheet):
        assert count(calls_behind(sheet, number, places)) == getattr(sheet.over(places), number)


def test_as_many_visits_stand_behind_an_average_as_it_is_over(sheet: Sheet) -> None:
    for places in scopes(sheet):
        tally = sheet.over(places)
        waits, talks = (calls_behind(sheet, name, places) for name in ("waits", "talks"))
        assert (count(waits), count(talks)) == (tally.waits, tally.talks)
        assert sum(listed.visit.wait_ms or 0 for listed in waits if listed.visit) == tally.wait_ms
        assert sum(listed.visit.talk_ms or 0 for listed in talks if listed.visit) == tally.talk_ms
        for listed in calls_behind(sheet, "longest_wait", places):
            assert listed.visit is not None
            assert listed.visit.wait_ms == tally.longest_ms


@pytest.mark.parametrize("number", [name for name in LISTS if name.startswith(("inbound", "outbound", "presumed"))])
def test_as_many_calls_stand_behind_a_number_as_it_says(sheet: Sheet, number: str) -> None:
    assert count(calls_behind(sheet, number, sheet.places("queue"))) == sheet.calls[number]


def test_every_number_of_calls_is_more_than_none_on_this_floor(sheet: Sheet) -> None:
    whole = sheet.over([*sheet.places("queue"), *sheet.places("ring_group")])
    seen = {name for name in VISITS if getattr(whole, name)} | {name for name, n in sheet.calls.items() if n}
    assert seen >= {"offered", "answered", "abandoned", "short_abandoned", "answered_in_time", "presumed_ended",
                    "inbound_missed", "outbound_placed", "outbound_answered"}  # fmt: skip


@pytest.mark.parametrize("field", ["answered", "missed", "outbound"])
def test_as_many_rings_and_calls_stand_behind_an_agents_number_as_it_says(sheet: Sheet, field: str) -> None:
    queue = sheet.places("queue")[:1]
    some = 0
    for agent in sheet.agents():
        listed = calls_behind(sheet, f"agent_{field}", queue, agent=agent)
        assert count(listed) == getattr(sheet.agent(agent), field)
        some += count(listed)
        of_queue = calls_behind(sheet, f"agent_{field}", queue, agent=agent, filtered=True)
        assert count(of_queue) == getattr(sheet.agents_in(queue).get(agent), field, 0)
    assert some > 0


def test_a_queue_with_targets_of_its_own_is_counted_by_them_and_all_together_by_the_general_ones(board: Board) -> None:
    own, general = Terms(service_level_ms=5_000, formula="strict"), Terms(service_level_ms=60_000)
    sheet = sheet_of(board, MONDAY, general)
    first, *others = sheet.places("queue")
    before = {place: sheet.place(place) for place in others}
    sheet.judge(Standards(general, {first: own}))
    assert sheet.place(first).answered_in_time == sheet.over([first], own).answered_in_time
    assert sheet.place(first).answered_in_time < sheet.over([first]).answered_in_time
    assert {place: sheet.place(place) for place in others} == before
    for terms in (own, general):
        listed = calls_behind(sheet, "answered_in_time", [first], terms=terms)
        assert count(listed) == sheet.over([first], terms).answered_in_time
    row = day_tables.place_table("queue", Choice(), sheet).lines[0]
    level = share(LEVELS["strict"], sheet.place(first))
    assert row.cells[day_figures.COLUMNS.index("service_level")].text == say.percent(level)


def test_a_page_says_whose_targets_it_goes_by(board: Board) -> None:
    look = Look(definition=Definition(name="Floor", places=(PlaceTargets(name="Sales", service_level_target=0.9),)))
    sheet = sheet_of(board, MONDAY)
    sheet.judge(standards_of(look, 5_000))
    assert day_figures.target_words(Choice(), sheet) == [
        "Target: 80 % within 20 s, set for all boards.", "Sales: 90 % within 20 s, its own on the board “Floor”.",
    ]  # fmt: skip
    assert day_figures.target_words(Choice(kind="queue", place="Sales"), sheet) == [
        "Target: 90 % within 20 s, its own on the board “Floor”."
    ]


def test_as_many_voicemails_stand_behind_their_number_as_it_says(past: Past) -> None:
    async def live() -> Sheet:
        return await Live(MONDAY, heard, Standards()).brought_up(lambda: FORGOTTEN_AT)

    heard = past.heard(until=FORGOTTEN_AT)
    sheet = asyncio.run(live())
    listed = calls_behind(sheet, "voicemails", [])
    assert count(listed) == heard.day(MONDAY).voicemails.total() > 3
    alone = [each.row for each in listed if not each.row.counts]
    assert alone, "some called nobody's phone"
    line = call_line(alone[0], sheet)
    assert (line.direction, line.result, line.caller) == ("in", "Voicemail", caller_of(alone[0]))


def test_a_formula_is_said_with_its_settings() -> None:
    terms = Terms(service_level_ms=30_000, short_abandon_ms=2_500)
    assert {name: words_of(ratio, terms) for name, ratio in LEVELS.items()} == {
        "default": "answered within 30 s ÷ (answered + abandoned + unanswered − abandoned under 2.5 s)",
        "strict": "answered within 30 s ÷ (answered + abandoned + unanswered)",
        "answered_only": "answered within 30 s ÷ answered",
        "late_abandons": "answered within 30 s ÷ (answered + unanswered + abandoned after more than 30 s)",
        "abandons_credited": "(answered within 30 s + abandoned within 30 s) ÷ (answered + abandoned + unanswered)",
    }
    assert words_of(ABANDON_RATE, terms) == (
        "(abandoned − abandoned under 2.5 s) ÷ (answered + abandoned + unanswered − abandoned under 2.5 s)"
    )


def test_a_ratio_of_nothing_has_no_value() -> None:
    assert [share(ratio, Tally(open=3, offered=3)) for ratio in (*LEVELS.values(), ABANDON_RATE)] == [None] * 6


# --- tables --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", day_figures.COLUMNS)
def test_a_table_is_sorted_by_any_column_both_ways(sheet: Sheet, key: str) -> None:
    up, down = (day_tables.place_table("queue", Choice(queues_by=by), sheet) for by in (key, f"-{key}"))
    places = sheet.places("queue")
    values = {place.name: day_figures.value_of(key, sheet.place(place), sheet.terms_of(place)) for place in places}
    rising = [values[line.head.text] or 0 for line in up.lines if not line.is_total]
    falling = [values[line.head.text] or 0 for line in down.lines if not line.is_total]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)
    assert {column.order for column in up.columns if column.key == key} == {"ascending"}
    assert (up.lines[-1].is_total, down.lines[-1].is_total) == (True, True)


def test_a_table_is_sorted_by_name_where_its_address_says_nonsense(sheet: Sheet) -> None:
    table = day_tables.agent_table(read(None, {"agents_by": "-__class__"}), sheet)
    names = [line.head.text for line in table.lines]
    assert names == sorted(names, key=str.casefold, reverse=True)


def test_an_address_says_what_was_chosen() -> None:
    chosen = Choice(day=MONDAY, kind="queue", place="R&D #1/?", width=15, as_table=True, agents_by="-agent_missed")
    assert chosen.address == (
        "/supervisor/day/2026-11-23?queue=R%26D+%231%2F%3F&every=15&table=1&agents_by=-agent_missed"
    )
    query = {"queue": "R&D #1/?", "every": "15", "table": "1", "agents_by": "-agent_missed"}
    assert read(MONDAY, query) == chosen
    assert read(None, {"every": "7", "table": "x"}) == Choice()


# --- files ---------------------------------------------------------------------------------------------

HOSTILE = [
    '=HYPERLINK("http://evil.example","x")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", 'a "quoted", name',
    "line\r\nbreak", "＝1+1", "Ünï 名", "'quoted", "-", "+",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_in_a_file(sheet: Sheet, name: str) -> None:
    cell = exports.cell(name)
    rows = list(csv.reader(io.StringIO(exports.written(["a", "b"], [[name, 1]]).decode("utf-8-sig"), newline="")))
    assert rows == [["a", "b"], [cell, "1"]]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
    assert cell.removeprefix("'") == name.removeprefix("'")


@pytest.mark.parametrize(("value", "text"), [
    ("+61290000001", "+61290000001"), ("-3", "-3"), ("1001", "1001"), (None, ""), (0, "0"), (0.75, "0.75"),
    (1 / 3, "0.3333"), (12.0, "12"), ("+61 2 9000", "'+61 2 9000"),
])  # fmt: skip
def test_a_number_stays_as_it_is_in_a_file(value: str | float | None, text: str) -> None:
    assert exports.cell(value) == text


def lines_of(content: bytes) -> list[dict[str, str]]:
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\n") == content.count(b"\r\n")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_the_files_of_a_day_say_what_its_page_says(sheet: Sheet) -> None:
    queues = lines_of(exports.places("queue", Choice(), sheet))
    assert [line["queue"] for line in queues] == [place.name for place in sheet.places("queue")]
    for line in queues:
        tally = sheet.place(Place("queue", line["queue"]))
        assert int(line["offered"]) == tally.offered
        level = share(LEVELS["default"], tally)
        assert line["service_level"] == line["service_level_default"] == ("" if level is None else exports.cell(level))
    intervals = lines_of(exports.intervals(Choice(width=60), sheet))
    assert len(intervals) == 24
    assert intervals[0]["interval_start"] == "2026-11-23T06:00:00+11:00"
    assert sum(int(line["offered"]) for line in intervals) == sum(int(line["offered"]) for line in queues)
    calls = lines_of(exports.calls(Choice(), sheet))
    assert len(calls) == len(sheet.rows)
    agents = lines_of(exports.agents(Choice(), sheet))
    assert sum(int(line["missed"]) for line in agents) == sum(sheet.agent(agent).missed for agent in sheet.agents())


def test_a_file_of_one_queue_holds_its_calls_alone(sheet: Sheet) -> None:
    place = sheet.places("queue")[0]
    chosen = Choice().of(place)
    assert len(lines_of(exports.calls(chosen, sheet))) == len(
        {listed.row.key for listed in calls_behind(sheet, "offered", [place])}
    )
    assert [line["queue"] for line in lines_of(exports.places("queue", chosen, sheet))] == [place.name]


def test_a_hostile_queue_makes_no_hostile_file_name() -> None:
    chosen = Choice(kind="queue", place='../../"evil"\r\nSet-Cookie: x=1; Ünï')
    assert exports.name_of(MONDAY, "ring_groups", chosen) == (
        "wallboard-2026-11-23-ring-groups-evil-set-cookie-x-1-n.csv"
    )
    assert exports.name_of(MONDAY, "calls", Choice()) == "wallboard-2026-11-23-calls.csv"
