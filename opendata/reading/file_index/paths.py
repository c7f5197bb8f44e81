"""No path of an index leads out of its folder: looked at again in every row that is read.

The rule itself is `opendata.wire.paths`; here is a look at a whole column at once, which leaves to
that rule only what is not plainly harmless.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from opendata.reading.limits import refused

_SLASH, _BACKSLASH, _DOT = b"/\\."
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
                why = unsafe(path)
                if why:
                    raise refused(what, f"has a path that {why}: {path!r}")


def unsafe(path: str) -> str | None:
    """Why a path may not be used, or None if it may."""
    parts = path.split("/")
    if not path or path.startswith("/"):
        return "is absolute" if path else "is empty"
    if any(part in ("", ".", "..") for part in parts):
        return "leads elsewhere than it says"
    if "\\" in path or any(ord(one) < _FIRST_PRINTABLE or ord(one) == 0x7F for one in path):
        return "holds a backslash or a control character"
    return None


def _is_plain(chunk: pa.StringArray) -> bool:
    """Whether no byte of any path could make it unsafe."""
    _, places, data = chunk.buffers()
    ends = np.frombuffer(places, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
    if data is None or (ends[1:] == ends[:-1]).any():
        return False  # an empty path
    text = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
    if text.min() < _FIRST_PRINTABLE or text.max() > _LAST_PLAIN or (text == _BACKSLASH).any():
        return False
    starts = ends[:-1] - ends[0]
    slash = text == _SLASH
    if slash[starts].any() or slash[ends[1:] - ends[0] - 1].any():
        return False
    separate = slash.copy()
    separate[starts] = True  # a path's first character stands as if after a slash
    dots = np.flatnonzero(text == _DOT)
    after = slash[:-1] & slash[1:]
    if after.any():
        return False
    if not len(dots):
        return True
    before_is_slash = np.zeros(len(dots), np.bool_)
    before_is_slash[dots > 0] = slash[dots[dots > 0] - 1]
    return not (before_is_slash | np.isin(dots, starts, assume_unique=True)).any()
