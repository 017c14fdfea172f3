"""A caller with very many calls is erased from PostgreSQL in statements of which none meets our own time limit."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import psycopg

from tests.postgres import Postgres
from wallboard.clock import Clock
from wallboard.forgetting import erase_offline
from wallboard.journal import Delivery
from wallboard.journal.engines import engine_of
from wallboard.journal.postgres_check import migrated
from wallboard.journal.postgres_rows import INSERT, columns
from wallboard.journal.rows import to_row
from wallboard.rules import Rules

NUMBER, MANY, AT_ONCE = "+61290000001", 4_500, 2_000
LIMIT = f"""
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF (SELECT count(*) FROM after) > {AT_ONCE} THEN RAISE EXCEPTION 'too much for one statement'; END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER limited AFTER UPDATE ON deliveries REFERENCING NEW TABLE AS after
        FOR EACH STATEMENT EXECUTE FUNCTION refuse()
"""


def test_no_statement_rewrites_more_than_it_has_time_for(postgres: Postgres, database: str) -> None:
    migrated(database)
    now = datetime.now(UTC)
    bodies = (
        msgspec.json.encode({"type": "user_inbound", "unique_call_id": str(number), "caller_id": NUMBER})
        for number in range(MANY)
    )
    rows = [to_row(number, Delivery(received_at=now, body=body)) for number, body in enumerate(bodies, 1)]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(INSERT, columns(rows))
        connection.execute(LIMIT.encode())
    clock = Clock()
    counted = asyncio.run(erase_offline(engine_of(database, clock), clock, Rules(zone=ZoneInfo("UTC")), NUMBER))
    assert (counted.events, counted.calls) == (MANY, MANY)
    left = "SELECT count(*) FROM deliveries WHERE position('29000'::bytea IN body) > 0"
    assert postgres.do(left, database=database.rpartition("/")[2]) == [(0,)]
