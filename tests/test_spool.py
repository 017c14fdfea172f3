"""What the PBX sends while PostgreSQL is away is kept on this machine's disk, and is in the journal afterwards."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tests.conftest import API_TOKEN, Server, wait_until
from tests.faults import Faults, SmallDisk, may_mount
from tests.inside import OURS
from tests.postgres import Postgres, running
from tests.posting import HEALED_WITHIN, posting
from tests.samples import rang
from wallboard import lamps
from wallboard.boards.definitions import Definition
from wallboard.boards.file import write
from wallboard.journal import Delivery, Entry, JournalUnavailable, Spooled
from wallboard.journal.postgres import PostgresJournal
from wallboard.journal.postgres_drain import forget, put_once
from wallboard.journal.spool import Spool
from wallboard.journal.spool_records import Kept
from wallboard.journal.spooling import Spooling
from wallboard.settings import SettingsError, read_settings, require_serving

pytestmark = pytest.mark.alone
AT = datetime(2026, 11, 24, 10, 42, tzinfo=UTC)
NOWHERE = "postgres://nobody@127.0.0.1:1/nothing"


@pytest.fixture(scope="module")
def own() -> Iterator[Postgres]:
    """A PostgreSQL that may be stopped."""
    with running() as server:
        yield server


@contextmanager
def away(own: Postgres) -> Iterator[None]:
    own.stop()
    try:
        yield
    finally:
        own.start()


def spooling_server(folder: Path, url: str, **more: Any) -> Server:
    folder.mkdir(exist_ok=True)
    return Server(folder, DATABASE_URL=url, **{"WALLBOARD_SPOOL": str(folder / "spool"), **more})


def calls_in_order(own: Postgres, url: str) -> list[str]:
    """The calls of all webhooks in the journal, in the order of their numbers."""
    found = own.do(
        "SELECT body FROM deliveries WHERE remark IS NULL ORDER BY sequence", database=url.rpartition("/")[2]
    )
    return [json.loads(bytes(body))["unique_call_id"] for (body,) in found]


def spooled(server: Server) -> int:
    waits: int = server.state()["journal"]["spooled"]
    return waits


def metrics(server: Server) -> str:
    return server.client.get("/metrics", headers={"Authorization": f"Bearer {API_TOKEN}"}).text


# --- a server ------------------------------------------------------------------------------------


def test_what_comes_while_postgres_is_away_outlives_a_kill_and_is_there_once_and_in_order(
    tmp_path: Path, own: Postgres
) -> None:
    url = own.new_database()
    server = spooling_server(tmp_path, url)
    names = [f"call {number}" for number in range(26)]
    with closing(server):
        server.start()
        assert server.post(rang(call=names[0])).status_code == 200
        with away(own):
            for name in names[1:20]:
                answer = server.post(rang(call=name))
                assert (answer.status_code, answer.json()["accepted"]) == (200, 1), answer.text
            assert spooled(server) == 19
            assert "wallboard_spooled 19.0" in metrics(server)
            assert server.client.get("/readyz").status_code == 503
            for page in ("/boards/main", "/setup"):
                wait_until(lambda page=page: "19 events wait in the spool" in server.client.get(page).text, page, 3)
            assert "Database away since" in server.client.get("/boards/main").text
            server.kill()
            server.begin()
            wait_until(server.answers, "it is alive")
            for name in names[20:25]:
                assert server.post(rang(call=name)).status_code == 200, "also before it has ever seen the database"
            server.stop()
            assert "events are left in the spool" in (tmp_path / "log").read_text()
        server.begin()
        wait_until(server.is_ready, "it is ready", HEALED_WITHIN + 5)
        wait_until(lambda: spooled(server) == 0, "it is drained", HEALED_WITHIN)
        assert server.post(rang(call=names[25])).status_code == 200
        assert calls_in_order(own, url) == names
        assert {call["id"] for call in server.state()["calls"]} == set(names)
        assert "wait in the spool" not in server.client.get("/boards/main").text
        server.stop()
    assert not list((tmp_path / "spool").iterdir()), "nothing is left behind"
    assert not own.do("SELECT name FROM notes WHERE name LIKE 'spooled%'", database=url.rpartition("/")[2])


def test_two_processes_under_load_keep_all_once_and_each_in_its_order(tmp_path: Path, own: Postgres) -> None:
    url = own.new_database()
    shared = str(tmp_path / "spool")
    first, second = (spooling_server(tmp_path / name, url, WALLBOARD_SPOOL=shared) for name in "ab")
    with closing(first), closing(second):
        first.begin()
        second.begin()
        wait_until(first.is_ready, "the first is ready")
        wait_until(second.is_ready, "the second is ready")
        with posting(first, "a") as one, posting(second, "b") as other:
            with away(own):
                for server in (first, second):
                    wait_until(lambda server=server: spooled(server) >= 25, "some wait")
            for server in (first, second):
                wait_until(lambda server=server: server.is_ready() and not spooled(server), "drained", HEALED_WITHIN)
        for posted in (one, other):
            assert {answer.status for answer in posted.answers} == {200}
        found = calls_in_order(own, url)
        for posted, name in ((one, "a "), (other, "b ")):
            assert [call for call in found if call.startswith(name)] == [answer.call for answer in posted.answers]
        wait_until(lambda: first.state()["calls"] == second.state()["calls"], "both show the same", HEALED_WITHIN)


@pytest.mark.skipif(not may_mount(), reason="needs root or user namespaces for a private mount")
def test_a_full_disk_is_told_with_503_and_what_it_has_taken_is_kept(tmp_path: Path, own: Postgres) -> None:
    url = own.new_database()
    data = tmp_path / "data"
    data.mkdir()
    with closing(SmallDisk(data, kilobytes=1024)) as disk:
        server = spooling_server(tmp_path, url, WALLBOARD_SPOOL=str(data / "spool"))
        server._wrapper = disk.wrapper
        with closing(server):
            server.start()
            taken: list[str] = []
            with away(own):
                deadline = time.monotonic() + 10
                while time.monotonic() < deadline:
                    name = f"call {len(taken)}"
                    if server.post(rang(call=name, padding="x" * 50_000)).status_code == 503:
                        break
                    taken.append(name)
                assert taken, "some had room"
                assert time.monotonic() < deadline, "some had not"
            wait_until(server.is_ready, "it is ready", HEALED_WITHIN)
            wait_until(lambda: spooled(server) == 0, "it is drained", HEALED_WITHIN)
            assert calls_in_order(own, url) == taken
            server.stop()


def test_nothing_is_acknowledged_that_is_not_synchronised(
    tmp_path: Path, own: Postgres, faults: Faults, data: Path
) -> None:
    url = own.new_database()
    server = spooling_server(tmp_path, url, WALLBOARD_SPOOL=str(data / "spool"), **faults.environment)
    with closing(server):
        server.start()
        with away(own):
            assert server.post(rang(call="first")).status_code == 200
            with faults.syncs_fail():
                assert server.post(rang(call="refused")).status_code == 503
            assert server.post(rang(call="last")).status_code == 200
        wait_until(lambda: server.is_ready() and not spooled(server), "it is drained", HEALED_WITHIN)
        assert calls_in_order(own, url) == ["first", "last"], "what was refused was taken back"


def test_remarks_never_go_into_the_spool(tmp_path: Path, own: Postgres) -> None:
    server = spooling_server(tmp_path, own.new_database())
    with closing(server):
        server.start()
        with away(own):
            wait_until(lambda: not server.is_ready(), "it is away")
            form = {"toml": write([Definition(slug="sales", name="Sales")]), "do": "apply"}
            assert server.client.post("/supervisor/boards/import", data=form, headers=OURS).status_code == 503
            assert spooled(server) == 0


# --- the settings --------------------------------------------------------------------------------


def test_a_spool_beside_sqlite_is_refused() -> None:
    settings = read_settings(
        env_file=None, spool="/srv/spool", database_url="sqlite:///a.db", pbx_tokens=("x" * 20,), web_concurrency=1
    )
    with pytest.raises(SettingsError, match="WALLBOARD_SPOOL: is for a journal in PostgreSQL"):
        require_serving(settings)


def test_check_says_what_is_wrong_with_the_folder(tmp_path: Path, own: Postgres) -> None:
    (tmp_path / "file").touch()
    url = own.new_database()
    wrong = spooling_server(tmp_path, url, WALLBOARD_SPOOL=str(tmp_path / "file" / "spool")).run("check")
    assert wrong.returncode == 2
    assert f"WALLBOARD_SPOOL: {tmp_path}/file/spool cannot be written: Not a directory." in wrong.stderr
    right = spooling_server(tmp_path, url).run("check")
    assert right.returncode == 0, right.stderr
    assert f"spool: {tmp_path}/spool can be written" in right.stdout


def test_the_lamp_says_how_many_wait_and_since_when() -> None:
    waits, zone = Spooled(1204, AT), ZoneInfo("Australia/Sydney")
    assert lamps.journal("gone", spooled=waits, zone=zone).text == "Database away since 21:42, 1,204 wait"
    assert lamps.journal("gone", spooled=waits).alarm == "alarm"
    assert lamps.journal(None, spooled=waits).alarm == "warn"
    assert lamps.spool_words("gone", waits, zone).startswith(
        "1,204 events wait in the spool, the database is away since 21:42"
    )


# --- the files -----------------------------------------------------------------------------------


def payload(body: bytes, tried_after: int | None = None) -> bytes:
    return msgspec.msgpack.encode(Kept(AT, body, None, None, tried_after))


def left_behind(folder: Path, *bodies: bytes) -> Path:
    """The one file of a process that has died."""
    spool = Spool(folder)
    for body in bodies:
        spool.keep([payload(body)])
    spool.close()
    (file,) = folder.glob("*/0*")
    return file


def found_in(folder: Path) -> list[bytes]:
    spool = Spool(folder)
    spool.adopt()
    bodies: list[bytes] = []
    while (batch := spool.oldest()) is not None:
        bodies += [kept.body for kept in batch.kept]
        spool.remove(batch)
    spool.close()
    return bodies


@pytest.mark.parametrize("bytes_left", [1, 20, 40, -1])
def test_a_torn_tail_is_not_believed(tmp_path: Path, bytes_left: int) -> None:
    file = left_behind(tmp_path, b"one", b"two")
    whole = file.stat().st_size
    spool_of_three = left_behind(tmp_path / "other", b"one", b"two", b"three")
    tail = spool_of_three.read_bytes()[whole:][:bytes_left]
    with file.open("ab") as writing:
        writing.write(tail)
    assert found_in(tmp_path) == [b"one", b"two"]
    assert not list(tmp_path.glob("2*")), "nothing of it is left"


def test_a_changed_byte_costs_one_event_and_the_file_is_kept_aside(tmp_path: Path) -> None:
    file = left_behind(tmp_path, b"one", b"two", b"three")
    data = file.read_bytes()
    file.write_bytes(data.replace(b"two", b"tWo"))
    assert found_in(tmp_path) == [b"one", b"three"]
    assert len(list(tmp_path.glob("*.damaged"))) == 1


def test_files_are_taken_in_order_and_what_lives_is_left_alone(tmp_path: Path) -> None:
    bodies = [f"{number}".encode() for number in range(1_200)]
    spool = Spool(tmp_path)
    for first in range(0, 1_200, 100):
        spool.keep([payload(body) for body in bodies[first : first + 100]])
    assert len(list(tmp_path.glob("*/0*"))) == 3
    assert found_in(tmp_path) == [], "its process lives"
    spool.close()
    assert found_in(tmp_path) == bodies


# --- the journal beside it -----------------------------------------------------------------------


def test_under_load_it_comes_to_an_end_and_what_comes_goes_into_the_journal_again(
    tmp_path: Path, database: str
) -> None:
    bodies = [f"before {number}".encode() for number in range(900)]
    spool = Spool(tmp_path)
    spool.keep([payload(body) for body in bodies])
    spool.close()
    sent: list[bytes] = []

    async def run() -> list[bytes]:
        applied: list[bytes] = []
        journal = PostgresJournal(database)
        spooling = Spooling(journal, Spool(tmp_path))
        await spooling.open()

        def apply(entry: Entry) -> Entry:
            applied.append(entry.delivery.body)
            return entry

        await journal.open(apply)
        draining = asyncio.create_task(spooling.run())

        async def post(name: int) -> None:
            answer = None
            while answer is None:
                sent.append(f"{name} {len(sent)}".encode())
                answer = await spooling.append(Delivery(received_at=AT, body=sent[-1]))

        async with asyncio.timeout(10):
            await asyncio.gather(*(post(name) for name in range(60)))
        assert journal.spooled is None
        draining.cancel()
        await spooling.close()
        await journal.close()
        return applied

    assert asyncio.run(run()) == bodies + sent


async def appended(spooling: Spooling, *bodies: bytes) -> list[Any]:
    taken = (spooling.append(Delivery(received_at=AT, body=body)) for body in bodies)
    return await asyncio.gather(*taken, return_exceptions=True)


def test_a_full_spool_takes_no_more(tmp_path: Path) -> None:
    async def run() -> list[Any]:
        spooling = Spooling(PostgresJournal(NOWHERE), Spool(tmp_path), most_events=3)
        await spooling.open()
        answers = await appended(spooling, b"1", b"2") + await appended(spooling, b"3", b"4", b"5")
        await spooling.close()
        return answers

    answers = asyncio.run(run())
    assert answers[:3] == [None] * 3
    assert [type(answer) for answer in answers[3:]] == [JournalUnavailable] * 2
    assert found_in(tmp_path) == [b"1", b"2", b"3"]


def test_a_file_that_stands_in_the_journal_is_not_put_there_again(database: str) -> None:
    async def run() -> list[bytes]:
        applied: list[bytes] = []
        journal = PostgresJournal(database)
        await journal.open(lambda entry: applied.append(entry.delivery.body))
        kept = [Kept(AT, f"{number}".encode(), None, None, None) for number in range(3)]
        for _ in range(2):
            await put_once(journal, "one", 1, kept)
        await put_once(journal, "one", 2, kept[:1])
        await forget(journal, "one")
        await journal.close()
        return applied

    assert asyncio.run(run()) == [b"0", b"1", b"2", b"0"]


def test_what_the_journal_has_stored_without_saying_so_is_not_doubled(database: str) -> None:
    async def run() -> list[bytes]:
        applied: list[bytes] = []
        journal = PostgresJournal(database)
        await journal.open(lambda entry: applied.append(entry.delivery.body))
        await journal.append(Delivery(received_at=AT, body=b"again"))
        head = journal.head
        await journal.append(Delivery(received_at=AT, body=b"stored"))
        tried = [Kept(AT, body, None, None, head) for body in (b"stored", b"lost", b"again")]
        await put_once(journal, "one", 1, tried)
        await journal.close()
        return applied

    assert asyncio.run(run()) == [b"again", b"stored", b"lost", b"again"]
