"""Spark's settings as a Dagster resource, without Spark.

`dagster-pyspark` takes seconds to import and its resources hold a session in the run's own process;
indexing has a process of its own for Spark, started by the first channel that needs it. So what is
configured here are settings alone, under the name and in the shape of that library's resource. A
`LazyPySparkResource` put in its place works too: its session is never opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Protocol, runtime_checkable

import dagster as dg
from pydantic import Field

from dataplatform.bundles.ports import BundlePorts
from dataplatform.channels.ports import IndexEngine

SPARK: Final = "spark"


class SparkSettings(dg.ConfigurableResource[Any]):
    """Settings of the Spark session that indexes channels, by Spark's own names; `spark.master`
    says where it runs."""

    spark_config: dict[str, Any] = Field(
        default_factory=dict, description="Such as {'spark.executor.memory': '4g'}"
    )


@runtime_checkable
class Configurable(Protocol):
    """An engine that takes further settings."""

    def configured(self, config: Mapping[str, object]) -> IndexEngine:
        """An engine like this one with these settings too."""
        ...


def with_spark_settings(ports: BundlePorts, resource: Any) -> BundlePorts:
    """The ports with the resource's settings given to the Spark engine, where there are any."""
    config, engine = dict(resource.spark_config), ports.channels.engines.get(SPARK)
    if not config or not isinstance(engine, Configurable):
        return ports
    engines = {**ports.channels.engines, SPARK: engine.configured(config)}
    return replace(ports, channels=replace(ports.channels, engines=engines))
