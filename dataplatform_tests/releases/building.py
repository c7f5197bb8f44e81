"""Releases of small tables, made by the real verbs with fakes where a port leads to an engine.

`Bench` is one data set in one store. What it stores is what the platform stores: real Parquet,
real digests, real manifests; only gates, clock and row diff are told what to say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from dataplatform.adapters.arrange.arrow import ArrowArranger
from dataplatform.adapters.crs.pyproj import ProjSystems
from dataplatform.adapters.query_probe.reading import ReadingProbe
from dataplatform.adapters.segments.parquet import ParquetSegments
from dataplatform.adapters.signing.ed25519 import Ed25519Signer
from dataplatform.adapters.units.pint import PintUnits
from dataplatform.adapters.workbench.session import LocalWorkbench
from dataplatform.datasets.definition import DatasetDefinition
from dataplatform.releases.build import Built, build_from_batches
from dataplatform.releases.derive import derive_copies
from dataplatform.releases.describe import Ingredients
from dataplatform.releases.freeze import Frozen, freeze_candidate
from dataplatform.releases.gate import gate_candidate
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.publish import Published, publish_release
from dataplatform.releases.trace import RunReference
from dataplatform.releases.validate import validate_candidate
from dataplatform_tests.fakes.clock import FakeClock
from dataplatform_tests.fakes.differ import FakeRowDiffer
from dataplatform_tests.fakes.gates import FakeContractEngine, NoExpectations
from dataplatform_tests.fakes.runner import FakeRunner
from opendata.reading.cache import Cache
from opendata.reading.canonical_rows import BLOCK_ROWS
from opendata.reading.resolve import Release, read_current
from opendata.reading.shard import Access, verified_path
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_table
from opendata.stores import ObjectStore
from opendata.wire.ids import DatasetId, parse_dataset_id
from opendata.wire.manifest import FileEntry

ID = "tests/rates"
RUN = RunReference("run-1", "tests")
README = b"# Rates\n\nDaily rates, for tests.\n"


@dataclass(frozen=True)
class Bench:
    """One data set and the verbs on it."""

    ports: ReleasePorts
    definition: DatasetDefinition
    readme: bytes | None = README

    @property
    def dataset(self) -> DatasetId:
        return self.definition.id

    @property
    def store(self) -> ObjectStore:
        return self.ports.store

    def on(self, store: ObjectStore) -> Bench:
        """The same bench over another store (a faulty view of the same one, perhaps)."""
        cache = Cache(None)
        ports = replace(
            self.ports,
            store=store,
            shard_path=partial(_path_in, store, cache),
            probe=ReadingProbe(store, cache),
        )
        return replace(self, ports=ports)

    def declared(self, **changes: Any) -> Bench:
        """The same bench with other fields or sections in its opendata.yaml."""
        return replace(self, definition=definition(str(self.dataset), **changes))

    def build(self, table: pa.Table, code: str = "1") -> Built:
        """Stage a candidate; no gate has looked at it."""
        ingredients = Ingredients(
            definition=self.definition,
            code={"main_sha256": code, "definition_sha256": "d" * 64},
            readme=self.readme,
            current=read_current(self.store, self.dataset),
            preview_rows=100,
        )
        return build_from_batches(self.ports, ingredients, table.to_batches(), {"pyarrow": "1"})

    def stage(self, table: pa.Table, code: str = "1") -> str:
        """Stage a candidate that both gates have looked at; returns its digest."""
        digest = self.build(table, code).digest
        validate_candidate(self.ports, self.dataset, digest)
        gate_candidate(self.ports, self.dataset, digest)
        return digest

    def freeze(self, digest: str) -> Frozen:
        """Freeze a candidate that changes something."""
        frozen = freeze_candidate(self.ports, self.dataset, digest, RUN)
        assert isinstance(frozen, Frozen), frozen
        return frozen

    def publish(self, table: pa.Table) -> Published:
        """Stage, freeze and publish, without the derived copies."""
        frozen = self.freeze(self.stage(table))
        return publish_release(self.ports, self.dataset, frozen.release.version)

    def release(self, table: pa.Table) -> Published:
        """The whole way."""
        published = self.publish(table)
        derive_copies(self.ports, self.dataset)
        return published

    @property
    def current(self) -> Release:
        """What readers see now."""
        release = read_current(self.store, self.dataset)
        assert release is not None, "nothing was published"
        return release

    def read(self, release: Release | None = None) -> pa.Table:
        """All rows of a release (the current one by default), through pointer and digests."""
        access = Access(self.store, Cache(None), ReadStats())
        return read_table(access, (release or self.current).manifest)


def make_bench(
    store: ObjectStore,
    folder: Path,
    *,
    id: str = ID,
    signer: Ed25519Signer | None = None,
    group_rows: int | None = None,
    **sections: Any,
) -> Bench:
    """A bench over a store, with scratch under `folder` and sections of an opendata.yaml."""
    cache = Cache(str(folder / "cache"))
    ports = ReleasePorts(
        store=store,
        runner=FakeRunner(),
        workbench=LocalWorkbench(
            folder / "builds", ArrowArranger(), group_rows=group_rows or BLOCK_ROWS
        ),
        engine=FakeContractEngine(),
        expectations=NoExpectations(),
        differ=FakeRowDiffer(),
        shard_path=partial(_path_in, store, cache),
        reference_systems=ProjSystems(),
        units=PintUnits(),
        probe=ReadingProbe(store, cache),
        segments=ParquetSegments(),
        now=FakeClock(),
        signer=signer,
    )
    return Bench(ports, definition(id, **sections))


def definition(id: str = ID, **sections: Any) -> DatasetDefinition:
    """A definition with everything that is required, and what a test adds."""
    fields: dict[str, Any] = {
        "id": parse_dataset_id(id),
        "title": "Rates",
        "description": "Daily rates, for tests.",
        "license": "CC0-1.0",
        "repo": "https://example.org/rates",
        "source": {"provider": "example"},
    }
    return DatasetDefinition.model_validate(fields | sections)


def rates(*values: float, first_day: int = 20_454) -> pa.Table:
    """One rate a day, from 2026-01-01 on."""
    days = pa.array(range(first_day, first_day + len(values)), pa.int32()).cast(pa.date32())
    return pa.table({"day": days, "rate": pa.array(values, pa.float64())})


def _path_in(store: ObjectStore, cache: Cache, entry: FileEntry) -> str:
    return verified_path(Access(store, cache, ReadStats()), entry)
