"""A delivery as a row of the journal's table and back, sealed; knows no file and no connection.

A row's seal covers everything else in the row, its sequence included: SQLite itself checks no byte of its
pages. The chain runs over the seals, so that one value stands for a whole history.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec

from wallboard.journal import SCHEMA, Delivery, Entry

TABLES = """
CREATE TABLE IF NOT EXISTS deliveries (
    sequence    INTEGER PRIMARY KEY,
    received_at INTEGER NOT NULL,  -- microseconds since the epoch, UTC
    schema      INTEGER NOT NULL,
    hash        BLOB    NOT NULL,  -- the seal: SHA-256 of all else in the row (schema 1: of the body)
    meaning     TEXT,
    refusal     TEXT,
    body        BLOB    NOT NULL,
    remark      TEXT
);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL, seal BLOB);
"""
SHAPE = {
    "deliveries": [
        ("sequence", "INTEGER", 0, 1), ("received_at", "INTEGER", 1, 0), ("schema", "INTEGER", 1, 0),
        ("hash", "BLOB", 1, 0), ("meaning", "TEXT", 0, 0), ("refusal", "TEXT", 0, 0), ("body", "BLOB", 1, 0),
        ("remark", "TEXT", 0, 0),
    ],
    "notes": [("name", "TEXT", 0, 1), ("value", "TEXT", 1, 0), ("seal", "BLOB", 0, 0)],
}  # fmt: skip
"""The tables' columns: name, type, NOT NULL, PRIMARY KEY. SQLite takes a changed byte in `TABLES` for a new design."""
COLUMNS = ", ".join(name for name, *_ in SHAPE["deliveries"])
_PLACES = f"({', '.join('?' * len(SHAPE['deliveries']))})"
INSERT = f"INSERT INTO deliveries ({COLUMNS}) VALUES {_PLACES}"
ALL = f"SELECT {COLUMNS} FROM deliveries ORDER BY sequence"
SELECT = f"SELECT {COLUMNS} FROM deliveries WHERE sequence > ? ORDER BY sequence"
NOTE = "INSERT OR REPLACE INTO notes (name, value, seal) VALUES (?, ?, ?)"
NOTES = "SELECT name, value, seal FROM notes"
NOTHING = b""

Row = tuple[Any, ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_encode = msgspec.msgpack.Encoder().encode


@cache
def insert_of(rows: int) -> str:
    """The statement that inserts so many rows at once."""
    return f"{INSERT}{f', {_PLACES}' * (rows - 1)}"


def to_microseconds(at: datetime) -> int:
    """Since the epoch, as a row has it."""
    return (at - _EPOCH) // _MICROSECOND


def from_microseconds(since_the_epoch: int) -> datetime:
    """OverflowError for what is no time at all, as in a row that has changed."""
    return _EPOCH + timedelta(microseconds=since_the_epoch)


def to_row(sequence: int, delivery: Delivery) -> Row:
    received_at = to_microseconds(delivery.received_at)
    fields = (sequence, received_at, SCHEMA, delivery.meaning, delivery.refusal, delivery.body, delivery.remark)
    return (*fields[:3], _digest(fields), *fields[3:])


def to_entry(row: Sequence[Any]) -> Entry:
    sequence, received_at, schema, _, meaning, refusal, body, remark = row
    delivery = Delivery(
        received_at=from_microseconds(received_at),
        body=body,
        meaning=meaning,
        refusal=refusal,
        remark=remark,
    )
    return Entry(sequence=sequence, schema=schema, delivery=delivery)


def seal_of(row: Sequence[Any]) -> bytes:
    """The seal that stands in the row."""
    seal: bytes = row[3]
    return seal


def is_sealed(row: Sequence[Any]) -> bool:
    """True if no byte of the row has changed since it was written."""
    sequence, received_at, schema, seal, meaning, refusal, body, remark = row
    if schema == 1:
        return isinstance(body, bytes) and bool(hashlib.sha256(body).digest() == seal)
    return bool(_digest((sequence, received_at, schema, meaning, refusal, body, remark)) == seal)


def chained(chain: bytes, seal: bytes) -> bytes:
    """The chain after one more row; it begins with `NOTHING`."""
    return hashlib.sha256(chain + seal).digest()


def sealed_note(name: str, value: str) -> tuple[str, str, bytes]:
    return name, value, _digest((name, value))


def sound_notes(notes: Iterable[Sequence[Any]]) -> dict[str, str]:
    """Those that have not changed since they were written, of all as they stand."""
    return {str(name): str(value) for name, value, seal in notes if _digest((name, value)) == seal}


def _digest(fields: tuple[object, ...]) -> bytes:
    return hashlib.sha256(_encode(fields)).digest()
