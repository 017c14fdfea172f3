"""The records of one file of a spool, each sealed together with its place; knows no folder and no order of files."""

from __future__ import annotations

import hashlib
import struct
from datetime import datetime
from pathlib import Path

import msgspec

from wallboard.journal import Delivery

MAGIC = b"wallboard spool 1\n"
"""What a file begins with."""
_HEAD = struct.Struct(">I32s")


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """One delivery as it is written. `tried_after` is the entry after which the journal may have stored it, for its
    answer did not come; `None` where it was never asked.
    """

    received_at: datetime
    body: bytes
    meaning: str | None
    refusal: str | None
    tried_after: int | None

    @property
    def delivery(self) -> Delivery:
        return Delivery(received_at=self.received_at, body=self.body, meaning=self.meaning, refusal=self.refusal)


def read(path: Path, series: str, number: int) -> tuple[list[Kept], int, int]:
    """What is whole, how far, and how many between those are not. A torn tail was never acknowledged."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return [], 0, 0
    kept: list[Kept] = []
    at = whole = len(MAGIC)
    index = broken = damaged = 0
    while at + _HEAD.size <= len(data):
        length, seal = _HEAD.unpack_from(data, at)
        payload = data[at + _HEAD.size : at + _HEAD.size + length]
        at += _HEAD.size + length
        if _seal(series, number, index, payload) == seal:
            kept.append(msgspec.msgpack.decode(payload, type=Kept))
            damaged, whole = broken, at
        else:
            broken += 1
        index += 1
    return kept, whole, damaged


def sealed(series: str, number: int, index: int, payload: bytes) -> bytes:
    return _HEAD.pack(len(payload), _seal(series, number, index, payload)) + payload


def _seal(series: str, number: int, index: int, payload: bytes) -> bytes:
    """Over the record's place as well."""
    return hashlib.sha256(f"{series} {number} {index} ".encode() + payload).digest()
