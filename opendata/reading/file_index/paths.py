"""No path of an index leads out of its folder: looked at again in every row that is read.

The rule itself is `opendata.wire.paths`; here is a look at a whole column at once, which leaves to
that rule only what is not plainly harmless.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from opendata.reading.limits import refused
from opendata.wire.paths import NAME_MAX_BYTES, path_fault

_SLASH, _DOT = b"/."
_TWO_SLASHES: Final = np.uint16(0x2F2F)
_DOT_TO_SLASH: Final = np.uint16(0x0100)
Bytes = npt.NDArray[np.uint8]
_FIRST_PRINTABLE: Final = 0x20
_LAST_PLAIN: Final = 0x7E


def check_paths(column: pa.ChunkedArray, what: str) -> None:
    """Every path of the column is one that may be joined to a folder.

    Raises:
        Corrupt: naming the index and the first path that may not.
    """
    for chunk in column.chunks:
        if len(chunk) and not _is_plain(chunk):
            for path in chunk.to_pylist():
                if fault := path_fault(path):
                    raise refused(what, f"has a file at {path!r}, which is no safe path: {fault}")


def _is_plain(chunk: pa.StringArray) -> bool:
    """Whether no byte of any path could make it unsafe; where that is not plain, False."""
    _, places, data = chunk.buffers()
    ends = np.frombuffer(places, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
    lengths = ends[1:] - ends[:-1]
    if data is None or lengths.min() < 1 or lengths.max() > NAME_MAX_BYTES:
        return False
    text = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
    if text.min() < _FIRST_PRINTABLE or text.max() > _LAST_PLAIN:
        return False
    raw = text.tobytes()
    if b"\\" in raw or b":" in raw:
        return False
    firsts, lasts = text[ends[:-1] - ends[0]], text[ends[1:] - ends[0] - 1]
    if (firsts == _SLASH).any() or (firsts == _DOT).any() or (lasts == _SLASH).any():
        return False
    return not (_has_odd_name(text) or _has_odd_name(text[1:]))


def _has_odd_name(text: Bytes) -> bool:
    """Whether, of every second pair of bytes, one is `//` or `/.`, which differ in one bit."""
    pairs = np.ascontiguousarray(text[: len(text) // 2 * 2]).view("<u2")
    return bool(((pairs | _DOT_TO_SLASH) == _TWO_SLASHES).any())
