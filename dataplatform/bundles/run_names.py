"""What the control room calls bundles, channels and their runs.

Here belong the names that both sides of its doors use: the definitions behind them, and whoever
asks for runs from outside and may know nothing of Dagster.
"""

from __future__ import annotations

import re
from typing import Final

from dataplatform.bundles.requests import BUNDLES_FOLDER, BundleRequest, printable

BUNDLE_ASSET: Final = "bundle_index"
CHANNEL_ASSETS: Final = "channel_index"
SPEC_REPO_ASSET: Final = "spec_repo"
PARTITIONS: Final = "bundles"
SENSOR: Final = "spec_bundle_sensor"
COMMIT_TAG: Final = "opendata/commit"
PATH_TAG: Final = "opendata/path"
ASKED_BY_TAG: Final = "opendata/asked_by"
_ESCAPE: Final = re.compile(rb"%([0-9A-F]{2})")


def channel_asset(channel: str) -> tuple[str, ...]:
    """The asset of a channel; a data set that stands as one has its id's two parts."""
    return (CHANNEL_ASSETS, *channel.split("/"))


def channel_of_asset(parts: tuple[str, ...]) -> str | None:
    """The channel whose asset this is, or None for any other asset."""
    if len(parts) < 2 or parts[0] != CHANNEL_ASSETS:
        return None
    return "/".join(parts[1:])


def request_tags(request: BundleRequest) -> dict[str, str]:
    """What marks a run as that of a request."""
    return {COMMIT_TAG: request.commit, PATH_TAG: printable(request.path)}


def path_of_partition(partition: str) -> str:
    """The file that a partition is of: what `BundleRequest.partition` was made of."""
    data = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), partition.encode())
    return f"{BUNDLES_FOLDER}/{data.decode('utf-8', 'surrogateescape')}.yaml"
