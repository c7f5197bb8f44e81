"""Automation: derived data sets follow their inputs, once these are really published.

`eager()` alone would follow an input whose check has failed; the second half holds it back. Release
and published asset follow their own candidate, so that one run goes from build to publish.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

SENSOR = "derived_datasets"


def follow_inputs() -> dg.AutomationCondition[Any]:
    """Build anew when an input was published and its blocking checks passed."""
    condition = dg.AutomationCondition
    return condition.eager() & condition.all_deps_blocking_checks_passed()


def follow_step_before() -> dg.AutomationCondition[Any]:
    """Go on with what this very run builds (its checks block there), or what has passed."""
    condition = dg.AutomationCondition
    same_run = condition.any_deps_match(condition.will_be_requested())
    return condition.eager() & (same_run | condition.all_deps_blocking_checks_passed())


def automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """The sensor behind the conditions; Dagster's own one would be stopped by default."""
    return dg.AutomationConditionSensorDefinition(
        SENSOR,
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Builds a data set anew when one of its `inputs` was published.",
    )
