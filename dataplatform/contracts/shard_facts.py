"""What was measured of one shard of a table, in a form in which shards add up to the table.

Here belong the values and their addition. A shard never changes, so its facts are measured once and
kept beside the release; the next release measures the shards that are new.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

import pyarrow as pa

from dataplatform.contracts.model import Contract
from dataplatform.contracts.profile import ColumnProfile, ShardFacts
from dataplatform.contracts.referential import Pinned, PinnedTable
from dataplatform.contracts.report import TEXT_MAX_CHARS
from dataplatform.contracts.values import is_number, is_text
from opendata.wire.chunks import ColumnStats
from opendata.wire.digest import json_digest

_SORTABLE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d|\d\d:\d\d")


class Unmergeable(Exception):
    """Facts whose values have no order outside of the engine; the table is measured as a whole."""


@dataclass(frozen=True)
class KnownShard:
    """What is known of a file before it is looked at: the writer's statistics, earlier facts."""

    sha256: str
    stats: Mapping[str, ColumnStats]
    facts: ShardFacts | None = field(default=None)


def facts_digest(contract: Contract, pinned: Pinned) -> str:
    """What facts were measured under: the contract, and the releases that its rules look up in.

    Facts fit no other: where a release that is referred to has moved, the rows are asked again.
    """
    pins = sorted(pin.manifest_sha256 for pin in pinned.values() if isinstance(pin, PinnedTable))
    return json_digest({"contract": contract.digest, "pins": pins}) if pins else contract.digest


def merged_column(name: str, kind: pa.DataType, shards: Sequence[ShardFacts]) -> ColumnProfile:
    """A column of the table from those of its shards.

    Different values add up where the shards' values do not overlap. Elsewhere the largest count is
    told, which is a lower bound: how many values shards have in common is not known.

    Raises:
        Unmergeable: where a shard does not tell of it, or its values cannot be compared here.
    """
    if any(name not in shard.columns for shard in shards):
        raise Unmergeable
    parts = [shard.columns[name] for shard in shards]
    known = [part for part in parts if part.min is not None and part.max is not None]
    order = _order(kind)
    mean, averaged = 0.0, sum(shard.averaged.get(name, 0) for shard in shards)
    for shard in shards:
        part = shard.columns[name]
        if part.mean is not None and averaged:
            mean += part.mean * (shard.averaged[name] / averaged)
    return ColumnProfile(
        null_count=sum(part.null_count for part in parts),
        nan_count=sum(part.nan_count for part in parts),
        distinct_estimate=_distinct(parts, order),
        min=min((part.min for part in known), key=order, default=None),
        max=max((part.max for part in known), key=order, default=None),
        mean=mean if averaged else None,
    )


def rises_throughout(
    fields: tuple[str, ...], kinds: Sequence[pa.DataType], shards: Sequence[ShardFacts]
) -> bool:
    """Whether all rows of the table rise strictly by these fields, shard after shard."""
    proven = [next((r for r in shard.rising if r.fields == fields), None) for shard in shards]
    orders = [_order(kind) for kind in kinds]
    last: tuple[Any, ...] | None = None
    try:
        for rising in proven:
            if rising is None:
                return False
            first = tuple(order(v) for order, v in zip(orders, rising.first, strict=True))
            if last is not None and not last < first:
                return False
            last = tuple(order(v) for order, v in zip(orders, rising.last, strict=True))
    except Unmergeable:
        return False
    return True


def _distinct(parts: Sequence[ColumnProfile], order: Callable[[Any], Any]) -> int | None:
    counts = [part.distinct_estimate for part in parts]
    told = [count for count in counts if count is not None]
    if len(told) < len(counts):
        return None
    reaches = sorted((order(p.min), order(p.max)) for p in parts if p.min is not None)
    with_values = sum(count > 0 for count in told)
    apart = all(left[1] < right[0] for left, right in pairwise(reaches))
    return sum(told) if apart and len(reaches) == with_values else max(told, default=0)


def _order(kind: pa.DataType) -> Callable[[Any], Any]:
    """A function from a cell of a report to a value that sorts as the column does."""
    if is_text(kind):
        return _whole_text
    if is_number(kind):
        return _number
    return _boolean if pa.types.is_boolean(kind) else _sortable_time


def _number(cell: Any) -> Decimal:
    number = Decimal(cell if isinstance(cell, str) else repr(cell))
    if number.is_nan():
        raise Unmergeable
    return number


def _whole_text(cell: Any) -> str:
    if not isinstance(cell, str) or len(cell) > TEXT_MAX_CHARS:
        raise Unmergeable
    return cell


def _boolean(cell: Any) -> bool:
    return bool(cell)


def _sortable_time(cell: Any) -> str:
    """ISO 8601 in UTC sorts as text without the zone's mark, while years have four digits."""
    if not isinstance(cell, str) or not _SORTABLE_TIME.match(cell):
        raise Unmergeable
    return cell.removesuffix("Z")
