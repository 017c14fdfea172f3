"""The witness: what was acknowledged last, kept apart from the database; knows no row and no SQL.

It is written after the commit and before the acknowledgement, so it is never ahead of what was durable, and
a database that comes back shorter or other than it says has lost what people were told is safe. It asks for no
fsync of its own: after a power cut it may be some seconds behind, which raises no alarm; after a crash of the
process it is exact.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

_SLOT = 512
_SLOTS = 2


class Testimony(msgspec.Struct, frozen=True):
    """`epoch` names the history, `sequence` its last acknowledged entry, `chain` all its seals up to there.

    All entries up to `base` were deleted on purpose but for `kept` of them.
    """

    epoch: str
    sequence: int
    chain: bytes
    base: int = 0
    kept: int = 0


class Witness:
    """One small file of two slots, written in turn, each with its own seal: a torn write leaves the other."""

    def __init__(self, path: Path) -> None:
        """Opens the file and reads it; OSError if it cannot be had."""
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        slots = [_unsealed(os.pread(self._descriptor, _SLOT, n * _SLOT)) for n in range(_SLOTS)]
        self._turn, self.testimony = max(enumerate(slots), key=lambda slot: -1 if slot[1] is None else slot[1].sequence)

    @property
    def descriptor(self) -> int:
        return self._descriptor

    def testify(self, testimony: Testimony) -> None:
        """Takes `testimony` down; OSError if it cannot."""
        self._turn = (self._turn + 1) % _SLOTS
        self._write(self._turn, _sealed(testimony))
        self.testimony = testimony

    def begin(self, testimony: Testimony) -> None:
        """A new history: nothing of the one before is kept, and this much is on the disk when it returns."""
        self.testify(testimony)
        self._write((self._turn + 1) % _SLOTS, bytes(_SLOT))
        os.fsync(self._descriptor)

    def settle(self) -> None:
        """What was testified is on the disk when it returns, and not only safe from a crash of the process."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)

    def _write(self, slot: int, record: bytes) -> None:
        if os.pwrite(self._descriptor, record, slot * _SLOT) != _SLOT:
            raise OSError(f"the witness {self.path} took only a part")


def _sealed(testimony: Testimony) -> bytes:
    text = msgspec.json.encode(testimony)
    line = hashlib.sha256(text).hexdigest().encode() + b" " + text + b"\n"
    return line.ljust(_SLOT, b"\0")


def _unsealed(record: bytes) -> Testimony | None:
    seal, _, text = record.rstrip(b"\0").rstrip(b"\n").partition(b" ")
    if hashlib.sha256(text).hexdigest().encode() != seal:
        return None
    return msgspec.json.decode(text, type=Testimony)
