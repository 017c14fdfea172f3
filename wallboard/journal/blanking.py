"""What a SQLite file still holds in the parts of its pages that no cell uses; knows no row and no connection.

`secure_delete` zeroes a cell when it is deleted. But when SQLite moves cells to another page, their old bytes stay in
the gap of the page they came from, and nobody zeroes them when the moved cell is deleted later: measured, some in ten
thousand. Source: sqlite.org/fileformat2.html, 1.6 (b-tree pages).
"""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from wallboard.journal.carve import PAGE
from wallboard.logs import set_up_apart

_CELLS_AT = {0x02: 12, 0x05: 12, 0x0A: 8, 0x0D: 8}
"""Where the cells' pointers begin, by the kind of page."""
_MOST_PAGES = 0x02000000  # beyond this an overflow page's first byte could be taken for a kind
_FREE_BLOCK = 4
_DONE = b"done\n"
_ROOT = Path(__file__).resolve().parents[2]
Span = tuple[int, int]


class Blanking:
    """A process that has looked for such pages and waits to blank them.

    In a process of its own, for closing a file that SQLite has open in this one would drop SQLite's locks on it.
    """

    def __init__(self, path: Path) -> None:
        """Blocking: two microseconds a page."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "wallboard.journal.blanking", str(path)],
            cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.pages = int(self._process.stdout.readline() or b"0")

    def do(self) -> None:
        """Blanks them. Nobody may write meanwhile, the WAL must be empty, and no connection may have them in its cache.

        OSError if it could not be done.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()
        if self._process.stdout.readline() != _DONE:  # not its end: an interpreter takes its time to go
            raise OSError("the gaps of deleted entries could not be blanked")

    def close(self) -> None:
        self._process.communicate()


def unclean(path: Path) -> list[int]:
    """The numbers of the pages that hold anything where no cell is."""
    if not path.exists() or path.stat().st_size == 0:
        return []
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        count = min(len(data) // PAGE, _MOST_PAGES)
        pages = ((number, data[(number - 1) * PAGE : number * PAGE]) for number in range(1, count + 1))
        return [number for number, page in pages if any(_dirty(number, page))]


def blank(path: Path, numbers: Iterable[int]) -> None:
    """Zeroes what no cell uses in these pages."""
    with path.open("r+b") as file:
        for number in numbers:
            page = os.pread(file.fileno(), PAGE, (number - 1) * PAGE)
            for start, end in _dirty(number, page):
                os.pwrite(file.fileno(), bytes(end - start), (number - 1) * PAGE + start)
        os.fsync(file.fileno())


def _dirty(number: int, page: bytes) -> Iterator[Span]:
    return ((start, end) for start, end in _unused(number, page) if page.count(0, start, end) != end - start)


def _unused(number: int, page: bytes) -> Iterator[Span]:
    """The gap between the pointers and the cells, and the insides of the free blocks; nothing of a page in disorder."""
    at = 100 if number == 1 else 0
    cells_at = _CELLS_AT.get(page[at]) if len(page) == PAGE else None
    if cells_at is None:
        return
    pointers_end = at + cells_at + 2 * _short(page, at + 3)
    content = _short(page, at + 5) or 65_536
    if not pointers_end <= content <= PAGE:
        return
    yield pointers_end, content
    block = _short(page, at + 1)
    while content <= block <= PAGE - _FREE_BLOCK:
        size = _short(page, block + 2)
        if size < _FREE_BLOCK or block + size > PAGE:
            return
        yield block + _FREE_BLOCK, block + size
        following = _short(page, block)
        if following <= block:
            return
        block = following


def _short(page: bytes, at: int) -> int:
    return page[at] << 8 | page[at + 1]


def main() -> None:
    """Prints how many pages there are, and blanks them when it is told to go."""
    set_up_apart()
    path = Path(sys.argv[1])
    numbers = unclean(path)
    print(len(numbers), flush=True)  # noqa: T201
    if sys.stdin.readline():
        blank(path, numbers)
        print(_DONE.decode(), end="", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
