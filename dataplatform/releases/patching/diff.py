"""The row diff of a patch: asked of the rows that it touched, since all others are the same.

Here belong the rows before and after, gathered while they pass. How they differ, and by what is
equal, is the row differ's matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from dataplatform.releases.differ import RowDiff, RowDiffer


@dataclass
class TouchedRows:
    """The rows with keys of the patch, as they were and as they are; as many as it names."""

    schema: pa.Schema
    old: list[pa.RecordBatch] = field(default_factory=list)
    new: list[pa.RecordBatch] = field(default_factory=list)


@dataclass(frozen=True)
class TouchedRowsDiffer:
    """Compares a patched candidate with its base, and nothing else, by the rows that were touched.

    Implements `RowDiffer`; `old_file` and `new_file` hold those rows.
    """

    differ: RowDiffer
    old_file: str
    new_file: str

    def diff(self, old_files: Sequence[str], new_files: Sequence[str], **options: Any) -> RowDiff:
        """What another differ finds in those rows, whichever shards they lie in."""
        return self.differ.diff([self.old_file], [self.new_file], **options)
