"""Parts of a Parquet object, each checked against the chunk list before a byte is decoded.

`VerifiedRanges` is a file to Arrow: it answers only from ranges whose sha256 was checked, and
reading anywhere else is an error, so unverified bytes cannot slip in.
"""

from __future__ import annotations

import bisect
import io
from collections.abc import Iterable, Sequence

from opendata.stores.port import ObjectReader
from opendata.wire.chunks import ByteRange, ChunkList
from opendata.wire.digest import check_digest
from opendata.wire.errors import Corrupt


class VerifiedRanges(io.RawIOBase):
    """A sparse, read-only file of `size` bytes that holds some verified ranges."""

    def __init__(self, size: int, ranges: Iterable[tuple[int, bytes]], what: str) -> None:
        super().__init__()
        self._size = size
        self._what = what
        self._parts = sorted(ranges)
        self._starts = [offset for offset, _ in self._parts]
        self._at = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The position of the next read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position of the next read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Bytes from the position on.

        Raises:
            Corrupt: if any of them was not fetched and verified.
        """
        end = self._size if size is None or size < 0 else min(self._at + size, self._size)
        pieces = []
        while self._at < end:
            piece = self._piece(self._at, end)
            pieces.append(piece)
            self._at += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _piece(self, at: int, end: int) -> bytes:
        index = bisect.bisect_right(self._starts, at) - 1
        if index >= 0:
            offset, data = self._parts[index]
            if at < offset + len(data):
                return data[at - offset : end - offset]
        raise Corrupt(
            f"{self._what}: bytes {at} to {end} are not named by its chunk list",
            code="unverified_range",
        )


def fetch_verified(
    reader: ObjectReader, key: str, ranges: Sequence[ByteRange]
) -> list[tuple[int, bytes]]:
    """Fetch ranges of an object and check each.

    Raises:
        Corrupt: naming object and range, if bytes differ from their digest.
    """
    fetched = reader.get_ranges(key, [(part.offset, part.length) for part in ranges])
    return [
        (part.offset, check_digest(data, part.sha256, f"{key} at byte {part.offset}"))
        for part, data in zip(ranges, fetched, strict=True)
    ]


def needed_ranges(
    chunks: ChunkList, groups: Sequence[int], columns: Sequence[str]
) -> list[ByteRange]:
    """The column chunks of some row groups that hold these columns, nested leaves included."""
    wanted = set(columns)
    return [
        chunk.bytes
        for index in groups
        for chunk in chunks.row_groups[index].columns
        if chunk.path in wanted or chunk.path.split(".", 1)[0] in wanted
    ]
