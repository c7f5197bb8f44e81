"""A listing on disk, in order of paths, and its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from dataplatform.channels.columns import listed_texts, numbers
from dataplatform.channels.listing import digest_head, digest_lines
from dataplatform.channels.ports import RowScratch, Spool, StoredFile
from dataplatform.channels.spec import ChannelSpec
from dataplatform.channels.spilled.streams import batch_of, fill, rows_of
from opendata.wire.paths import check_path

LISTED_SCHEMA: Final = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("version", pa.string(), nullable=False),
    ]
)
LISTED: Final = tuple(LISTED_SCHEMA.names)


def spill_listing(scratch: RowScratch, pieces: Iterable[Sequence[StoredFile]]) -> Spool:
    """The files of all pieces, in order of their paths and each once, also where a listing had to
    begin again; a piece is let go once it was taken.

    Raises:
        InvalidInput: code `unsafe_path`, for names that are no text.
    """
    listed = (_batch(piece) for piece in pieces if piece)
    ordered = scratch.sort(listed, LISTED_SCHEMA, ["path"])
    return fill(scratch.spool(LISTED_SCHEMA), _each_once(ordered))


def _each_once(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    last: str | None = None
    for batch in batches:
        paths = listed_texts(pa.chunked_array([batch.column("path")]))
        places = [at for at, path in enumerate(paths) if path != (paths[at - 1] if at else last)]
        last = paths[-1] if paths else last
        whole = len(places) == batch.num_rows
        yield batch if whole else batch.take(numbers(np.array(places, np.int64)))


def spilled_digest(spec: ChannelSpec, listing: Spool) -> str:
    """What `listing_digest` is of the same files."""
    sha = hashlib.sha256(digest_head(spec, listing.rows))
    separator = b""
    for batch in listing.batches():
        sha.update(separator + digest_lines(files_of([batch])).encode())
        separator = b"\n"
    return sha.hexdigest()


def files_of(batches: Iterable[pa.RecordBatch]) -> Iterator[StoredFile]:
    """The files of batches with the columns of a listing."""
    return map(StoredFile._make, rows_of(batches, LISTED))


def _batch(piece: Sequence[StoredFile]) -> pa.RecordBatch:
    try:
        return batch_of(piece, LISTED_SCHEMA)
    except UnicodeEncodeError:
        for file in piece:
            check_path(file.path)
        raise
