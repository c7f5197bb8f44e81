"""The two sides of a diff: which columns both have, and how their values are compared.

Here belongs opening both sides so that neither is read less exactly than the other. Joining them
belongs to `duckdb`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from dataplatform.adapters.duckdb.table import Table, exact_type, open_table
from dataplatform.adapters.duckdb.text import name
from dataplatform.contracts.schema_fit import fits
from dataplatform.contracts.values import is_number
from opendata.wire.errors import InvalidInput, NotFound


@dataclass(frozen=True)
class Sides:
    """Both sides and the columns that both have: `keys`, and the `columns` beside them."""

    old: Table
    new: Table
    keys: tuple[str, ...]
    columns: tuple[str, ...]

    def same(self, column: str) -> str:
        """A condition that holds where both sides have the same value, or neither has one."""
        old, new = self._compared(column)
        return f"{old} IS NOT DISTINCT FROM {new}"

    def equal(self, column: str) -> str:
        """The same for a key, which is never null; joins are hashed only on plain equality."""
        old, new = self._compared(column)
        return f"{old} = {new}"

    def as_compared(self, side: str, column: str) -> str:
        """The column of one side (`old`, `new`) in the form that both sides share."""
        old, new = self._compared(column)
        return old if side == "old" else new

    def _compared(self, column: str) -> tuple[str, str]:
        old, new = f"old.{name(column)}", f"new.{name(column)}"
        if _comparable(self.old.type_of(column), self.new.type_of(column)):
            return old, new
        return f"CAST({old} AS VARCHAR)", f"CAST({new} AS VARCHAR)"


def open_sides(
    old_files: Sequence[str], new_files: Sequence[str], keys: Sequence[str], columns: Sequence[str]
) -> Sides:
    """Open both sides.

    Raises:
        NotFound: where a side lacks a key.
        InvalidInput: where a column cannot be compared, or no column is common to both.
    """
    old, new = open_table(old_files, "old_rows"), open_table(new_files, "new_rows")
    for side, table in (("old", old), ("new", new)):
        missing = [key for key in keys if key not in table.schema.names]
        if missing:
            raise NotFound(f"the {side} rows have no key {missing[0]!r}", code="no_such_column")
    common = [c for c in columns if c in old.schema.names and c in new.schema.names]
    for column in (*keys, *common):
        why = old.unreadable.get(column) or new.unreadable.get(column)
        if why:
            raise InvalidInput(f"column {column!r} cannot be compared: {why}")
    old, new = _exactly(old, new)
    rest = tuple(column for column in common if column not in keys)
    if not keys and not rest:
        raise InvalidInput("the two sides have no column in common", code="nothing_to_compare")
    return Sides(old, new, tuple(keys), rest)


def _exactly(old: Table, new: Table) -> tuple[Table, Table]:
    """Both sides with every column that one of them needs exact read the same way."""
    needed = {*old.inexact, *old.through_arrow, *new.inexact, *new.through_arrow}
    shared = {
        column: exact_type(old.type_of(column))
        for column in needed
        if column in old.schema.names
        and column in new.schema.names
        and exact_type(old.type_of(column)) == exact_type(new.type_of(column))
    }
    alone = [{c: exact_type(side.type_of(c)) for c in side.inexact} for side in (old, new)]
    return (
        replace(old, through_arrow={**alone[0], **old.through_arrow, **shared}, inexact={}),
        replace(new, through_arrow={**alone[1], **new.through_arrow, **shared}, inexact={}),
    )


def _comparable(old: pa.DataType, new: pa.DataType) -> bool:
    """Whether the engine compares the two types by value; otherwise their texts are."""
    if fits(old, new) or (is_number(old) and is_number(new)):
        return True
    dated = [pa.types.is_date(kind) or pa.types.is_timestamp(kind) for kind in (old, new)]
    return all(dated)
