"""Rows that go among others: they wait until the rows come before which they stand.

Where rows arrive in their order, a few new ones need no sort of the whole: each batch takes along
those that belong before its end. Here belongs that merge.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from dataplatform.adapters.arrange.sort_keys import KeyedRows, concat, sort_keys


class Inserts:
    """Rows of one schema that wait, in their order."""

    def __init__(self, rows: pa.RecordBatch, order_by: Sequence[str]) -> None:
        self._keys = sort_keys(rows.schema, order_by)
        order = KeyedRows(rows, self._keys).in_order()
        self._waiting = KeyedRows(rows if order is None else rows.take(order), self._keys)

    def among(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch, which lies in order, with the waiting rows that do not come after its end."""
        if not len(self._waiting) or not batch.num_rows:
            return batch
        last = KeyedRows(batch.slice(batch.num_rows - 1), self._keys)
        count = self._waiting.count_up_to(last)
        if not count:
            return batch
        coming, self._waiting = self._waiting.slice(0, count), self._waiting.slice(count)
        both = concat([KeyedRows(batch, self._keys), coming], self._keys)
        order = both.in_order()
        return both.rows if order is None else both.rows.take(order)

    def rest(self) -> pa.RecordBatch:
        """The rows that come after all that arrived; none wait any more."""
        rest, self._waiting = self._waiting.rows, self._waiting.slice(0, 0)
        return rest
