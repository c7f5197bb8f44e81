"""Completeness by hour as a line of blocks: how full each stretch of time is, where it is short.

Here belongs the drawing; many hours share a block, and a block shows the worst of them, so that no
gap disappears in an average.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Final

from dataplatform.bundles.watch.measured import Span, Spans

WIDTH: Final = 48
NOTHING_EXPECTED: Final = "·"
_LEVELS: Final = "▁▂▃▄▅▆▇"
_FULL: Final = "█"
_SHORT: Final = "▲"


def draw(spans: Spans, threshold: float, width: int = WIDTH) -> tuple[str, str]:
    """A line of blocks, and a line that marks those with an hour below the threshold.

    A full block is complete in every hour; without a declared number an hour is held against what
    the index has.
    """
    shares = [_share(one) for one in spans.by_hour()]
    blocks = _in_blocks(shares, width)
    line = "".join(_glyph(one) for one in blocks)
    marks = "".join(" " if one is None or one >= threshold else _SHORT for one in blocks)
    return line, marks.rstrip()


def _share(span: Span) -> float | None:
    expected = span.indexed if span.expected is None else span.expected
    return min(1.0, span.intact / expected) if expected else None


def _in_blocks(shares: Iterable[float | None], width: int) -> list[float | None]:
    shares = list(shares)
    if len(shares) <= width:
        return shares
    places = ((at * width // len(shares), share) for at, share in enumerate(shares))
    blocks = (
        [share for _, share in group if share is not None]
        for _, group in groupby(places, key=lambda one: one[0])
    )
    return [min(block) if block else None for block in blocks]


def _glyph(share: float | None) -> str:
    if share is None:
        return NOTHING_EXPECTED
    return _FULL if share >= 1 else _LEVELS[int(share * len(_LEVELS))]
