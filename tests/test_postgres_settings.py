"""Servers, databases and roles that are set up in another way than ours, and rows that somebody else has written."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from tests.journals import NOW, delivery, nothing, soon, with_journal
from tests.pooler import pooling
from tests.postgres import PASSWORD, Postgres
from wallboard.journal import EVENTS_LOST, Delivery, Entry, Journal, JournalError, JournalUnavailable
from wallboard.journal import postgres_link as links
from wallboard.journal.engines import journal_at
from wallboard.journal.postgres_check import check, migrated
from wallboard.journal.postgres_rows import INSERT, columns
from wallboard.journal.rows import to_row
from wallboard.journal.soundness import Loss


async def three(journal: Journal, applied: list[Entry]) -> None:
    for body in (b"one", b"two", b"three"):
        await journal.append(delivery(body))


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def refusal(url: str) -> str:
    with pytest.raises(JournalError) as refused:
        check(url)
    assert not refused.value.is_passing, "it would be waited for in vain"
    with pytest.raises(JournalError):
        with_journal(journal_at(url), nothing)
    return str(refused.value)


# --- what a start refuses ----------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_text_is_refused(postgres: Postgres, encoding: str) -> None:
    name = f"wallboard_{encoding.lower()}"
    postgres.do(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'")
    assert f"encoding is {encoding}" in refusal(postgres.url(name))


def test_an_old_server_is_refused(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "LEAST_VERSION", 99)
    assert "Use version 99 or newer" in refusal(database)


def test_a_pooler_that_hands_a_connection_on_after_each_transaction_is_refused(
    postgres: Postgres, database: str
) -> None:
    with tempfile.TemporaryDirectory(prefix="wallboard-pooler-") as folder:
        Path(folder).chmod(0o755)
        with pooling(postgres, database, "transaction", Path(folder) / "transaction") as url:
            with pytest.raises(JournalError, match="a pooler in transaction mode stands before it") as refused:
                check(url)
            assert not refused.value.is_passing
        with pooling(postgres, database, "session", Path(folder) / "session") as url:
            check(url)


def role(postgres: Postgres, database: str, name: str) -> str:
    """The URL by which a new role without any rights connects."""
    postgres.do(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    return postgres.url(name_of(database), user=name)


@pytest.mark.parametrize("also", ["", "REVOKE USAGE ON SCHEMA public FROM PUBLIC"])
def test_a_role_that_may_make_no_tables_is_told_so_and_works_once_it_may(
    postgres: Postgres, database: str, also: str
) -> None:
    name = f"poor_{bool(also):d}"
    url = role(postgres, database, name)
    if also:
        postgres.do(also, database=name_of(database))
    assert "GRANT CREATE, USAGE ON SCHEMA public" in refusal(url)
    postgres.do(f"GRANT CREATE, USAGE ON SCHEMA public TO {name}", database=name_of(database))
    check(url)
    assert migrated(url)
    assert len(with_journal(journal_at(url), three)) == 3
    postgres.do(f"REVOKE INSERT ON deliveries FROM {name}", database=name_of(database))
    with pytest.raises(JournalError, match="may not make or use the wallboard's tables"):
        check(url)


@pytest.mark.parametrize(
    "wrong",
    ["postgres://u:s3cret@[::1/db", "postgres://u:s3cret@127.0.0.1:1,127.0.0.1:2:3/db", "postgres://u:s3c ret@h:x/db",
     "postgres://u:s3cret@127.0.0.1:1/db", "postgres://u@127.0.0.1:1/db?password=s3cret&what=1",
     "postgres://postgres:s3cret@127.0.0.1:{port}/postgres", "postgres://u:s3cret@127.0.0.1:1/db?sslmode=s3cret"],
)  # fmt: skip
def test_no_password_is_in_a_message_or_in_a_log(
    postgres: Postgres, wrong: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(JournalError) as refused:
        check(wrong.replace("{port}", str(postgres.port)))
    said = capsys.readouterr()
    assert not any("s3c" in text for text in (str(refused.value), repr(refused.value), caplog.text, *said))


@pytest.mark.parametrize(
    "wrong",
    ["postgres://u:a/b@127.0.0.1/db", "postgres://u:p@127.0.0.1:99999/db", "postgres://u:p@127.0.0.1:1/db?sslmode=on",
     "postgres://u:p@127.0.0.1:1/db?target_session_attrs=any1"],
)  # fmt: skip
def test_a_url_that_can_never_work_is_refused_and_not_waited_for(wrong: str) -> None:
    assert "the URL cannot be read" in refusal(wrong)


def test_a_database_without_the_tls_that_is_asked_for_is_refused(database: str) -> None:
    assert "it offers no TLS" in refusal(f"{database}?sslmode=require")


# --- what a server may be set to ---------------------------------------------------------------------


def test_the_servers_own_settings_change_nothing(postgres: Postgres, database: str) -> None:
    """A stricter isolation would have a batch look for the last number before it holds the lock."""
    for setting in (
        "default_transaction_isolation = 'repeatable read'", "TimeZone = 'Asia/Kathmandu'", "DateStyle = 'German'",
        "bytea_output = 'escape'", "client_encoding = 'LATIN1'", "idle_session_timeout = '300ms'",
        "statement_timeout = '1s'", "synchronous_commit = off", "extra_float_digits = 0", "lc_messages = 'C'",
    ):  # fmt: skip
        postgres.do(f"ALTER DATABASE {name_of(database)} SET {setting}")
    bodies = {f"{who} {number} €".encode() for who in "ab" for number in range(200)}

    async def run() -> None:
        heard: tuple[list[Entry], list[Entry]] = ([], [])
        one, other = journal_at(database), journal_at(database)
        await one.open(heard[0].append)
        await other.open(heard[1].append)
        try:
            await asyncio.gather(*(
                (one if body.startswith(b"a") else other).append(Delivery(received_at=NOW, body=body, meaning="€"))
                for body in bodies
            ))  # fmt: skip
            await soon(lambda: one.head == other.head == len(bodies), within=8)
            assert heard[0] == heard[1]
            assert {entry.delivery.body for entry in heard[0]} == bodies
            assert {entry.delivery.meaning for entry in heard[0]} == {"€"}
            ours = "datname = %s AND backend_type = 'client backend'"  # and no autovacuum's
            connected = f"SELECT pid FROM pg_stat_activity WHERE {ours} ORDER BY pid"
            before = postgres.do(connected, name_of(database))
            began = time.monotonic()
            await soon(lambda: time.monotonic() > began + 0.6, within=8)  # twice as long as an idle session may last
            assert postgres.do(connected, name_of(database)) == before != []
        finally:
            await one.close()
            await other.close()

    asyncio.run(run())


# --- rows that are not as they were written ----------------------------------------------------------


@pytest.mark.parametrize("change", ["body = 'TWO'", "received_at = 9223372036854775807", "meaning = 'x'", "hash = ''"])
def test_a_changed_entry_is_a_loss_where_it_stands_and_the_others_are_applied(
    postgres: Postgres, database: str, change: str
) -> None:
    with_journal(journal_at(database), three)
    postgres.do(f"UPDATE deliveries SET {change} WHERE sequence = 2", database=name_of(database))

    async def four(journal: Journal, applied: list[Entry]) -> None:
        await journal.append(delivery(b"four"))

    applied = with_journal(journal_at(database), four)
    assert [entry.delivery.body for entry in applied if entry.sequence != 2] == [b"one", b"three", b"four"]
    lost = applied[1].delivery
    assert (lost.remark, lost.received_at) == (EVENTS_LOST, NOW)
    assert msgspec.json.decode(lost.body, type=Loss).ranges == [(2, 2)]
    assert with_journal(journal_at(database), nothing) == applied, "it is told the same at every start"


def test_what_somebody_else_wrote_does_not_stop_who_follows(postgres: Postgres, database: str) -> None:
    async def use(journal: Journal, applied: list[Entry]) -> None:
        await three(journal, applied)
        postgres.do(
            "INSERT INTO deliveries VALUES (4, 9223372036854775807, 2, '', NULL, NULL, 'x', 'events_purged')",
            database=name_of(database),
        )
        await soon(lambda: journal.head == 4, within=8)
        await journal.append(delivery(b"five"))

    bodies = [entry.delivery.body for entry in with_journal(journal_at(database), use)]
    assert bodies[4] == b"five"


# --- far behind --------------------------------------------------------------------------------------


def test_a_process_that_is_far_behind_reads_in_chunks_before_it_takes_anything(database: str) -> None:
    many = [to_row(number, delivery(b"x" * 600)) for number in range(1, 12_001)]

    async def use(journal: Journal, applied: list[Entry]) -> None:
        with psycopg.connect(database) as connection:
            connection.execute(INSERT, columns(many))
        with pytest.raises(JournalUnavailable, match="catching up"):
            await journal.append(delivery(b"new"))
        await soon(lambda: journal.head == 12_000, within=8)
        await journal.append(delivery(b"new"))
        assert journal.trouble is None

    applied: list[Any] = with_journal(journal_at(database), use)
    assert [entry.sequence for entry in applied] == list(range(1, 12_002))
