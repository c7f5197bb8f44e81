"""Rows of a release as one Arrow table or as a stream of batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, Final

import pyarrow as pa

from opendata.reading.ahead import in_order
from opendata.reading.decode import decode
from opendata.reading.selection import (
    STREAMED_BYTES,
    TASK_BYTES,
    TASK_ROWS,
    Selection,
    portions,
    select,
)
from opendata.reading.shard import Access
from opendata.reading.source import ShardSource
from opendata.wire.errors import InvalidInput
from opendata.wire.manifest import Manifest

ASKED_BYTES_MAX: Final = 1 << 30
"""What the rows of a batch count for at most, however many were asked for: an Arrow array of texts
ends at 2 GiB."""


def read_table(access: Access, manifest: Manifest, **asked: Any) -> pa.Table:
    """The rows and columns asked for, in the release's order; `asked` is what `select` takes.

    Rows whose time is null are part of it only when no interval is asked. Costs are counted in
    `access.stats`.

    Raises:
        NotFound, InvalidInput: for a wrong column, interval or filter.
        Corrupt: naming the object, if any byte differs from its digest.
    """
    started = time.perf_counter()
    selection = select(access, manifest, **asked)
    table = whole_table(selection)
    access.stats.seconds = time.perf_counter() - started
    return table


def whole_table(selection: Selection) -> pa.Table:
    """All rows of a selection in one table of many chunks; nothing is copied to join them."""
    with closing(selection.sources()) as sources:
        tables = list(tables_of(selection, sources))
    return pa.concat_tables(tables) if tables else selection.nothing()


def tables_of(
    selection: Selection, sources: Iterable[ShardSource]
) -> Generator[pa.Table, None, None]:
    """The asked rows of some shards, decoded ahead, in order."""
    tasks = (
        partial(decode, portion, selection.query, selection.schema)
        for source in sources
        for portion in portions(source, TASK_BYTES, TASK_ROWS)
    )
    with closing(in_order(tasks, workers=selection.workers)) as tables:
        yield from tables


def read_batches(
    access: Access, manifest: Manifest, *, batch_size: int | None = None, **asked: Any
) -> Generator[pa.RecordBatch, None, None]:
    """The same rows in batches of `batch_size` (the last may be shorter), in bounded memory.

    A batch that would count for more than `ASKED_BYTES_MAX` is shorter too. Without `batch_size` it
    has as many rows as a row group, whose bytes are bounded by those of a block.

    Held at once are a few decoded row groups and the compressed bytes of those that follow. The
    first rows are read alone; the more are taken, the more are read ahead.

    Raises:
        InvalidInput: at once, for a batch size below 1; else as :func:`read_table`.
    """
    if batch_size is not None and batch_size < 1:
        raise InvalidInput(f"a batch has at least 1 row, not {batch_size}")
    return _stream(select(access, manifest, **asked), batch_size)


def _stream(selection: Selection, batch_size: int | None) -> Generator[pa.RecordBatch, None, None]:
    # Loads Arrow's functions, which a read of one table does without.
    from opendata.reading.blocks import BLOCK_BYTES, rechunk
    from opendata.reading.canonical_rows import BLOCK_ROWS

    rows, max_bytes = (
        (BLOCK_ROWS, BLOCK_BYTES) if batch_size is None else (batch_size, ASKED_BYTES_MAX)
    )

    with (
        closing(selection.sources(eager=False)) as sources,
        closing(
            in_order(_one_by_one(selection, sources), workers=selection.workers, eager=False)
        ) as parts,
    ):
        yield from rechunk(
            (batch for part in parts for batch in part.to_batches()), rows, max_bytes
        )


def _one_by_one(
    selection: Selection, sources: Iterable[ShardSource]
) -> Iterator[Callable[[], pa.Table]]:
    for source in sources:
        for portion in portions(source, STREAMED_BYTES, TASK_ROWS):
            for index in portion.groups:
                yield partial(decode, portion, selection.query, selection.schema, [index])
