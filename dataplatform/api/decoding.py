"""Decoding of requests: an address and a body become the values that an endpoint declares.

What is not declared is refused with the nearest name that is; nothing is silently left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, get_origin, get_type_hints
from urllib.parse import parse_qsl

import msgspec

from dataplatform.api.endpoint import Body, Parameters
from dataplatform.api.failures import NOT_JSON
from opendata.reading.suggest import did_you_mean
from opendata.wire.errors import InvalidInput

QUERY_BYTES_MAX: Final = 16 << 10
QUERY_FIELDS_MAX: Final = 64


@cache
def repeated_fields(kind: type[Parameters]) -> frozenset[str]:
    """The parameters that may be given several times."""
    hints = get_type_hints(kind)
    return frozenset(name for name, hint in hints.items() if get_origin(hint) is tuple)


def decode_parameters(kind: type[Parameters], path: Mapping[str, str], query: bytes) -> Parameters:
    """The parameters of an address.

    Raises:
        InvalidInput: for a name that is unknown or there twice, or a value that is not its type's.
    """
    given: dict[str, Any] = dict(path)
    if query:
        repeated = repeated_fields(kind)
        for name, value in _pairs(query):
            if name in repeated:
                given.setdefault(name, []).append(value)
            elif name in path or name not in kind.__struct_fields__:
                raise _unknown(name, set(kind.__struct_fields__) - set(path))
            elif name in given:
                raise InvalidInput(f"{name} is given twice", code="repeated_parameter")
            else:
                given[name] = value
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"this cannot be asked: {error}", code="bad_parameter") from error


def _pairs(query: bytes) -> list[tuple[str, str]]:
    if len(query) > QUERY_BYTES_MAX:
        raise InvalidInput(f"the query has more than {QUERY_BYTES_MAX:,} bytes", code="too_long")
    plain = query.isascii() and b"%" not in query and b"+" not in query
    if plain and query.count(b"&") < QUERY_FIELDS_MAX:  # as cursors and versions are
        parts = (one.partition("=") for one in query.decode().split("&") if one)
        return [(name, value) for name, _, value in parts]
    try:
        return parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=QUERY_FIELDS_MAX,
        )
    except ValueError as error:  # no ASCII, no UTF-8 behind the percent signs, or too many
        raise InvalidInput(f"the query cannot be read: {error}", code="bad_query") from error


def _unknown(name: str, known: set[str]) -> InvalidInput:
    listed = f"this takes {', '.join(sorted(known))}" if known else "this takes no parameters"
    return InvalidInput(
        f"there is no parameter {name[:80]!r} here",
        code="unknown_parameter",
        hint=did_you_mean(name[:80], known) or listed,
    )


def decode_body(kind: type[Body], content_type: str, data: bytes) -> Body:
    """The value of a JSON body.

    Raises:
        InvalidInput: if it is no JSON, or not what the endpoint takes.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise InvalidInput(
            "the body has to be JSON", code=NOT_JSON, hint="Content-Type: application/json"
        )
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"the body cannot be read: {error}", code="bad_body") from error
