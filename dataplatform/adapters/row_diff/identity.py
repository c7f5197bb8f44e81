"""Whether keys tell rows apart: neither null nor repeated, on either side.

Here belong the quick proof from the rows' order, and the refusal that counts and names what is
wrong. Releases lie in the order of their key, so one look at the key columns usually suffices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dataplatform.adapters.duckdb.repetition import (
    count_repetition,
    null_rows,
    repeated_rows,
)
from dataplatform.adapters.duckdb.session import Session
from dataplatform.adapters.duckdb.table import Table
from opendata.wire.errors import Rejected
from opendata.wire.words import counted

AMBIGUOUS: Final = "ambiguous_keys"
DENSE_SPAN_MAX: Final = 64 << 20
"""Up to how many numbers apart keys may lie to be ticked off one by one, at a byte each."""
_BATCH_ROWS: Final = 1 << 18


def require_unambiguous(session: Session, side: str, table: Table, keys: Sequence[str]) -> None:
    """Refuse null and repeated keys: which row would be the changed one cannot be said.

    Raises:
        Rejected: counting and naming them.
    """
    if rise_strictly(table, keys) or are_distinct_numbers(table, keys):
        return
    total = session.row(f"SELECT count(*) AS n FROM {table.rows_sql}")["n"]
    repetition = count_repetition(session, table, keys)
    nulls = total - repetition.present
    if not nulls and not repetition.groups:
        return
    faults = [f"{counted(nulls, 'row')} with a null key"] if nulls else []
    faults += [repetition.sentence("key")] if repetition.groups else []
    raise Rejected(
        f"the {side} rows cannot be told apart by {', '.join(keys)}: {'; '.join(faults)}",
        code=AMBIGUOUS,
        hint="name the fields that identify a row, or remove the rows that repeat a key",
        details={
            "side": side,
            "keys": list(keys),
            "null_keys": nulls,
            "repeated_keys": repetition.groups,
            "rows_with_repeated_keys": repetition.rows,
            "null_samples": null_rows(session, table, keys) if nulls else [],
            "repeated_samples": repeated_rows(session, table, keys) if repetition.groups else [],
        },
    )


def rise_strictly(table: Table, keys: Sequence[str]) -> bool:
    """Whether no key is null and each is larger than the one before: then none is repeated.

    Stops at the first pair of rows that does not rise, and then proves nothing.
    """
    orders = _orders(table, keys)
    before: list[pa.Array] = []
    for columns in _batches(table, keys):
        if any(column.null_count for column in columns):
            return False
        seen = columns
        if before:
            seen = [pa.concat_arrays(pair) for pair in zip(before, columns, strict=True)]
        try:
            orders = [order for order in orders if _rises([seen[at] for at in order])]
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # a type without an order
            return False
        if not orders:
            return False
        before = [column[-1:] for column in columns]
    return True


def are_distinct_numbers(table: Table, keys: Sequence[str]) -> bool:
    """Whether one whole number is the key, none is null, and none stands twice, in any order.

    Where numbers lie so close together, ticking them off costs a tenth of grouping them. Otherwise
    this proves nothing.
    """
    span = _span(table, keys[0]) if len(keys) == 1 else None
    if span is None:
        return False
    seen = np.zeros(span[1] - span[0] + 1, np.bool_)
    rows = 0
    for (column,) in _batches(table, keys):
        if column.null_count:
            return False
        seen[column.to_numpy().astype(np.int64) - span[0]] = True
        rows += len(column)
    return bool(np.count_nonzero(seen) == rows)


def _span(table: Table, key: str) -> tuple[int, int] | None:
    """The smallest and the largest key, if the footers tell and they lie close together."""
    bounds: list[int] = []
    for path in table.files:
        metadata = pq.read_metadata(path)
        paths = [metadata.schema.column(at).path for at in range(metadata.num_columns)]
        if key not in paths or not pa.types.is_integer(table.type_of(key)):
            return None
        for group in range(metadata.num_row_groups):
            facts = metadata.row_group(group).column(paths.index(key)).statistics
            if facts is None or not facts.has_min_max or not facts.max < 1 << 63:
                return None
            bounds += [facts.min, facts.max]
    if not bounds or max(bounds) - min(bounds) >= DENSE_SPAN_MAX:
        return None
    return min(bounds), max(bounds)


def _orders(table: Table, keys: Sequence[str]) -> list[list[int]]:
    """The orders of the key's columns by which rows may lie: as named, and times first."""
    as_named = list(range(len(keys)))
    times_first = sorted(as_named, key=lambda at: not pa.types.is_temporal(table.type_of(keys[at])))
    return [as_named] if times_first == as_named else [as_named, times_first]


def _batches(table: Table, keys: Sequence[str]) -> Iterator[list[pa.Array]]:
    for path in table.files:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(keys)):
                if len(batch):
                    yield [_decoded(batch.column(key)) for key in keys]


def _decoded(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _rises(columns: Sequence[pa.Array]) -> bool:
    """Whether each row is larger than the one before, compared column after column."""
    undecided: pa.Array | None = None
    for column in columns[:-1]:
        later, earlier = column[1:], column[:-1]
        equal = pc.equal(later, earlier)
        if not _all_rise(pc.or_(pc.greater(later, earlier), equal), undecided):
            return False
        undecided = equal if undecided is None else pc.and_(undecided, equal)
    return _all_rise(pc.greater(columns[-1][1:], columns[-1][:-1]), undecided)


def _all_rise(rise: pa.Array, undecided: pa.Array | None) -> bool:
    """Whether all rows do that the columns before left undecided (all of them, where None)."""
    settled = rise if undecided is None else pc.or_(rise, pc.invert(undecided))
    return bool(pc.all(settled, min_count=0).as_py())
