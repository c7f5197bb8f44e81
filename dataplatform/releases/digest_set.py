"""A set of sha256 digests in 32 bytes each, for as many as a large store has.

Ten million digests take 320 MB here and well over a gigabyte as Python's own set. They are added in
bulk and asked about in bulk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

DIGEST_BYTES: Final = 32
_MERGE_FROM: Final = 1 << 16
_KIND: Final = f"S{DIGEST_BYTES}"


class DigestSet:
    """Digests, sorted; what was added since waits until it is worth sorting in."""

    def __init__(self) -> None:
        self._sorted: npt.NDArray[Any] = np.empty(0, _KIND)
        self._waiting = bytearray()

    def __len__(self) -> int:
        self._merge()
        return len(self._sorted)

    def add(self, digests: bytes) -> None:
        """Add digests: their raw bytes, one after the other."""
        self._waiting += digests
        if len(self._waiting) // DIGEST_BYTES > max(_MERGE_FROM, len(self._sorted)):
            self._merge()

    def holds(self, digests: Sequence[str]) -> list[bool]:
        """Of each digest (bare hex) whether it is in the set."""
        self._merge()
        if not digests or not len(self._sorted):
            return [False] * len(digests)
        asked = np.frombuffer(bytes.fromhex("".join(digests)), _KIND)
        at = np.searchsorted(self._sorted, asked)
        found = self._sorted[np.minimum(at, len(self._sorted) - 1)] == asked
        return [bool(one) for one in found]

    def _merge(self) -> None:
        if self._waiting:
            fresh = np.frombuffer(bytes(self._waiting), _KIND)
            self._sorted = np.unique(np.concatenate([self._sorted, fresh]))
            self._waiting = bytearray()
