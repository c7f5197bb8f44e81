"""Rows of a release as one Arrow table or as a stream of batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Final

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

if TYPE_CHECKING:
    from opendata.reading.adapting import Adapter

ASKED_BYTES_MAX: Final = 1 << 30
"""What the rows of a batch count for at most, however many were asked for: an Arrow array of texts
ends at 2 GiB."""


def read_table(
    access: Access, manifest: Manifest, *, reader: Manifest | None = None, **asked: Any
) -> pa.Table:
    """The rows and columns asked for, in the release's order; `asked` is what `select` takes.

    With a `reader`, the release whose schema it knows, they are as that reader expects them.

    Rows whose time is null are part of it only when no interval is asked. Costs are counted in
    `access.stats`.

    Raises:
        NotFound, InvalidInput: for a wrong column, interval or filter.
        Corrupt: naming the object, if any byte differs from its digest.
    """
    started = time.perf_counter()
    if reader is None:
        table = whole_table(select(access, manifest, **asked))
    else:
        from opendata.reading.adapting import select_as

        selection, adapter = select_as(access, reader, manifest, **asked)
        table = adapted_table(selection, adapter) if adapter else whole_table(selection)
    access.stats.seconds = time.perf_counter() - started
    return table


def whole_table(selection: Selection) -> pa.Table:
    """All rows of a selection in one table of many chunks; nothing is copied to join them."""
    with closing(selection.sources()) as sources:
        tables = list(tables_of(selection, sources))
    return pa.concat_tables(tables) if tables else selection.nothing()


def adapted_table(selection: Selection, adapter: Adapter) -> pa.Table:
    """All rows of a selection as another schema version has them; adapted piece by piece."""
    with closing(selection.sources()) as sources:
        pieces = [adapter.adapt(piece) for piece in tables_of(selection, sources)]
    return pa.concat_tables([adapter.nothing(), *pieces])


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
    access: Access,
    manifest: Manifest,
    *,
    batch_size: int | None = None,
    reader: Manifest | None = None,
    **asked: Any,
) -> Generator[pa.RecordBatch, None, None]:
    """The same rows in batches of `batch_size` (the last may be shorter), in bounded memory.

    A batch that would count for more than `ASKED_BYTES_MAX` is shorter too. Without `batch_size` it
    has as many rows as a row group, whose bytes are bounded by those of a block.

    With a `reader`, the release whose schema it knows, rows are as that reader expects them.

    Held at once are a few decoded row groups and the compressed bytes of those that follow. The
    first rows are read alone; the more are taken, the more are read ahead.

    Raises:
        InvalidInput: at once, for a batch size below 1; else as :func:`read_table`.
    """
    if batch_size is not None and batch_size < 1:
        raise InvalidInput(f"a batch has at least 1 row, not {batch_size}")
    if reader is None:
        return _stream(select(access, manifest, **asked), batch_size)
    from opendata.reading.adapting import select_as

    selection, adapter = select_as(access, reader, manifest, **asked)
    stream = _stream(selection, batch_size)
    return stream if adapter is None else _adapted(stream, adapter)


def _adapted(
    batches: Generator[pa.RecordBatch, None, None], adapter: Adapter
) -> Generator[pa.RecordBatch, None, None]:
    with closing(batches):
        for batch in batches:
            adapted = adapter.adapt(pa.Table.from_batches([batch])).combine_chunks()
            yield from adapted.to_batches()


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
