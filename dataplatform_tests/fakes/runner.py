"""A producer whose rows a test has at hand, without a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from dataplatform.datasets.producing import FetchedSource, ProduceOutcome, ProduceRequest


@dataclass
class FakeRunner:
    """Hands over `table`, or raises `failure`."""

    table: pa.Table | None = None
    failure: Exception | None = None
    sources: Sequence[FetchedSource] = ()

    def run(
        self,
        request: ProduceRequest,
        receive: Callable[[pa.RecordBatch], None],
        log: Callable[[str, str], None],
    ) -> ProduceOutcome:
        if self.failure is not None:
            raise self.failure
        assert self.table is not None, "this test has no producer"
        for batch in self.table.to_batches():
            receive(batch)
        tools = {"pyarrow": pa.__version__}
        return ProduceOutcome(self.table.schema, self.table.num_rows, tuple(self.sources), tools)
