"""A patch on a table at hand, without a release (requirement S4-87).

Pure. Rows that stay keep their places, new ones come at the end. Whether the result keeps the
contract is asked by whoever called.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from dataplatform.errors import ProducerFailed
from dataplatform.releases.conform import conform_batch
from dataplatform.releases.patching.diff import TouchedRows
from dataplatform.releases.patching.fields import Blame
from dataplatform.releases.patching.locate import refuse_missing
from dataplatform.releases.patching.plan import Plan
from dataplatform.releases.patching.rows import InPlace, key_index, new_rows
from opendata.wire.errors import InvalidInput


def patched_table(table: pa.Table, plan: Plan, blame: Blame) -> pa.Table:
    """The rows after a patch.

    Raises:
        InvalidInput: at the operation that the rows do not allow.
    """
    batches = [plan.as_after(_conformed(batch, plan)) for batch in table.to_batches()]
    edits, schema = plan.edits, plan.after.schema
    if edits is None:
        return pa.Table.from_batches(batches, schema)
    in_place = InPlace(edits, key_index(edits), pa.array(edits.removes))
    there = np.zeros(len(edits), bool)
    touched = TouchedRows(schema)
    patched = []
    for batch in batches:
        at = in_place.index.match({name: batch.column(name) for name in edits.keys})
        there[at.drop_null().to_numpy()] = True
        patched.append(in_place.on(batch, touched))
    refuse_missing(edits, there, blame)
    is_new = edits.puts & (edits.removes | ~there)
    comes = new_rows(edits, np.flatnonzero(is_new).tolist(), plan.after, blame)
    return pa.Table.from_batches([*patched, comes], schema)


def _conformed(batch: pa.RecordBatch, plan: Plan) -> pa.RecordBatch:
    try:
        return conform_batch(batch, plan.before.schema, 0)
    except ProducerFailed as error:  # nobody ran a producer
        raise InvalidInput(
            f"the rows do not fit the contract: {error.message}", code="unfit_rows"
        ) from error
