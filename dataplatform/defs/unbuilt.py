"""Unbuilt: partitions that a run was to build and did not, by the cut of their day.

Dagster calls a partition failed where its last run has failed. For a release that says too little:
a run that somebody canceled has brought as little, a second attempt that only waits has brought
nothing yet, and a month stays missing when the data set is cut by years from now on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import dagster as dg

from dataplatform.defs.names import Names

_ENDED_BADLY: Final = {
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.CANCELED: "was canceled",
}
# As many as a database takes in one statement.
_AT_ONCE: Final = 500


def unbuilt_partitions(instance: dg.DagsterInstance, names: Names) -> dict[str, str]:
    """How the last run that has ended of a partition ended, for those it did not build.

    Whatever builds a partition afterwards, a run for everything included, settles it.
    """
    storage = instance.event_log_storage
    attempts = storage.get_latest_asset_partition_materialization_attempts_without_materializations(
        names.candidate
    )
    status_of = _statuses(instance, (run_id for run_id, _ in attempts.values()))
    found = {
        partition: _ENDED_BADLY[status_of[run_id]]
        for partition, (run_id, _) in attempts.items()
        if status_of.get(run_id) in _ENDED_BADLY
    }
    under_way = {name for name, (run_id, _) in attempts.items() if run_id in status_of}
    return found | _failed_before(instance, names, under_way - found.keys())


def _failed_before(
    instance: dg.DagsterInstance, names: Names, under_way: set[str]
) -> dict[str, str]:
    """Those of partitions under way that an earlier run was to build, and nothing has built since.

    A run that merely waits for its turn must not open the gate that its predecessor closed.
    """
    if not under_way:
        return {}
    built = instance.event_log_storage.get_latest_storage_id_by_partition(
        names.candidate, dg.DagsterEventType.ASSET_MATERIALIZATION, under_way
    )
    since = [
        (partition, record.run_id)
        for partition, record in _planned(instance, names, under_way)
        if record.storage_id > built.get(partition, 0)
    ]
    status_of = _statuses(instance, (run_id for _, run_id in since))
    return {
        partition: _ENDED_BADLY[status_of[run_id]]
        for partition, run_id in since
        if status_of.get(run_id) in _ENDED_BADLY
    }


def _planned(
    instance: dg.DagsterInstance, names: Names, partitions: set[str]
) -> Iterator[tuple[str, dg.EventLogRecord]]:
    """Every time that a run was begun for one of these partitions, oldest first."""
    for some in _in_pieces(partitions):
        wanted = dg.EventRecordsFilter(
            event_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
            asset_key=names.candidate,
            asset_partitions=some,
        )
        for record in instance.event_log_storage.get_event_records(wanted, ascending=True):
            if record.partition_key is not None:
                yield record.partition_key, record


def _statuses(
    instance: dg.DagsterInstance, run_ids: Iterable[str]
) -> dict[str, dg.DagsterRunStatus]:
    """The status of runs; one that somebody has deleted has none."""
    found = {}
    for some in _in_pieces(set(run_ids)):
        for run in instance.get_runs(dg.RunsFilter(run_ids=some)):
            found[run.run_id] = run.status
    return found


def _in_pieces(names: set[str]) -> Iterator[list[str]]:
    ordered = sorted(names)
    for at in range(0, len(ordered), _AT_ONCE):
        yield ordered[at : at + _AT_ONCE]
