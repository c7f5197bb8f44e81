"""Where the encoding of a block of rows goes: into the content hash, at once or by way of the disk.

It goes column by column, while rows too wide to be held together come a piece at a time. So each
part of a piece's encoding is kept behind that of the piece before, and hashed when the last piece
has come: the hash is the one of the block in a single piece.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import pyarrow as pa

Buffer: TypeAlias = bytes | memoryview | pa.Buffer
Update = Callable[[Buffer], object]
_READ_BYTES: Final = 1 << 20


class Encoded(Protocol):
    """What takes the encoding of a block, part by part; every piece of it has as many."""

    def validity(self, rows: int, present: Buffer | None) -> None:
        """Which of so many values are there, a byte for each; None stands for all of them."""
        ...

    def values(self, data: Buffer) -> None:
        """The bytes of one kind that the values of a column have: their own, or their lengths."""
        ...


class HashedBlock:
    """A block that is there whole: its encoding goes straight into the hash."""

    def __init__(self, update: Update) -> None:
        self._update = update

    def validity(self, rows: int, present: Buffer | None) -> None:
        """See `Encoded`."""
        self._update(b"\x00" if present is None else b"\x01")
        if present is not None:
            self._update(present)

    def values(self, data: Buffer) -> None:
        """See `Encoded`."""
        self._update(data)


@dataclass
class _Part:
    """What all pieces say at one place of the encoding, as lengths and places in the file.

    Without a place it is the validity of so many values that are all there.
    """

    is_validity: bool
    extents: list[tuple[int, int | None]] = field(default_factory=list)


class SpilledBlock:
    """A block whose pieces come one after the other; it is hashed when they are all there.

    Raises:
        OSError: where there is no room for them in the folder.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115
        self._size = 0
        self._parts: list[_Part] = []
        self._at = 0

    def begin_piece(self) -> None:
        """The next rows: their encoding begins with its first part again."""
        self._at = 0

    def validity(self, rows: int, present: Buffer | None) -> None:
        """See `Encoded`."""
        part = self._next_part(is_validity=True)
        if present is None:
            part.extents.append((rows, None))
        else:
            self._append(part, present)

    def values(self, data: Buffer) -> None:
        """See `Encoded`."""
        self._append(self._next_part(is_validity=False), data)

    def put_together(self, update: Update) -> None:
        """Hash the block, which is gone then."""
        with self._file:
            for part in self._parts:
                self._hash(part, update)

    def _next_part(self, *, is_validity: bool) -> _Part:
        if self._at == len(self._parts):
            self._parts.append(_Part(is_validity))
        self._at += 1
        return self._parts[self._at - 1]

    def _append(self, part: _Part, data: Buffer) -> None:
        rest = memoryview(data).cast("B")
        part.extents.append((len(rest), self._size))
        self._size += len(rest)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]

    def _hash(self, part: _Part, update: Update) -> None:
        if part.is_validity:
            all_there = all(place is None for _, place in part.extents)
            update(b"\x00" if all_there else b"\x01")
            if all_there:
                return
        for length, place in part.extents:
            for data in self._read(length, place) if place is not None else _ones(length):
                update(data)

    def _read(self, length: int, place: int) -> Iterator[bytes]:
        end = place + length
        while place < end:
            data = os.pread(self._file.fileno(), min(_READ_BYTES, end - place), place)
            if not data:
                raise OSError("a temporary file lost bytes that were written to it")
            yield data
            place += len(data)


def _ones(length: int) -> Iterator[bytes]:
    for start in range(0, length, _READ_BYTES):
        yield b"\x01" * min(_READ_BYTES, length - start)
