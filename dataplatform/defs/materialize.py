"""Materialise data sets from a terminal: `python -m dataplatform.defs.materialize ns/name …`.

The same definitions, instance and checks as in the UI, where every run appears; one run per data
set, one JSON line per run on stdout. It exists because the CLI may not import Dagster.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import dagster as dg

from opendata.wire.ids import parse_dataset_id


def main(arguments: list[str]) -> int:
    """Run each data set's assets; 0 if all succeeded."""
    from dataplatform.definitions import defs

    failed = False
    with dg.DagsterInstance.get() as instance:
        for name in arguments:
            outcome = materialize(defs, instance, name)
            sys.stdout.write(json.dumps(outcome) + "\n")
            sys.stdout.flush()
            failed = failed or not outcome["success"]
    return int(failed)


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
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance,
        asset_selection=keys,
        raise_on_error=False,
        tags={"opendata/dataset": name.replace("/", "__")},
    )
    return {
        "dataset": name,
        "run_id": result.run_id,
        "success": result.success,
        "seconds": round(time.monotonic() - started, 2),
        "checks": [_check(evaluation) for evaluation in result.get_asset_check_evaluations()],
        "failures": [_failure(event) for event in result.get_step_failure_events()],
        "materialized": [_asset(event) for event in result.get_asset_materialization_events()],
    }


def _check(evaluation: dg.AssetCheckEvaluation) -> dict[str, Any]:
    return {
        "name": evaluation.check_name,
        "passed": evaluation.passed,
        "description": evaluation.description,
    }


def _failure(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    return str(data.error_display_string)


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
    sys.exit(main(sys.argv[1:]))
