"""What a table probably is: its key, its time column, and how to cut it.

Here belongs guessing from values, for `od init --from`, where a person reads the guess before it
counts. A schema without guesses is `contracts.infer`'s matter.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from dataplatform.contracts.infer import infer_contract
from dataplatform.contracts.model import Contract, FieldSpec, Shard
from dataplatform.contracts.values import is_text

#: Keys of up to this many columns are tried, over at most this many columns and rows.
KEY_COLUMNS_MAX: Final = 3
CANDIDATES_MAX: Final = 8
ROWS_LOOKED_AT: Final = 200_000
#: A shard should be worth a request and still fit in memory many times.
SHARD_ROWS_MAX: Final = 2_000_000

_KEY_WORDS: Final = re.compile(
    r"(^|_)(id|uuid|key|code|icao|iso|symbol|ticker|slug)s?($|_)|_?id$",
    re.IGNORECASE,
)
_TIME_WORDS: Final = re.compile(
    r"(^|_)(date|day|time|timestamp|datetime|period|month|ts|at)($|_)", re.IGNORECASE
)
_SPAN_DAYS: Final = {Shard.YEAR: 366.0, Shard.MONTH: 31.0, Shard.DAY: 1.0}


@dataclass(frozen=True)
class Proposal:
    """A contract, time column and shard that fit the table; `key_found` says if a key was seen."""

    contract: Contract
    time: str | None
    shard: Shard

    @property
    def key_found(self) -> bool:
        """Whether some columns told every row apart."""
        return bool(self.contract.primary_key)


def propose(table: pa.Table) -> Proposal:
    """Guess key, time column and shard from a table's values.

    Raises:
        InvalidInput: when the columns cannot stand in a contract at all.
    """
    looked_at = table.slice(0, ROWS_LOOKED_AT)
    time = _time_column(looked_at)
    key = _primary_key(looked_at, time)
    inferred = infer_contract(_without_null_types(table.schema))
    required = {*key, time}
    fields = tuple(
        field.model_copy(update={"nullable": field.name not in required})
        for field in inferred.fields
    )
    if time is not None and table[time].null_count:
        fields = tuple(_optional(field) if field.name == time else field for field in fields)
    contract = Contract(primary_key=key, fields=fields)
    return Proposal(contract, time, _shard(table, time))


def _without_null_types(schema: pa.Schema) -> pa.Schema:
    # A column that is empty so far says nothing about its type; text takes anything.
    return pa.schema(
        [pa.field(f.name, pa.string() if pa.types.is_null(f.type) else f.type) for f in schema]
    )


def _optional(field: FieldSpec) -> FieldSpec:
    return field.model_copy(update={"nullable": True})


def _time_column(table: pa.Table) -> str | None:
    telling = [
        field.name
        for field in table.schema
        if pa.types.is_date(field.type) or pa.types.is_timestamp(field.type)
    ]
    named = [name for name in telling if _TIME_WORDS.search(name)]
    return next(iter(named or telling), None)


def _primary_key(table: pa.Table, time: str | None) -> tuple[str, ...]:
    if table.num_rows < 2:
        return ()
    candidates = sorted(
        (name for name in table.column_names if _may_be_key(table, name)),
        key=lambda name: (
            name != time,
            not _KEY_WORDS.search(name),
            table.column_names.index(name),
        ),
    )
    singles = [name for name in candidates if _tells_apart(table, [name])]
    speaking = [name for name in singles if _KEY_WORDS.search(name)]
    if speaking or time in singles:
        return ((speaking or [time])[0],)
    # Without a time, the first column often is the key; with one, figures differ by accident.
    if time is None and singles[:1] == table.column_names[:1]:
        return (singles[0],)
    several = [name for name in candidates if name not in singles]
    return next(_joint_keys(table, several[:CANDIDATES_MAX]), tuple(singles[:1]))


def _joint_keys(table: pa.Table, candidates: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for width in range(2, KEY_COLUMNS_MAX + 1):
        for names in itertools.combinations(candidates, width):
            if _tells_apart(table, names):
                yield names


def _may_be_key(table: pa.Table, name: str) -> bool:
    data_type = table.schema.field(name).type
    sortable = (
        is_text(data_type)
        or pa.types.is_integer(data_type)
        or pa.types.is_date(data_type)
        or pa.types.is_timestamp(data_type)
    )
    return bool(sortable) and table[name].null_count == 0


def _tells_apart(table: pa.Table, names: Sequence[str]) -> bool:
    groups = table.select(list(names)).group_by(list(names)).aggregate([])
    return bool(groups.num_rows == table.num_rows)


def _shard(table: pa.Table, time: str | None) -> Shard:
    """The coarsest cut whose shards stay small; none for what fits into a year anyway."""
    if time is None or table[time].null_count == table.num_rows:
        return Shard.NONE
    ends = pc.min_max(table[time].cast(pa.timestamp("s"), safe=False)).as_py()
    days = (ends["max"] - ends["min"]).total_seconds() / 86_400
    if days <= _SPAN_DAYS[Shard.YEAR] and table.num_rows <= SHARD_ROWS_MAX:
        return Shard.NONE
    rows_per_day = table.num_rows / max(days, 1.0)
    fitting = (s for s, span in _SPAN_DAYS.items() if rows_per_day * span <= SHARD_ROWS_MAX)
    return next(fitting, Shard.DAY)
