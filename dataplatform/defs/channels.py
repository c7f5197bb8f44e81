"""Channels as assets: one step brings a channel's index up to date (S0-1, M-5).

A run of a bundle indexes the version that the bundle means; run alone, a channel is indexed at the
version that is asked for, or at its newest. A step that finds nothing changed materializes all the
same, with the same data version: the index was compared with the files just now, and what comes
after it in the run would be skipped otherwise.

No postponed annotations here: Dagster reads the classes of `context` and `config` from a step.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
from pydantic import Field

from dataplatform.bundles.asked import newest_with
from dataplatform.bundles.asked_channels import asked_channels
from dataplatform.bundles.gather import How, index_resolved
from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.published import PublishedReleases
from dataplatform.bundles.requests import BundleRequest
from dataplatform.bundles.resolve import Resolved
from dataplatform.bundles.run_names import SPEC_REPO_ASSET, channel_asset
from dataplatform.bundles.spec import AskedChannel
from dataplatform.channels.build import IndexedChannel
from dataplatform.channels.catalogue import read_channels
from dataplatform.defs.automation import follow_inputs
from dataplatform.defs.bundle_metadata import channel_metadata
from dataplatform.defs.bundle_runs import GROUP, StepProgress, record_end, request_of
from dataplatform.defs.failures import Retries, in_dagsters_words
from dataplatform.defs.names import Names, channel_pool, channel_step
from dataplatform.defs.spark_settings import SPARK, with_spark_settings
from dataplatform.ports import SpecRepo
from dataplatform.wiring import Platform
from opendata.wire.errors import NotFound
from opendata.wire.ids import is_dataset_id, parse_dataset_id
from opendata.wire.version import Version, parse_version


class ChannelConfig(dg.Config):
    """What a run may be asked for; nothing means what its bundle means, or the newest version."""

    version: str | None = Field(default=None, description="The version to index, such as 1.2.0")
    force: bool = Field(default=False, description="Read every file again, changed or not")


@dataclass(frozen=True)
class _Asked:
    """A channel at a version, and the commit at which its spec is read."""

    repo: SpecRepo
    commit: str
    channel: Resolved


def channel_assets(
    platform: Platform, channels: frozenset[str], retries: Retries
) -> list[dg.AssetsDefinition]:
    """An asset for each channel."""
    return [_channel_asset(platform, channel, retries) for channel in sorted(channels)]


def _channel_asset(platform: Platform, channel: str, retries: Retries) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=channel_step(channel),
        specs=[_spec(channel)],
        pool=channel_pool(channel),
        required_resource_keys={SPARK},
    )
    def index(
        context: dg.AssetExecutionContext, config: ChannelConfig
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with in_dagsters_words(context, retries):
            ports = with_spark_settings(platform.bundles, getattr(context.resources, SPARK))
            repo = ports.open_spec_repo()
            request = request_of(context, repo)

        def record(error: BaseException) -> None:
            record_end(ports, request, context, error=error)

        with in_dagsters_words(context, retries, record):
            began = time.monotonic()
            asked = _asked(ports, repo, request, channel, config)
            done = _index(ports, asked, context, config)
            seconds = time.monotonic() - began
            metadata = channel_metadata(ports.store, done, repo, seconds=seconds)
        context.log.info("%s", _told(done))
        version = dg.DataVersion(done.index.index_sha256)
        yield dg.MaterializeResult(metadata=metadata, data_version=version)

    return index


def _spec(channel: str) -> dg.AssetSpec:
    key = dg.AssetKey(channel_asset(channel))
    if not is_dataset_id(channel):
        return dg.AssetSpec(
            key,
            deps=[dg.AssetKey([SPEC_REPO_ASSET])],
            group_name=GROUP,
            kinds={"parquet"},
            description=f"Which files the channel {channel} has: their times, sizes, digests.",
        )
    return dg.AssetSpec(
        key,
        deps=[Names(parse_dataset_id(channel)).published],
        group_name=GROUP,
        kinds={"parquet"},
        description=f"The files of the releases of {channel}, which stands as a channel.",
        automation_condition=follow_inputs(),
    )


def _asked(
    ports: BundlePorts,
    repo: SpecRepo,
    request: BundleRequest | None,
    channel: str,
    config: ChannelConfig,
) -> _Asked:
    commit = newest_with(repo, request.commit) if request is not None else repo.head()
    if request is not None and config.version is None:
        for one in asked_channels(repo, ports.store, request):
            if one.channel == channel:
                return _Asked(repo, commit, one)
    version = parse_version(config.version) if config.version else None
    return _Asked(repo, commit, _alone(ports, repo, commit, channel, version))


def _alone(
    ports: BundlePorts, repo: SpecRepo, commit: str, channel: str, version: Version | None
) -> Resolved:
    """The channel without a bundle that asks for it.

    Raises:
        NotFound: if there is no such version, or none at all.
    """
    is_dataset = is_dataset_id(channel)
    offers = PublishedReleases(ports.store) if is_dataset else read_channels(repo, commit)
    versions = offers.versions(channel)
    if not versions or (version is not None and version not in versions):
        known = ", ".join(str(one) for one in sorted(versions, reverse=True)) or "none"
        raise NotFound(
            f"{channel} has no version {version or 'at all'}; it has {known}",
            code="unknown_channel",
            hint=f"add channels/{channel}/spec-<version>.yaml to {repo.name}",
        )
    newest = version or max(versions)
    named = {"dataset": channel} if is_dataset else {"channel": channel}
    return Resolved(AskedChannel(version=str(newest), **named), channel, newest)


def _index(
    ports: BundlePorts, asked: _Asked, context: dg.AssetExecutionContext, config: ChannelConfig
) -> IndexedChannel:
    how = How(config.force, frozenset(), StepProgress(context), lambda step: None)
    channels = read_channels(asked.repo, asked.commit)
    return index_resolved(ports, asked.repo, asked.commit, channels, asked.channel, how)


def _told(done: IndexedChannel) -> str:
    index = done.index
    if not done.changed:
        return f"{index.channel} {index.version} has not changed: {index.total_files:,} files"
    return (
        f"{index.channel} {index.version}: {index.total_files:,} files, of which "
        f"{done.described:,} were read on {index.engine}; {done.removed:,} are gone"
    )
