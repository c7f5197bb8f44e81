"""The patch that leads from one table to another: a difference, written as operations.

Pure, and made for tables that fit into memory: every changed cell becomes a value of the patch.
Rows are told apart by key. The patched table has the rows and columns of the later one; a column
of another type goes and comes again, so that no value is cast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from dataplatform.releases.patching.cells import written_cell
from dataplatform.releases.patching.match import plain_keys
from opendata.reading.type_names import plain_type, type_name
from opendata.wire.errors import InvalidInput, Rejected

Cells = dict[str, list[Any]]


def patch_between(before: pa.Table, after: pa.Table, keys: Sequence[str]) -> dict[str, Any]:
    """A patch in the form of its file; `{"ops": []}` where the tables hold the same rows.

    Raises:
        InvalidInput: if a key is no column of both, of one type.
        Rejected: if keys are null or repeated, so that rows cannot be told apart.
    """
    old, new = _types(before), _types(after)
    common = [name for name in old if old[name] == new.get(name)]
    if not keys or not set(keys) <= set(common):
        raise InvalidInput(
            "a patch tells rows apart by a key, whose columns both sides have with one type",
            code="missing_key",
            hint=f"columns of both: {', '.join(common)}",
        )
    fresh = [name for name in new if new[name] != old.get(name)]
    ops: list[dict[str, Any]] = [
        {"op": "DROP_FIELD", "name": name} for name in old if old[name] != new.get(name)
    ]
    ops += [
        {"op": "ADD_FIELD", "name": name, "type": new[name], "nullable": True} for name in fresh
    ]
    old_rows, new_rows = _by_key(before, keys), _by_key(after, keys)
    old_cells, new_cells = _cells(before, [n for n in new if n not in fresh]), _cells(after, new)
    gone = [
        {name: old_cells[name][row] for name in keys}
        for key, row in old_rows.items()
        if key not in new_rows
    ]
    if gone:
        ops.append({"op": "DELETE_RECORD", "records": gone})
    changes = _changes(old_rows, new_rows, old_cells, new_cells, keys)
    if upserts := list(changes):
        ops.append({"op": "UPSERT_RECORD", "records": upserts})
    return {"ops": ops}


def _changes(
    old_rows: dict[Any, int],
    new_rows: dict[Any, int],
    old_cells: Cells,
    new_cells: Cells,
    keys: Sequence[str],
) -> Iterator[dict[str, Any]]:
    """Rows that are new, whole, and of the others the cells that differ."""
    for key, row in new_rows.items():
        at = old_rows.get(key)
        values = {
            name: cells[row]
            for name, cells in new_cells.items()
            if name not in keys and (at is None or cells[row] != _former(old_cells, name, at))
        }
        if values or at is None:
            yield {**{name: new_cells[name][row] for name in keys}, **values}


def _former(cells: Cells, name: str, at: int) -> Any:
    return cells[name][at] if name in cells else None


def _types(table: pa.Table) -> dict[str, str]:
    return {field.name: type_name(plain_type(field.type)) for field in table.schema}


def _cells(table: pa.Table, names: Sequence[str] | dict[str, str]) -> Cells:
    return {name: [written_cell(cell) for cell in _plain(table, name)] for name in names}


def _plain(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.cast(plain_type(column.type)).combine_chunks()


def _by_key(table: pa.Table, keys: Sequence[str]) -> dict[Any, int]:
    columns = {name: _plain(table, name) for name in keys}
    found: dict[Any, int] = {}
    for row, key in enumerate(plain_keys(keys, columns)):
        if key in found or None in key:
            what = "null" if None in key else "there twice"
            raise Rejected(
                f"the key {', '.join(map(str, key))} is {what}, so rows cannot be told apart",
                code="ambiguous_keys",
                hint="name the fields that identify a row",
            )
        found[key] = row
    return found
