"""Asked: which data sets, channels and bundles this very process was started for.

A run's process loads the definitions anew. It executes one data set, or a few, and must not pay for
the thousand others: here belongs how it learns which ones. Where that cannot be told for certain,
the answer is "all", which is slower and never wrong. Channels are told by the run's own selection,
so a run has the assets that it was asked for, whatever was pushed since.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._grpc.impl import start_run_in_subprocess
from dagster._grpc.types import ExecuteExternalJobArgs, ExecuteRunArgs
from dagster._serdes import deserialize_value

from dataplatform.bundles.run_names import BUNDLE_ASSET, channel_of_asset
from dataplatform.defs.names import CARE_JOBS, Names
from opendata.wire.ids import DatasetId, is_id_part

Asked = frozenset[DatasetId] | None
"""The data sets to load; None means all."""
ALL: Final[Asked] = None
_EXECUTE_RUN: Final = ["api", "execute_run"]


@dataclass(frozen=True)
class AskedBundles:
    """Which assets of bundles a run has to do with: `index` is the bundles' own, and `weekly` says
    that some come every week."""

    index: bool = False
    channels: frozenset[str] = frozenset()
    weekly: bool = False


def run_of_this_process() -> dg.DagsterRun | None:
    """The run that this process executes; None in any other process."""
    launched = _launched_by_code_server() or _launched_by_command()
    if launched is None:
        return None
    reference, run_id = launched
    with dg.DagsterInstance.from_ref(reference) as instance:
        return instance.get_run_by_id(run_id)


def asked_of(run: dg.DagsterRun | None) -> Asked:
    """The data sets whose assets or checks a run has selected; all without a run."""
    if run is None:
        return ALL
    if run.job_name in CARE_JOBS:
        return frozenset()  # they go by what is stored
    keys = _selected(run)
    return _datasets_of(key for key in keys if not _is_of_bundles(key)) if keys else ALL


def bundles_asked_of(run: dg.DagsterRun | None) -> AskedBundles | None:
    """The channels and bundles that a run has selected; None means all."""
    if run is None:
        return None
    if run.job_name in CARE_JOBS:
        return AskedBundles()
    keys = _selected(run)
    if not keys:
        return None
    channels = (channel_of_asset(tuple(key.path)) for key in keys)
    return AskedBundles(
        dg.AssetKey([BUNDLE_ASSET]) in keys, frozenset(name for name in channels if name)
    )


def _selected(run: dg.DagsterRun) -> set[dg.AssetKey]:
    checks = {check.asset_key for check in run.asset_check_selection or ()}
    return set(run.asset_selection or ()) | checks


def _is_of_bundles(key: dg.AssetKey) -> bool:
    return key.path == [BUNDLE_ASSET] or channel_of_asset(tuple(key.path)) is not None


def _datasets_of(keys: Iterable[dg.AssetKey]) -> Asked:
    found = set()
    for key in keys:
        parts = list(key.path[:2])
        if len(parts) < 2 or not all(is_id_part(part) for part in parts):
            return ALL
        dataset = DatasetId(*parts)
        if key not in Names(dataset).all:
            return ALL
        found.add(dataset)
    return frozenset(found)


def _launched_by_code_server() -> tuple[InstanceRef, str] | None:
    """The default launcher: the code server starts a process of Python's own `multiprocessing`.

    What that process was started with is at hand nowhere else before the definitions are loaded.
    """
    process = multiprocessing.current_process()
    if getattr(process, "_target", None) is not start_run_in_subprocess:
        return None
    told, *_ = getattr(process, "_args", ()) or (None,)
    if not isinstance(told, str):
        return None
    job = deserialize_value(told, ExecuteExternalJobArgs)
    return (job.instance_ref, job.run_id) if job.instance_ref else None


def _launched_by_command() -> tuple[InstanceRef, str] | None:
    """Launchers that start containers or machines: `dagster api execute_run {…}`."""
    if sys.argv[1:3] != _EXECUTE_RUN or len(sys.argv) < 4:
        return None
    told = next((word for word in sys.argv[3:] if word.startswith("{")), None)
    if told is None:
        return None
    run = deserialize_value(told, ExecuteRunArgs)
    return (run.instance_ref, run.run_id) if run.instance_ref else None
