"""PostgreSQL goes away, comes back, refuses: two processes answer 503 at once, lose nothing and agree afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.conftest import Server, wait_until
from tests.cut import network
from tests.faults import SmallDisk, may_mount
from tests.inside import OURS
from tests.pairs import Pair, assert_alike, assert_all_kept, both_heal, both_refuse, posting_to_both, two, url_of
from tests.postgres import Postgres, give_away, running
from tests.posting import HEALED_WITHIN, REFUSED_WITHIN, assert_refused_and_told, shown
from tests.samples import rang
from tests.standby import following
from wallboard.boards.definitions import Definition
from wallboard.boards.file import write

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def own() -> Iterator[Postgres]:
    """A PostgreSQL that may be stopped."""
    with running() as server:
        yield server


@pytest.fixture(autouse=True)
def running_again(own: Postgres) -> Iterator[None]:
    """One test that fails must not take the others with it."""
    yield
    assert own.process is not None
    if own.process.poll() is not None:
        own.start()


@pytest.fixture
def pair(tmp_path: Path, own: Postgres) -> Iterator[Pair]:
    with two(tmp_path, own.new_database()) as servers:
        yield servers


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_postgres_stops_and_is_started_again(pair: Pair, own: Postgres, how: str) -> None:
    with posting_to_both(pair) as posted:
        began = time.monotonic()
        getattr(own, how)()
        both_refuse(pair, posted, began)
        own.start()
        both_heal(pair, posted, time.monotonic())
    assert_all_kept(pair, posted, own, url_of(pair[0]))


def test_connections_are_killed_again_and_again(pair: Pair, own: Postgres) -> None:
    url = url_of(pair[0])
    with posting_to_both(pair) as posted:
        for _ in range(10):
            sent = len(posted[0].answers)
            own.kill_backends(url)
            wait_until(lambda sent=sent: len(posted[0].answers) > sent + 10, "it goes on")
        both_heal(pair, posted, time.monotonic())
    assert_all_kept(pair, posted, own, url)


def test_the_primary_dies_and_a_standby_is_promoted(tmp_path: Path, own: Postgres) -> None:
    """One process has an address that answers later, the other both addresses. Nothing is acknowledged that the standby
    has not, so nothing is while it is away.
    """
    url = own.new_database()
    with following(own) as standby, network(own.port) as line:
        hosts = url.replace(f":{own.port}/", f":{own.port},127.0.0.1:{standby.port}/")
        with two(tmp_path, line.through(url), f"{hosts}?target_session_attrs=read-write") as pair:
            with posting_to_both(pair) as posted:
                standby.stop()
                both_refuse(pair, posted, time.monotonic())
                standby.start()
                both_heal(pair, posted, time.monotonic())
                began = time.monotonic()
                own.kill()
                both_refuse(pair, posted, began)
                standby.promote()
                line.target = standby.port
                both_heal(pair, posted, time.monotonic())
            assert_all_kept(pair, posted, standby, url)
            assert pair[0].state()["journal"]["lost_today"] == 0


def test_the_network_of_one_process_is_cut(tmp_path: Path, own: Postgres, cut_seconds: float) -> None:
    url = own.new_database()
    with network(own.port) as line, two(tmp_path, line.through(url), url) as pair:
        with posting_to_both(pair) as posted:
            with line.cut():
                began = time.monotonic()
                assert_refused_and_told(pair[0], posted[0], began)
                wait_until(lambda: time.monotonic() > began + cut_seconds, "the cut lasts", cut_seconds + 1)
                ended = time.monotonic()
            both_heal(pair, posted, time.monotonic())
        assert_all_kept(pair, posted, own, url)
    others = {answer.status for answer in posted[1].answers if began + 3 < answer.at < ended}
    assert others <= {200}, "the other process goes on, once the lock is given up"


@pytest.mark.skipif(not may_mount(), reason="needs root or user namespaces for a private mount")
def test_the_databases_disk_is_full(tmp_path: Path) -> None:
    with running() as own:
        space = own.folder / "space"
        space.mkdir()
        with closing(SmallDisk(space, kilobytes=20_000)) as disk:
            give_away(disk.inside)
            own.stop()
            own.start(disk.wrapper)
            own.do(f"CREATE TABLESPACE small LOCATION '{space}'")
            with two(tmp_path, own.new_database("small")) as pair:
                with posting_to_both(pair) as posted:
                    with disk.full():
                        wait_until(lambda: all(its.first(503, 0) is not None for its in posted), "it is full")
                        both_refuse(pair, posted, time.monotonic())
                    both_heal(pair, posted, time.monotonic())
                assert_all_kept(pair, posted, own, url_of(pair[0]))
            own.stop()


def test_the_database_becomes_read_only(pair: Pair, own: Postgres) -> None:
    with posting_to_both(pair) as posted:
        began = time.monotonic()
        own.set(default_transaction_read_only="on")
        try:
            both_refuse(pair, posted, began)
        finally:
            own.set(default_transaction_read_only="off")
        both_heal(pair, posted, time.monotonic())
    assert_all_kept(pair, posted, own, url_of(pair[0]))


def test_it_starts_while_postgres_is_away_and_waits(tmp_path: Path, own: Postgres) -> None:
    url = own.new_database()
    own.stop()
    server = Server(tmp_path, DATABASE_URL=url)
    try:
        server.begin()
        wait_until(server.answers, "it is alive")
        began = time.monotonic()
        assert server.post(rang()).status_code == 503
        assert time.monotonic() - began < REFUSED_WITHIN
        own.start()
        wait_until(server.is_ready, "it is ready", HEALED_WITHIN)
        assert server.post(rang()).status_code == 200
    finally:
        server.close()


def test_a_database_that_has_gone_back_is_noticed_and_every_process_starts_anew(pair: Pair, own: Postgres) -> None:
    """Restored from a backup, say, or failed over to a machine that had not heard of all."""
    first, second = pair
    name = url_of(first).rpartition("/")[2]
    for number in range(10):
        assert first.post(rang(str(1000 + number), f"call {number}")).status_code == 200
    assert_alike(pair)
    epoch = first.state()["journal"]["epoch"]
    own.do("DELETE FROM deliveries WHERE sequence > 6", database=name)
    wait_until(lambda: both_have_left(pair, epoch), "both are in the new history", 45)  # each imports all anew
    assert_alike(pair)
    assert shown(first) == {f"call {number}" for number in range(6)}
    assert first.state()["journal"]["lost_today"] >= 4
    assert second.post(rang("1001", "call 11")).status_code == 200
    assert_alike(pair)


def both_have_left(pair: Pair, epoch: str) -> bool:
    try:
        return all(server.is_ready() and server.state()["journal"]["epoch"] != epoch for server in pair)
    except (httpx.TransportError, AssertionError):
        return False  # it starts anew


def test_what_is_edited_at_one_process_is_live_at_the_other(pair: Pair) -> None:
    first, second = pair
    assert first.post(rang()).status_code == 200
    wait_until(lambda: second.state()["sequence"] == first.state()["sequence"], "the call is at the other")
    form = {"toml": write([Definition(slug="sales", name="Sales")]), "do": "apply"}
    assert first.client.post("/supervisor/boards/import", data=form, headers=OURS).status_code == 303
    wait_until(lambda: second.client.get("/boards/sales").status_code == 200, "the board is at the other", 2)
