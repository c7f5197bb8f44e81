"""Edits on rows: what a patch does to one batch of them, and which rows have to find a new place.

Here belongs the arithmetic of rows. Where rows lie, in which file and in which order, is told by
`patch_locate` and kept by the workbench.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataplatform.releases.patch_fields import Blame, Columns, Fields
from dataplatform.releases.patch_match import KeyIndex
from dataplatform.releases.patch_records import Edits, whole_row_defaults


@dataclass(frozen=True)
class InPlace:
    """What happens to rows where they lie: some go, some get other values."""

    edits: Edits
    index: KeyIndex
    goes: pa.Array
    """For each edit whether the row that is there now goes."""

    def on(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The rows after the edits, in the order in which they lie."""
        at = self.index.match(_columns(rows))
        if at.null_count == len(at):
            return rows
        changed = changed_rows(rows, at, self.edits)
        going = pc.fill_null(self.goes.take(at), False)
        return changed.filter(pc.invert(going)) if going.true_count else changed


def key_index(edits: Edits) -> KeyIndex:
    """The keys of all edits, for looking rows up."""
    return KeyIndex(edits.keys, {name: edits.columns[name] for name in edits.keys})


def changed_rows(rows: pa.RecordBatch, at: pa.Array, edits: Edits) -> pa.RecordBatch:
    """Rows with the cells that their edits give.

    Args:
        at: For each row the number of its edit, or null.
    """
    numbers = at.fill_null(-1).to_numpy()
    named = numbers >= 0
    columns = []
    for field, column in zip(rows.schema, rows.columns, strict=True):
        given = edits.given[field.name]
        sets = named & given[np.where(named, numbers, 0)]
        if field.name in edits.keys or not sets.any():
            columns.append(column)
            continue
        indices = np.where(sets, numbers + len(column), np.arange(len(column)))
        both = pa.concat_arrays([column, edits.columns[field.name]])
        columns.append(both.take(pa.array(indices)))
    return pa.RecordBatch.from_arrays(columns, schema=rows.schema)


def new_rows(edits: Edits, which: Sequence[int], fields: Fields, blame: Blame) -> pa.RecordBatch:
    """Whole rows of records that are not there yet; what they do not name has its default.

    Raises:
        InvalidInput: at a record that leaves a field empty which may not be null.
    """
    numbers = pa.array(which, pa.int64())
    defaults = whole_row_defaults(fields)
    columns = []
    for field in fields.schema:
        spec = fields.spec(field.name)
        given = edits.given[field.name][np.asarray(which, dtype=np.int64)]
        column = edits.columns[field.name].take(numbers)
        if field.name not in edits.keys and not given.all():
            default = defaults[field.name]
            if not default.is_valid and spec is not None and not spec.nullable:
                first = which[int(np.argmin(given))]
                raise blame(
                    edits.places[first],
                    f"there is no record {edits.key(first)} yet, and a new one needs "
                    f"{field.name!r}, which may not be null",
                    "name its value, or correct the key",
                )
            filled = pa.concat_arrays([column, pa.repeat(default, 1)])
            indices = np.where(given, np.arange(len(column)), len(column))
            column = filled.take(pa.array(indices))
        columns.append(column)
    return pa.RecordBatch.from_arrays(columns, schema=fields.schema)


def _columns(rows: pa.RecordBatch) -> Columns:
    return dict(zip(rows.schema.names, rows.columns, strict=True))
