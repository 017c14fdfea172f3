"""A past day counted in a process of its own, so that the live boards do not stutter; knows no page.

Folding a day is pure Python and takes seconds: in a thread it would hold the interpreter. The process answers in
pieces, so that taking them in holds nothing up either. Run as a module it is that process.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec

from wallboard.day.history import Head, Question, fold
from wallboard.day.rows import CallRow
from wallboard.journal.apart import give_way
from wallboard.journal.archive import ArchiveUnreadable
from wallboard.logs import set_up_apart

_ROOT = Path(__file__).resolve().parents[2]
_PIECE = 250
_LENGTH = 8
_END_SECONDS = 1.0


class RecountFailed(Exception):
    """The day could not be counted; the text says why."""


async def recount(question: Question) -> AsyncGenerator[Head | list[CallRow], None]:
    """First the head, then the rows in pieces; RecountFailed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wallboard.day.recount", cwd=_ROOT, stdin=PIPE, stdout=PIPE
    )
    give_way(process.pid)
    is_whole = False
    try:
        assert process.stdin is not None
        process.stdin.write(pickle.dumps(question))
        process.stdin.write_eof()
        yield msgspec.msgpack.decode(await _piece(process), type=Head)
        while piece := await _piece(process):
            yield msgspec.msgpack.decode(piece, type=list[CallRow])
        is_whole = True
    except (asyncio.IncompleteReadError, BrokenPipeError, ConnectionResetError):
        raise RecountFailed("the counting ended before its time") from None
    finally:
        if not is_whole:
            _kill(process)
        await _ended(process)


async def _piece(process: Process) -> bytes:
    assert process.stdout is not None
    length = int.from_bytes(await process.stdout.readexactly(_LENGTH), "big", signed=True)
    if length < 0:
        raise RecountFailed((await process.stdout.readexactly(-length)).decode())
    return await process.stdout.readexactly(length)


def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()


async def _ended(process: Process) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _END_SECONDS)
    if process.returncode is None:
        _kill(process)
        await process.wait()


def main() -> None:
    """Reads a question from stdin and writes the answer to stdout, where nothing else may go meanwhile."""
    set_up_apart()
    with os.fdopen(os.dup(1), "wb") as answer:
        os.dup2(2, 1)
        question: Question = pickle.load(sys.stdin.buffer)
        try:
            _answer(question, answer)
        except ArchiveUnreadable as error:
            text = str(error).encode() or b"?"
            answer.write((-len(text)).to_bytes(_LENGTH, "big", signed=True) + text)


def _answer(question: Question, answer: BinaryIO) -> None:
    head, rows = fold(question)
    _write(answer, head)
    while piece := list(islice(rows, _PIECE)):
        _write(answer, piece)
    answer.write(bytes(_LENGTH))


def _write(answer: BinaryIO, value: object) -> None:
    data = msgspec.msgpack.encode(value)
    answer.write(len(data).to_bytes(_LENGTH, "big", signed=True) + data)


if __name__ == "__main__":
    main()
