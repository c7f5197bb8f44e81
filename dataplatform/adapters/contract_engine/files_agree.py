"""Whether the files of a candidate have one schema, as findings."""

from __future__ import annotations

import os
from collections.abc import Iterator

from dataplatform.adapters.duckdb.table import Table
from dataplatform.contracts.model import Severity
from dataplatform.contracts.report import Finding


def check_files(table: Table) -> Iterator[Finding]:
    """A finding for each file that differs from the first."""
    first, *others = zip(table.files, table.schemas, strict=True)
    ours = {field.name: field.type for field in first[1]}
    for path, schema in others:
        theirs = {field.name: field.type for field in schema}
        different = [c for c in {**ours, **theirs} if ours.get(c) != theirs.get(c)]
        if not different:
            continue
        named = f"{os.path.basename(path)} has other columns or types than "
        yield Finding(
            rule="files",
            fields=tuple(different),
            severity=Severity.ERROR,
            passed=False,
            checked=len(table.files),
            failing=1,
            message=f"{named}{os.path.basename(first[0])}: {', '.join(different)}",
            hint="write all files of a candidate with one schema",
        )
