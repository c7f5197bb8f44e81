"""Which files a worker sees, and in which order: the same on every machine and in every year.

The files are cut into blocks. A seed orders the blocks and the files of each, so that reading one
is reading its neighbours; a worker has an equal share of that order, and mixes a few of its blocks.
Numbers come from a bit generator whose raw output NumPy guarantees, and from nothing that it may
change.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

BLOCK_FILES: Final = 2_048
MIXED_BLOCKS: Final = 4
Numbers = npt.NDArray[np.int64]
_MIXING: Final = 1 << 63


@dataclass(frozen=True)
class Share:
    """One worker's part of `total` files; without a seed in their own order."""

    total: int
    seed: int | None
    epoch: int
    index: int
    count: int

    @property
    def begin(self) -> int:
        """The first place in the order that is this worker's."""
        return self.total * self.index // self.count

    @property
    def end(self) -> int:
        """The first place after them."""
        return self.total * (self.index + 1) // self.count

    def __len__(self) -> int:
        return self.end - self.begin

    def windows(self, skip: int = 0) -> Iterator[Numbers]:
        """The numbers of this worker's files, a few blocks at a time; the first `skip` left out.

        What is skipped is worked out and not read.
        """
        for window in self._windows():
            if skip >= len(window):
                skip -= len(window)
                continue
            yield window[skip:]
            skip = 0

    def _windows(self) -> Iterator[Numbers]:
        pieces: list[Numbers] = []
        for number, piece in enumerate(self._pieces()):
            pieces.append(piece)
            if len(pieces) == MIXED_BLOCKS:
                yield self._mixed(pieces, number)
                pieces = []
        if pieces:
            yield self._mixed(pieces, -1)

    def _pieces(self) -> Iterator[Numbers]:
        """The parts of blocks that are this worker's, in the order of the blocks."""
        place = 0
        for block in self._blocks():
            first = int(block) * BLOCK_FILES
            size = min(BLOCK_FILES, self.total - first)
            begin, end = max(self.begin - place, 0), min(self.end - place, size)
            place += size
            if begin < end:
                yield (first + self._order(size, int(block)))[begin:end]
            if place >= self.end:
                return

    def _blocks(self) -> Numbers:
        count = -(-self.total // BLOCK_FILES)
        if self.seed is None:
            return np.arange(count)
        return _permutation(count, self.seed, self.epoch, 0)

    def _order(self, size: int, block: int) -> Numbers:
        if self.seed is None:
            return np.arange(size)
        return _permutation(size, self.seed, self.epoch, block + 1)

    def _mixed(self, pieces: list[Numbers], number: int) -> Numbers:
        window = np.concatenate(pieces)
        if self.seed is None:
            return window
        stream = _MIXING + number + 1 + (self.index << 40)
        return window[_permutation(len(window), self.seed, self.epoch, stream)]


def _permutation(count: int, seed: int, epoch: int, stream: int) -> Numbers:
    """The numbers below `count`, in an order that follows from the other numbers alone."""
    key = np.array([seed % (1 << 64), epoch % (1 << 64)], np.uint64)
    counter = np.array([0, 0, 0, stream % (1 << 64)], np.uint64)
    raw = np.random.Philox(key=key, counter=counter).random_raw(count)
    return np.argsort(raw, kind="stable")
