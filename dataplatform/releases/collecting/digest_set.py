"""A set of sha256 digests in 32 to 64 bytes each, for as many as a large store has.

Python's own set takes more than a hundred. Digests are added in bulk and asked about in bulk; they
are kept sorted in 256 parts by their first byte, so that sorting in what is new needs room for one
part only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

DIGEST_BYTES: Final = 32
_PARTS: Final = 256
_ARRIVED_MAX_BYTES: Final = 2 << 20
_MERGE_FROM_BYTES: Final = 1 << 15
_KIND: Final = f"S{DIGEST_BYTES}"


class DigestSet:
    """Digests by their first byte: sorted ones, and those that wait until sorting is worth it."""

    def __init__(self) -> None:
        self._sorted: list[npt.NDArray[Any]] = [np.empty(0, _KIND) for _ in range(_PARTS)]
        self._waiting = [bytearray() for _ in range(_PARTS)]
        self._arrived = bytearray()

    def __len__(self) -> int:
        self._distribute()
        return sum(len(self._merged(part)) for part in range(_PARTS))

    def add(self, digests: bytes) -> None:
        """Add digests: their raw bytes, one after the other."""
        self._arrived += digests
        if len(self._arrived) >= _ARRIVED_MAX_BYTES:
            self._distribute()

    def holds(self, digests: Sequence[str]) -> list[bool]:
        """Of each digest (bare hex) whether it is in the set."""
        self._distribute()
        asked = np.frombuffer(bytes.fromhex("".join(digests)), np.uint8).reshape(-1, DIGEST_BYTES)
        found = np.zeros(len(asked), bool)
        for part in np.unique(asked[:, 0]):
            members = self._merged(int(part))
            at = np.flatnonzero(asked[:, 0] == part)
            if len(members):
                wanted = np.frombuffer(asked[at].tobytes(), _KIND)
                nearest = np.minimum(np.searchsorted(members, wanted), len(members) - 1)
                found[at] = members[nearest] == wanted
        return [bool(one) for one in found]

    def _distribute(self) -> None:
        """Give what has arrived to its parts."""
        if not self._arrived:
            return
        rows = np.frombuffer(bytes(self._arrived), np.uint8).reshape(-1, DIGEST_BYTES)
        self._arrived = bytearray()
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        bounds = np.searchsorted(rows[:, 0], np.arange(_PARTS + 1))
        for part in range(_PARTS):
            self._waiting[part] += rows[bounds[part] : bounds[part + 1]].tobytes()
            waiting, settled = len(self._waiting[part]), self._sorted[part].nbytes
            if waiting > max(_MERGE_FROM_BYTES, settled):
                self._merged(part)

    def _merged(self, part: int) -> npt.NDArray[Any]:
        """The whole of a part, sorted."""
        if self._waiting[part]:
            fresh = np.frombuffer(bytes(self._waiting[part]), _KIND)
            self._sorted[part] = np.unique(np.concatenate([self._sorted[part], fresh]))
            self._waiting[part] = bytearray()
        return self._sorted[part]
