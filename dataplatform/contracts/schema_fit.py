"""Whether a table's columns are those of the contract: missing, extra, or of another type.

Here belongs the comparison of declared fields with an Arrow schema. Whether nulls stand in a
column is a question to its rows and belongs to the contract engine.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import pyarrow as pa

from dataplatform.contracts.model import Contract, FieldSpec, Severity
from dataplatform.contracts.report import Finding
from opendata.reading.type_names import plain_type, type_name


def check_fields(contract: Contract, schema: pa.Schema) -> list[Finding]:
    """One failed finding per column that does not fit, or one passed finding.

    A contract without fields leaves the columns open. Order does not matter; names do, to the case.
    """
    wrong = [*_case_clashes(schema), *_misfits(contract, schema)]
    if wrong:
        return wrong
    fields = contract.field_names or tuple(schema.names)
    message = f"{len(fields)} columns, as declared" if contract.fields else "columns are left open"
    return [_finding("fields", fields, message, failing=0)]


def fits(declared: pa.DataType, actual: pa.DataType) -> bool:
    """Whether `actual` holds the declared values, however they lie in memory or in Parquet.

    Offsets may be wide (`large_string`), encodings do not count, and what Parquet cannot store
    (seconds, 64-bit dates) may have become the next finer type.
    """
    declared, actual = _stored_type(declared), _stored_type(actual)
    if pa.types.is_struct(declared) and pa.types.is_struct(actual):
        ours, theirs = list(declared), list(actual)
        return len(ours) == len(theirs) and all(map(_member_fits, ours, theirs))
    if pa.types.is_list(declared) and pa.types.is_list(actual):
        return _item_fits(declared.value_field, actual.value_field)
    if pa.types.is_map(declared) and pa.types.is_map(actual):
        keys_fit = fits(declared.key_type, actual.key_type)
        return keys_fit and _item_fits(declared.item_field, actual.item_field)
    return bool(declared == actual)


def _member_fits(declared: pa.Field, actual: pa.Field) -> bool:
    return declared.name == actual.name and _item_fits(declared, actual)


def _item_fits(declared: pa.Field, actual: pa.Field) -> bool:
    return fits(declared.type, actual.type) and (declared.nullable or not actual.nullable)


def _stored_type(data_type: pa.DataType) -> pa.DataType:
    data_type = plain_type(data_type)
    if pa.types.is_large_string(data_type) or pa.types.is_string_view(data_type):
        return pa.string()
    if pa.types.is_large_binary(data_type) or pa.types.is_binary_view(data_type):
        return pa.binary()
    if pa.types.is_large_list(data_type) or _is_list_view(data_type):
        return pa.list_(data_type.value_field)
    if pa.types.is_decimal32(data_type) or pa.types.is_decimal64(data_type):
        return pa.decimal128(data_type.precision, data_type.scale)
    if pa.types.is_date64(data_type):
        return pa.date32()
    if pa.types.is_time32(data_type):
        return pa.time32("ms")
    if pa.types.is_timestamp(data_type) and data_type.unit == "s":
        return pa.timestamp("ms", data_type.tz)
    return data_type


def _is_list_view(data_type: pa.DataType) -> bool:
    return bool(pa.types.is_list_view(data_type) or pa.types.is_large_list_view(data_type))


def _case_clashes(schema: pa.Schema) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name in schema.names:
        before = seen.setdefault(name.casefold(), name)
        if before is not name:
            message = f"the columns {before!r} and {name!r} are one name where case does not count"
            yield _finding(f"field({name})", (before, name), message, hint="rename one of them")


def _misfits(contract: Contract, schema: pa.Schema) -> Iterator[Finding]:
    if not contract.fields:
        return
    extra = [name for name in schema.names if contract.field(name) is None]
    for field in contract.fields:
        at = schema.get_field_index(field.name)
        if field.name not in schema.names:
            yield _missing(field, extra)
        elif at >= 0 and not fits(field.arrow_type, schema.field(at).type):
            yield _wrong_type(field, schema.field(at).type)
    for name in extra:
        yield _extra(name, contract)


def _missing(field: FieldSpec, extra: list[str]) -> Finding:
    former = next((alias for alias in field.aliases if alias in extra), None)
    near = former or next(iter(difflib.get_close_matches(field.name, extra, n=1)), None)
    return _finding(
        f"field({field.name})",
        (field.name,),
        f"column {field.name!r} ({field.type}) is missing",
        hint=(
            f"{near!r} is there instead; rename it to {field.name!r}"
            if near
            else "deliver it, or take it out of the contract"
        ),
    )


def _wrong_type(field: FieldSpec, actual: pa.DataType) -> Finding:
    shown = str(actual) if pa.types.is_union(plain_type(actual)) else type_name(actual)
    return _finding(
        f"field({field.name})",
        (field.name,),
        f"column {field.name!r} is {shown}, declared as {field.type}",
        hint=f"convert the values, or declare `type: {shown}`",
    )


def _extra(name: str, contract: Contract) -> Finding:
    near = next(iter(difflib.get_close_matches(name, contract.field_names, n=1)), None)
    meant = f"; did you mean {near!r}?" if near else ""
    return _finding(
        f"field({name})",
        (name,),
        f"column {name!r} is not in the contract{meant}",
        hint="add it to `contract.fields`, or do not deliver it",
    )


def _finding(
    rule: str, fields: tuple[str, ...], message: str, *, failing: int = 1, hint: str | None = None
) -> Finding:
    return Finding(
        rule=rule,
        fields=fields,
        severity=Severity.ERROR,
        passed=not failing,
        checked=len(fields),
        failing=failing,
        message=message,
        hint=hint,
    )
