"""What an executor of Spark does: describe the files of the parcels that its rows number.

It runs wherever Spark runs, so it needs this distribution there, and nothing of the driver. Files
are described by the engine of one machine, with one thread, since Spark gives each task one core:
hence the same rows, whichever engine is chosen.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from dataplatform.adapters.indexing.spark.parcels import (
    pack_failure,
    pack_outcomes,
    unpack_files,
)
from dataplatform.channels.ports import DescribeTask
from opendata.wire.errors import OpenDataError

OUTCOME_COLUMNS: Final = "outcomes binary, failure binary"
_SCHEMA: Final = pa.schema([("outcomes", pa.binary()), ("failure", pa.binary())])


@dataclass(frozen=True)
class DescribeParcels:
    """A function for `mapInArrow` over numbers of parcels, which it carries with it."""

    task: DescribeTask
    root: str
    parcels: Sequence[bytes]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """One row for each batch of outcomes; where a parcel fails, one row that says how."""
        for batch in batches:
            for number in batch.column(0):
                yield from self._describe(self.parcels[number.as_py()])

    def _describe(self, parcel: bytes) -> Iterator[pa.RecordBatch]:
        from dataplatform.adapters.indexing.local import LocalEngine

        engine = LocalEngine(root=self.root, threads=1)
        files, digests = unpack_files(parcel)
        task = dataclasses.replace(self.task, digests=digests)
        try:
            for outcomes in engine.describe(task, files):
                yield _row(pack_outcomes(outcomes), None)
        except OpenDataError as error:
            yield _row(None, pack_failure(error))


def _row(outcomes: bytes | None, failure: bytes | None) -> Any:
    columns = [pa.array([outcomes], pa.binary()), pa.array([failure], pa.binary())]
    return pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)
