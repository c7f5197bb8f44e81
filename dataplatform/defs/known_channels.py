"""Known channels: which channels have an asset, told without asking the network.

Here belongs the union of what the spec repository had when it was last asked and what was ever
indexed into the store. A channel that comes with a later commit is indexed all the same, by the
step of the bundle that asks for it, and gets its own asset with the next reload.
"""

from __future__ import annotations

import logging

from dataplatform.bundles.ports import BundlePorts
from dataplatform.channels.catalogue import read_channels
from opendata.stores.port import ObjectStore
from opendata.wire import keys
from opendata.wire.channel import is_channel_name
from opendata.wire.errors import OpenDataError
from opendata.wire.version import parse_version

_log = logging.getLogger(__name__)


def known_channels(ports: BundlePorts) -> frozenset[str]:
    """The channels of the spec repository and of the store; what cannot be read has none, and is
    said in the log: it must not take the data sets' definitions down."""
    found: set[str] = set()
    for look in (_of_spec_repo, _of_store):
        try:
            found |= look(ports)
        except OpenDataError as error:
            _log.warning("channels are missing from the graph: %s", error.message)
    return frozenset(found)


def has_weekly_bundles(ports: BundlePorts) -> bool:
    """Whether bundles are expected week by week, as of the last look at the spec repository."""
    try:
        repo = ports.open_spec_repo()
        head = repo.known_head()
        return head is not None and bool(repo.paths("bundles/weekly", head))
    except OpenDataError:
        return False  # `known_channels` has said why


def _of_spec_repo(ports: BundlePorts) -> set[str]:
    repo = ports.open_spec_repo()
    head = repo.known_head() or repo.head()  # the very first load makes the mirror
    return {name for name in read_channels(repo, head).names() if is_channel_name(name)}


def _of_store(ports: BundlePorts) -> set[str]:
    return indexed_channels(ports.store)


def indexed_channels(store: ObjectStore) -> set[str]:
    """The channels that have an index."""
    found = (_channel_of(stat.key) for stat in store.list(keys.CHANNELS))
    return {channel for channel in found if channel is not None}


def _channel_of(key: str) -> str | None:
    """The channel of a pointer's key; None for any other key."""
    parts = key.removeprefix(keys.CHANNELS).split("/")
    if len(parts) not in (3, 4) or parts[-1] != "latest.json" or not parts[-2].startswith("v"):
        return None
    name = "/".join(parts[:-2])
    try:
        parse_version(parts[-2][1:])
    except OpenDataError:
        return None
    return name if is_channel_name(name) else None
