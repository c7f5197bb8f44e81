"""ISO 3166-2 subdivisions of countries, from the iso-codes project's JSON.

One file, replaced in place; no time column. What `parent` means changed once upstream (see the
README), and this producer passes on what it reads: the contract beside it says which meaning holds.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

SOURCE = "https://salsa.debian.org/iso-codes-team/iso-codes/-/raw/main/data/iso_3166-2.json"
LIST = "3166-2"

SCHEMA = pa.schema(
    [("code", pa.string()), ("name", pa.string()), ("type", pa.string()), ("parent", pa.string())]
)


def produce(context: Any) -> pa.Table:
    """The whole list; an interval means nothing to a source without time and is not looked at."""
    table = parse_subdivisions(context.fetch(SOURCE).content, where=SOURCE)
    context.log.info("%d subdivisions read from %s", table.num_rows, SOURCE)
    return table


def parse_subdivisions(content: bytes, *, where: str) -> pa.Table:
    """The JSON list as a table. Raises ValueError naming the record that is not as published."""
    rows = [
        _row(record, f"{where}: record {number}")
        for number, record in enumerate(_records(content, where), start=1)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _records(content: bytes, where: str) -> list[Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise ValueError(f"{where}: expected JSON, found {content[:40]!r} ({error})") from error
    records = document.get(LIST) if isinstance(document, dict) else None
    if not isinstance(records, list) or not records:
        raise ValueError(f"{where}: expected an object with a list {LIST!r}, found none")
    return records


def _row(record: Any, place: str) -> dict[str, str | None]:
    if not isinstance(record, dict):
        raise ValueError(f"{place}: expected an object, found {record!r}")
    unknown = sorted(set(record) - set(SCHEMA.names))
    if unknown:
        raise ValueError(f"{place}: expected {', '.join(SCHEMA.names)}, found also {unknown}")
    for name, value in record.items():
        if not isinstance(value, str):
            raise ValueError(f"{place}: {name}: expected text, found {value!r}")
    return {name: record.get(name) for name in SCHEMA.names}
