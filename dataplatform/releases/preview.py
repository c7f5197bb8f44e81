"""The preview: the first rows of a release, made when it is built (requirements S1-76, S1-78).

It is part of the publish, so that a page shows rows without computing anything.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from dataplatform.contracts.report import json_value
from opendata.wire.digest import canonical_json


class PreviewRows:
    """Collects the first rows of a candidate's shards, in their order."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._columns: list[str] = []
        self._rows: list[list[Any]] = []

    @property
    def is_full(self) -> bool:
        """Whether no more rows are wanted."""
        return len(self._rows) >= self._wanted and bool(self._columns)

    def offer(self, head: pa.RecordBatch | None) -> None:
        """The first rows of the next shard; taken while rows are still wanted."""
        if head is None:
            return
        self._columns = self._columns or list(head.schema.names)
        missing = self._wanted - len(self._rows)
        if missing <= 0:
            return
        columns = [head.column(name).slice(0, missing).to_pylist() for name in self._columns]
        self._rows += [[json_value(value) for value in row] for row in zip(*columns, strict=True)]

    def to_bytes(self) -> bytes:
        """`{"columns": […], "rows": [[…], …]}` in canonical bytes."""
        return canonical_json({"columns": self._columns, "rows": self._rows})
