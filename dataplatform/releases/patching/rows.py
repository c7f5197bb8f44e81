"""Edits on rows: what a patch does to one batch of them, and which rows have to find a new place.

Here belongs the arithmetic of rows. Where rows lie, in which file and in which order, is told by
`locate` and kept by the workbench.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dataplatform.releases.patching.diff import TouchedRows
from dataplatform.releases.patching.edits import Edits
from dataplatform.releases.patching.fields import Blame, Columns, Fields, default_of
from dataplatform.releases.patching.match import KeyIndex


@dataclass(frozen=True)
class InPlace:
    """What happens to rows where they lie: some go, some get other values.

    `goes` says for each edit whether the row that is there now goes.
    """

    edits: Edits
    index: KeyIndex
    goes: pa.Array

    def on(self, rows: pa.RecordBatch, touched: TouchedRows) -> pa.RecordBatch:
        """The rows after the edits, in the order in which they lie."""
        at = self.index.match(_columns(rows))
        if at.null_count == len(at):
            return rows
        named = at.is_valid()
        old, at_named = rows.filter(named), at.drop_null()
        new = changed_rows(old, at_named, self.edits)
        going = self.goes.take(at_named)
        touched.old.append(old)
        touched.new.append(new.filter(pc.invert(going)) if going.true_count else new)
        stays = pc.invert(going) if going.true_count else None
        return _put_back(rows, named, new, stays)


def _put_back(
    rows: pa.RecordBatch, named: pa.Array, new: pa.RecordBatch, stays: pa.Array | None
) -> pa.RecordBatch:
    """Rows with those that are named exchanged, and left out where they do not stay."""
    places = np.flatnonzero(named.to_numpy(zero_copy_only=False))
    indices = np.arange(rows.num_rows)
    indices[places] = rows.num_rows + np.arange(len(places))
    if stays is not None:
        indices = np.delete(indices, places[~stays.to_numpy(zero_copy_only=False)])
    columns = [
        pa.concat_arrays([column, changed]).take(pa.array(indices))
        if stays is not None or not column.take(pa.array(places)).equals(changed)
        else column
        for column, changed in zip(rows.columns, new.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=rows.schema)


def key_index(edits: Edits) -> KeyIndex:
    """The keys of all edits, for looking rows up."""
    return KeyIndex(edits.keys, {name: edits.columns[name] for name in edits.keys})


def changed_rows(rows: pa.RecordBatch, at: pa.Array, edits: Edits) -> pa.RecordBatch:
    """Rows with the cells that their edits give.

    Args:
        at: For each row the number of its edit.
    """
    numbers = at.to_numpy()
    columns = []
    for field, column in zip(rows.schema, rows.columns, strict=True):
        sets = edits.given[field.name][numbers]
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
    columns = []
    for field in fields.schema:
        spec = fields.spec(field.name)
        assert spec is not None  # the schema is made of them
        given = edits.given[field.name][np.asarray(which, dtype=np.int64)]
        column = edits.columns[field.name].take(numbers)
        if field.name not in edits.keys and not given.all():
            default = default_of(spec)
            if not default.is_valid and not spec.nullable:
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
