"""The two sides of a diff: which columns they share, and in which SQL these are compared.

Here belongs opening both sides so that neither is read less exactly than the other, and pairing
their columns. What makes two values the same stands in `values`; joining belongs to `keyed` and
`multiset`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pyarrow as pa

from dataplatform.adapters.duckdb.table import Table, exact_type, open_table
from dataplatform.adapters.duckdb.text import name
from dataplatform.adapters.row_diff.tolerance import within
from dataplatform.adapters.row_diff.values import (
    NotComparable,
    Spelling,
    Stored,
    as_it_is,
    spelling,
)
from dataplatform.contracts.values import is_number
from dataplatform.releases.differ import DiffOptions
from opendata.reading.type_names import type_name
from opendata.wire.errors import InvalidInput, NotFound

SideName = Literal["old", "new"]


@dataclass(frozen=True)
class Column:
    """A column that both sides have: its name on each, and the common form of its values."""

    old: str
    new: str
    old_form: Spelling = as_it_is
    new_form: Spelling = as_it_is
    tolerance: float | None = None

    @property
    def is_plain(self) -> bool:
        """Whether both sides compare as they are."""
        return self.old_form is as_it_is and self.new_form is as_it_is

    def name_on(self, side: SideName) -> str:
        """What the side calls it."""
        return self.old if side == "old" else self.new

    def form_on(self, side: SideName) -> str:
        """The SQL of the side's values in the common form."""
        form = self.old_form if side == "old" else self.new_form
        return form(name(self.name_on(side)))


@dataclass(frozen=True)
class Sides:
    """Both sides, the keys, the columns beside them, and why others are left out."""

    old: Table
    new: Table
    keys: tuple[Column, ...]
    columns: tuple[Column, ...]
    not_compared: Mapping[str, str]

    def table(self, side: SideName) -> Table:
        """The rows of one side."""
        return self.old if side == "old" else self.new

    def cell(self, side: SideName, column: Column, value: Any) -> Any:
        """A fetched value of one side as JSON."""
        return self.table(side).json_cell(column.name_on(side), value)

    def within(self, column: Column, old: str, new: str) -> str | None:
        """The condition under which two different numbers are the same but for its tolerance."""
        if column.tolerance is None:
            return None
        kinds = self.old.type_of(column.old), self.new.type_of(column.new)
        return within(column.tolerance, (old, kinds[0]), (new, kinds[1]))


def open_sides(
    old_files: Sequence[str],
    new_files: Sequence[str],
    keys: Sequence[str],
    columns: Sequence[str],
    options: DiffOptions,
) -> Sides:
    """Open both sides and pair their columns.

    Raises:
        NotFound: where a side lacks a key.
        InvalidInput: where keys cannot be compared, no column is common to both, or a tolerance
            is asked of what is no number.
    """
    old = _exactly(open_table(old_files, "old_rows"))
    new = _exactly(open_table(new_files, "new_rows"))
    named = {key: options.former.get(key, key) for key in keys}
    _require_keys(old, named.values(), "old")
    _require_keys(new, named, "new")
    beside = [c for c in columns if c not in named]
    found = dict(_paired(old, new, [*keys, *beside], options))
    left_out = {name: pair for name, pair in found.items() if isinstance(pair, str)}
    if wrong := [key for key in keys if key in left_out]:
        raise InvalidInput(f"the key {wrong[0]!r} cannot be compared: {left_out[wrong[0]]}")
    compared = {name: pair for name, pair in found.items() if isinstance(pair, Column)}
    _require_plain_nested(new, [compared[key] for key in keys])
    if not compared:
        raise InvalidInput(
            "the two sides have no column in common that can be compared",
            code="nothing_to_compare",
            details={"columns_not_compared": left_out},
        )
    return Sides(
        old,
        new,
        keys=tuple(compared[key] for key in keys),
        columns=tuple(column for name, column in compared.items() if name not in named),
        not_compared=left_out,
    )


def _require_keys(table: Table, keys: Any, side: str) -> None:
    missing = [key for key in keys if key not in table.schema.names]
    if missing:
        raise NotFound(f"the {side} rows have no key {missing[0]!r}", code="no_such_column")


def _require_plain_nested(new: Table, keys: Sequence[Column]) -> None:
    """Refuse keys of which two that lie differently may be the same, such as maps."""
    for key in keys:
        if pa.types.is_nested(new.type_of(key.new)) and not key.is_plain:
            raise InvalidInput(
                f"the key {key.new!r} cannot be compared: its values may lie in several ways",
                hint="name a key of plain values",
            )


def _paired(
    old: Table, new: Table, columns: Sequence[str], options: DiffOptions
) -> Iterator[tuple[str, Column | str]]:
    """Every column that both sides have, or why it cannot be compared."""
    for column in columns:
        before = options.former.get(column, column)
        if before not in old.schema.names or column not in new.schema.names:
            continue
        why = old.unreadable.get(before) or new.unreadable.get(column)
        if why:
            yield column, why
            continue
        sides = _stored(old, before), _stored(new, column)
        try:
            forms = spelling(*sides), spelling(*reversed(sides))
        except NotComparable as reason:
            yield column, str(reason)
            continue
        tolerance = options.tolerances.get(column)
        if tolerance is not None:
            _require_numbers(column, sides)
        yield column, Column(before, column, *forms, tolerance)


def _require_numbers(column: str, sides: Sequence[Stored]) -> None:
    for kind in (side.kind for side in sides):
        if not is_number(kind) and not pa.types.is_null(kind):
            raise InvalidInput(
                f"no tolerance for {column!r}: {type_name(kind)} is no number",
                code="no_tolerance",
                hint="leave it out, or name a column of numbers",
            )


def _stored(table: Table, column: str) -> Stored:
    kind = table.type_of(column)
    return Stored(kind, table.through_arrow.get(column) == exact_type(kind))


def _exactly(table: Table) -> Table:
    """The side with every column read through Arrow that the engine would round.

    All of its rows are read that way then, so what the engine knows from Parquet only is given to
    it as Parquet would: durations as counts, narrow decimals as such.
    """
    needed = {c: exact_type(table.type_of(c)) for c in table.inexact} | dict(table.through_arrow)
    if not needed:
        return table
    others = dict(_as_parquet(table, [c for c in table.columns if c not in needed]))
    return replace(table, through_arrow={**others, **needed}, inexact={})


def _as_parquet(table: Table, columns: Sequence[str]) -> Iterator[tuple[str, pa.DataType]]:
    for column in columns:
        kind, stored = table.type_of(column), table.schema.field(column).type
        if pa.types.is_duration(kind):
            yield column, pa.int64()
        elif pa.types.is_decimal(kind):
            yield column, pa.decimal128(kind.precision, kind.scale)
        elif pa.types.is_float16(kind):
            yield column, pa.float32()
        elif pa.types.is_time64(kind):
            yield column, pa.time64("us")
        elif stored != kind:
            yield column, kind
