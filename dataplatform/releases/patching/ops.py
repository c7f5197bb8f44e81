"""The operations of a patch, as values (requirements S4-32…S4-37).

Here belongs what one operation may say, by itself. Where it stands in a file is told by
`parse`; what it does to fields stands in `fields`, what it does to rows in
`records`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from dataplatform.contracts.fields import TypeName
from dataplatform.contracts.rules import FieldName, Scalar
from opendata.wire.errors import InvalidInput
from opendata.wire.version import parse_version

OPS_MAX: Final = 100_000


def _canonical_version(text: str) -> str:
    try:
        return str(parse_version(text))
    except InvalidInput as error:
        raise ValueError(error.message) from error


def _as_index(keys: Any) -> Any:
    """One index is a list of fields, several are a list of those; a field alone is an index."""
    if isinstance(keys, str):
        return [[keys]]
    if isinstance(keys, list | tuple) and keys and all(isinstance(key, str) for key in keys):
        return [list(keys)]
    return keys


VersionText = Annotated[str, AfterValidator(_canonical_version)]
Unit = Annotated[str, Field(min_length=1, max_length=100)]
Line = Annotated[str, Field(min_length=1, max_length=1_000)]
Record = dict[str, Any]
Records = Annotated[tuple[Record, ...], Field(min_length=1)]
Keys = Annotated[
    tuple[Annotated[tuple[FieldName, ...], Field(min_length=1)], ...], BeforeValidator(_as_index)
]


class _Op(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AddField(_Op):
    """A new field at the end; older rows get `default`, or null where it is nullable."""

    op: Literal["ADD_FIELD"] = "ADD_FIELD"
    name: FieldName
    type: TypeName
    default: Scalar | None = None
    nullable: bool | None = None
    unit: Unit | None = None
    description: Line | None = None
    aliases: tuple[FieldName, ...] = ()
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _older_rows_have_a_value(self) -> AddField:
        if self.default is None and not self.nullable:
            raise ValueError(
                "older rows need a value here: give a `default`, or write `nullable: true`"
            )
        return self


class DropField(_Op):
    """A field goes, with all its values. Readers of it break: the next major is declared."""

    op: Literal["DROP_FIELD"] = "DROP_FIELD"
    name: FieldName


class AlterField(_Op):
    """A field changes; what is not named stays.

    Another unit converts the values, unless `convert` is false (the unit was written down wrong).
    `dim` is the dimension that the unit must have, as `[length] / [time]`.
    """

    op: Literal["ALTER_FIELD"] = "ALTER_FIELD"
    name: FieldName
    type: TypeName | None = None
    unit: Unit | None = None
    dim: Unit | None = None
    convert: bool = True
    nullable: bool | None = None
    default: Scalar | None = None
    description: Line | None = None
    aliases: tuple[FieldName, ...] | None = None
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> AlterField:
        if not self.model_fields_set - {"op", "name", "convert"}:
            raise ValueError("this changes nothing: name a `type`, `unit`, `dim` or another trait")
        return self


class _RecordOp(_Op):
    pk: Any = None
    records: Records | None = None
    file: Line | None = None

    @model_validator(mode="after")
    def _names_its_records_once(self) -> _RecordOp:
        given = [name for name in ("pk", "records", "file") if getattr(self, name) is not None]
        if len(given) != 1:
            what = f"{' and '.join(given)} exclude each other" if given else "no record is named"
            raise ValueError(f"{what}: write `pk`, or a list of `records`, or a `file`")
        return self


class UpsertRecord(_RecordOp):
    """Rows by key: fields that are named get the value, the others of a row there stay.

    One record (`pk`, `values`), several (`records`, each with its key among its fields), or those
    of a CSV or Parquet `file`.
    """

    op: Literal["UPSERT_RECORD"] = "UPSERT_RECORD"
    values: Record | None = None

    @model_validator(mode="after")
    def _values_go_with_a_key(self) -> UpsertRecord:
        if self.values is not None and self.pk is None:
            raise ValueError("`values` go with a `pk`; in `records` each has its key among them")
        return self


class DeleteRecord(_RecordOp):
    """Rows by key go; one that is not there is refused unless `missing` is `ignore`."""

    op: Literal["DELETE_RECORD"] = "DELETE_RECORD"
    missing: Literal["refuse", "ignore"] = "refuse"


class Reindex(_Op):
    """The secondary indexes of the release; an empty list has none."""

    op: Literal["REINDEX"] = "REINDEX"
    keys: Keys


FieldOp = AddField | DropField | AlterField
RecordOp = UpsertRecord | DeleteRecord
Op = AddField | DropField | AlterField | UpsertRecord | DeleteRecord | Reindex
OPS: Final[dict[str, type[Op]]] = {
    "ADD_FIELD": AddField,
    "DROP_FIELD": DropField,
    "ALTER_FIELD": AlterField,
    "UPSERT_RECORD": UpsertRecord,
    "DELETE_RECORD": DeleteRecord,
    "REINDEX": Reindex,
}


class Head(BaseModel):
    """What a patch says beside its operations.

    `base` is the release that it was made for; another current one refuses it. `version` declares
    the next major, as `release.version` of an `opendata.yaml` does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: VersionText | None = None
    version: VersionText | None = None
    notes: Line | None = None
    ops: Annotated[tuple[Any, ...], Field(min_length=1, max_length=OPS_MAX)]
