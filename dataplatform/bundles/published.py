"""Which releases of data sets a bundle may lock: those that were published and not withdrawn.

A number that was frozen and never published stands for nothing that readers were given, so it is
not on offer. How a release is chosen is `resolve`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from opendata.reading.history import walk_history
from opendata.reading.marks import standing_yank, yank_marks
from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.catalogue import read_catalogue
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.ids import parse_dataset_id
from opendata.wire.limits import CATALOGUE_MAX_BYTES
from opendata.wire.version import Version, parse_version


class PublishedReleases:
    """The data sets of a store as `resolve.Releases`; each history is walked once."""

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._versions: dict[str, tuple[Version, ...]] = {}

    def canonical(self, name: str) -> str:
        """Data sets have one name."""
        return name

    def names(self) -> Sequence[str]:
        """What the catalogue lists; only did-you-mean depends on it."""
        return self._names

    def versions(self, name: str) -> Sequence[Version]:
        """Every release that was ever the current one."""
        if name not in self._versions:
            history = walk_history(self._reader, parse_dataset_id(name))
            self._versions[name] = tuple({parse_version(one.release) for one in history})
        return self._versions[name]

    def is_withdrawn(self, name: str, version: Version) -> bool:
        """Whether the last mark on the release withdraws it."""
        return standing_yank(yank_marks(self._reader, parse_dataset_id(name), version)) is not None

    @cached_property
    def _names(self) -> list[str]:
        try:
            data = self._reader.get(keys.INDEX, max_bytes=CATALOGUE_MAX_BYTES).data
            return [entry.id for entry in read_catalogue(data, keys.INDEX).datasets]
        except (NotFound, Corrupt):
            return []
