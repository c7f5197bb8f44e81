"""Usages: which bundles lock a release of a data set, asked before it is withdrawn (S4-55).

The answer of bundles to `releases.ports.FindUsages`. The catalogue says which bundles have the data
set as a channel; their current locks say which release.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dataplatform.releases.ports import Usage
from opendata.reading.file_index.bundles import read_bundle, read_bundle_catalogue
from opendata.stores.parallel import in_parallel
from opendata.stores.port import ObjectReader
from opendata.wire.bundle import BundleLock, BundleRef, parse_bundle_ref
from opendata.wire.errors import NotFound
from opendata.wire.ids import DatasetId
from opendata.wire.version import Version

LOCKS_AT_ONCE = 8


class BundleUsages:
    """Who locked a release, by what is published in a store."""

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader

    def __call__(self, dataset: DatasetId, versions: Collection[Version]) -> Sequence[Usage]:
        """The bundles that lock one of these releases.

        Raises:
            Corrupt, Denied, Unavailable: if the catalogue or a lock cannot be read.
        """
        try:
            entries = read_bundle_catalogue(self._reader).bundles
        except NotFound:
            return ()  # no store: nothing was locked in it
        refs = [
            parse_bundle_ref(f"{one.type}/{one.name}-{one.version}")
            for one in entries
            if str(dataset) in one.channels
        ]
        wanted = {str(version) for version in versions}
        locks = in_parallel(self._lock, refs, LOCKS_AT_ONCE)
        return [
            Usage("bundle", str(lock.ref), one.version)
            for lock in locks
            for one in lock.channels
            if one.channel == str(dataset) and one.version in wanted
        ]

    def _lock(self, ref: BundleRef) -> BundleLock:
        return read_bundle(self._reader, ref).lock
