"""Files that were delivered anew since a bundle pinned them: what repairs of it must not overwrite.

Here belongs telling them by the channel's current index. For the older bundle such a file is lost;
its place is taken by bytes that the channel and newer bundles name.
"""

from __future__ import annotations

from collections.abc import Sequence

from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.watch.completeness import rows_of
from dataplatform.bundles.watch.hashing import Wanted
from dataplatform.bundles.watch.scrub import wanted_of
from opendata.reading.file_index.channels import read_channel_pointer
from opendata.reading.file_index.index import open_index
from opendata.wire.bundle import LockedChannel
from opendata.wire.version import parse_version


def replaced_since(
    ports: BundlePorts, locked: LockedChannel, wanted: Sequence[Wanted]
) -> frozenset[str]:
    """The paths, of files that a bundle pins, that have other bytes in the channel's index by now.

    Raises:
        Corrupt: if the current index is not what its pointer says.
        NotFound, Denied, Unavailable: as the store answers.
    """
    current = read_channel_pointer(ports.store, locked.channel, parse_version(locked.version))
    if not wanted or current is None or current.index == locked.index:
        return frozenset()
    if current.storage_path != locked.storage_path:
        return frozenset()  # the channel has moved: nothing of it lies where the bundle's files lay
    pinned = {one.path: one.checksum for one in wanted}
    index = open_index(ports.store, None, current.index, current.index_sha256, current.index_bytes)
    found = (one for rows in rows_of(index) for one in wanted_of(rows))
    return frozenset(
        one.path for one in found if pinned.get(one.path, one.checksum) != one.checksum
    )
