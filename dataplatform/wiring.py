"""The composition root: which adapter stands behind which port.

`Platform` holds ports and nothing else; `from_settings` picks the adapters. Faces (CLI, Dagster,
API) take a `Platform` and never build an adapter themselves.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial

from dataplatform.adapters.arrange.arrow import ArrowArranger
from dataplatform.adapters.contract_engine.duckdb import DuckDBContractEngine
from dataplatform.adapters.crs.pyproj import ProjSystems
from dataplatform.adapters.duckdb.session import Limits
from dataplatform.adapters.producers.folder import ProducerFolder, git_commit
from dataplatform.adapters.quality.great_expectations import GreatExpectations
from dataplatform.adapters.query_probe.reading import ReadingProbe
from dataplatform.adapters.row_diff.duckdb import DuckDBRowDiffer
from dataplatform.adapters.runner import SubprocessRunner
from dataplatform.adapters.segments.parquet import ParquetSegments
from dataplatform.adapters.signing.ed25519 import Ed25519Signer, open_signer
from dataplatform.adapters.sources.web import WebSources
from dataplatform.adapters.units.pint import PintUnits
from dataplatform.adapters.workbench.session import LocalWorkbench
from dataplatform.bundle_wiring import bundle_ports
from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.usages import BundleUsages
from dataplatform.datasets.fetching import SourceFetcher
from dataplatform.datasets.producer import Producer
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.run import RunOptions
from dataplatform.settings import Settings, read_settings
from opendata.reading.cache import Cache, open_cache
from opendata.reading.shard import Access, verified_path
from opendata.reading.stats import ReadStats
from opendata.stores import FolderStore, ObjectStore, open_reader, open_store
from opendata.stores.overlay import OverlayStore
from opendata.stores.port import LocalFile
from opendata.wire.manifest import FileEntry

DIFF_MEMORY_BYTES = 896 << 20
"""Of one diff, where the machine has that to spare: with all the rest it stays below 1.3 GB."""
KEEP_BYTES = 8 << 20


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Platform:
    """Everything that a face needs."""

    settings: Settings
    ports: ReleasePorts
    producers: ProducerFolder

    @cached_property
    def bundles(self) -> BundlePorts:
        """What bundles act through, over the same store."""
        return bundle_ports(self.settings, self.ports.store)

    def options(self, producer: Producer | None = None) -> RunOptions:
        """What a run takes from the settings; a face adds what it was asked for."""
        return RunOptions(
            mirror=self.settings.mirror,
            preview_rows=self.settings.preview_rows,
            environ=self.settings.environ,
            commit=git_commit(producer.folder) if producer else None,
        )


def from_settings(settings: Settings | None = None) -> Platform:
    """The platform that this process's environment describes.

    Raises:
        InvalidInput, Denied: naming the setting that cannot be used.
    """
    settings = settings or read_settings()
    store = open_store(settings.store_url, environ=settings.environ)
    ports = _ports(settings, store, spills=str(settings.work / "spills"))
    return Platform(settings, ports, ProducerFolder(settings.producers))


def for_rehearsal(
    settings: Settings, scratch: str, fetcher: SourceFetcher | None = None
) -> Platform:
    """The platform on a layer over its store: writes go to `scratch` and are lost.

    The store underneath is only read, so a public address will do as well. `fetcher` answers
    producers in place of the sources.

    Raises:
        InvalidInput, Denied: naming the setting that cannot be used.
    """
    store = OverlayStore(
        FolderStore(scratch), open_reader(settings.store_url, environ=settings.environ)
    )
    ports = _ports(settings, store, spills=os.path.join(scratch, ".spills"), fetcher=fetcher)
    return Platform(settings, ports, ProducerFolder(settings.producers))


def _ports(
    settings: Settings, store: ObjectStore, *, spills: str, fetcher: SourceFetcher | None = None
) -> ReleasePorts:
    runner = SubprocessRunner(
        work_root=settings.work / "runs",
        environments_root=settings.work / "environments",
        fetcher=fetcher or WebSources(),
    )
    cache = _platform_cache(settings)
    # Not the system's temporary folder: it may be memory, and what a killed process left stays.
    limits = Limits(spill_folder=spills)
    return ReleasePorts(
        store=store,
        runner=runner,
        workbench=LocalWorkbench(settings.work / "builds", ArrowArranger()),
        engine=DuckDBContractEngine(limits),
        expectations=GreatExpectations(),
        differ=DuckDBRowDiffer(replace(limits, memory_bytes=DIFF_MEMORY_BYTES)),
        shard_path=partial(_shard_path, store, cache),
        keep_shard=partial(_keep_shard, store, cache),
        reference_systems=ProjSystems(),
        units=PintUnits(),
        probe=ReadingProbe(store, cache),
        segments=ParquetSegments(),
        now=utc_now,
        signer=signer_of(settings),
        usages=(BundleUsages(store),),
    )


def signer_of(settings: Settings) -> Ed25519Signer | None:
    """Who signs here; None where no key is set, and then nobody's trust file is read either."""
    if not settings.signing_key:
        return None
    return open_signer(settings.signing_key, settings.environ, settings.trust())


def _platform_cache(settings: Settings) -> Cache:
    """The gates read files, so the platform keeps one even where the SDK's cache is off."""
    cache = open_cache(settings.environ)
    return cache if cache.enabled else Cache(str(settings.work / "cache"))


def _keep_shard(store: ObjectStore, cache: Cache, entry: FileEntry, file: LocalFile) -> None:
    """What a folder took over as it was is known to be whole; what went away is kept here too."""
    local = store.local_path(entry.path)
    if local is None:
        with open(file.path, "rb") as source:
            pieces = iter(partial(source.read, KEEP_BYTES), b"")
            cache.put_stream(entry.sha256, pieces, entry.size_bytes, key=entry.path)
    elif os.path.samefile(local, file.path):
        cache.record_verified(local, entry.sha256)


def _shard_path(store: ObjectStore, cache: Cache, entry: FileEntry) -> str:
    return verified_path(Access(store, cache, ReadStats()), entry)
