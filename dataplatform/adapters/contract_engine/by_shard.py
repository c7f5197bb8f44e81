"""Measuring shard by shard: what is known of a shard already is not asked of its rows again.

The writer's statistics tell nulls, different values and most bounds; facts kept from an earlier
release tell everything about a shard that did not change. Here belongs asking for the rest, in one
pass over the shards that are new. Where something stands in the way, the caller measures the table
as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataplatform.adapters.contract_engine.measure import column_question
from dataplatform.adapters.contract_engine.row_rules import RowRule
from dataplatform.adapters.duckdb.repetition import rises_strictly
from dataplatform.adapters.duckdb.session import Session
from dataplatform.adapters.duckdb.table import Table
from dataplatform.adapters.duckdb.text import name
from dataplatform.contracts.model import Contract, UniqueRule
from dataplatform.contracts.profile import (
    ColumnProfile,
    Profile,
    Rising,
    ShardedFacts,
    ShardFacts,
)
from dataplatform.contracts.shard_facts import (
    KnownShard,
    Unmergeable,
    merged_column,
    rises_throughout,
)
from opendata.wire.chunks import ColumnStats
from opendata.wire.codec import replace as with_fields
from opendata.wire.errors import OpenDataError


@dataclass(frozen=True)
class ByShard:
    """What the shards add up to; `told_apart` are the fields that no two rows have in common."""

    shards: tuple[ShardFacts, ...]
    rows: int
    columns: dict[str, ColumnProfile]
    counts: tuple[tuple[int, int], ...]
    told_apart: frozenset[tuple[str, ...]]

    def kept_in(self, profile: Profile, measured_under: str) -> Profile:
        """The profile with the shards' facts; one shard alone has nothing that could stay."""
        if len(self.shards) < 2:
            return profile
        return with_fields(
            profile, sharded=ShardedFacts(contract=measured_under, shards=self.shards)
        )


def measure_by_shard(
    session: Session,
    table: Table,
    contract: Contract,
    conditions: Sequence[RowRule],
    known: Sequence[KnownShard],
) -> ByShard | None:
    """The table from its shards, or None where it has to be measured as a whole."""
    if len(known) != len(table.files) or not table.counts_per_file:
        return None
    if any(shard.facts and len(shard.facts.counts) != len(conditions) for shard in known):
        return None  # another table under the same contract, or an engine that asked otherwise
    try:
        shards = _facts_of_all(session, table, contract, conditions, known)
        columns = {c: merged_column(c, table.type_of(c), shards) for c in table.columns}
    except (OpenDataError, Unmergeable):
        return None  # the whole pass finds out what is wrong, and says it where it belongs
    return ByShard(
        shards=tuple(shards),
        rows=sum(shard.row_count for shard in shards),
        columns=columns,
        counts=tuple(
            (sum(checked), sum(failing))
            for checked, failing in (
                zip(*counts, strict=True)
                for counts in zip(*(shard.counts for shard in shards), strict=True)
            )
        ),
        told_apart=frozenset(
            fields
            for fields in _unique_fields(table, contract)
            if rises_throughout(fields, [table.type_of(field) for field in fields], shards)
        ),
    )


def _facts_of_all(
    session: Session,
    table: Table,
    contract: Contract,
    conditions: Sequence[RowRule],
    known: Sequence[KnownShard],
) -> list[ShardFacts]:
    new = [at for at, shard in enumerate(known) if shard.facts is None]
    asked = replace(
        table,
        files=tuple(table.files[at] for at in new),
        schemas=tuple(table.schemas[at] for at in new),
    )
    measured = _measured(session, asked, conditions, [known[at] for at in new])
    found = {at: shard.facts for at, shard in enumerate(known) if shard.facts is not None}
    for at, facts in zip(new, measured, strict=True):
        alone = replace(table, files=(table.files[at],), schemas=(table.schemas[at],))
        rising = tuple(_rising(session, alone, contract, facts.row_count))
        found[at] = with_fields(facts, rising=rising)
    return [found[at] for at in range(len(known))]


def _measured(
    session: Session,
    table: Table,
    conditions: Sequence[RowRule],
    known: Sequence[KnownShard],
) -> Iterator[ShardFacts]:
    """The shards' facts but for their order, by one statement."""
    if not table.files:
        return
    selected = ['"#file" AS "#file"', 'count(*) AS "#rows"']
    for at, column in enumerate(table.columns):
        told = [_told(shard.stats.get(column), table.type_of(column)) for shard in known]
        for alias, sql in _asked(column, table, frozenset.intersection(*told)).items():
            selected.append(f'{sql} AS "{at}.{alias}"')
    for at, condition in enumerate(conditions):
        if not all(_is_kept(condition, shard.stats) for shard in known):
            selected.append(f'{condition.looks_at} AS "checked.{at}"')
            selected.append(f'count(*) FILTER (WHERE {condition.breaks}) AS "failing.{at}"')
    sql = f'SELECT {", ".join(selected)} FROM {table.rows_sql} GROUP BY "#file"'
    rows = {row["#file"]: row for row in session.rows(sql)}
    for at in range(len(table.files)):
        yield _facts(table, conditions, rows.get(at), known[at])


def _facts(
    table: Table,
    conditions: Sequence[RowRule],
    row: Mapping[str, Any] | None,
    known: KnownShard,
) -> ShardFacts:
    if row is None:
        raise Unmergeable  # a file without rows
    columns, averaged = {}, {}
    for at, column in enumerate(table.columns):
        answer = {
            alias.partition(".")[2]: value
            for alias, value in row.items()
            if alias.partition(".")[0] == str(at)
        }
        columns[column] = _column(column, table, answer, known.stats.get(column) or ColumnStats())
        profile = columns[column]
        if "mean" in answer:
            valid = row["#rows"] - profile.null_count - profile.nan_count
            averaged[column] = answer.get("averaged", valid)
    return ShardFacts(
        sha256=known.sha256,
        row_count=row["#rows"],
        columns=columns,
        averaged=averaged,
        counts=tuple(
            (row.get(f"checked.{at}", row["#rows"]), row.get(f"failing.{at}", 0))
            for at in range(len(conditions))
        ),
    )


def _asked(column: str, table: Table, told: frozenset[str]) -> dict[str, str]:
    """What the rows are asked about one column; nothing that the writer's statistics tell."""
    asked = dict(column_question(column, table).aggregates)
    if "mean" in asked:
        finite = f"isfinite({name(column)})" if "nans" in asked else f"{name(column)} IS NOT NULL"
        asked["averaged"] = f"count(*) FILTER (WHERE {finite})"
    return {alias: sql for alias, sql in asked.items() if alias not in told}


def _is_kept(condition: RowRule, stats: Mapping[str, ColumnStats]) -> bool:
    """Whether the writer's statistics prove that no row breaks the condition."""
    return condition.is_about_nulls and all(
        field in stats and stats[field].null_count == 0 for field in condition.fields
    )


def _told(stats: ColumnStats | None, kind: pa.DataType) -> frozenset[str]:
    """What a shard's statistics tell of a column in the words of a report."""
    if stats is None or stats.null_count is None or stats.distinct_estimate is None:
        return frozenset()
    if stats.distinct_estimate and not _bounds_are_told(stats, kind):
        return frozenset({"nulls", "distinct"})
    # Neither bound is infinite then, so a mean is over all numbers.
    return frozenset({"nulls", "distinct", "min", "max", "averaged"})


def _bounds_are_told(stats: ColumnStats, kind: pa.DataType) -> bool:
    """Whether the stored bounds are there, and written as a report writes values."""
    if stats.min is None or stats.max is None:
        return False
    if pa.types.is_floating(kind):
        return math.isfinite(float(stats.min)) and math.isfinite(float(stats.max))
    if pa.types.is_timestamp(kind):
        return bool(kind.unit in ("s", "us"))
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_date32(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
    )


def _column(
    column: str, table: Table, answer: Mapping[str, Any], stats: ColumnStats
) -> ColumnProfile:
    kind = table.type_of(column)
    return ColumnProfile(
        null_count=answer.get("nulls", stats.null_count or 0),
        nan_count=answer.get("nans", 0),
        distinct_estimate=answer.get("distinct", stats.distinct_estimate),
        min=table.json_cell(column, answer.get("min", _value(stats.min, kind))),
        max=table.json_cell(column, answer.get("max", _value(stats.max, kind))),
        mean=answer.get("mean"),
    )


def _value(bound: str | None, kind: pa.DataType) -> Any:
    """A stored bound as the value that a statement would have answered."""
    if bound is None:
        return None
    if pa.types.is_integer(kind):
        return int(bound)
    return float(bound) + 0.0 if pa.types.is_floating(kind) else bound  # there is one zero


def _unique_fields(table: Table, contract: Contract) -> list[tuple[str, ...]]:
    """The fields by which no two rows may be equal."""
    fields = [contract.primary_key] if contract.primary_key else []
    fields += [rule.fields for rule in contract.rules if isinstance(rule, UniqueRule)]
    exact = set(table.columns) - set(table.inexact)
    return [one for one in dict.fromkeys(fields) if set(one) <= exact]


def _rising(session: Session, table: Table, contract: Contract, rows: int) -> Iterator[Rising]:
    for fields in _unique_fields(table, contract):
        if rises_strictly(session, table, fields, rows):
            first, last = _ends(table, fields)
            yield Rising(fields=fields, first=first, last=last)


def _ends(table: Table, fields: tuple[str, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The first and the last row of a file by these fields, as a report shows them."""
    with pq.ParquetFile(table.files[0]) as file:
        groups = (0, file.num_row_groups - 1)
        tables = [file.read_row_group(at, columns=list(fields)) for at in groups]
    places = ((tables[0], 0), (tables[1], tables[1].num_rows - 1))
    first, last = (
        tuple(table.json_cell(f, rows.column(f)[at].as_py()) for f in fields) for rows, at in places
    )
    return first, last
