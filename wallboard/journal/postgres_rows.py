"""The journal's statements and what PostgreSQL's types cannot hold; knows no connection and no order of things."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from wallboard.clock import LEAST_STEP
from wallboard.journal import Delivery
from wallboard.journal.rows import COLUMNS, Row, from_microseconds, to_microseconds

APPENDING = 7_262_412_010
"""The advisory lock that whoever appends takes before it looks for the next number: so the order of commit is the order
of the numbers, and a reader that has seen one has seen all before it."""
CHANNEL = "wallboard"
_LEAST_STEP = LEAST_STEP // timedelta(microseconds=1)
_UNNEST = "%b::bigint[], %b::bigint[], %b::int[], %b::bytea[], %s::text[], %s::text[], %b::bytea[], %s::text[]"
INSERT = f"INSERT INTO deliveries ({COLUMNS}) SELECT * FROM unnest({_UNNEST})".encode()
INSERT_ONE = f"INSERT INTO deliveries ({COLUMNS}) VALUES (%b, %b, %b, %b, %s, %s, %b, %s)".encode()
"""The same for a single row, for a tenth less of both sides' processor time."""
FOLLOW = f"SELECT {COLUMNS} FROM deliveries WHERE sequence >= %s ORDER BY sequence LIMIT %s".encode()
BETWEEN = f"SELECT {COLUMNS} FROM deliveries WHERE sequence > %s AND sequence <= %s ORDER BY sequence".encode()
REPLAY = f"SELECT {COLUMNS} FROM deliveries WHERE sequence > %s ORDER BY sequence LIMIT %s".encode()
REPLAY_KEPT = (
    f"SELECT {COLUMNS} FROM deliveries WHERE sequence > %s AND (sequence > %s OR remark <> ALL(%s)) "
    "ORDER BY sequence LIMIT %s"
).encode()
"""Without those that count as deleted."""
NOTE = (
    b"INSERT INTO notes (name, value, seal) VALUES (%s, %s, %s) "
    b"ON CONFLICT (name) DO UPDATE SET value = excluded.value, seal = excluded.seal"
)
FIRST_NOTE = b"INSERT INTO notes (name, value, seal) VALUES (%s, %s, %s) ON CONFLICT (name) DO NOTHING"
RECEIVED = b"SELECT received_at FROM deliveries WHERE sequence = %s"
NOTED = b"SELECT value FROM notes WHERE name = %s"
NOTES = b"SELECT name, value, seal FROM notes"
RING = f"SELECT pg_notify('{CHANNEL}', %s)".encode()
HEAR = f"LISTEN {CHANNEL}".encode()
STATE = b"SELECT extract(epoch FROM clock_timestamp())::float8, current_setting('transaction_read_only')"
UNHURRIED = b"SET LOCAL statement_timeout = 0"
"""Before a commit: one that is broken off while it waits for a standby would be durable and unacknowledged."""
BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({APPENDING}); "
"""A transaction that nobody else appends in. Each statement sees what is committed when it begins."""


def how_it_stands(head: int) -> str:
    """The last number, the database's time, the history's name, when the entry `head` was received, when the last."""
    return (
        "SELECT coalesce((SELECT max(sequence) FROM deliveries), 0), "
        "extract(epoch FROM clock_timestamp())::float8, "
        "(SELECT value FROM notes WHERE name = 'epoch'), "
        f"(SELECT received_at FROM deliveries WHERE sequence = {head}), "
        "(SELECT received_at FROM deliveries ORDER BY sequence DESC LIMIT 1)"
    )


def columns(rows: Sequence[Row]) -> list[list[Any]]:
    """Rows as INSERT takes them."""
    return [list(column) for column in zip(*rows, strict=True)]


def storable(delivery: Delivery) -> Delivery:
    """The same, as PostgreSQL's text can hold it: U+0000 becomes the replacement character. The body is bytes."""
    texts = (delivery.meaning, delivery.refusal, delivery.remark)
    if not any(text is not None and "\0" in text for text in texts):
        return delivery
    meaning, refusal, remark = (text and text.replace("\0", "\ufffd") for text in texts)
    return msgspec.structs.replace(delivery, meaning=meaning, refusal=refusal, remark=remark)


def not_before(last_at: int | None, delivery: Delivery) -> Delivery:
    """The same, received no earlier than the entry before it: another process was a moment quicker, or its reading of
    the database's time a hair ahead. Further back it lies only when the clock has been set, of which the journal tells.
    """
    if last_at is None:
        return delivery
    ahead = last_at - to_microseconds(delivery.received_at)  # a changed row's may be no time at all
    if not 0 < ahead < _LEAST_STEP:
        return delivery
    return msgspec.structs.replace(delivery, received_at=from_microseconds(last_at))
