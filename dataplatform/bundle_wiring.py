"""The composition root of bundles: which adapter stands behind which of their ports.

A part of its own beside `wiring`, because indexing a channel must not pay for loading the engines
that build releases. Adapters are imported when they are needed.
"""

from __future__ import annotations

from datetime import UTC, datetime

from dataplatform.alerts.ports import Notifier
from dataplatform.bundles.ports import BundlePorts
from dataplatform.channels.ports import ChannelFiles, ChannelPorts, IndexEngine
from dataplatform.ports import IndexRepo, SpecRepo
from dataplatform.settings import Settings
from opendata.reading.cache import open_cache
from opendata.reading.trust import TrustRoot
from opendata.stores import ObjectStore, open_store
from opendata.wire.errors import Denied, InvalidInput, NotFound


def bundle_ports(settings: Settings, store: ObjectStore | None = None) -> BundlePorts:
    """The ports of bundles that the settings describe.

    Raises:
        InvalidInput, Denied: naming the setting that cannot be used.
    """
    from dataplatform.adapters.signing.ed25519 import open_signer

    store = store or open_store(settings.store_url, environ=settings.environ)
    trust = settings.trust()
    signer = open_signer(settings.signing_key, settings.environ, trust)
    trust = signer.trust() if signer else trust
    return BundlePorts(
        store=store,
        channels=channel_ports(settings, store, trust),
        open_spec_repo=lambda: _spec_repo(settings),
        open_index_repo=lambda: _index_repo(settings),
        now=_utc_now,
        base_url=settings.api_url,
        signer=signer,
        trust=trust,
        cache=open_cache(settings.environ),
    )


def channel_ports(
    settings: Settings, store: ObjectStore, trust: TrustRoot | None = None
) -> ChannelPorts:
    """The ports of channels that the settings describe; `trust` is whose signatures count."""
    from dataplatform.adapters.index_files.parquet import ParquetIndexWriter

    return ChannelPorts(
        store=store,
        open_files=lambda storage_path: _channel_files(settings, storage_path, store.url),
        engines=_engines(settings),
        writer=ParquetIndexWriter(str(settings.work / "indexes")),
        now=_utc_now,
        environ=settings.environ,
        spark_files=settings.spark_files,
        trust=trust,
    )


def open_notifier(settings: Settings) -> Notifier:
    """Who sends alerts. Where no addresses are set, or their file cannot be used, it knows none
    and says so of each target."""
    from dataplatform.adapters.notifiers.addresses import read_addresses
    from dataplatform.adapters.notifiers.apprise import AppriseNotifier

    try:
        return AppriseNotifier(read_addresses(settings.environ.get("OPENDATA_ALERTS")))
    except (Denied, InvalidInput) as error:
        return AppriseNotifier({}, problem=error.message)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _channel_files(settings: Settings, storage_path: str, own: str) -> ChannelFiles:
    from dataplatform.adapters.channel_files.opening import open_channel_files

    return open_channel_files(storage_path, settings.environ, root=str(settings.root), own=own)


def _engines(settings: Settings) -> dict[str, IndexEngine]:
    from dataplatform.adapters.indexing.local import LocalEngine
    from dataplatform.adapters.indexing.spark.engine import SparkEngine

    spark = SparkEngine(
        settings.root,
        work=settings.work / "spark",
        python=settings.spark_python,
        master=settings.spark_master,
    )
    return {"local": LocalEngine(root=str(settings.root)), "spark": spark}


def open_spec_repo(settings: Settings, address: str) -> SpecRepo:
    """A spec repository by its address, read through a mirror.

    Raises:
        InvalidInput: for an address that is none.
    """
    from dataplatform.adapters.specrepo.git import GitSpecRepo

    return GitSpecRepo(address, str(settings.work / "specs"))


def _spec_repo(settings: Settings) -> SpecRepo:
    if settings.spec_repo is None:
        raise NotFound(
            "no spec repository is set",
            code="no_spec_repo",
            hint="export OPENDATA_SPEC_REPO=path or URL of the repository with bundles/ in it",
        )
    return open_spec_repo(settings, settings.spec_repo)


def _index_repo(settings: Settings) -> IndexRepo | None:
    if settings.index_repo is None:
        return None
    from dataplatform.adapters.indexrepo.git import GitIndexRepo

    return GitIndexRepo(settings.index_repo, str(settings.work / "indexes.git"))
