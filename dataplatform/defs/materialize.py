"""Materialise data sets and bundles on request: `python -m dataplatform.defs.materialize`.

One JSON line each way. A request on stdin is `{"dataset": "ns/name", "environment": {…}}`, which is
one run, or `{"commits": true, "environment": {…}}`, which is a look of the sensor on the spec
repository and the runs that it asks for. Its settings are laid over this process's own, so one
process serves several mirrors and folders of producers. Runs have the definitions, instance and
checks of the UI, where they appear. It exists because the CLI may not import Dagster.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any, TextIO

import dagster as dg

from dataplatform.bundles.run_names import COMMIT_TAG, SENSOR
from dataplatform.defs.metadata import explanation_of
from dataplatform.defs.names import PARTITION_TAG
from dataplatform.settings import read_settings
from dataplatform.wiring import from_settings
from opendata.wire.ids import parse_dataset_id

#: Loaded by name, as `workspace.yaml` does it: the definitions stand above this folder.
DEFINITIONS = "dataplatform.definitions"
RUN_KEY_TAG = "dagster/run_key"


def main(requests: TextIO, answers: TextIO) -> int:
    """Answer requests until there are no more; 0 if every run succeeded."""
    failed = False
    known: dict[str, dg.Definitions] = {}
    with dg.DagsterInstance.get() as instance:
        for line in requests:
            request = json.loads(line)
            defs = _definitions(request["environment"], known)
            if request.get("commits"):
                outcome = follow_commits(defs, instance)
            else:
                outcome = materialize(defs, instance, request["dataset"])
            answers.write(json.dumps(outcome) + "\n")
            answers.flush()
            failed = failed or not outcome["success"]
    return int(failed)


def _definitions(
    environment: Mapping[str, str], known: dict[str, dg.Definitions]
) -> dg.Definitions:
    name = json.dumps(environment, sort_keys=True)
    if name not in known:
        platform = from_settings(read_settings({**os.environ, **environment}))
        known[name] = import_module(DEFINITIONS).build_defs(platform)
    return known[name]


def materialize(defs: dg.Definitions, instance: dg.DagsterInstance, name: str) -> dict[str, Any]:
    """One run of a data set's three assets and their checks, as a JSON-ready outcome."""
    dataset = parse_dataset_id(name)
    parts = [dataset.namespace, dataset.name]
    keys = [
        dg.AssetKey([*parts, "candidate"]),
        dg.AssetKey([*parts, "release"]),
        dg.AssetKey(parts),
    ]
    started = time.monotonic()
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, asset_selection=keys, raise_on_error=False
    )
    return {"dataset": name, **_outcome(result, started)}


def follow_commits(defs: dg.Definitions, instance: dg.DagsterInstance) -> dict[str, Any]:
    """One look of the sensor at the spec repository, and each run that was not made before."""
    with dg.build_sensor_context(instance, definitions=defs) as context:
        tick = defs.resolve_sensor_def(SENSOR).evaluate_tick(context)
    for added in tick.dynamic_partitions_requests or ():
        instance.add_dynamic_partitions(added.partitions_def_name, list(added.partition_keys))
    asked = [one for one in tick.run_requests or () if not _was_made(instance, one)]
    runs = [_follow(defs, instance, one) for one in asked]
    return {"success": all(run["success"] for run in runs), "runs": runs}


def _was_made(instance: dg.DagsterInstance, request: dg.RunRequest) -> bool:
    """Whether a run of this key went well, as the daemon would know of its own."""
    made = dg.RunsFilter(
        tags={RUN_KEY_TAG: request.run_key or ""}, statuses=[dg.DagsterRunStatus.SUCCESS]
    )
    return bool(instance.get_runs(filters=made, limit=1))


def _follow(
    defs: dg.Definitions, instance: dg.DagsterInstance, request: dg.RunRequest
) -> dict[str, Any]:
    started = time.monotonic()
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=list(request.asset_selection or ()),
        tags={**request.tags, RUN_KEY_TAG: request.run_key or ""},
        raise_on_error=False,
    )
    return {
        "bundle": request.tags.get(PARTITION_TAG),
        "commit": request.tags.get(COMMIT_TAG),
        **_outcome(result, started),
    }


def _outcome(result: dg.ExecuteInProcessResult, started: float) -> dict[str, Any]:
    return {
        "run_id": result.run_id,
        "success": result.success,
        "seconds": round(time.monotonic() - started, 1),
        "checks": [_check(evaluation) for evaluation in result.get_asset_check_evaluations()],
        "failures": [_failure(event) for event in result.get_step_failure_events()],
        "materialized": [_asset(event) for event in result.get_asset_materialization_events()],
    }


def _check(evaluation: dg.AssetCheckEvaluation) -> dict[str, Any]:
    hint = evaluation.metadata.get("hint")
    told = [evaluation.description, explanation_of(evaluation)]
    return {
        "name": evaluation.check_name,
        "passed": evaluation.passed,
        "blocking": bool(evaluation.blocking),
        "description": "\n".join(text for text in told if text) or None,
        "hint": str(hint.value) if hint is not None else None,
    }


def _failure(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    return data.error_display_string.partition("\n")[0]


def _asset(event: dg.DagsterEvent) -> dict[str, Any]:
    materialization = event.step_materialization_data.materialization
    return {
        "asset": materialization.asset_key.to_user_string(),
        "metadata": {
            name: value.value
            for name, value in materialization.metadata.items()
            if isinstance(value.value, str | int | float | bool)
        },
    }


if __name__ == "__main__":
    sys.exit(main(sys.stdin, sys.stdout))
