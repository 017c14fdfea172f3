"""The database's files: what stands under which name, beside it and in its place; knows no row and no connection."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

ASIDE = ("damaged", "outdated", "unfinished")
"""Files beside the database that mending keeps or leaves behind."""
SNAPSHOTS = ("snapshot", "snapshot.unfinished")
"""A snapshot of what the entries mean, and one that is being written."""
_COMPANIONS = ("-wal", "-shm")

Identity = tuple[int, int]
"""Device and inode."""


def identity(path: Path | str) -> Identity | None:
    """Which file stands under a name; `None` where there is none."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def identity_of(descriptor: int) -> Identity:
    """Which file is open."""
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def beside(path: Path, word: str) -> Path:
    """A file that belongs to the database, such as `wallboard.db.witness`."""
    return path.with_name(f"{path.name}.{word}")


def remove(path: Path) -> None:
    """The database and its companions, as far as they are there."""
    for suffix in ("", *_COMPANIONS, "-journal"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def forget_snapshots(path: Path) -> None:
    """None that stands beside the database is left."""
    for word in SNAPSHOTS:
        beside(path, word).unlink(missing_ok=True)


def wal_path(path: Path) -> Path:
    return Path(f"{path}-wal")


def contents(path: Path) -> bytes:
    """What a file holds; nothing where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def size(path: Path) -> int:
    """How many bytes a file holds; none where there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def complete(path: Path) -> None:
    """Calls the unfinished copy complete: from here on every start will `adopt` it."""
    synchronise(beside(path, "unfinished"))
    os.replace(beside(path, "unfinished"), beside(path, "complete"))
    synchronise(path.parent)


def adopt(path: Path, witnessed: int) -> None:
    """Lets a complete copy, if there is one, take the place of the database. Whatever stops it, it can be done again.

    A copy that ends before the sequence `witnessed` was left behind long ago, and is set aside as outdated. A WAL
    left behind would be replayed into the new file, so it goes first: all that it held is in the copy.
    """
    copy = beside(path, "complete")
    if not copy.exists():
        return
    if path.exists() and _head_of(copy) < witnessed:
        os.replace(copy, beside(path, "outdated"))
        return
    for suffix in _COMPANIONS:
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    os.replace(copy, path)
    synchronise(path.parent)


def _head_of(copy: Path) -> int:
    """The last sequence in a copy that nobody writes to; less than any where it cannot be read."""
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(f"{copy.as_uri()}?immutable=1", uri=True)) as reader:
        head: int = reader.execute("SELECT coalesce(max(sequence), 0) FROM deliveries").fetchone()[0]
        return head
    return -1


def write_again(path: Path) -> None:
    """The same bytes once more, and on the disk when it returns. Nobody else may write meanwhile."""
    with path.open("r+b") as file:
        while piece := file.read(1 << 20):
            file.seek(-len(piece), os.SEEK_CUR)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def synchronise(path: Path) -> None:
    """A file's bytes, or a folder's names: a new name in a folder is durable only with the folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
