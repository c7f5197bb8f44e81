"""Fields: registering one with the names it answers to, and bringing rows to it (S4-61)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from dataplatform.adapters.units.pint import PintUnits
from dataplatform.cli.frames import as_reader
from dataplatform.cli.place import find_settings, trusted_release
from dataplatform.contracts.model import Contract, FieldSpec
from dataplatform.contracts.problems import reasons
from dataplatform.contracts.register import with_field
from dataplatform.releases.normalize import normalize_table
from opendata.stores import open_reader
from opendata.wire.errors import InvalidInput


def register_field(
    contract: Any,
    name: str,
    type: str,
    *,
    aliases: Sequence[str] = (),
    unit: str | None = None,
    nullable: bool = True,
    default: Any = None,
    description: str | None = None,
    tolerance: float | None = None,
) -> dict[str, Any]:
    """One more field in a contract, with the other names that readers may ask for it by (S4-61).

    Nothing is stored: what comes back is the `contract` section of an `opendata.yaml`, as `od.push`
    takes it too (`od.push(rows, "ns/name", contract=…)`).

    Args:
        contract: A `contract` section (or `{}` to begin one), or a data set whose current release
            has the contract to begin with, such as `ns/name`.
        name, type: The column and its Arrow type.
        aliases: Former names, and names that others use.
        unit: What its numbers count, in words of the unit library.
        nullable, default: Whether it may be missing, and what older rows have instead.

    Returns:
        The contract with the field at its end.

    Raises:
        Conflict: if the name or an alias is the name or an alias of another field.
        InvalidInput: if type, unit or default make no field, or the contract is none.
        NotFound: if there is no such data set.
        Denied: if a trust root is configured and the signature of its release does not hold.
    """
    stated = {
        "name": name,
        "type": type,
        "nullable": nullable,
        "aliases": [aliases] if isinstance(aliases, str) else list(aliases),
        "unit": unit,
        "default": default,
        "description": description,
        "tolerance": tolerance,
    }
    given = {key: value for key, value in stated.items() if value is not None}
    document: dict[str, Any] = with_field(_contract(contract), given).model_dump(
        mode="json", exclude_none=True
    )
    return document


def normalize_field(data: Any, field: Any, *, unit: str | Mapping[str, str] | None = None) -> Any:
    """Rows whose column is the registered one: its name, unit and type (S4-61).

    A column under an alias is renamed, one in another unit converted, one of another type cast
    where every value survives. With a whole contract each of its fields is; fields that the rows
    do not have get their default, or nulls.

    Args:
        data: A pandas or polars frame, an Arrow table or reader, or the path of a file.
        field: A field as `contract.fields` has it, a contract, or a data set such as `ns/name`.
        unit: The unit that the column is in now, or units by column; without it, what the column's
            Arrow metadata says, else the registered one.

    Returns:
        A pandas or polars frame where one was given, else an Arrow table.

    Raises:
        NotFound: if the field is under none of its names.
        InvalidInput: if it is under several, or neither unit nor type lead to the registered ones.
        Rejected: if a value would be lost, with its row.
        Denied: as :func:`register_field`.
    """
    one = _single_field(field)
    fields = [one] if one is not None else _contract(field).fields
    if isinstance(unit, str):
        if len(fields) != 1:
            raise InvalidInput(
                f"unit={unit!r} says not of which column",
                hint=f'write unit={{"{fields[0].name if fields else "column"}": "{unit}"}}',
            )
        unit = {fields[0].name: unit}
    table = normalize_table(
        as_reader(data).read_all(),
        fields,
        PintUnits(),
        given_units=unit,
        fill_nulls=one is None,
    )
    return _as_given(data, table)


def _single_field(field: Any) -> FieldSpec | None:
    if isinstance(field, FieldSpec):
        return field
    if not isinstance(field, Mapping) or "name" not in field:
        return None
    try:
        return FieldSpec.model_validate(dict(field))
    except ValidationError as error:
        raise InvalidInput(
            f"{field['name']!r} is no field: {reasons(error)}", code="invalid_field"
        ) from error


def _contract(given: Any) -> Contract:
    if isinstance(given, Contract):
        return given
    if isinstance(given, str):
        settings = find_settings()
        reader = open_reader(settings.store_url, environ=settings.environ)
        return Contract.model_validate(trusted_release(reader, given).manifest.contract)
    if not isinstance(given, Mapping):
        raise InvalidInput(
            f"{given!r} is no contract",
            code="invalid_contract",
            hint="give a `contract` section, {} to begin one, or a data set such as ns/name",
        )
    try:
        return Contract.model_validate(dict(given))
    except ValidationError as error:
        raise InvalidInput(
            f"this is no contract: {reasons(error)}", code="invalid_contract"
        ) from error


def _as_given(data: Any, table: Any) -> Any:
    library = type(data).__module__.partition(".")[0]
    if library == "pandas":
        return table.to_pandas()
    if library == "polars":
        import polars

        return polars.from_arrow(table)
    return table
