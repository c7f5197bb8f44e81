"""The measured facts of a table: what stands in it, without judging.

Here belong the values and their JSON. Measuring needs an engine and belongs to an adapter; whether
a figure is good enough is asked in `quality`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from dataplatform.contracts.report import read_stored
from opendata.wire.codec import Wire

FACTS_FORMAT: Final = "opendata-facts/1"
JsonScalar = str | int | float | bool | None


class ColumnProfile(Wire):
    """One column. `distinct_estimate` is approximate (HyperLogLog) and absent for nested values.

    Where a profile was added up from shards that overlap, it is a lower bound.

    `min`, `max` and `mean` are over finite values; `min` and `max` of long texts are prefixes.
    """

    null_count: int
    nan_count: int = 0
    distinct_estimate: int | None = None
    min: JsonScalar = None
    max: JsonScalar = None
    mean: float | None = None


class FieldsFact(Wire):
    """What was counted exactly over several fields together, because a threshold asked for it.

    No `fields` stand for all columns. `complete_rows` have no null among them; `distinct_rows` are
    those rows' distinct values.
    """

    fields: tuple[str, ...]
    complete_rows: int
    distinct_rows: int | None = None


class Rising(Wire):
    """A shard's rows by some fields: strictly rising from `first` to `last`, without a null."""

    fields: tuple[str, ...]
    first: tuple[Any, ...]
    last: tuple[Any, ...]


class ShardFacts(Wire):
    """One shard, by the sha256 of its file.

    `averaged` counts the values that a mean is over; `counts` are the conditions'
    `(checked, failing)` in the contract's order; `rising` holds what was proven, and nothing else.
    """

    sha256: str
    row_count: int
    columns: dict[str, ColumnProfile]
    averaged: dict[str, int] = {}
    counts: tuple[tuple[int, int], ...] = ()
    rising: tuple[Rising, ...] = ()


class ShardedFacts(Wire):
    """The facts of all shards of a table, measured under one contract (by its digest)."""

    contract: str
    shards: tuple[ShardFacts, ...]
    format: str = FACTS_FORMAT


class Profile(Wire):
    """A table's row count, columns, and the reach of its time column (ISO 8601, UTC).

    `sharded` are the facts that it was added up from, where there are several shards.
    """

    row_count: int
    columns: dict[str, ColumnProfile]
    time_min: str | None = None
    time_max: str | None = None
    facts: tuple[FieldsFact, ...] = ()
    sharded: ShardedFacts | msgspec.UnsetType = msgspec.UNSET

    def fact(self, fields: Sequence[str]) -> FieldsFact | None:
        """The exact counts over these fields, where they were asked for."""
        wanted = tuple(fields)
        return next((fact for fact in self.facts if fact.fields == wanted), None)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Profile:
        """Read what `to_json` wrote.

        Raises:
            Corrupt: if it is no profile.
        """
        return read_stored(cls, value)
