"""Telling sidecars from files on disk: the rule of `listing.arrange`, by walks along streams."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, islice
from operator import itemgetter
from typing import Final

import pyarrow as pa

from dataplatform.channels.describe import path_pattern, sidecar_path, sidecar_template
from dataplatform.channels.listing import version_text
from dataplatform.channels.ports import RowScratch, Spool, StoredFile
from dataplatform.channels.spec import Pattern
from dataplatform.channels.spilled.listing import LISTED_SCHEMA, files_of
from dataplatform.channels.spilled.streams import (
    BLOCK_ROWS,
    Row,
    batches_of,
    fill,
    looked_up,
    rows_of,
)

FILES_SCHEMA: Final = LISTED_SCHEMA.append(pa.field("sidecar", pa.string(), nullable=False))
"""`sidecar` is size and version of a file's sidecar, empty for none."""
_PAIRS: Final = pa.schema(
    [
        pa.field("of", pa.string(), nullable=False),
        pa.field("other", pa.string(), nullable=False),
    ]
)


def arrange_spilled(scratch: RowScratch, pattern: Pattern, listing: Spool) -> Spool:
    """The files of a listing, in order of their paths, each with its sidecar.

    Raises:
        InvalidInput: if the pattern is none.
    """
    if sidecar_template(pattern) is None:
        rows: Iterator[Row] = ((*file, "") for file in files_of(listing.batches()))
    else:
        rows = _told_apart(scratch, pattern, listing)
    return fill(scratch.spool(FILES_SCHEMA), batches_of(rows, FILES_SCHEMA))


def _told_apart(scratch: RowScratch, pattern: Pattern, listing: Spool) -> Iterator[Row]:
    """The files that are no sidecars, as rows of `FILES_SCHEMA`."""
    found, taken = scratch.spool(_PAIRS), scratch.spool(_PAIRS)
    for block in _blocks(_with_sidecars(scratch, pattern, listing)):
        fill(taken, batches_of(((one.path, "") for _, one in block), _PAIRS))
        others = ((path, version_text(one)) for path, one in block if path != one.path)
        fill(found, batches_of(others, _PAIRS))
    # They lie in order already, but one may be the sidecar of many files.
    sidecars = groupby(rows_of(taken.batches(), ["of"]), itemgetter(0))
    files = looked_up(files_of(listing.batches()), sidecars)
    remaining = (file for file, sidecar in files if sidecar is None)
    versions = rows_of(scratch.sort(found.batches(), _PAIRS, ["of"]), _PAIRS.names)
    for file, version in looked_up(remaining, versions):
        yield (*file, version[1] if version else "")


def _with_sidecars(
    scratch: RowScratch, pattern: Pattern, listing: Spool
) -> Iterator[tuple[str, StoredFile]]:
    """The path of each file that has a sidecar, and the sidecar; in order of sidecars' paths.

    A file that is where its own sidecar would be is its own.
    """
    wanted = batches_of(_wanted(pattern, listing), _PAIRS)
    ordered = rows_of(scratch.sort(wanted, _PAIRS, ["of"]), _PAIRS.names)
    for (_, path), sidecar in looked_up(ordered, files_of(listing.batches())):
        if sidecar is not None:
            yield path, sidecar


def _wanted(pattern: Pattern, listing: Spool) -> Iterator[tuple[str, str]]:
    """Where the sidecar of each file would be, and the file's own path."""
    template, paths = sidecar_template(pattern), path_pattern(pattern)
    for file in files_of(listing.batches()):
        sidecar = sidecar_path(template, paths, file.path)
        if sidecar is not None:
            yield sidecar, file.path


def _blocks(pairs: Iterator[tuple[str, StoredFile]]) -> Iterator[list[tuple[str, StoredFile]]]:
    while block := list(islice(pairs, BLOCK_ROWS)):
        yield block
