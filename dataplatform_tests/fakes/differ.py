"""A row diff in plain Python, for tables that fit a test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.releases.differ import NO_OPTIONS, DiffOptions, RowDiff

Row = tuple[Any, ...]


class FakeRowDiffer:
    """Rows by key, or as a multiset where there is none; what is not equal is different."""

    def diff(
        self,
        old_files: Sequence[str],
        new_files: Sequence[str],
        *,
        keys: Sequence[str],
        columns: Sequence[str],
        options: DiffOptions = NO_OPTIONS,
    ) -> RowDiff:
        former = [options.former.get(column, column) for column in columns]
        old, new = _rows(old_files, former), _rows(new_files, columns)
        if not keys:
            added, removed = Counter(new) - Counter(old), Counter(old) - Counter(new)
            return RowDiff(added.total(), removed.total(), 0, keyed=False)
        places = [list(columns).index(key) for key in keys]
        before = {tuple(row[at] for at in places): row for row in old}
        after = {tuple(row[at] for at in places): row for row in new}
        changed = [key for key in before.keys() & after.keys() if before[key] != after[key]]
        return RowDiff(
            added=len(after.keys() - before.keys()),
            removed=len(before.keys() - after.keys()),
            changed=len(changed),
        )


def _rows(files: Sequence[str], columns: Sequence[str]) -> list[Row]:
    tables = [pq.read_table(path, columns=list(columns)) for path in files]
    if not tables:
        return []
    table = pa.concat_tables(tables)
    texts = [[str(value) for value in table[name].to_pylist()] for name in columns]
    return list(zip(*texts, strict=True))
