"""A journal whose old entries are deleted, in a process that can be killed meanwhile; knows no server.

    python -m tests.purging FOLDER SEQUENCE

opens the journal in FOLDER, deletes up to SEQUENCE, or goes on where it was killed, and says "done".
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.torn import KEPT, NAME, NOW
from wallboard.journal import Delivery
from wallboard.journal.sqlite import SqliteJournal
from wallboard.journal.sqlite_upkeep import SqliteUpkeep

SIZES = (0, 30, 300, 700, 1_900, 3_900, 4_096, 9_000, 30_000)
MARK = re.compile(rb"<(\d{6})[/>]")


def mark(number: int) -> bytes:
    """What stands at both ends of the body of entry `number`, and nowhere else."""
    return b"<%06d>" % number


def delivery(number: int, rng: Random) -> Delivery:
    """Every ninth is a remark that is kept; most are as short as webhooks are, some longer than a page."""
    size = rng.choice(SIZES) if rng.random() < 0.3 else rng.randrange(150, 600)
    body = mark(number) + b"x" * size + mark(number)
    return Delivery(received_at=NOW, body=body, remark=KEPT if is_kept(number) else None)


def is_kept(number: int) -> bool:
    return number % 9 == 0


def marks_in(folder: Path) -> set[int]:
    """The entries of which any byte of their marks stands in any file of the folder."""
    return {int(found) for file in folder.iterdir() for found in MARK.findall(file.read_bytes())}


async def fill(journal: SqliteJournal, numbers: Iterator[int] | range, rng: Random) -> None:
    await asyncio.gather(*(journal.append(delivery(number, rng)) for number in numbers))


async def _purge(folder: Path, sequence: int) -> None:
    journal = SqliteJournal(folder / NAME)
    await journal.open(lambda entry: None)
    upkeep = SqliteUpkeep(journal)
    await upkeep.sweep()
    if journal.base.sequence < sequence:
        await upkeep.purge(sequence, "", NOW)
    await journal.close()


if __name__ == "__main__":
    asyncio.run(_purge(Path(sys.argv[1]), int(sys.argv[2])))
    sys.stdout.write("done\n")
