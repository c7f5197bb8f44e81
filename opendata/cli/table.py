"""Tables on a terminal: aligned columns that never wrap; what does not fit is left out and said.

On a pipe nothing is cut, so that the lines can be searched and split.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from opendata.cli.cells import shown

GAP = "  "
CELL_MAX_WIDTH = 48


@dataclass(frozen=True)
class Rendered:
    """The lines of a table; `left_out` counts the columns that had no room."""

    header: str
    lines: tuple[str, ...]
    left_out: int = 0


def render(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], room: int | None = None
) -> Rendered:
    """Lay out rows under their columns.

    Args:
        columns: The header.
        rows: Values; numbers are set to the right.
        room: The terminal's width, or None where nothing must be cut.
    """
    cells = [[shown(value) for value in row] for row in rows]
    heads = [shown(name) for name in columns]
    if room is not None:
        heads = [cut(head, CELL_MAX_WIDTH) for head in heads]
        cells = [[cut(cell, CELL_MAX_WIDTH) for cell in row] for row in cells]
    widths = [
        max(width(text) for text in (head, *(row[at] for row in cells)))
        for at, head in enumerate(heads)
    ]
    kept = _fitting(widths, room)
    right = [_is_number_column(rows, at) for at in range(len(heads))]
    lines = [_line([row[at] for at in kept], kept, widths, right) for row in (heads, *cells)]
    return Rendered(lines[0], tuple(lines[1:]), len(heads) - len(kept))


def width(text: str) -> int:
    """How many terminal columns a text takes."""
    return sum(_char_width(char) for char in text)


def cut(text: str, room: int) -> str:
    """The text, shortened to `room` terminal columns."""
    if width(text) <= room:
        return text
    kept = ""
    used = 0
    for char in text:
        used += _char_width(char)
        if used > room - 1:
            break
        kept += char
    return f"{kept}…"


def _char_width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _fitting(widths: Sequence[int], room: int | None) -> list[int]:
    """The leading columns that fit; at least one."""
    kept, used = [0] if widths else [], widths[0] if widths else 0
    for at in range(1, len(widths)):
        used += len(GAP) + widths[at]
        if room is not None and used > room:
            break
        kept.append(at)
    return kept


def _is_number_column(rows: Sequence[Sequence[Any]], at: int) -> bool:
    values = [row[at] for row in rows if row[at] is not None]
    return bool(values) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values
    )


def _line(
    cells: Sequence[str], kept: Sequence[int], widths: Sequence[int], right: Sequence[bool]
) -> str:
    padded = []
    for cell, at in zip(cells, kept, strict=True):
        space = " " * (widths[at] - width(cell))
        padded.append(space + cell if right[at] else cell + space)
    return GAP.join(padded).rstrip()
