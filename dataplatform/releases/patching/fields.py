"""What the field operations of a patch do: to the contract once, and to columns batch by batch.

Here belong ADD_FIELD, DROP_FIELD and ALTER_FIELD (requirements S4-32…S4-34). Each becomes one step
that maps columns to columns, so rows pass through all steps in one go. Rows of the patch itself
pass through the steps that come after them, which is why a step takes columns that are not there
for granted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from pydantic import ValidationError

from dataplatform.contracts.consistency import unknown_name
from dataplatform.contracts.model import Contract, FieldSpec
from dataplatform.contracts.problems import reasons
from dataplatform.contracts.units import Units
from dataplatform.contracts.values import scalar_of
from dataplatform.datasets.yaml import Path
from dataplatform.releases.conform import lossless_cast
from dataplatform.releases.patching.ops import AddField, AlterField, DropField, FieldOp
from opendata.wire.errors import InvalidInput

Columns = dict[str, pa.Array]
Blame = Callable[[Path, str, str | None], InvalidInput]
"""Makes the error about one value of a patch, with its place."""


@dataclass(frozen=True)
class Step:
    """What one operation does to columns.

    Args:
        rows: For rows of the release: all columns, or some of them.
        edits: For rows of the patch that came before; they have only what they name.
    """

    rows: Callable[[Columns], Columns]
    edits: Callable[[Columns], Columns]


@dataclass(frozen=True)
class Fields:
    """The fields at one point of a patch, and the step that led there (None at its beginning)."""

    contract: Contract
    time: str | None
    step: Step | None = None

    @property
    def schema(self) -> pa.Schema:
        """The columns in their order; nullability is the contract's matter."""
        return pa.schema([(spec.name, spec.arrow_type) for spec in self.contract.fields])

    def spec(self, name: str) -> FieldSpec | None:
        """The field of that name."""
        return self.contract.field(name)


def after_field_op(fields: Fields, op: FieldOp, at: Path, units: Units, blame: Blame) -> Fields:
    """The fields after one operation.

    Raises:
        InvalidInput: at the operation's place, if the release has no such field, has it already,
            cannot be without it, or the contract would contradict itself.
    """
    if isinstance(op, AddField):
        return _added(fields, op, at, blame)
    spec = fields.spec(op.name)
    if spec is None:
        names = [known.name for known in fields.contract.fields]
        raise blame((*at, "name"), unknown_name(op.name, names), None)
    if isinstance(op, DropField):
        return _dropped(fields, op, at, blame)
    return _altered(fields, spec, op, at, units, blame)


def _added(fields: Fields, op: AddField, at: Path, blame: Blame) -> Fields:
    if fields.spec(op.name) is not None:
        hint = "ALTER_FIELD changes a field that is there"
        raise blame((*at, "name"), f"there is a field {op.name!r} already", hint)
    stated = op.model_dump(mode="json", exclude_none=True, exclude={"op"})
    document = _document(fields)
    document["fields"].append(stated)
    contract = _checked(document, at, blame)
    spec = contract.field(op.name)
    assert spec is not None  # it was just added
    default = default_of(spec)

    def add(columns: Columns) -> Columns:
        count = len(next(iter(columns.values()))) if columns else 0
        return {**columns, op.name: pa.repeat(default, count)}

    return replace(fields, contract=contract, step=Step(rows=add, edits=lambda columns: columns))


def _dropped(fields: Fields, op: DropField, at: Path, blame: Blame) -> Fields:
    if op.name in fields.contract.primary_key:
        raise blame(
            (*at, "name"),
            f"{op.name!r} is part of the primary key, which tells the rows apart",
            "publish with another key first: release.version names the next major",
        )
    if op.name == fields.time:
        what = f"{op.name!r} is the time column, by which the release is ordered and read"
        raise blame((*at, "name"), what, None)
    document = _document(fields)
    document["fields"] = [field for field in document["fields"] if field["name"] != op.name]
    contract = _checked(document, at, blame)

    def drop(columns: Columns) -> Columns:
        return {name: column for name, column in columns.items() if name != op.name}

    return replace(fields, contract=contract, step=Step(rows=drop, edits=drop))


def _altered(
    fields: Fields, spec: FieldSpec, op: AlterField, at: Path, units: Units, blame: Blame
) -> Fields:
    stated = op.model_dump(mode="json", exclude_unset=True, exclude={"op", "dim", "convert"})
    changed = {name: value for name, value in stated.items() if value is not None}
    withdrawn = {name for name, value in stated.items() if value is None}
    document = _document(fields)
    document["fields"] = [
        {name: value for name, value in (field | changed).items() if name not in withdrawn}
        if field["name"] == op.name
        else field
        for field in document["fields"]
    ]
    contract = _checked(document, at, blame)
    after = contract.field(op.name)
    assert after is not None  # its name stays
    _require_dimension(after, op, at, units, blame)
    change = _conversion(spec, after, op, at, units, blame)

    def alter(columns: Columns) -> Columns:
        if op.name not in columns:
            return columns
        try:
            return {**columns, op.name: change(columns[op.name])}
        except (pa.ArrowException, InvalidInput) as error:
            what = f"{op.name!r} cannot become {after.type}: {error}"
            raise blame((*at, "name"), what, _LOSS) from error

    return replace(fields, contract=contract, step=Step(rows=alter, edits=alter))


_LOSS = "correct the values first, or name a type that holds them all"


def _require_dimension(
    after: FieldSpec, op: AlterField, at: Path, units: Units, blame: Blame
) -> None:
    if op.dim is None:
        return
    if after.unit is None:
        raise blame((*at, "dim"), f"{op.name!r} has no unit, so it has no dimension", "add `unit`")
    if not units.has_dimension(after.unit, op.dim):
        raise blame((*at, "dim"), f"{after.unit} does not measure {op.dim}", None)


def _conversion(
    before: FieldSpec, after: FieldSpec, op: AlterField, at: Path, units: Units, blame: Blame
) -> Callable[[pa.Array], pa.Array]:
    """What turns values of the field as it was into those that it has now."""
    old, new, kind = before.unit, after.unit, after.arrow_type
    if old is None or new is None or old == new or not op.convert:
        return lambda values: lossless_cast(values, kind)
    if not units.same_dimension(old, new):
        raise blame(
            (*at, "unit"),
            f"nothing converts {old} to {new}",
            "if only the name of the unit was wrong, write `convert: false`",
        )
    if not (_is_plain_number(before.arrow_type) and _is_plain_number(kind)):
        raise blame(
            (*at, "unit"),
            f"values of {before.type} are converted to another unit as float64 only",
            "name `type: float64` beside the unit",
        )
    return lambda values: lossless_cast(units.convert(values.cast(pa.float64()), old, new), kind)


def _is_plain_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def default_of(spec: FieldSpec) -> pa.Scalar:
    """What a row has that names no value of the field: its default, else null."""
    kind = spec.arrow_type
    return pa.scalar(None, kind) if spec.default is None else scalar_of(spec.default, kind)


def _document(fields: Fields) -> dict[str, Any]:
    document: dict[str, Any] = fields.contract.model_dump(mode="json", exclude_none=True)
    return document


def _checked(document: Mapping[str, Any], at: Path, blame: Blame) -> Contract:
    try:
        return Contract.model_validate(document)
    except ValidationError as error:
        raise blame(at, f"the contract would not hold together: {reasons(error)}", None) from error
