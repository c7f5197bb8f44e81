"""The records that UPSERT_RECORD and DELETE_RECORD name, as columns (S4-35, S4-36).

Here belongs what one operation says: which records, in which types, with which cells. What several
mean together is told by `edits`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from dataplatform.contracts.consistency import unknown_name
from dataplatform.datasets.yaml import Path
from dataplatform.releases.patching.cells import CellProblem, cells_of
from dataplatform.releases.patching.fields import Blame, Columns, Fields, Step
from dataplatform.releases.patching.ops import DeleteRecord, RecordOp, UpsertRecord

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
