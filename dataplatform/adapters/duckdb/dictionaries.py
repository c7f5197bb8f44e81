"""Which columns have few different values, as far as a Parquet file's footer tells.

Here belongs the guess alone. It decides how values are counted and never what comes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow.parquet as pq

DICTIONARY_BYTES_MAX: Final = 64 << 10
"""Of one row group; a writer gives dictionaries up at a mebibyte, so this one was kept."""
DICTIONARIES_BYTES_MAX: Final = 16 << 20
"""Of all row groups together, whose values may differ."""


def few_valued_columns(files: Sequence[str]) -> frozenset[str]:
    """Columns whose dictionaries are small in every row group of readable files."""
    sizes: dict[str, list[int | None]] = {}
    for path in files:
        for column, size in _dictionary_sizes(pq.read_metadata(path)):
            sizes.setdefault(column, []).append(size)
    return frozenset(column for column, found in sizes.items() if _are_small(found))


def _dictionary_sizes(metadata: pq.FileMetaData) -> Iterator[tuple[str, int | None]]:
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for index in range(row_group.num_columns):
            part = row_group.column(index)
            at = part.dictionary_page_offset if part.has_dictionary_page else None
            yield part.path_in_schema, part.data_page_offset - at if at else None


def _are_small(sizes: Sequence[int | None]) -> bool:
    known = [size for size in sizes if size is not None and 0 < size <= DICTIONARY_BYTES_MAX]
    return len(known) == len(sizes) and sum(known) <= DICTIONARIES_BYTES_MAX
