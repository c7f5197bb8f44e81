"""Registering a field: one more column that a contract promises, with the names it answers to.

Here belongs what S4-61 asks for on the side of the contract. Bringing rows to what was registered
belongs to `releases.normalize`.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from dataplatform.contracts.model import Contract, FieldSpec
from dataplatform.contracts.problems import reasons
from opendata.wire.errors import Conflict, InvalidInput


def with_field(contract: Contract, document: dict[str, Any]) -> Contract:
    """The contract with one more field at its end.

    Args:
        document: The field as `contract.fields` of an `opendata.yaml` has it.

    Raises:
        InvalidInput: if that is no field.
        Conflict: if its name or an alias is taken.
    """
    try:
        field = FieldSpec.model_validate(document)
    except ValidationError as error:
        raise InvalidInput(
            f"{document.get('name')!r} is no field: {reasons(error)}", code="invalid_field"
        ) from error
    for name in (field.name, *field.aliases):
        _require_free(contract, field, name)
    stated = contract.model_dump(mode="json", exclude_none=True)
    stated["fields"] = [
        *stated["fields"],
        field.model_dump(mode="json", exclude_none=True),
    ]
    try:
        return Contract.model_validate(stated)
    except ValidationError as error:
        raise InvalidInput(
            f"the contract cannot take {field.name!r}: {reasons(error)}", code="invalid_field"
        ) from error


def _require_free(contract: Contract, field: FieldSpec, name: str) -> None:
    what = f"the alias {name!r} of {field.name!r}" if name != field.name else repr(name)
    for other in contract.fields:
        if name == other.name:
            raise Conflict(
                f"{what} is the name of a field already ({other.type})",
                code="name_taken",
                hint="to rename a field, change its name where it is declared and list the former "
                "one among its aliases",
            )
        if name in other.aliases:
            raise Conflict(
                f"{what} is an alias of {other.name!r} already",
                code="name_taken",
                hint=f"readers who ask for {name!r} mean {other.name!r}; choose another name",
            )
