"""Standing: what readers get still stands, told also when a run does not get as far as that.

A check that a run planned and never reached counts as not passed, although nothing was touched.
Derived data sets would then wait for an input whose published release is as good as before.
"""

from __future__ import annotations

import dagster as dg

from dataplatform.defs.metadata import problem_metadata
from dataplatform.defs.names import PUBLISHED, Names
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.steps import published_problem
from opendata.wire.errors import NotFound, OpenDataError


def confirm_published(ports: ReleasePorts, names: Names, instance: dg.DagsterInstance) -> None:
    """Say anew, outside of the run, whether the published release is valid, if there is one."""
    problem = published_problem(ports, names.dataset)
    if not isinstance(problem, NotFound):
        instance.report_runless_asset_event(evaluation(names, PUBLISHED, problem))


def evaluation(names: Names, check: str, problem: OpenDataError | None) -> dg.AssetCheckEvaluation:
    """A blocking check's outcome outside of a run."""
    return dg.AssetCheckEvaluation(
        asset_key=names.check(check).asset_key,
        check_name=check,
        passed=problem is None,
        description=problem.message if problem else None,
        metadata=problem_metadata(problem) if problem else {},
        blocking=True,
    )
