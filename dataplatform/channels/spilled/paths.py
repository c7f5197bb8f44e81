"""Checking more paths, and more ids, than go into memory: what would collide is sorted together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import pyarrow as pa

from dataplatform.channels.ports import RowScratch, Spool
from dataplatform.channels.rows import STATE_SCHEMA, duplicate_file_id
from dataplatform.channels.spilled.streams import batches_of, rows_of
from opendata.wire.paths import (
    FILE_AND_FOLDER,
    check_path,
    difference,
    fold,
    nesting_key,
    path_fault,
    unsafe_pair,
)

_FOLDED: Final = pa.schema(
    [
        pa.field("folded", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
    ]
)
_IDS: Final = pa.schema([STATE_SCHEMA.field("file_id"), STATE_SCHEMA.field("relative_path")])


def check_spilled_paths(scratch: RowScratch, listing: Spool) -> None:
    """Check each path, and that no two of them are one file somewhere, as `check_paths` does.

    Raises:
        InvalidInput: code `unsafe_path`, naming the path, or both.
    """
    ordered = scratch.sort(batches_of(_folded(listing), _FOLDED), _FOLDED, ["folded", "path"])
    twins: tuple[str, str] | None = None
    nested: tuple[str, str] | None = None
    for (one, path), (other, next_path) in pairwise(rows_of(ordered, _FOLDED.names)):
        if one == other and (twins is None or next_path < twins[1]):
            twins = (path, next_path)
        elif nested is None and other.startswith(one + "\0"):
            nested = (path, next_path)
    if twins:
        raise unsafe_pair(*twins, difference(*twins))
    if nested:
        raise unsafe_pair(*nested, FILE_AND_FOLDER)


def _folded(listing: Spool) -> Iterator[tuple[str, str]]:
    """Each path behind its folded form, in which nothing sorts between a file and what would lie
    in a folder of its name."""
    for (path,) in rows_of(listing.batches(), ("path",)):
        if path_fault(path):
            check_path(path)
        yield nesting_key(fold(path)), path


def check_spilled_ids(scratch: RowScratch, state: Spool) -> None:
    """Check that each file has an id of its own.

    Raises:
        Rejected: code `duplicate_file_id`, naming both paths.
    """
    narrow = (batch.select(_IDS.names) for batch in state.batches())
    ordered = rows_of(scratch.sort(narrow, _IDS, _IDS.names), _IDS.names)
    found: tuple[str, str, str] | None = None
    for (one, path), (other, next_path) in pairwise(ordered):
        # The pair that a walk in order of paths would meet first.
        if one == other and (found is None or next_path < found[2]):
            found = (one, path, next_path)
    if found:
        raise duplicate_file_id(*found)
