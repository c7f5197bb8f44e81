"""Whether rows arrive in their canonical order, told batch by batch as they come.

Most sources are sorted by time already. Here belongs noticing it, so that nothing is sorted that
lies in order; what is done with such rows is the caller's matter.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from dataplatform.adapters.arrange.sort_keys import KeyedRows, sort_keys
from dataplatform.adapters.arrange.travel import travel_schema


class OrderCheck:
    """Follows rows of one schema; `continues` is asked of every batch in turn."""

    def __init__(self, schema: pa.Schema, order_by: Sequence[str]) -> None:
        # Types that have to travel in other ones would be converted only to be compared.
        self._is_comparable = travel_schema(schema) == schema
        self._keys = sort_keys(schema, order_by)
        self._last: pa.RecordBatch | None = None

    def continues(self, batch: pa.RecordBatch) -> bool:
        """Whether the batch, which has rows, lies in order and after what was there already."""
        if not self._is_comparable:
            return False
        if self._last is not None:
            seam = pa.Table.from_batches([self._last, batch.slice(0, 1)]).combine_chunks()
            if not KeyedRows(seam.to_batches()[0], self._keys).lies_in_order():
                return False
        if not KeyedRows(batch, self._keys).lies_in_order():
            return False
        self._last = batch.slice(batch.num_rows - 1)
        return True
