"""`--filter "column operator value"`: from a text to a filter whose value has the column's type."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from opendata.wire.errors import InvalidInput

if TYPE_CHECKING:
    import pyarrow as pa

    from opendata.wire.manifest import Manifest

# Symbols are tried before words, because a column's name may hold the word `in`.
_FORMS: Final = tuple(
    re.compile(rf"\s*(?P<column>[^=<>!]+?)\s*(?P<operator>{form})\s*(?P<value>.+?)\s*", re.DOTALL)
    for form in (r"==|!=|<=|>=|=(?!=)|<(?!=)|>(?!=)", r"\s(?:not\s+in|in)\s")
)
_NULL_TEST: Final = re.compile(r"\s*(?P<column>[^=<>!]+?)\s+is\s+(?P<no>not\s+)?null\s*")
_HINT: Final = (
    "write it like --filter 'country == US', --filter 'country in US, CA' or "
    "--filter 'country is null'"
)


def parse_filters(
    texts: Iterable[str], manifest: Manifest, schema: pa.Schema
) -> list[tuple[str, str, Any]]:
    """Filters of a command line, all of which must hold.

    Raises:
        InvalidInput: if one is malformed, or its value is none of the column's type.
        NotFound: for a column that does not exist, with did-you-mean.
    """
    return [_parse_filter(text, manifest, schema) for text in texts]


def split_columns(given: Iterable[str], names: Iterable[str]) -> list[str] | None:
    """`--columns a,b --columns c` as a list; a name that itself holds a comma stays whole."""
    known = set(names)
    columns: list[str] = []
    for text in given:
        parts = [text] if text in known else [part.strip() for part in text.split(",")]
        columns += [part for part in parts if part]
    return columns or None


def _parse_filter(text: str, manifest: Manifest, schema: pa.Schema) -> tuple[str, str, Any]:
    from opendata.reading.query import resolve_column

    if tested := _NULL_TEST.fullmatch(text):
        column = resolve_column(manifest, tested["column"].strip("\"'`"))
        return column, "is not null" if tested["no"] else "is null", None
    found = _match(text)
    operator = " ".join(found["operator"].split())
    column = resolve_column(manifest, found["column"].strip("\"'`"))
    kind = schema.field(column).type
    if operator in ("in", "not in"):
        values = found["value"].strip("()[]").split(",")
        return column, operator, [_typed(value, column, kind) for value in values if value.strip()]
    return column, operator, _typed(found["value"], column, kind)


def _match(text: str) -> re.Match[str]:
    for form in _FORMS:
        if found := form.fullmatch(text):
            return found
    raise InvalidInput(f"{text!r} is no filter", code="invalid_filter", hint=_HINT)


def _typed(text: str, column: str, kind: pa.DataType) -> Any:
    """The text as a value of the column's type."""
    import pyarrow as pa

    from opendata.reading.type_names import type_name

    text = _unquoted(text.strip())
    if pa.types.is_temporal(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return text
    try:
        return pa.scalar(text).cast(kind).as_py()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InvalidInput(
            f"{column} is {type_name(kind)}; {text!r} is no such value",
            code="invalid_filter",
            hint=_HINT,
        ) from error


def _unquoted(text: str) -> str:
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1] if quoted else text
