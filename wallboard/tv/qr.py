"""QR codes as the path of an SVG, so that a page draws them without an address or a style of its own; knows no code."""

from __future__ import annotations

from functools import lru_cache

import msgspec
import segno

_QUIET = 4  # modules of white around it, as the standard asks


class Qr(msgspec.Struct, frozen=True):
    """`size` is the side of the whole square, its white border included; the path is in the same units."""

    size: int
    path: str


@lru_cache(maxsize=1_024)
def qr_of(text: str) -> Qr:
    """Level M: nothing covers a part of a screen, and larger squares are read from farther away."""
    rows = segno.make(text, error="m", micro=False, boost_error=False).matrix
    path = "".join(_line(row, y + _QUIET) for y, row in enumerate(rows))
    return Qr(len(rows) + 2 * _QUIET, path)


def _line(row: bytearray, y: int) -> str:
    """The dark stretches of one row, each a rectangle."""
    parts, x = [], 0
    while x < len(row):
        length = 1
        while x + length < len(row) and row[x + length] == row[x]:
            length += 1
        if row[x]:
            parts.append(f"M{x + _QUIET} {y}h{length}v1h-{length}z")
        x += length
    return "".join(parts)
