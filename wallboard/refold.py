"""A new snapshot made in a process of its own, from the last one and the journal's entries since; knows no server.

Folding and writing are pure Python and take seconds: in a thread they would take the interpreter from the webhooks.
The bytes go to whoever asked, who alone writes files: nothing is left by a process whose server has been killed.
Run as a module it is that process.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from wallboard.board import Board
from wallboard.boards.kept import Boards
from wallboard.clock import Clock
from wallboard.day.shelf import Shelf
from wallboard.intake import Intake
from wallboard.journal.apart import give_way
from wallboard.journal.base import Base
from wallboard.journal.beginnings import Beginnings
from wallboard.journal.engines import Engine, engine_of
from wallboard.journal.rows import seal_of, to_entry
from wallboard.journal.unopened import Unopened
from wallboard.logs import set_up_apart
from wallboard.parse import Reader
from wallboard.people.folds import People
from wallboard.remarks import heard_by_all
from wallboard.rules import Rules
from wallboard.snapshot import Fold, Stamp, Unusable, check, stamp_for, stamp_of, take_up, write
from wallboard.tv.paired import PairedTvs

_ROOT = Path(__file__).resolve().parents[1]
_PIECE = 1 << 20


class RefoldFailed(Exception):
    """No snapshot came of it."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which journal, by which rules."""

    url: str
    rules: Rules
    reader: Reader


class _Past(Unopened):
    """What is left of a journal's beginning, as far as a fold asks for it."""

    def __init__(self, base: Base) -> None:
        self.remains, self.begins_after = base.remains, base.sequence


class Refolding:
    """The process that makes one; blocking."""

    def __init__(self, question: Question) -> None:
        command = [sys.executable, "-m", "wallboard.refold"]
        self._process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        give_way(self._process.pid)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(pickle.dumps(question))
            self._process.stdin.close()

    def into(self, file: BinaryIO) -> Stamp:
        """Writes what it makes; RefoldFailed, OSError."""
        assert self._process.stdout is not None
        with self._process.stdout as made:
            while piece := made.read(_PIECE):
                file.write(piece)
        if self._process.wait() != 0:
            raise RefoldFailed("it ended before its time")
        file.seek(0)
        try:
            return stamp_of(file)
        except Unusable as error:
            raise RefoldFailed(str(error)) from None

    def stop(self) -> None:
        """It is not wanted any more."""
        with suppress(ProcessLookupError):
            self._process.kill()


def fold_of(question: Question, engine: Engine) -> Fold:
    """One that nobody looks at."""
    boards, people = Boards(lambda: None), People(Clock(), None, lambda key: None)
    paired, shelf = PairedTvs(lambda id: None), Shelf(engine.archive)
    past = _Past(engine.beginnings.base())
    remarks = heard_by_all(boards.remarks, people.remarks, paired.remarks)
    board = Board(question.rules)
    intake = Intake(question.reader, board, past, Clock(), lambda: None, remarks, shelf.placed)
    return Fold(intake=intake, boards=boards, people=people, paired=paired, shelf=shelf)


def begun(fold: Fold, beginnings: Beginnings) -> Stamp | None:
    """Takes up the snapshot there is, if the journal goes on from it; says why not where there is one."""
    file = beginnings.opened(fold.version)
    if file is None:
        return None
    with file:
        stamp = stamp_of(file)
        check(stamp, fold)
        if not beginnings.stands(stamp.mark):
            raise Unusable("the journal has become another one, or something was deleted from it")
        return take_up(file, fold)


def refold(question: Question, target: Callable[[bytes], object]) -> None:
    """All that stands in the journal, as a snapshot; nothing, where nothing does."""
    engine = engine_of(question.url)
    fold, at, seal, history = fold_of(question, engine), 0, b"", engine.beginnings.epoch()
    with suppress(Unusable):
        if (stamp := begun(fold, engine.beginnings)) is not None:
            at, seal = stamp.sequence, stamp.seal
    with fold.intake.board.in_bulk(Clock().now()):
        for row in engine.beginnings.entries(at):
            fold.intake.apply(to_entry(row))
            at, seal = row[0], seal_of(row)
    fold.intake.board.catch_up()
    if at and history is not None:
        write(fold, stamp_for(fold, epoch=history, sequence=at, seal=seal), target)


def main() -> None:
    """Reads a question from stdin and writes the snapshot to stdout, where nothing else may go meanwhile."""
    set_up_apart()
    with suppress(OSError):  # where memory runs out, this is what may go
        Path("/proc/self/oom_score_adj").write_text("1000")
    with os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)
        refold(pickle.load(sys.stdin.buffer), answer.write)


if __name__ == "__main__":
    main()
