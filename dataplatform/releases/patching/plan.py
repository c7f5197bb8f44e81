"""A patch as a plan: what becomes of the fields, and what becomes of which records.

Pure. Operations count in their order; the plan folds them so that rows have to be looked at once:
records that the patch names pass through the field operations that come after them, so that all of
them speak of the fields as they are at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from dataplatform.contracts.consistency import unknown_name
from dataplatform.contracts.model import Contract
from dataplatform.contracts.units import Units
from dataplatform.releases.patching.cells import written_cell
from dataplatform.releases.patching.edits import Edits, merged_edits
from dataplatform.releases.patching.fields import (
    Blame,
    Columns,
    Fields,
    Step,
    after_field_op,
)
from dataplatform.releases.patching.ops import (
    DeleteRecord,
    Op,
    RecordOp,
    Reindex,
    UpsertRecord,
)
from dataplatform.releases.patching.parse import Patch
from dataplatform.releases.patching.records import (
    Named,
    Run,
    named_records,
    run_of_named,
    run_of_table,
)

PATCH_FORMAT: Final = "opendata-patch/1"

ReadRows = Callable[[str, pa.Schema], pa.Table]
"""The rows of a file that a patch names, in the types of the fields that it has."""


@dataclass(frozen=True)
class Plan:
    """What a patch does to a release with these fields.

    `indexes` is None where it does not say. `ops` is what was done, as it is stored.
    """

    before: Fields
    after: Fields
    steps: tuple[Step, ...]
    edits: Edits | None
    indexes: tuple[tuple[str, ...], ...] | None
    ops: tuple[dict[str, Any], ...] = field(repr=False)

    @property
    def changes_fields(self) -> bool:
        """Whether every row is another one afterwards."""
        return bool(self.steps)

    def as_after(self, rows: pa.RecordBatch, only: Sequence[str] | None = None) -> pa.RecordBatch:
        """Rows of the release with the fields as they are after the patch, or `only` some."""
        columns: Columns = dict(zip(rows.schema.names, rows.columns, strict=True))
        for step in self.steps:
            columns = step.rows(columns)
        fields = [f for f in self.after.schema if only is None or f.name in only]
        return pa.RecordBatch.from_arrays(
            [columns[f.name] for f in fields], schema=pa.schema(fields)
        )


def plan_patch(
    patch: Patch, contract: Contract, time: str | None, units: Units, read_rows: ReadRows
) -> Plan:
    """What a patch does to rows under a contract.

    Raises:
        InvalidInput: at the operation that cannot be done, whatever the rows are.
    """
    planning = _Planning(Fields(contract, time), units, read_rows, patch.source.problem)
    for number, op in enumerate(patch.ops):
        planning.take(op, number)
    return planning.plan()


class _Planning:
    """The plan while operations are taken one by one."""

    def __init__(self, fields: Fields, units: Units, read_rows: ReadRows, blame: Blame) -> None:
        self._before = self._fields = fields
        self._units = units
        self._read_rows = read_rows
        self._blame = blame
        self._steps: list[Step] = []
        self._runs: list[Run] = []
        self._waiting: list[Named] = []
        self._indexes: tuple[tuple[str, ...], ...] | None = None
        self._stored: list[dict[str, Any]] = []

    def take(self, op: Op, number: int) -> None:
        """Take the next operation."""
        if isinstance(op, UpsertRecord | DeleteRecord):
            self._take_records(op, number)
            return
        self._settle()
        self._stored.append(op.model_dump(mode="json", exclude_unset=True) | {"op": op.op})
        if isinstance(op, Reindex):
            self._take_indexes(op, number)
            return
        was = self._fields.spec(op.name)
        self._fields = after_field_op(self._fields, op, ("ops", number), self._units, self._blame)
        if was is not None:
            self._stored[-1]["was"] = was.model_dump(mode="json", exclude_none=True)
        step = self._fields.step
        assert step is not None  # an operation on fields is one
        self._steps.append(step)
        for run in self._runs:
            run.passed(step)

    def plan(self) -> Plan:
        """What all of them do."""
        self._settle()
        edits = merged_edits(self._runs, self._fields, self._blame)
        return Plan(
            self._before,
            self._fields,
            tuple(self._steps),
            edits,
            self._indexes,
            tuple(self._stored),
        )

    def _take_records(self, op: RecordOp, number: int) -> None:
        if not self._fields.contract.primary_key:
            raise self._blame(
                ("ops", number),
                "the data set has no primary key, so no record can be named",
                "declare contract.primary_key with a release first",
            )
        if op.file is None:
            self._waiting += named_records(op, number, self._fields, self._blame)
            return
        self._settle()
        rows = self._read_rows(op.file, self._fields.schema)
        run = run_of_table(op, number, rows, self._fields, self._blame)
        self._runs.append(run)
        self._stored += _stored_records(run, self._fields.contract.primary_key)

    def _take_indexes(self, op: Reindex, number: int) -> None:
        for index, names in enumerate(op.keys):
            for name in names:
                if self._fields.spec(name) is None:
                    message = unknown_name(name, self._fields.contract.field_names)
                    raise self._blame(("ops", number, "keys", index), message, None)
        self._indexes = op.keys

    def _settle(self) -> None:
        """Read what records say, while the fields are those that they speak of."""
        if self._waiting:
            run = run_of_named(self._waiting, self._fields, self._blame)
            self._runs.append(run)
            self._stored += _stored_records(run, self._fields.contract.primary_key)
            self._waiting = []


def _stored_records(run: Run, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Records as they are kept: typed values, in the order of the patch, by operation."""
    cells = {name: [written_cell(cell) for cell in run.columns[name]] for name in run.columns}
    stored: list[dict[str, Any]] = []
    number = None
    for at, op in enumerate(run.op):
        if op != number:
            kind = "DELETE_RECORD" if run.deletes[at] else "UPSERT_RECORD"
            stored.append({"op": kind, "records": []})
            if run.deletes[at] and not run.must_be_there[at]:
                stored[-1]["missing"] = "ignore"
            number = op
        named = keys if run.deletes[at] else [n for n in cells if run.given[n][at]]
        stored[-1]["records"].append({name: cells[name][at] for name in named})
    return stored
