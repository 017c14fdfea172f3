"""A day's sheet: its sums are the board's, its intervals add up, and a past day is what the live board showed."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from wallboard import figures
from wallboard.board import Board
from wallboard.clock import Clock
from wallboard.day.days import Days
from wallboard.day.explain import Standards, Terms
from wallboard.day.history import Question, fold
from wallboard.day.intervals import QUARTER, Cuts
from wallboard.day.live import Live
from wallboard.day.recount import RecountFailed, recount
from wallboard.day.rows import row_of
from wallboard.day.sheet import Sheet
from wallboard.day.shelf import Shelf
from wallboard.figures import ABANDON_RATE, LEVELS, share
from wallboard.intake import Intake
from wallboard.journal import Delivery, Entry
from wallboard.journal.rows import to_row
from wallboard.journal.sqlite import SqliteJournal
from wallboard.journal.sqlite_archive import SqliteArchive
from wallboard.journal.store import Store
from wallboard.parse import Reader
from wallboard.rules import Rules
from wallboard.simulator import live as simulated
from wallboard.simulator import with_faults

DAY = timedelta(days=1)
SYDNEY = ZoneInfo("Australia/Sydney")
RULES = Rules(zone=SYDNEY, day_starts_at=time(6))
READER = Reader(zone=SYDNEY)
MONDAY = date(2026, 11, 23)
FORGOTTEN_AT = Cuts.of(MONDAY + DAY, SYDNEY, time(6)).end


class Past:
    """Two simulated days as journal entries, and a live board that heard them."""

    def __init__(self, path: Path, *, hours: float = 30, calls_per_hour: float = 16, seed: int = 3) -> None:
        self.path = path
        self.start = datetime(2026, 11, 23, 5, tzinfo=SYDNEY)
        webhooks = simulated(self.start, agents=6, calls_per_hour=calls_per_hour, seed=seed)
        self.entries: list[Entry] = []
        for webhook in with_faults(webhooks, seed=seed):
            if webhook.due_seconds > hours * 3600:
                break
            at = self.start.astimezone(UTC) + timedelta(seconds=webhook.due_seconds)
            meaning = dict(webhook.headers).get("X-Wallboard-Meaning")
            delivery = Delivery(received_at=at, body=webhook.body, meaning=meaning)
            self.entries.append(Entry(sequence=len(self.entries) + 1, schema=2, delivery=delivery))

    def heard(self, until: datetime | None = None) -> Board:
        board = Board(RULES)
        intake = Intake(READER, board, SqliteJournal(self.path), Clock(), lambda: None)
        for entry in self.entries:
            if until is None or entry.delivery.received_at < until:
                intake.apply(entry)
        board.settle(until or self.entries[-1].delivery.received_at)
        return board

    def write(self) -> None:
        store = Store(self.path)
        store.write([to_row(entry.sequence, entry.delivery) for entry in self.entries], [])
        store.close()


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Past:
    past = Past(tmp_path_factory.mktemp("past") / "wallboard.db")
    past.write()
    return past


@pytest.fixture(scope="module")
def board(past: Past) -> Board:
    return past.heard()


def sheet_of(board: Board, day: date, terms: Terms | None = None) -> Sheet:
    sheet = Sheet(day, Cuts.of(day, board.rules.zone, board.rules.day_starts_at), Standards(terms or Terms()))
    for key in board.day(day).call_ids:
        call = board.calls[key]
        if call.counts and board.rules.day_of(call.started_at) == day:
            sheet.put(row_of(board, call))
    return sheet


def assert_same_as_the_board(sheet: Sheet, board: Board) -> None:
    day = board.day(sheet.day)
    visited = {place for place, sums in day.visits.items() if sums.offered}
    assert {*sheet.places("queue"), *sheet.places("ring_group")} == visited
    for place, sums in day.visits.items():
        tally = sheet.place(place)
        for name in ("offered", "answered", "abandoned", "unanswered", "open", "short_abandoned"):
            assert getattr(tally, name) == getattr(sums, name), (place, name)
        for formula, ratio in LEVELS.items():
            seconds = sheet.terms_of(place).service_level_ms // 1000
            assert share(ratio, tally) == figures.service_level(sums, formula, seconds), (place, formula)
        assert share(ABANDON_RATE, tally) == figures.abandon_rate(sums)
        assert tally.average_speed_of_answer == figures.average_speed_of_answer(sums)
        assert tally.average_handle_time == figures.average_handle_time(sums)
        assert tally.longest_wait == figures.longest_wait_today(sums)
    for agent, of_agent in day.agents.items():
        mine = sheet.agent(agent)
        assert (mine.answered, mine.missed, mine.outbound, mine.talk_ms) == (
            of_agent.answered, of_agent.missed, of_agent.outbound, of_agent.talk_ms,
        )  # fmt: skip
    assert (sheet.calls["inbound_offered"], sheet.calls["inbound_answered"]) == (day.offered, day.answered)
    assert (sheet.calls["inbound_missed"], sheet.calls["inbound_open"]) == (day.missed, day.open)
    assert (sheet.calls["outbound_placed"], sheet.calls["outbound_answered"]) == (day.placed, day.placed_answered)
    assert sheet.calls["presumed_ended"] == day.presumed_ended


# --- the sums ------------------------------------------------------------------------------------------


def test_a_sheets_sums_are_the_boards(board: Board) -> None:
    for day, least in ((MONDAY, 200), (MONDAY + DAY, 30)):
        sheet = sheet_of(board, day)
        assert len(sheet.rows) > least
        assert_same_as_the_board(sheet, board)


def test_all_intervals_together_are_the_day(board: Board) -> None:
    sheet = sheet_of(board, MONDAY)
    for places in (sheet.places("queue"), sheet.places("ring_group"), sheet.places("queue")[:1]):
        quarters = sheet.by_quarter(places)
        whole = sheet.over(places)
        assert len(quarters) > 20
        for name in ("offered", "answered", "abandoned", "unanswered", "open", "answered_in_time", "wait_ms"):
            assert sum(getattr(tally, name) for tally in quarters.values()) == getattr(whole, name)
        assert max(t.longest_ms or 0 for t in quarters.values()) == whole.longest_ms


def test_a_visit_counts_in_the_quarter_of_an_hour_in_which_its_wait_began(board: Board) -> None:
    sheet = sheet_of(board, MONDAY)
    visits = [visit for row in sheet.rows.values() for visit in row.visits if visit.place.kind == "queue"]
    for quarter, tally in sheet.by_quarter(sheet.places("queue")).items():
        begin = sheet.cuts.start + quarter * QUARTER
        assert tally.offered == sum(begin <= visit.entered_at < begin + QUARTER for visit in visits)


def test_putting_and_taking_out_leave_nothing_behind(board: Board) -> None:
    sheet = sheet_of(board, MONDAY)
    rows = list(sheet.rows.values())
    sheet.place(sheet.places("queue")[0])
    for row in rows:
        sheet.put(msgspec.structs.replace(row, visits=(), agents=(), answered=False))
        sheet.take_out(row.key)
    assert (sheet.rows, +sheet.calls, sheet.places("queue"), sheet.agents()) == ({}, {}, [], [])


# --- the live day --------------------------------------------------------------------------------------


def test_a_live_sheet_follows_its_board_event_by_event(past: Past) -> None:
    async def follow() -> None:
        board = Board(RULES)
        intake = Intake(READER, board, SqliteJournal(past.path), Clock(), lambda: None)
        live = Live(MONDAY, board, Standards())
        compared = 0
        for n, entry in enumerate(past.entries):
            intake.apply(entry)
            now = entry.delivery.received_at
            if RULES.day_of(now) > MONDAY:
                break
            if n % 97 == 0 and RULES.day_of(now) == MONDAY:
                sheet = await live.brought_up(lambda now=now: now)  # type: ignore[misc]
                compared += 1
                assert_same_as_the_board(sheet, board)
        assert compared > 10

    asyncio.run(follow())


def test_a_live_sheet_that_nothing_has_changed_has_the_same_version(past: Past, board: Board) -> None:
    async def look_twice() -> None:
        live = Live(MONDAY, board, Standards())
        now = past.entries[-1].delivery.received_at
        version = (await live.brought_up(lambda: now)).version
        assert (await live.brought_up(lambda: now + timedelta(seconds=2))).version == version

    asyncio.run(look_twice())


def test_whoever_asks_sees_all_that_was_heard_before(past: Past) -> None:
    """Nobody is answered with what was true a moment ago, however many ask at once."""

    async def ask(live: Live, entry: Entry) -> int:
        return (await live.brought_up(lambda: entry.delivery.received_at)).version

    async def crowd() -> None:
        board = Board(RULES)
        intake = Intake(READER, board, SqliteJournal(past.path), Clock(), lambda: None)
        live = Live(MONDAY, board, Standards())
        for entry in [e for e in past.entries if RULES.day_of(e.delivery.received_at) == MONDAY][:60]:
            intake.apply(entry)
            await asyncio.gather(*(ask(live, entry) for _ in range(5)))
            assert live.sheet.rows == sheet_of(board, MONDAY).rows

    asyncio.run(crowd())


# --- past days -----------------------------------------------------------------------------------------


def question(past: Past, day: date = MONDAY, **changed: object) -> Question:
    asked = Question(archive=SqliteArchive(past.path), day=day, until=FORGOTTEN_AT, rules=RULES, reader=READER)
    return msgspec.structs.replace(asked, **changed)


def test_a_past_day_is_what_the_live_board_showed_when_it_forgot_it(past: Past) -> None:
    head, rows = fold(question(past))
    board = past.heard(until=FORGOTTEN_AT)
    sheet = Sheet(MONDAY, Cuts.of(MONDAY, SYDNEY, time(6)), Standards())
    for row in rows:
        sheet.put(row)
    assert head.calls == len(sheet.rows)
    assert_same_as_the_board(sheet, board)
    assert sum(count for _, count in head.messages) == board.day(MONDAY).voicemails.total()
    assert sheet.rows == sheet_of(board, MONDAY).rows


def journal_of(path: Path, deliveries: list[Delivery]) -> Path:
    store = Store(path)
    store.write([to_row(n, delivery) for n, delivery in enumerate(deliveries, 1)], [])
    store.close()
    return path


def test_what_the_server_said_to_itself_changes_nothing_of_a_past_day(
    past: Past, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    deliveries = [entry.delivery for entry in past.entries]
    noon, later = past.start + timedelta(hours=7), past.start + timedelta(days=5)
    saved = Delivery(received_at=noon, body=b'{"slug": "main"}', remark="board_saved")
    stepped = Delivery(received_at=later, body=b'{"by_ms": 7200000}', remark="clock_stepped")
    place = next(n for n, delivery in enumerate(deliveries) if delivery.received_at > noon)
    path = journal_of(tmp_path / "wallboard.db", [*deliveries[:place], saved, *deliveries[place:], stepped])
    until = later + timedelta(hours=1)
    plain, said = fold(question(past, until=until)), fold(question(past, archive=SqliteArchive(path), until=until))
    assert (plain[0], list(plain[1])) == (said[0], list(said[1]))
    assert "set aside" not in "".join(capfd.readouterr())


def test_events_of_a_past_day_that_came_a_week_late_count_in_it(past: Past, tmp_path: Path) -> None:
    """The whole day but for its first hours came when the PBX was reachable again."""
    late = timedelta(days=7)
    deliveries = [entry.delivery for entry in past.entries]
    early = [delivery for delivery in deliveries if delivery.received_at < past.start + timedelta(hours=4)]
    rest = [msgspec.structs.replace(d, received_at=d.received_at + late) for d in deliveries[len(early) :]]
    path = journal_of(tmp_path / "wallboard.db", [*early, *rest])
    _, rows = fold(question(past, archive=SqliteArchive(path), until=FORGOTTEN_AT + late))
    board = past.heard(until=FORGOTTEN_AT)
    told = {key for key, row in sheet_of(board, MONDAY).rows.items() if not row.presumed}
    found = {row.key: row for row in rows}
    assert told <= set(found)
    for key in told:
        assert found[key].visits == row_of(board, board.calls[key]).visits


def test_another_process_counts_the_same(past: Past) -> None:
    async def count() -> tuple[object, list[object]]:
        head: object = None
        rows: list[object] = []
        async for piece in recount(question(past)):
            if isinstance(piece, list):
                rows += piece
            else:
                head = piece
        return head, rows

    head, rows = asyncio.run(count())
    here, there = fold(question(past))
    assert len(rows) > 200
    assert (head, rows) == (here, list(there))


def test_a_day_whose_journal_cannot_be_read_says_so(past: Past, tmp_path: Path) -> None:
    async def count() -> None:
        async for _ in recount(question(past, archive=SqliteArchive(tmp_path / "none.db"))):
            pass

    with pytest.raises(RecountFailed, match="unable to open"):
        asyncio.run(count())


def test_a_day_that_could_not_be_counted_is_tried_again_when_it_is_asked_for_again(past: Past, tmp_path: Path) -> None:
    now = past.start + timedelta(days=4)
    clock = Clock(wall=now.timestamp)

    async def ask(days: Days) -> Sheet | None:
        while (sheet := await days.sheet(MONDAY)) is None:
            await asyncio.sleep(0.05)
        return sheet

    async def ask_twice() -> None:
        path = tmp_path / "wallboard.db"
        shelf = Shelf(SqliteArchive(path))
        days = Days(
            Board(RULES), SqliteJournal(path), SqliteArchive(path), clock, READER, Standards,
            retention_days=30, shelf=shelf,
        )
        with pytest.raises(RecountFailed, match="unable to open"):
            await ask(days)
        journal_of(path, [entry.delivery for entry in past.entries])
        sheet = await ask(days)
        assert sheet is not None
        assert sheet.calls["inbound_offered"] > 100
        assert await days.sheet(MONDAY) is sheet, "it is counted once"

    asyncio.run(ask_twice())


def test_a_counting_that_is_broken_off_leaves_no_process(past: Past) -> None:
    async def break_off() -> None:
        started = asyncio.create_task(anext(recount(question(past))))
        await asyncio.sleep(0)
        while children() == before:
            await asyncio.sleep(0.01)
        started.cancel()
        with pytest.raises(asyncio.CancelledError):
            await started

    def children() -> list[str]:
        return (Path("/proc/self/task") / str(os.getpid()) / "children").read_text().split()

    before = children()  # those of other tests in this process
    asyncio.run(break_off())
    assert children() == before


def test_a_stretch_of_the_journal_is_found_by_its_times(past: Past) -> None:
    since = past.start + timedelta(hours=3)
    expected = [e for e in past.entries if since <= e.delivery.received_at < since + timedelta(hours=9)]
    found = list(SqliteArchive(past.path).between(since, since + timedelta(hours=9)))
    assert [entry.sequence for entry in found] == [entry.sequence for entry in expected]
    assert len(found) > 500


def test_before_and_after_all_entries_there_are_none(past: Past) -> None:
    archive, hour = SqliteArchive(past.path), timedelta(hours=1)
    assert list(archive.between(past.start - 2 * hour, past.start - hour)) == []
    assert list(archive.between(past.start + 90 * hour, past.start + 99 * hour)) == []


# --- the day's cuts ------------------------------------------------------------------------------------

CUTS: list[tuple[str, date, time, int, str, str]] = [
    ("UTC", MONDAY, time(0), 96, "00:00", "23:45"),
    ("Australia/Sydney", MONDAY, time(6), 96, "06:00", "05:45"),
    ("Australia/Sydney", date(2026, 10, 4), time(0), 92, "00:00 AEST", "23:45 AEDT"),
    ("Australia/Sydney", date(2026, 4, 5), time(0), 100, "00:00 AEDT", "23:45 AEST"),
    ("Australia/Lord_Howe", date(2026, 4, 5), time(0), 98, "00:00 +11", "23:45 +1030"),
    ("Asia/Kathmandu", MONDAY, time(0), 96, "00:00", "23:45"),
    ("America/Santiago", date(2026, 9, 6), time(0), 92, "01:00 -03", "23:45 -03"),
]


@pytest.mark.parametrize(("zone", "day", "starts", "quarters", "first", "last"), CUTS)
def test_a_day_is_cut_by_its_local_clock(
    zone: str, day: date, starts: time, quarters: int, first: str, last: str
) -> None:
    cuts = Cuts.of(day, ZoneInfo(zone), starts)
    assert cuts.quarters == quarters
    assert (cuts.label(0), cuts.label(quarters - 1)) == (first, last)
    rules = Rules(zone=ZoneInfo(zone), day_starts_at=starts)
    instants = [cuts.start + n * QUARTER for n in range(quarters)]
    assert {rules.day_of(at) for at in instants} == {day}
    assert [cuts.quarter(at) for at in instants] == list(range(quarters))
    assert rules.day_of(cuts.end) == day + timedelta(days=1)


def test_an_hour_that_comes_twice_is_told_twice() -> None:
    cuts = Cuts.of(date(2026, 4, 5), SYDNEY, time(0))
    labels = [cuts.label(quarter) for quarter in range(cuts.quarters)]
    assert labels.index("02:15 AEDT") + 4 == labels.index("02:15 AEST")
    assert len(set(labels)) == 100


def test_what_began_outside_the_day_counts_in_its_nearest_quarter() -> None:
    cuts = Cuts.of(MONDAY, SYDNEY, time(0))
    assert (cuts.quarter(cuts.start - timedelta(hours=1)), cuts.quarter(cuts.end + timedelta(hours=1))) == (0, 95)
