"""Row diffs by DuckDB: one full outer join on the key, or one grouping without a key.

Both spill to disk beyond the memory limit, so the size of a release does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.adapters.duckdb import text as sql
from dataplatform.adapters.duckdb.session import Limits, Session, locked_session, readable_paths
from dataplatform.contracts.report import json_value
from dataplatform.releases.differ import RowDiff
from opendata.wire.errors import Corrupt, InvalidInput, Rejected

SAMPLES_MAX: Final = 20
IN_OLD: Final = sql.name("#old")
IN_NEW: Final = sql.name("#new")


class DuckDBRowDiffer:
    """See `RowDiffer`, the port that this is."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()

    def diff(
        self,
        old_files: Sequence[str],
        new_files: Sequence[str],
        *,
        keys: Sequence[str],
        columns: Sequence[str],
    ) -> RowDiff:
        """How the new rows differ from the old ones."""
        if not old_files and not new_files:
            return RowDiff(0, 0, 0, keyed=bool(keys))
        with _two_sides(old_files, new_files, keys, columns, self._limits) as sides:
            return _keyed(sides) if keys else _multiset(sides)


@dataclass(frozen=True)
class _Sides:
    """A session in which the tables `old` and `new` have the same columns."""

    session: Session
    keys: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def values(self) -> tuple[str, ...]:
        """The compared columns that are not part of the key."""
        return tuple(column for column in self.columns if column not in self.keys)


@contextmanager
def _two_sides(
    old_files: Sequence[str],
    new_files: Sequence[str],
    keys: Sequence[str],
    columns: Sequence[str],
    limits: Limits,
) -> Iterator[_Sides]:
    old = readable_paths(old_files) if old_files else []
    new = readable_paths(new_files) if new_files else []
    common = _common_columns(old, new, keys, columns)
    with locked_session([*old, *new], limits) as session:
        for table, files in (("old", old), ("new", new)):
            rows = f"FROM {sql.scan(files or [*old, *new])}" + ("" if files else " WHERE false")
            session.execute(f"CREATE TEMP VIEW {table} AS SELECT {sql.names(common)} {rows}")
        yield _Sides(session, tuple(keys), tuple(common))


def _common_columns(
    old: Sequence[str], new: Sequence[str], keys: Sequence[str], columns: Sequence[str]
) -> list[str]:
    sides = [_schema(files[0]) for files in (old, new) if files]
    for key in keys:
        if any(key not in schema.names for schema in sides):
            raise InvalidInput(f"the key column {key!r} is missing on one side", code="no_such_key")
    common = [c for c in columns if all(c in schema.names for schema in sides)]
    return list(dict.fromkeys([*keys, *common]))


def _schema(path: str) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise Corrupt(f"{path} is no readable Parquet: {error}") from error


def _keyed(sides: _Sides) -> RowDiff:
    for table in ("old", "new"):
        _require_a_key(sides, table)
    joined = _join(sides)
    changed = _changed(sides)
    counts = sides.session.row(
        f"SELECT count(*) FILTER (WHERE {IN_OLD} IS NULL) AS added, "
        f"count(*) FILTER (WHERE {IN_NEW} IS NULL) AS removed, "
        f"count(*) FILTER (WHERE {changed}) AS changed FROM ({joined})"
    )
    if not any(counts.values()):
        return RowDiff(0, 0, 0)
    rows = sides.session.rows(
        f"SELECT * FROM ({joined}) "
        f"WHERE {IN_OLD} IS NULL OR {IN_NEW} IS NULL OR {changed} "
        f"ORDER BY {sql.names(sides.keys)} LIMIT {SAMPLES_MAX}"
    )
    samples = tuple(_keyed_sample(sides, row) for row in rows)
    return RowDiff(counts["added"], counts["removed"], counts["changed"], samples)


def _join(sides: _Sides) -> str:
    """Both sides by key: the key once, every other column as `old:…` and `new:…`."""
    keys = ", ".join(
        f"coalesce(o.{sql.name(k)}, n.{sql.name(k)}) AS {sql.name(k)}" for k in sides.keys
    )
    values = "".join(
        f", o.{sql.name(c)} AS {sql.name('old:' + c)}, n.{sql.name(c)} AS {sql.name('new:' + c)}"
        for c in sides.values
    )
    match = " AND ".join(f"o.{sql.name(k)} = n.{sql.name(k)}" for k in sides.keys)
    return (
        f"SELECT {keys}, o.{IN_OLD}, n.{IN_NEW}{values} "
        f"FROM (SELECT *, 1 AS {IN_OLD} FROM old) o "
        f"FULL OUTER JOIN (SELECT *, 1 AS {IN_NEW} FROM new) n ON {match}"
    )


def _changed(sides: _Sides) -> str:
    distinct = " OR ".join(
        f"({sql.name('old:' + c)} IS DISTINCT FROM {sql.name('new:' + c)})" for c in sides.values
    )
    return f"({IN_OLD} = 1 AND {IN_NEW} = 1 AND ({distinct or 'false'}))"


def _keyed_sample(sides: _Sides, row: dict[str, Any]) -> dict[str, Any]:
    key = {name: json_value(row[name]) for name in sides.keys}
    if row["#old"] is None:
        return {"change": "added", "key": key}
    if row["#new"] is None:
        return {"change": "removed", "key": key}
    values = {
        column: {"old": json_value(row[f"old:{column}"]), "new": json_value(row[f"new:{column}"])}
        for column in sides.values
    }
    moved = {column: pair for column, pair in values.items() if pair["old"] != pair["new"]}
    return {"change": "changed", "key": key, "values": moved}


def _require_a_key(sides: _Sides, table: str) -> None:
    """Refuse keys that do not identify a row; a diff by them would be silently wrong."""
    is_null = " OR ".join(f"{sql.name(key)} IS NULL" for key in sides.keys)
    keys = sql.names(sides.keys)
    nulls = sides.session.row(f"SELECT count(*) AS count FROM {table} WHERE {is_null}")["count"]
    repeated = f"SELECT {keys}, count(*) AS rows FROM {table} GROUP BY {keys} HAVING count(*) > 1"
    twice = sides.session.row(f"SELECT count(*) AS count FROM ({repeated})")["count"]
    if not nulls and not twice:
        return
    sampled = sides.session.rows(f"{repeated} ORDER BY ALL LIMIT {SAMPLES_MAX}")
    raise Rejected(
        f"the key ({', '.join(sides.keys)}) does not identify the {table} rows: "
        f"{nulls:,} have a null in it, {twice:,} keys occur more than once",
        code="ambiguous_keys",
        hint="name a key that is unique and never null, or compare without one",
        details={
            "side": table,
            "null_keys": nulls,
            "repeated_keys": twice,
            "samples": [json_value(row) for row in sampled],
        },
    )


def _multiset(sides: _Sides) -> RowDiff:
    columns = sql.names(sides.columns)
    net = (
        f"SELECT {columns}, sum({IN_NEW})::BIGINT AS {IN_NEW} FROM ("
        f"SELECT {columns}, -1 AS {IN_NEW} FROM old "
        f"UNION ALL SELECT {columns}, 1 AS {IN_NEW} FROM new) "
        f"GROUP BY {columns} HAVING sum({IN_NEW}) <> 0"
    )
    counts = sides.session.row(
        f"SELECT coalesce(sum({IN_NEW}) FILTER (WHERE {IN_NEW} > 0), 0)::BIGINT AS added, "
        f"coalesce(-sum({IN_NEW}) FILTER (WHERE {IN_NEW} < 0), 0)::BIGINT AS removed FROM ({net})"
    )
    rows = sides.session.rows(f"SELECT * FROM ({net}) ORDER BY ALL LIMIT {SAMPLES_MAX}")
    samples = tuple(_multiset_sample(row) for row in rows)
    return RowDiff(counts["added"], counts["removed"], 0, samples, keyed=False)


def _multiset_sample(row: dict[str, Any]) -> dict[str, Any]:
    count = row.pop("#new")
    change = "added" if count > 0 else "removed"
    return {"change": change, "rows": abs(count), "row": json_value(row)}
