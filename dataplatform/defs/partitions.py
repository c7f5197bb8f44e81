"""Partitions of a run: which it is of, which of them it shows as built, and which keep it back.

Which partitions there are is said by `grid`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

import dagster as dg

from dataplatform.contracts.model import Shard
from dataplatform.datasets.definition import DatasetDefinition
from dataplatform.datasets.moments import parse_start
from dataplatform.datasets.partitions import (
    Window,
    in_ranges,
    is_partition,
    partition_at,
    partition_kind,
    window_between,
)
from dataplatform.defs.grid import Grid
from dataplatform.defs.names import Names
from dataplatform.defs.unbuilt import unbuilt_partitions
from opendata.wire.errors import InvalidInput, OpenDataError, Rejected

PARTITION_ROWS: Final = "dagster/partition_row_count"
# Every partition of a run carries its metadata; beyond this many they carry no tables.
TOLD_IN_FULL_MAX: Final = 60
# Each event costs about ten milliseconds; what a run leaves out comes with the next one.
SHOWN_MAX: Final = 400


def asked_window(context: dg.AssetExecutionContext, grid: Grid | None) -> Window | None:
    """The partitions that a run is of, or None for a run without any."""
    if grid is None:
        return None
    if context.has_partition_key:
        return window_between(context.partition_key, context.partition_key, grid.kind)
    if context.has_partition_key_range:
        asked = context.partition_key_range
        return window_between(asked.start, asked.end, grid.kind)
    return None


def raise_named(error: OpenDataError, window: Window | None) -> NoReturn:
    """Raise an error with the partitions that it is about in front."""
    if window is not None:
        error.message = f"{window}: {error.message}"
        error.args = (error.message,)
    raise error


def refuse_interval(window: Window, start: str | None, end: str | None) -> None:
    """See that a run asks for partitions or for an interval, and not for both.

    Raises:
        InvalidInput: if both were asked for.
    """
    if start or end:
        raise InvalidInput(
            f"this run is of the partition {window} and has `start` or `end` as well",
            code="two_intervals",
            hint="leave start and end out, or start a run without a partition",
        )


def require_built(instance: dg.DagsterInstance, names: Names, grid: Grid | None) -> None:
    """See that every partition that a run was to build has been built since.

    Raises:
        Rejected: naming the partitions, because what they were to bring is not in the candidate.
    """
    unbuilt = unbuilt_partitions(instance, names) if grid else {}
    if not unbuilt or grid is None:
        return
    told = in_ranges(unbuilt, grid.kind)
    ended = " or ".join(sorted(set(unbuilt.values())))
    what = f"{names.dataset}/candidate"
    if all(is_partition(name, grid.kind) for name in unbuilt):
        hint = f"materialize {what} for {told} again"
    else:
        hint = f"materialize {what} without a partition: by now it is cut by {grid.kind}"
    raise Rejected(
        f"{names.dataset}: the last run of {told} {ended}, so the candidate lacks what "
        f"{'it was' if len(unbuilt) == 1 else 'they were'} to bring",
        code="failed_partitions",
        hint=hint,
        details={"partitions": sorted(unbuilt)},
    )


def partitions_to_show(
    instance: dg.DagsterInstance,
    names: Names,
    grid: Grid,
    rows: Mapping[str, int],
    new: frozenset[str],
) -> list[str]:
    """Which partitions a run for everything has built, as far as Dagster has to be told.

    Those that others were to build and did not, those whose shard is new, and the newest of those
    that Dagster does not know yet. `rows` counts the rows of each shard.
    """
    statuses = _statuses(instance, names, grid)
    unbuilt = unbuilt_partitions(instance, names).keys()
    changed = sorted((name for name in new - unbuilt if name in statuses), reverse=True)
    unknown = [n for n, is_now in statuses.items() if is_now is None and n in rows and n not in new]
    others = [*changed, *(name for name in reversed(unknown) if name not in unbuilt)]
    return sorted([*unbuilt, *others[:SHOWN_MAX]])


def partitions_of_rows(
    rows: Iterable[Mapping[str, Any]], definition: DatasetDefinition
) -> str | None:
    """The partitions of rows that are shown as samples, where these tell their time."""
    kind, time = partition_kind(definition), definition.time
    if kind is None or time is None:
        return None
    found = (_partition_of(str(row[time]), kind) for row in rows if row.get(time) is not None)
    return in_ranges(filter(None, found), kind) or None


def _partition_of(text: str, kind: Shard) -> str | None:
    try:
        return partition_at(parse_start(text), kind)
    except InvalidInput:  # a time that Python cannot hold is shown as it is, and names no partition
        return None


def shown_partition(
    names: Names, partition: str, rows: int, facts: Mapping[str, Any]
) -> dg.AssetMaterialization:
    """A partition that a run without a partition has built."""
    metadata = {**facts, PARTITION_ROWS: rows}
    return dg.AssetMaterialization(names.candidate, partition=partition, metadata=metadata)


def _statuses(
    instance: dg.DagsterInstance, names: Names, grid: Grid
) -> Mapping[str, dg.AssetPartitionStatus | None]:
    keys = grid.partitions_def.get_partition_keys()
    found = instance.get_status_by_partition(names.candidate, keys, grid.partitions_def)
    return found if found is not None else dict.fromkeys(keys)
