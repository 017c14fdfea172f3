"""A journal's files with one byte changed or their end cut off, and what a start makes of them; knows no server.

    python -m tests.torn [STRIDE]

tries every STRIDEth byte of every file (1, every one, takes about an hour) and prints what became of them. The fold is
a list of the entries, and its snapshot that list.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from wallboard.journal import EVENTS_LOST, EVENTS_PURGED, Delivery, Entry, JournalUnavailable
from wallboard.journal.beginnings import Mark
from wallboard.journal.sqlite import SqliteJournal
from wallboard.journal.sqlite_beginnings import SqliteBeginnings
from wallboard.journal.sqlite_upkeep import SqliteUpkeep

NOW = datetime(2026, 11, 24, 1, 2, 3, tzinfo=UTC)
NAME, KEPT = "wallboard.db", "board_saved"
FILES = (NAME, f"{NAME}-wal", f"{NAME}.witness")
SNAPSHOT = f"{NAME}.snapshot"
BODIES = [b'{"type": "user_inbound", "n": %d, "x": "%s"}' % (n, b"x" * (n * 37 % 300)) for n in range(60)]
BODIES[7] = b'{"long": "%s"}' % (b"y" * 20_000)


@dataclass(frozen=True)
class Damage:
    """One change to one file: the byte at `at` gets other bits, or the file ends there (`flip` 0)."""

    file: str
    at: int
    flip: int

    def do(self, folder: Path) -> None:
        with (folder / self.file).open("r+b") as file:
            if not self.flip:
                file.truncate(self.at)
                return
            file.seek(self.at)
            byte = file.read(1)[0]
            file.seek(self.at)
            file.write(bytes([byte ^ self.flip]))


@dataclass(frozen=True)
class Opened:
    """What one start found: the bodies in order, the losses told (in all), and the history's name.

    `purges` are the entries in which the journal tells what it has deleted on purpose; `begun` is the entry after which
    it began, and `anew` whether it was noticed only then that it must not have.
    """

    bodies: list[bytes]
    losses: list[int]
    epoch: str | None
    purges: tuple[int, ...] = ()
    begun: int = 0
    anew: bool = False


class Snapshot(msgspec.Struct, frozen=True):
    mark: Mark
    entries: list[Entry]


async def keep(journal: SqliteJournal, entries: Sequence[Entry]) -> None:
    """A snapshot as it stands; what was deleted on purpose is in none."""
    beginnings, epoch, head = SqliteBeginnings(journal), journal.epoch, journal.head
    assert epoch is not None
    mark = Mark(version="", epoch=epoch, sequence=head, seal=beginnings.seal(head))
    async with beginnings.making() as file:
        assert file is not None
        base = journal.base
        left = [e for e in entries if e.sequence > base.sequence or base.lasts(e.delivery.remark)]
        told = msgspec.msgpack.encode(Snapshot(mark, left))
        file.write(hashlib.sha256(told).digest() + told)
        assert await beginnings.keep(file, mark)


def taken_up(beginnings: SqliteBeginnings) -> list[Entry]:
    """What the snapshot holds, if it stands; it is deleted otherwise, as a server does it."""
    if (file := beginnings.opened("")) is None:
        return []
    with file:
        digest, told = file.read(32), file.read()
    if hashlib.sha256(told).digest() == digest:
        snapshot = msgspec.msgpack.decode(told, type=Snapshot)
        if beginnings.stands(snapshot.mark):
            return snapshot.entries
    beginnings.forget("")
    return []


def make(
    folder: Path, bodies: Sequence[bytes] = BODIES, *, stopped: bool = False, purged: int = 0, snapshot: bool = False
) -> None:
    """A journal as a killed server leaves it: some rows in the file, the last ones in the WAL alone.

    `stopped`: as one leaves it that was stopped, all in the file and no WAL. `purged`: its first so many bodies were
    deleted on purpose, but for every ninth, which is a remark that is kept. `snapshot`: of the first two thirds, or of
    all, if it was stopped.
    """

    async def run() -> None:
        entries: list[Entry] = []
        journal = SqliteJournal(folder / "made" / NAME)
        await journal.open(entries.append)
        few = max(1, len(bodies) // len(BODIES))  # bodies a commit, so that there are many commits, and not too many
        for first in range(0, len(bodies), few):
            deliveries = [
                Delivery(received_at=NOW, body=body, remark=KEPT if purged and n % 9 == 0 else None)
                for n, body in enumerate(bodies[first : first + few], first)
            ]
            await asyncio.gather(*map(journal.append, deliveries))
            if first == len(bodies) // 2:
                if purged:
                    await SqliteUpkeep(journal).purge(purged, "remains", NOW)
                await journal.close()
                await journal.open(entries.append)
            if snapshot and not stopped and first <= len(bodies) * 2 // 3 < first + few:
                await keep(journal, entries)
        if stopped:
            if snapshot:
                await keep(journal, entries)
            await journal.close()
        copy(folder / "made", folder)
        await journal.close()

    asyncio.run(run())
    shutil.rmtree(folder / "made")


def copy(source: Path, target: Path) -> None:
    """The journal's files, as far as they are there."""
    for file in (*FILES, SNAPSHOT):
        if (source / file).exists():
            shutil.copy(source / file, target / file)


def start(folder: Path, more: bytes | None = None) -> Opened:
    """Opens the journal as a server does, appends `more`, and closes it again when all has been examined.

    Where something is found only then, it starts anew, once.
    """
    entries: list[Entry] = []
    begun, anew = 0, False

    async def run(more: bytes | None) -> tuple[str | None, bool]:
        journal = SqliteJournal(folder / NAME)

        async def begin() -> int:
            nonlocal begun
            entries[:] = taken_up(SqliteBeginnings(journal))
            begun = entries[-1].sequence if entries else 0
            return begun

        await journal.open(entries.append, begin=begin)
        if more is not None:
            await journal.append(Delivery(received_at=NOW, body=more))
        try:
            await journal.examined()
        except JournalUnavailable:
            assert journal.has_parted
        epoch = journal.epoch
        await journal.close()
        return epoch, journal.has_parted

    epoch, anew = asyncio.run(run(more))
    if anew:
        epoch, still = asyncio.run(run(None))
        assert not still
        assert begun == 0, "the whole was examined"
    told = [msgspec.json.decode(e.delivery.body)["lost"] for e in entries if e.delivery.remark == EVENTS_LOST]
    bodies = [e.delivery.body for e in entries if e.delivery.remark in (None, KEPT)]
    purges = tuple(e.sequence for e in entries if e.delivery.remark == EVENTS_PURGED)
    return Opened(bodies, told, epoch, purges, begun, anew)


def undamaged(sound: Path) -> Opened:
    """What a start finds where nothing has happened."""
    with tempfile.TemporaryDirectory(dir=sound.parent) as scratch:
        copy(sound, Path(scratch))
        return start(Path(scratch))


def outcome(sound: Path, damage: Damage, before: Opened) -> str:
    """Does the damage, starts three times, and names what became of it; AssertionError if a promise broke."""
    with tempfile.TemporaryDirectory(dir=sound.parent) as scratch:
        folder = Path(scratch)
        copy(sound, folder)
        damage.do(folder)
        first = start(folder)
        again = start(folder, b"more")
        last = start(folder)
    missing = [body for body in before.bodies if body not in first.bodies]
    gone = len(missing) + len(set(before.purges).difference(first.purges))
    assert [body for body in before.bodies if body in first.bodies] == first.bodies, "nothing new, nothing in disorder"
    assert sum(first.losses) == gone, f"{gone} are gone, {first.losses} were told"
    assert (first.epoch != before.epoch) == bool(first.losses), "the epoch changes with a loss, and only then"
    assert (again.bodies, again.losses, again.epoch) == ([*first.bodies, b"more"], first.losses, first.epoch)
    assert (last.bodies, last.losses, last.epoch) == (again.bodies, again.losses, again.epoch)
    found = "mended" if first.losses else "no harm" if first.begun == before.begun else "begun from the start"
    return (f"{gone} lost, and said so" if gone else found) + ", later" * first.anew


def everywhere(folder: Path, stride: int) -> Iterator[Damage]:
    """Every `stride`th byte of every file flipped in one of its bits, in all of them, and every `stride`th cut."""
    for file in (file for file in FILES if (folder / file).exists()):
        for at in range(0, (folder / file).stat().st_size, stride):
            yield from (Damage(file, at, flip) for flip in (1 << at % 8, 0xFF, 0))


def main() -> None:
    stride = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    became: Counter[tuple[str, str, str]] = Counter()
    for how in ("killed", "stopped", "purged", "snapshot", "stopped snapshot", "purged snapshot"):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "sound"
            folder.mkdir()
            make(folder, stopped="stopped" in how, purged=25 * ("purged" in how), snapshot="snapshot" in how)
            before = undamaged(folder)
            for damage in everywhere(folder, stride):
                try:
                    became[how, damage.file, outcome(folder, damage, before)] += 1
                except Exception as error:  # noqa: BLE001 - whatever goes wrong is what this looks for
                    became[how, damage.file, "BROKEN"] += 1
                    print(f"{how} {damage}: {type(error).__name__}: {error}", flush=True)
    for (how, file, what), times in sorted(became.items()):
        print(f"{how:16} {file:20} {what:32} {times}")
    raise SystemExit(any(what == "BROKEN" for *_, what in became))


if __name__ == "__main__":
    main()
