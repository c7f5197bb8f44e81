"""Spark's settings as a Dagster resource, without Spark.

`dagster-pyspark` takes seconds to import and its resources hold a session in the run's own process;
indexing has a process of its own for Spark, started by the first channel that needs it. So what is
configured here are settings alone, under the name and in the shape of that library's resource. A
`LazyPySparkResource` put in its place works too: its session is never opened.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import dagster as dg
from pydantic import Field

from dataplatform.bundles.ports import BundlePorts

SPARK: Final = "spark"


class SparkSettings(dg.ConfigurableResource[Any]):
    """Settings of the Spark session that indexes channels, by Spark's own names; `spark.master`
    says where it runs."""

    spark_config: dict[str, Any] = Field(
        default_factory=dict, description="Such as {'spark.executor.memory': '4g'}"
    )


def with_spark_settings(ports: BundlePorts, resource: Any) -> BundlePorts:
    """The ports with the resource's settings given to the Spark engine, where there are any."""
    config = dict(resource.spark_config)
    configured = getattr(ports.channels.engines.get(SPARK), "configured", None)
    if not config or configured is None:
        return ports
    engines = {**ports.channels.engines, SPARK: configured(config)}
    return replace(ports, channels=replace(ports.channels, engines=engines))
