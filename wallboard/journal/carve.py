"""Records found in the raw pages of a damaged SQLite file and its WAL; knows no journal and judges nothing.

Every page that looks like a table's leaf is read by itself, so neither a broken header nor a broken tree above
hides it. What comes may be old, deleted or garbage: the caller must be able to tell.
Source: sqlite.org/fileformat2.html, 1.6 (b-tree pages), 2.1 (records), 4.1 (the WAL).
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from pathlib import Path

PAGE = 4096
_TABLE_LEAF = 0x0D
_HEADERS = {1: 100}  # the first page begins with the file's header
_WAL_HEADER, _FRAME_HEADER = 32, 24
_MOST_LOCAL = PAGE - 35
_LEAST_LOCAL = (PAGE - 12) * 32 // 255 - 23
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}

Record = tuple[object, ...]
Fetch = Callable[[int], bytes]


def records(path: Path, wal: bytes) -> Iterator[Record]:
    """`(rowid, column, …)` of every record in the file at `path` and in `wal`, the newest pages first."""
    frames = list(_frames(wal))
    newest = dict(frames)
    if not path.exists() or path.stat().st_size == 0:
        yield from _from_pages(reversed(frames), lambda number: newest.get(number, b""))
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:

        def fetch(number: int) -> bytes:
            return newest.get(number) or data[(number - 1) * PAGE : number * PAGE]

        yield from _from_pages(reversed(frames), fetch)
        pages = ((number, data[(number - 1) * PAGE : number * PAGE]) for number in range(1, len(data) // PAGE + 1))
        yield from _from_pages(pages, fetch)


def _frames(wal: bytes) -> Iterator[tuple[int, bytes]]:
    """The WAL's page images in the order in which they were written, whatever their checksums say."""
    for start in range(_WAL_HEADER, len(wal) - _FRAME_HEADER - PAGE + 1, _FRAME_HEADER + PAGE):
        number = int.from_bytes(wal[start : start + 4], "big")
        yield number, wal[start + _FRAME_HEADER : start + _FRAME_HEADER + PAGE]


def _from_pages(pages: Iterator[tuple[int, bytes]], fetch: Fetch) -> Iterator[Record]:
    for number, page in pages:
        start = _HEADERS.get(number, 0)
        if page[start : start + 1] != bytes([_TABLE_LEAF]):
            continue
        for cell in range(int.from_bytes(page[start + 3 : start + 5], "big")):
            pointer = start + 8 + 2 * cell
            record = _record(page, int.from_bytes(page[pointer : pointer + 2], "big"), fetch)
            if record is not None:
                yield record


def _record(page: bytes, at: int, fetch: Fetch) -> Record | None:
    try:
        length, at = _varint(page, at)
        rowid, at = _varint(page, at)
        return rowid, *_columns(_payload(page, at, length, fetch))
    except (IndexError, ValueError):
        return None


def _payload(page: bytes, at: int, length: int, fetch: Fetch) -> bytes:
    local = length
    if length > _MOST_LOCAL:
        local = _LEAST_LOCAL + (length - _LEAST_LOCAL) % (PAGE - 4)
        local = local if local <= _MOST_LOCAL else _LEAST_LOCAL
    payload = page[at : at + local]
    follows = int.from_bytes(page[at + local : at + local + 4], "big")
    while len(payload) < length:
        more = fetch(follows)
        if len(more) < PAGE:
            raise ValueError("the record goes on in a page that is not there")
        payload += more[4:][: length - len(payload)]
        follows = int.from_bytes(more[:4], "big")
    return payload


def _columns(payload: bytes) -> Iterator[object]:
    header, at = _varint(payload, 0)
    data = header
    while at < header:
        kind, at = _varint(payload, at)
        value, data = _value(payload, kind, data)
        yield value


def _value(payload: bytes, kind: int, at: int) -> tuple[object, int]:
    if kind in _INTEGERS:
        end = at + _INTEGERS[kind]
        return int.from_bytes(payload[at:end], "big", signed=True), end
    if kind >= 12:
        end = at + (kind - 12) // 2
        if end > len(payload):
            raise ValueError("the record is cut off")
        value = payload[at:end]
        return value if kind % 2 == 0 else value.decode("utf-8", "replace"), end
    if kind in (8, 9):
        return kind - 8, at
    if kind == 0:
        return None, at
    raise ValueError("a kind of value that no journal holds")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of one to nine bytes, and where it ends."""
    value = 0
    for n in range(8):
        value = value << 7 | data[at + n] & 0x7F
        if data[at + n] < 0x80:
            return value, at + n + 1
    return value << 8 | data[at + 8], at + 9
