"""A contract from a schema: what is promised where nobody wrote a promise down.

Here belongs the step from an Arrow schema to fields. Guessing keys and time columns from values
belongs to `datasets.infer`, which proposes them to a person.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from pydantic import ValidationError

from dataplatform.contracts.model import Contract, FieldSpec
from dataplatform.contracts.problems import reasons
from opendata.reading.type_names import type_name
from opendata.wire.errors import InvalidInput

UNIT_KEY = b"unit"
DESCRIPTION_KEY = b"description"


def infer_contract(schema: pa.Schema, *, primary_key: Sequence[str] = ()) -> Contract:
    """The contract of a data set that declares none: its first release's schema.

    `unit` and `description` in a field's Arrow metadata are taken over.

    Raises:
        InvalidInput: when the columns cannot be promised (a name twice, a union type).
    """
    try:
        return Contract(
            primary_key=tuple(primary_key),
            fields=tuple(_field_spec(field) for field in schema),
        )
    except ValidationError as error:
        raise InvalidInput(
            f"the table's columns make no contract: {reasons(error)}",
            code="invalid_schema",
            hint="rename or drop the columns",
        ) from error


def complete_contract(declared: Contract, schema: pa.Schema) -> Contract:
    """`declared`, with its fields taken from `schema` where it leaves the columns open.

    Raises:
        InvalidInput: when key or rules name columns that the schema does not have.
    """
    if declared.fields:
        return declared
    return with_fields_of(declared, infer_contract(schema))


def with_fields_of(declared: Contract, other: Contract) -> Contract:
    """`declared`, with the fields of another contract in place of its own.

    Raises:
        InvalidInput: when key or rules name columns that the other contract does not have.
    """
    stated = declared.model_dump(mode="json", exclude_none=True)
    stated["fields"] = [field.model_dump(mode="json", exclude_none=True) for field in other.fields]
    try:
        return Contract.model_validate(stated)
    except ValidationError as error:
        raise InvalidInput(
            f"the contract does not fit the table's columns: {reasons(error)}",
            code="invalid_contract",
            hint="correct the `contract` section",
        ) from error


def _field_spec(field: pa.Field) -> FieldSpec:
    notes = field.metadata or {}
    try:
        name_of_type = type_name(field.type)
    except ValueError as error:
        raise InvalidInput(
            f"column {field.name!r}: {error}",
            code="invalid_schema",
            hint="convert it to another type",
        ) from error
    return FieldSpec(
        name=field.name,
        type=name_of_type,
        nullable=field.nullable,
        unit=_note(notes, UNIT_KEY),
        description=_note(notes, DESCRIPTION_KEY),
    )


def _note(notes: dict[bytes, bytes], key: bytes) -> str | None:
    text = notes.get(key, b"").decode(errors="replace").strip()
    return text or None
