"""The grid of partitions that Dagster shows for a candidate: where it begins, and what it holds.

What a partition is called and covers is said by `dataplatform.datasets.partitions`; what a run has
to do with them, by `partitions`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final

import dagster as dg

from dataplatform.contracts.model import Shard
from dataplatform.datasets.partitions import (
    FORMATS,
    Window,
    first_partition,
    partition_kind,
    window_between,
)
from dataplatform.datasets.producer import Producer
from dataplatform.releases.extent import earliest_times
from opendata.stores.port import ObjectReader
from opendata.wire.errors import OpenDataError

#: How a run says which partitions it is of: one, or the first and the last of some in a row.
PARTITION_TAG: Final = "dagster/partition"
RANGE_START_TAG: Final = "dagster/asset_partition_range_start"
RANGE_END_TAG: Final = "dagster/asset_partition_range_end"

_CRONS: Final = {Shard.YEAR: "0 0 1 1 *", Shard.MONTH: "0 0 1 * *", Shard.DAY: "0 0 * * *"}
# A store that does not answer must not keep a thousand data sets from loading.
LOOK_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Grid:
    """The partitions of one candidate."""

    kind: Shard
    partitions_def: dg.TimeWindowPartitionsDefinition


def grid_of(producer: Producer, earliest: Mapping[str, str]) -> Grid | None:
    """The grid of a producer, or None where its candidate has no partitions."""
    kind = partition_kind(producer.definition)
    if kind is None:
        return None
    first = first_partition(producer.definition, kind, earliest.get(str(producer.id)))
    return Grid(kind, _partitions_def(kind, first))


@cache
def _partitions_def(kind: Shard, first: str) -> dg.TimeWindowPartitionsDefinition:
    """One definition for all data sets that begin together. The running one can be asked for."""
    return dg.TimeWindowPartitionsDefinition(
        start=first,
        fmt=FORMATS[kind],
        cron_schedule=_CRONS[kind],
        timezone="UTC",
        end_offset=1,
    )


def look_for_earliest(reader: ObjectReader) -> Mapping[str, str]:
    """From when on data sets hold data; nothing where the store does not say so in time."""
    found: SimpleQueue[dict[str, str]] = SimpleQueue()

    def look() -> None:
        try:
            found.put(earliest_times(reader))
        except OpenDataError:  # it is told by everything that needs the store; here is a default
            found.put({})

    Thread(target=look, name="earliest times", daemon=True).start()
    try:
        return found.get(timeout=LOOK_SECONDS)
    except Empty:
        return {}


def window_names(grid: Grid, window: Window) -> Sequence[str]:
    """The partitions of a window."""
    between = dg.PartitionKeyRange(window.first, window.last)
    return grid.partitions_def.get_partition_keys_in_range(between)


def newest_window(grid: Grid, count: int) -> Window | None:
    """The newest partitions, the running one among them; None before the first."""
    keys = grid.partitions_def.get_partition_keys()[-count:]
    return window_between(keys[0], keys[-1], grid.kind) if keys else None
