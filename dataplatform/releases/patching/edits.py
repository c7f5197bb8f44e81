"""The record operations of a patch as one set of edits by key (requirements S4-35, S4-36).

Here belongs what the operations mean together: a later one counts over an earlier one on the same
record, a record deleted and put again starts afresh. Where rows with these keys lie, and how they
are changed, is `rows`' matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from dataplatform.datasets.yaml import Path
from dataplatform.releases.patching.fields import Blame, Columns, Fields
from dataplatform.releases.patching.match import plain_keys
from dataplatform.releases.patching.records import Flags, Run


@dataclass(frozen=True)
class Edits:
    """What is to become of the records with certain keys, each key once.

    `columns` has all fields, and `given` tells which of them a record sets. `removes` takes away
    what is there now, `puts` has a row there afterwards; only with `puts` alone do fields that are
    not given keep their values. `must_be_there` marks records that may not be missing.
    """

    keys: tuple[str, ...]
    columns: Columns
    given: dict[str, Flags]
    removes: Flags
    puts: Flags
    must_be_there: Flags
    places: tuple[Path, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.places)

    def key(self, at: int) -> str:
        """The key of a record in words."""
        return ", ".join(f"{name}={self.columns[name][at]}" for name in self.keys)


def merged_edits(runs: Sequence[Run], fields: Fields, blame: Blame) -> Edits | None:
    """All records as edits, one for each key; None where there are no record operations.

    Raises:
        InvalidInput: if one operation names a key twice.
    """
    runs = [run for run in runs if run.places]
    if not runs:
        return None
    keys = fields.contract.primary_key
    every_key = [key for run in runs for key in plain_keys(keys, run.columns)]
    merge = _Merge([s.name for s in fields.contract.fields])
    row = 0
    for run in runs:
        named = [name for name in run.columns if name in merge.picks]
        for index, place in enumerate(run.places):
            merge.add(every_key[row], row, run, index, place, named, blame)
            row += 1
    columns, given = {}, {}
    for column in fields.schema:
        parts = [
            run.columns.get(column.name, pa.nulls(len(run.places), column.type)) for run in runs
        ]
        picked = merge.picks[column.name]
        indices = pa.array([None if at is None else at for at in picked], pa.int64())
        columns[column.name] = pa.concat_arrays(parts).take(indices)
        given[column.name] = np.fromiter((at is not None for at in picked), bool, len(picked))
    for name in keys:  # a deletion names its key too
        rows = pa.array(merge.first_rows, pa.int64())
        columns[name] = pa.concat_arrays([run.columns[name] for run in runs]).take(rows)
    return Edits(
        tuple(keys),
        columns,
        given,
        np.array(merge.removes, bool),
        np.array(merge.puts, bool),
        np.array(merge.must, bool),
        tuple(merge.places),
    )


class _Merge:
    """The edits while records are added one by one, in the order of the patch."""

    def __init__(self, names: Sequence[str]) -> None:
        self.picks: dict[str, list[int | None]] = {name: [] for name in names}
        self.first_rows: list[int] = []
        self.removes: list[bool] = []
        self.puts: list[bool] = []
        self.must: list[bool] = []
        self.places: list[Path] = []
        self._last_op: list[int] = []
        self._numbers: dict[tuple[Any, ...], int] = {}

    def add(
        self,
        key: tuple[Any, ...],
        row: int,
        run: Run,
        index: int,
        place: Path,
        named: Sequence[str],
        blame: Blame,
    ) -> None:
        """Take one record; `row` counts over all runs, `index` within its own."""
        deletes = run.deletes[index]
        at = self._numbers.get(key)
        if at is None:
            at = self._numbers[key] = len(self.places)
            self._begin(row, place, must=deletes and run.must_be_there[index])
        elif self._last_op[at] == run.op[index]:
            what = f"the key {', '.join(map(str, key))} stands twice in this operation"
            raise blame(place, what, "name each record once")
        elif deletes and run.must_be_there[index] and not self.puts[at] and self.removes[at]:
            raise blame(place, "an earlier operation has deleted this record already", None)
        self._last_op[at] = run.op[index]
        self.puts[at] = not deletes
        if deletes:
            self.removes[at] = True
            for picked in self.picks.values():
                picked[at] = None
            return
        for name in named:
            if run.given[name][index]:
                self.picks[name][at] = row

    def _begin(self, row: int, place: Path, *, must: bool) -> None:
        for picked in self.picks.values():
            picked.append(None)
        self.first_rows.append(row)
        self.removes.append(False)
        self.puts.append(False)
        self.must.append(must)
        self.places.append(place)
        self._last_op.append(-1)
