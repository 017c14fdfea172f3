"""What is older than the retention is gone from every file and page but for its figures, and the board is the same."""

from __future__ import annotations

import copy
import json
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests import samples
from tests.conftest import Server, wait_until
from tests.faults import Faults
from wallboard.day import exports
from wallboard.day.choice import Choice
from wallboard.day.explain import Standards, Terms
from wallboard.day.history import Question, fold
from wallboard.day.intervals import Cuts
from wallboard.day.kept import record_of, sheet_of
from wallboard.day.sheet import Sheet
from wallboard.events import Place
from wallboard.journal import Delivery
from wallboard.journal.rows import to_row
from wallboard.journal.sqlite_archive import SqliteArchive
from wallboard.journal.store import Store
from wallboard.parse import Reader
from wallboard.rules import Rules
from wallboard.simulator import live as simulated

DAY = timedelta(days=1)
RULES = Rules(zone=UTC)
READER = Reader(zone=UTC)
PAST_DAYS, KEPT_DAYS = 5, 2
NUMBER = re.compile(rb"\+612[0-9]{8}")


def today() -> date:
    return datetime.now(UTC).date()


def webhooks(day: date, seed: int) -> Iterator[Delivery]:
    """Twelve hours of a small floor; the numbers of one day's callers are those of no other day."""
    start = datetime.combine(day, time(1), UTC)
    for webhook in simulated(start, agents=5, calls_per_hour=12, seed=seed):
        if webhook.due_seconds > 12 * 3600:
            return
        body = NUMBER.sub(lambda found: found[0][:-3] + b"%03d" % (seed * 100 + int(found[0][-2:])), webhook.body)
        meaning = dict(webhook.headers).get("X-Wallboard-Meaning")
        yield Delivery(received_at=start + timedelta(seconds=webhook.due_seconds), body=body, meaning=meaning)


def fill(path: Path) -> dict[date, list[Delivery]]:
    """A journal of the last days, with a saved board and a caller's mark on the first of them; today is empty."""
    days = {today() - n * DAY: list(webhooks(today() - n * DAY, n)) for n in range(PAST_DAYS, 0, -1)}
    first = next(iter(days.values()))
    noon = first[len(first) // 2].received_at
    board = {"board": {"slug": "old", "name": "Old but kept"}, "version": "v1", "replaces": None}
    mark = {"caller": "+61290009999", "mark": "note", "by": "Ann", "text": "rings often"}
    first[:0] = [Delivery(received_at=first[0].received_at, body=json.dumps(board).encode(), remark="board_saved")]
    first.append(Delivery(received_at=max(noon, first[-1].received_at), body=json.dumps(mark).encode(),
                          remark="caller_marked"))  # fmt: skip
    everything = [delivery for deliveries in days.values() for delivery in deliveries]
    store = Store(path)
    store.write([to_row(n, delivery) for n, delivery in enumerate(everything, 1)], [])
    store.close()
    return days


def counted(path: Path, day: date) -> Sheet:
    question = Question(archive=SqliteArchive(path), day=day, until=datetime.now(UTC), rules=RULES, reader=READER)
    head, rows = fold(question)
    sheet = Sheet(day, Cuts.of(day, UTC, time(0)), Standards())
    sheet.agent_names = head.agent_names
    sheet.tell({row.key: (row, count) for row, count in head.messages}, head.losses)
    for row in rows:
        sheet.put(row)
    return sheet


def bytes_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file() and file.name != "log")


def base_of(folder: Path) -> int:
    with sqlite3.connect(f"file:{folder / 'wallboard.db'}?mode=ro", uri=True) as connection:
        notes = dict(connection.execute("SELECT name, value FROM notes").fetchall())
    connection.close()
    is_done = notes.get("unclean") == ""
    return json.loads(notes["purged"])["sequence"] if "purged" in notes and is_done else 0


def shown(state: dict[str, Any]) -> dict[str, Any]:
    """The state but for what moves with the moment and the journal's own entries."""
    rest = {name: value for name, value in state.items() if name not in ("as_of", "sequence", "journal")}
    return rest | {"pbx": {**state["pbx"], "expected_events": None}}  # of a silence that grows


class Purged:
    """A server on such a journal, before and after its old days went."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "wallboard.db"
        self.days = fill(self.path)
        self.gone = [day for day in self.days if day < today() - KEPT_DAYS * DAY]
        self.sheets = {day: counted(self.path, day) for day in self.days}
        self.folder = folder
        self.server = Server(folder, WALLBOARD_RETENTION_DAYS="3650")

    def purge(self) -> None:
        self.server.begin()
        wait_until(self.server.is_ready, "the server is ready", within=40)
        self.before = self.server.state()
        self.server.close()
        self.server = Server(self.folder, WALLBOARD_RETENTION_DAYS=str(KEPT_DAYS))
        self.server.begin()
        wait_until(self.server.is_ready, "the server is ready", within=40)
        wait_until(lambda: base_of(self.folder) > 0, "the old days are deleted", within=60)

    def page(self, path: str) -> str:
        answer = self.server.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text


@pytest.fixture(scope="module")
def purged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Purged]:
    purged = Purged(tmp_path_factory.mktemp("retention"))
    try:
        purged.purge()
        yield purged
    finally:
        purged.server.close()


def numbers_of(purged: Purged, days: list[date]) -> set[bytes]:
    return {number for day in days for delivery in purged.days[day] for number in NUMBER.findall(delivery.body)}


def test_no_number_of_a_deleted_day_stands_in_any_file(purged: Purged) -> None:
    stand = NUMBER.findall(bytes_of(purged.folder))
    later = numbers_of(purged, [day for day in purged.days if day not in purged.gone])
    gone = numbers_of(purged, purged.gone) - later
    assert len(gone) > 50
    assert later & set(stand)
    assert not gone & set(stand)
    assert b"rings often" not in bytes_of(purged.folder)


def test_the_board_is_the_same_before_and_after_and_after_a_restart(purged: Purged) -> None:
    assert shown(purged.server.state()) == shown(purged.before)
    purged.server.stop()
    said = purged.server.run("check", timeout=60).stdout
    assert f"calls of more than 2 days ago are deleted; entries up to {base_of(purged.folder)} are gone" in said
    purged.server.start()
    assert shown(purged.server.state()) == shown(purged.before)
    assert purged.server.state()["journal"]["lost_today"] == 0
    assert "Old but kept" in purged.page("/supervisor/boards")


def test_a_deleted_day_still_shows_its_figures_and_says_what_became_of_its_calls(purged: Purged) -> None:
    for day in purged.gone:
        page, sheet = purged.page(f"/supervisor/day/{day}"), purged.sheets[day]
        whole = sheet.over(sheet.places("queue"))
        offered = re.search(r'data-number="offered".*?class="value">\s*(?:<a[^>]*>)?([\d,]+)', page, re.DOTALL)
        assert offered is not None
        assert int(offered[1].replace(",", "")) == whole.offered > 10
        assert "The calls of this day were deleted after 2 days" in page
        assert "/calls?number=" not in page
        assert f"/supervisor/day/{day}/queues.csv" in page
        assert f"/supervisor/day/{day}/calls.csv" not in page


def test_lists_and_calls_of_a_deleted_day_say_so_instead_of_an_error(purged: Purged) -> None:
    day = purged.gone[-1]
    call = next(iter(purged.sheets[day].rows))
    for path in (f"/supervisor/day/{day}/calls?number=answered", f"/supervisor/calls/{call}?day={day}"):
        assert "The calls of this day were deleted after 2 days" in purged.page(path)
    answer = purged.server.client.get(f"/supervisor/day/{day}/calls.csv")
    assert (answer.status_code, "were deleted" in answer.text) == (404, True)


def test_the_files_of_a_deleted_day_are_those_from_before(purged: Purged) -> None:
    day = purged.gone[0]
    sheet = purged.sheets[day]
    one = Choice(kind="queue", place=sheet.places("queue")[0].name)
    files = {
        "queues.csv": exports.places("queue", Choice(), sheet),
        "ring_groups.csv": exports.places("ring_group", Choice(), sheet),
        "agents.csv": exports.agents(Choice(), sheet),
        f"agents.csv?queue={one.place}": exports.agents(one, sheet),
        "intervals.csv?every=15": exports.intervals(Choice(width=15), sheet),
        f"intervals.csv?queue={one.place}": exports.intervals(one, sheet),
    }
    for what, content in files.items():
        assert len(content.splitlines()) > 1, what
        assert purged.server.client.get(f"/supervisor/day/{day}/{what}").content == content, what


def test_days_lead_to_deleted_days_and_end_with_the_first(purged: Purged) -> None:
    oldest = purged.gone[0]
    assert f'min="{oldest}"' in purged.page("/supervisor/day")
    assert 'id="earlier"' in purged.page(f"/supervisor/day/{oldest + DAY}")
    assert 'id="earlier"' not in purged.page(f"/supervisor/day/{oldest}")
    assert purged.server.client.get(f"/supervisor/day/{oldest - DAY}").status_code == 404


OWN = Terms(service_level_ms=45_000, target=0.9, whose="its own on the board “Wallboard”")


@pytest.mark.parametrize("standards", [Standards(own={Place("queue", "Sales"): OWN}), Standards()])
def test_what_is_written_down_of_a_day_is_all_that_its_page_shows(purged: Purged, standards: Standards) -> None:
    for day in purged.gone:
        sheet = copy.deepcopy(purged.sheets[day])
        sheet.judge(standards)
        record = record_of(sheet)
        kept = sheet_of(b'{"day": "%s", "figures": "%s"}' % (str(day).encode(), record.figures.encode()))
        places = sheet.places("queue") + sheet.places("ring_group")
        assert kept.places("queue") + kept.places("ring_group") == places
        for some in (places, places[:1]):
            assert kept.by_quarter(some) == sheet.by_quarter(some)
            assert kept.over(some) == sheet.over(some)
        for place in places:
            assert kept.place(place) == sheet.place(place)
            assert kept.terms_of(place) == sheet.terms_of(place)
            assert kept.agents_in([place]) == sheet.agents_in([place])
        assert {agent: kept.agent(agent) for agent in kept.agents()} == {a: sheet.agent(a) for a in sheet.agents()}
        assert +kept.calls == +sheet.calls
        assert (kept.voicemails, kept.losses) == (sheet.voicemails, sheet.losses)
        assert (kept.cuts.start, kept.cuts.quarters) == (sheet.cuts.start, sheet.cuts.quarters)
        assert {kept.name_of(agent) for agent in kept.agents()} == {sheet.name_of(agent) for agent in sheet.agents()}
        assert not NUMBER.search(record.figures.encode())


def test_a_running_server_deletes_when_the_day_turns_and_forgets_in_its_memory_too(
    tmp_path: Path, data: Path, faults: Faults
) -> None:
    server = Server(tmp_path, **faults.environment, DATABASE_URL=f"sqlite:///{data}/wallboard.db",
                    WALLBOARD_RETENTION_DAYS="1")  # fmt: skip
    try:
        server.start()
        for body in (samples.rang(call="1"), samples.abandoned("2")):
            server.post(body)
        day = today()
        assert b"+61290000001" in bytes_of(data)
        assert "+61 2 9000 0001" in server.client.get("/supervisor/callbacks").text
        faults.step_clock(2 * 86_400)
        wait_until(lambda: b"+61290000001" not in bytes_of(data), "the caller is deleted", within=40)
        wait_until(lambda: base_of(data) > 0, "and all is done", within=20)
        for path in ("/supervisor/callbacks?show=all", "/supervisor", "/setup", "/boards/main"):
            assert "9000 0001" not in server.client.get(path).text, path
        assert "ACME" not in server.client.get("/setup").text
        assert "The calls of this day were deleted after 1 day" in server.client.get(f"/supervisor/day/{day}").text
        before = server.state()
        assert before["webhooks"]["accepted"] == 2
        server.stop()
        server.start()
        assert shown(server.state()) == shown(before)
        assert server.state()["journal"]["mended_today"] == 0
    finally:
        server.close()


def test_an_idle_server_writes_nothing_more_when_there_is_nothing_to_delete(tmp_path: Path) -> None:
    server = Server(tmp_path, WALLBOARD_RETENTION_DAYS="1")
    purged_at = datetime.now(UTC) - 9 * DAY
    store = Store(tmp_path / "wallboard.db")
    store.write([to_row(1, Delivery(received_at=purged_at, body=json.dumps(samples.rang()).encode()))], [])
    store.close()
    try:
        server.start()
        wait_until(lambda: base_of(tmp_path) == 1, "the only event is deleted", within=30)
        head = server.state()["sequence"]
        for _ in range(2):
            server.stop()
            server.start()
            assert server.state()["sequence"] == head
        assert server.state()["webhooks"]["accepted"] == 1
        assert server.client.get("/").text.count("/boards/main") > 0, "something has arrived once: no setup page"
    finally:
        server.close()


def test_a_server_that_is_killed_while_it_deletes_goes_on_with_the_next_start(tmp_path: Path) -> None:
    rng, days = Random("killed servers"), fill(tmp_path / "wallboard.db")
    sheets = {day: counted(tmp_path / "wallboard.db", day) for day in days}
    server = Server(tmp_path, WALLBOARD_RETENTION_DAYS="1")
    gone = [day for day in days if day < today() - DAY]
    try:
        for _ in range(4):
            server.begin()
            wait_until(server.is_ready, "the server is ready", within=40)
            assert server.process is not None
            with suppress(subprocess.TimeoutExpired):
                server.process.wait(rng.uniform(0.2, 3))  # somewhere in the counting or the deleting
            server.kill()
        server.begin()
        wait_until(server.is_ready, "the server is ready", within=40)
        wait_until(lambda: base_of(tmp_path) > 0, "all is deleted", within=150)
        assert server.state()["journal"]["lost_today"] == server.state()["journal"]["mended_today"] == 0
        later = {number for day in days if day not in gone for d in days[day] for number in NUMBER.findall(d.body)}
        assert set(NUMBER.findall(bytes_of(tmp_path))) <= later
        for day in gone:
            page = server.client.get(f"/supervisor/day/{day}").text
            offered = sheets[day].over(sheets[day].places("queue")).offered
            assert re.search(rf'data-number="offered".*?class="value">\s*{offered}\b', page, re.DOTALL), day
    finally:
        server.close()
