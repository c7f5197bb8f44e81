"""Arithmetic of byte ranges: check them, merge near ones into few requests, cut them out again.

Pure functions over `(offset, length)` pairs and sizes; nothing here reads anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opendata.wire.errors import Corrupt, InvalidInput

MERGE_GAP_BYTES = 1 << 20  # a request costs about what a megabyte costs

Range = tuple[int, int]
Pieces = list[bytes]


@dataclass(frozen=True)
class Span:
    """Bytes `start` (inclusive) to `end` (exclusive), fetched by one request."""

    start: int
    end: int


def check_ranges(ranges: Sequence[Range]) -> None:
    """Refuse negative offsets and lengths.

    Raises:
        InvalidInput: naming the first such range.
    """
    for offset, length in ranges:
        if offset < 0 or length < 0:
            raise InvalidInput(f"({offset}, {length}) is no byte range: both must be 0 or more")


def check_within(ranges: Sequence[Range], size: int, what: str) -> None:
    """Refuse ranges that reach beyond an object of `size` bytes.

    Raises:
        Corrupt: an object shorter than its manifest says is damaged.
    """
    for offset, length in ranges:
        if offset + length > size:
            raise Corrupt(
                f"{what} is too short: bytes {offset} to {offset + length} were asked for, "
                f"it ends after {size}",
                code="object_too_short",
                hint="od verify lists every damaged object of a data set",
                details={"object": what, "size_bytes": size, "offset": offset, "length": length},
            )


def check_small(size: int, max_bytes: int | None, what: str) -> None:
    """Refuse to hold an object that is larger than its kind can be.

    Raises:
        Corrupt: naming the object and both sizes.
    """
    if max_bytes is not None and size > max_bytes:
        raise Corrupt(
            f"{what} has {size} bytes, but at most {max_bytes} can be right; it was not read",
            code="object_too_large",
            hint="od verify lists every damaged object of a data set",
            details={"object": what, "size_bytes": size, "max_bytes": max_bytes},
        )


def merge_ranges(ranges: Sequence[Range], gap_bytes: int = MERGE_GAP_BYTES) -> list[Span]:
    """The fewest spans that cover all non-empty ranges, joining those at most a gap apart."""
    spans: list[Span] = []
    for offset, length in sorted(one for one in ranges if one[1]):
        if spans and offset - spans[-1].end <= gap_bytes:
            joined = Span(spans[-1].start, max(spans[-1].end, offset + length))
            spans[-1] = joined
        else:
            spans.append(Span(offset, offset + length))
    return spans


def cut_ranges(
    ranges: Sequence[Range], spans: Sequence[Span], fetched: Sequence[memoryview]
) -> Pieces:
    """Each asked range, in the asked order, out of the spans that were fetched for them."""
    pieces: Pieces = []
    for offset, length in ranges:
        if not length:
            pieces.append(b"")
            continue
        index = next(i for i, span in enumerate(spans) if span.start <= offset < span.end)
        begin = offset - spans[index].start
        pieces.append(bytes(fetched[index][begin : begin + length]))
    return pieces
