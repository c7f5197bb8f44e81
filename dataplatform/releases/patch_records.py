"""The record operations of a patch as one set of edits by key (requirements S4-35, S4-36).

Here belongs what the operations mean together: a later one counts over an earlier one on the same
record, a record deleted and put again starts afresh. Where rows with these keys lie, and how they
are changed, is `patch_rows`' matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dataplatform.contracts.consistency import unknown_name
from dataplatform.datasets.yaml import Path
from dataplatform.releases.patch_cells import CellProblem, cells_of
from dataplatform.releases.patch_fields import Blame, Columns, Fields, Step, default_of
from dataplatform.releases.patch_match import plain_keys
from dataplatform.releases.patch_ops import DeleteRecord, RecordOp, UpsertRecord

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Named:
    """One record that an operation names: its place, its cells, and what is to happen to it."""

    op: int
    place: Path
    cells: Mapping[str, Any]
    deletes: bool
    must_be_there: bool


@dataclass
class Run:
    """Records that stand one after the other, as columns; `given` says which cells they name."""

    op: list[int]
    places: list[Path]
    deletes: list[bool]
    must_be_there: list[bool]
    columns: Columns
    given: dict[str, Flags]

    def passed(self, step: Step) -> None:
        """Take the records through a field operation that comes after them."""
        self.columns = step.edits(self.columns)


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


def named_records(op: RecordOp, number: int, fields: Fields, blame: Blame) -> Iterator[Named]:
    """The records that an operation names in place.

    Raises:
        InvalidInput: at the record, for a key that is not complete or a field that is not there.
    """
    at: Path = ("ops", number)
    deletes = isinstance(op, DeleteRecord)
    strictly = isinstance(op, DeleteRecord) and op.missing == "refuse"
    if op.records is None:
        pk = _mapping(op.pk, fields.contract.primary_key, (*at, "pk"), blame)
        values = (op.values or {}) if isinstance(op, UpsertRecord) else {}
        cells = _joined(pk, values, at, fields, blame)
        yield Named(number, at, cells, deletes, strictly)
        return
    for index, record in enumerate(op.records):
        place: Path = (*at, "records", index)
        _require_fields(record, place, fields, blame)
        _require_key(record, place, fields, blame, only=deletes)
        yield Named(number, place, record, deletes, strictly)


def _mapping(pk: Any, keys: Sequence[str], at: Path, blame: Blame) -> Mapping[str, Any]:
    """A key as a mapping; the value alone will do where the key is one field."""
    if isinstance(pk, Mapping):
        return pk
    if len(keys) == 1:
        return {keys[0]: pk}
    raise blame(at, f"the key has several fields: write {{{', '.join(keys)}}}", None)


def _joined(
    pk: Mapping[str, Any], values: Mapping[str, Any], at: Path, fields: Fields, blame: Blame
) -> Mapping[str, Any]:
    _require_fields(pk, (*at, "pk"), fields, blame)
    _require_key(pk, (*at, "pk"), fields, blame, only=True)
    _require_fields(values, (*at, "values"), fields, blame)
    for name in values:
        if name in pk and values[name] != pk[name]:
            raise blame(
                (*at, "values", name),
                f"{name!r} is part of the key, which an UPSERT_RECORD does not change",
                "DELETE_RECORD the old key and UPSERT_RECORD the new one",
            )
    return {**values, **pk}


def _require_fields(record: Mapping[str, Any], at: Path, fields: Fields, blame: Blame) -> None:
    for name, value in record.items():
        spec = fields.spec(name)
        if spec is None:
            raise blame((*at, name), unknown_name(name, fields.contract.field_names), None)
        if value is None and not spec.nullable:
            raise blame((*at, name), f"{name!r} may not be null", None)


def _require_key(
    record: Mapping[str, Any], at: Path, fields: Fields, blame: Blame, *, only: bool
) -> None:
    keys = fields.contract.primary_key
    if missing := [name for name in keys if name not in record]:
        message = f"the key is {', '.join(keys)}: {', '.join(missing)} is missing"
        raise blame(at, message, None)
    if only and (more := [name for name in record if name not in keys]):
        message = f"{more[0]!r} is not part of the key, which is {', '.join(keys)}"
        raise blame((*at, more[0]), message, None)


def run_of_named(records: Sequence[Named], fields: Fields, blame: Blame) -> Run:
    """Records named in place, as columns.

    Raises:
        InvalidInput: at the cell that is no value of its column.
    """
    columns: Columns = {}
    given: dict[str, Flags] = {}
    names = [f.name for f in fields.contract.fields if any(f.name in r.cells for r in records)]
    for name in names:
        kind = fields.schema.field(name).type
        try:
            columns[name] = cells_of((record.cells.get(name) for record in records), kind)
        except CellProblem as problem:
            record = records[problem.at]
            raise blame(_cell_place(record, name, fields), problem.message, None) from problem
        given[name] = np.fromiter((name in r.cells for r in records), bool, len(records))
    return Run(
        [record.op for record in records],
        [record.place for record in records],
        [record.deletes for record in records],
        [record.must_be_there for record in records],
        columns,
        given,
    )


def _cell_place(record: Named, name: str, fields: Fields) -> Path:
    if "records" in record.place:
        return (*record.place, name)
    part = "pk" if name in fields.contract.primary_key else "values"
    return (*record.place, part, name)


def run_of_table(op: RecordOp, number: int, rows: pa.Table, fields: Fields, blame: Blame) -> Run:
    """The records of a file, whose columns are the fields that it sets.

    Raises:
        InvalidInput: at the file, for a column that is not there or may not be null.
    """
    at: Path = ("ops", number, "file")
    deletes = isinstance(op, DeleteRecord)
    keys = fields.contract.primary_key
    if missing := [name for name in keys if name not in rows.column_names]:
        raise blame(at, f"the file lacks {', '.join(missing)} of the key", None)
    columns: Columns = {}
    for name in keys if deletes else rows.column_names:
        spec = fields.spec(name)
        if spec is None:
            raise blame(at, unknown_name(name, fields.contract.field_names), None)
        column = rows.column(name).combine_chunks()
        if column.null_count and not spec.nullable:
            row = pc.index(column.is_null(), True).as_py() + 1
            raise blame(at, f"{name!r} may not be null, and is in row {row} of the file", None)
        columns[name] = column
    count = rows.num_rows
    must = isinstance(op, DeleteRecord) and op.missing == "refuse"
    every = {name: np.ones(count, bool) for name in columns}
    return Run([number] * count, [at] * count, [deletes] * count, [must] * count, columns, every)


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


def whole_row_defaults(fields: Fields) -> dict[str, pa.Scalar]:
    """What a new row has where its record names no value."""
    return {spec.name: default_of(spec) for spec in fields.contract.fields}
