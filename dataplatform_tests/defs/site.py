"""A control room of a test's own: a folder of small producers, a store, an instance, and runs.

Nothing is faked: the platform is wired as at the root, with a folder as its store.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from dataplatform.datasets.producer import Producer
from dataplatform.definitions import build_defs
from dataplatform.defs.names import Names
from dataplatform.releases.chain import NothingNew, Released
from dataplatform.releases.health import read_recorded_health
from dataplatform.releases.run import build, release
from dataplatform.releases.trace import RunReference
from dataplatform.settings import read_settings
from dataplatform.wiring import Platform, from_settings
from opendata.reading.resolve import Release, read_current
from opendata.wire.catalogue import RunOutcome
from opendata.wire.ids import parse_dataset_id

DATASET = "ns/prices"
CONTRACT: dict[str, Any] = {
    "primary_key": ["code"],
    "fields": [
        {"name": "code", "type": "string", "nullable": False},
        {"name": "value", "type": "float64", "unit": "percent", "description": "What it costs"},
    ],
}


@dataclass
class Run:
    """One run that has ended, as a test asks about it."""

    result: Any

    @property
    def id(self) -> str:
        return str(self.result.run_id)

    @property
    def succeeded(self) -> bool:
        return bool(self.result.success)

    @property
    def materialized(self) -> list[str]:
        events = self._events(dg.DagsterEventType.ASSET_MATERIALIZATION)
        return [event.asset_key.to_user_string() for event in events]

    @property
    def observed(self) -> list[str]:
        events = self._events(dg.DagsterEventType.ASSET_OBSERVATION)
        return [event.asset_key.to_user_string() for event in events]

    @property
    def checks(self) -> dict[str, bool]:
        return {name: evaluation.passed for name, evaluation in self.evaluations.items()}

    @property
    def evaluations(self) -> dict[str, dg.AssetCheckEvaluation]:
        events = self._events(dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        found = [event.asset_check_evaluation_data for event in events]
        return {evaluation.check_name: evaluation for evaluation in found}

    @property
    def failures(self) -> dict[str, str]:
        """What each failed step said."""
        events = self._events(dg.DagsterEventType.STEP_FAILURE)
        return {str(event.step_key): _said(event) for event in events}

    @property
    def skipped(self) -> list[str]:
        return [str(e.step_key) for e in self._events(dg.DagsterEventType.STEP_SKIPPED)]

    @property
    def restarted(self) -> int:
        return len(self._events(dg.DagsterEventType.STEP_RESTARTED))

    def metadata(self, asset: str) -> dict[str, Any]:
        """The metadata of an asset's materialization in this run."""
        for event in self._events(dg.DagsterEventType.ASSET_MATERIALIZATION):
            if event.asset_key.to_user_string() == asset:
                return dict(event.step_materialization_data.materialization.metadata)
        raise AssertionError(f"{asset} was not materialized in this run: {self.materialized}")

    def _events(self, kind: dg.DagsterEventType) -> list[dg.DagsterEvent]:
        return [event for event in self.result.all_events if event.event_type is kind]


def _said(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    told = data.user_failure_data.description if data.user_failure_data else None
    return told or str(data.error)


@dataclass
class Site:
    """Where a test works."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)

    def write(
        self,
        rows: str = 'code=["a", "b"], value=[1.0, 2.0]',
        dataset: str = DATASET,
        **sections: Any,
    ) -> Path:
        """A producer that yields these columns; `sections` are added to its `opendata.yaml`."""
        return self.write_main(
            f"def produce(context):\n    return pa.table(dict({rows}))", dataset, **sections
        )

    def write_main(self, main: str, dataset: str = DATASET, **sections: Any) -> Path:
        """A producer with this `main.py`; pyarrow is imported for it as `pa`."""
        folder = self.root / "producers" / dataset
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "main.py").write_text(f"import pyarrow as pa\n\n{textwrap.dedent(main)}\n")
        (folder / "opendata.yaml").write_text(yaml.safe_dump(definition(dataset, **sections)))
        return folder

    @cached_property
    def platform(self) -> Platform:
        settings = {"OPENDATA_STORAGE": str(self.root / "store"), "OPENDATA_CACHE": "off"}
        return from_settings(read_settings(settings | self.environ, self.root))

    def defs(self) -> dg.Definitions:
        """The definitions as a reload makes them."""
        return build_defs(self.platform, retry_seconds=0.01)

    def run(
        self,
        *assets: str,
        dataset: str = DATASET,
        selection: dg.AssetSelection | None = None,
        config: dict[str, Any] | None = None,
        partitions: str | None = None,
    ) -> Run:
        """One run of some assets (default: all three of the data set) with their checks.

        `partitions` are one (`2024-01`) or some in a row (`2024-01..2024-03`).
        """
        names = Names(parse_dataset_id(dataset))
        keys = [dg.AssetKey(asset.split("/")) for asset in assets] or names.all
        job = dg.define_asset_job("asked", selection or dg.AssetSelection.assets(*keys))
        ops = {"ops": {names.step("candidate"): {"config": config}}} if config else {}
        repository = dg.Definitions.merge(self.defs(), dg.Definitions(jobs=[job]))
        result = repository.resolve_job_def("asked").execute_in_process(
            instance=self.instance, raise_on_error=False, run_config=ops, tags=_tags(partitions)
        )
        return Run(result)

    def released_elsewhere(
        self, dataset: str = DATASET, run_id: str = "by-hand"
    ) -> Released | NothingNew:
        """What `od run --publish` does."""
        producer = self.producer(dataset)
        platform, ports = self.platform, self.platform.ports
        return release(
            ports,
            producer.id,
            lambda: build(ports, producer, platform.options(producer), lambda level, line: None),
            RunReference(run_id, "od"),
            lambda line: None,
        )

    def producer(self, dataset: str = DATASET) -> Producer:
        return self.platform.producers.find(parse_dataset_id(dataset))

    def current(self, dataset: str = DATASET) -> Release | None:
        """What readers get now."""
        return read_current(self.platform.ports.store, parse_dataset_id(dataset))

    def current_version(self, dataset: str = DATASET) -> str | None:
        release = self.current(dataset)
        return str(release.version) if release else None

    def outcomes(self, dataset: str = DATASET) -> tuple[RunOutcome, ...]:
        """What health says about the last runs, newest first."""
        return read_recorded_health(self.platform.ports.store, parse_dataset_id(dataset)).runs


def _tags(partitions: str | None) -> dict[str, str]:
    """What marks a run as one of partitions, as a back-fill does."""
    if partitions is None:
        return {}
    first, dots, last = partitions.partition("..")
    if not dots:
        return {"dagster/partition": first}
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def definition(dataset: str, **sections: Any) -> dict[str, Any]:
    """A definition that is complete, with a contract and a clock unless a test says otherwise."""
    fields = {
        "id": dataset,
        "title": f"All about {dataset}",
        "description": "Prices of things.",
        "license": "CC0-1.0",
        "repo": "https://github.com/example/prices",
        "source": {"provider": "Bureau of Things", "homepage": "https://example.org/things"},
        "topics": ["prices"],
        "geo": {"scope": "global"},
        "owners": ["things@example.org"],
        "frequency": "daily",
        "contract": CONTRACT,
    }
    fields |= sections
    return {name: value for name, value in fields.items() if value is not None}
