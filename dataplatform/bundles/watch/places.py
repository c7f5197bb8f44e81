"""Where channels' files lie, as they are seen now: one listing for all who ask of the same place.

Here belongs what a listing says of many files at once, and that a place which does not answer is
known as such. Only the last listing is kept: whoever measures much goes place by place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dataplatform.channels.ports import ChannelFiles, ChannelPorts, StoredFile
from opendata.stores.parallel import in_parallel
from opendata.wire.errors import OpenDataError


@dataclass(frozen=True)
class Place:
    """A place and its files by path; `problem` says why they cannot be listed, if that is so."""

    storage_path: str
    files: Mapping[str, StoredFile]
    problem: str | None = None


class Places:
    """Listings of places, each asked for once as long as nobody asks for another in between."""

    def __init__(self, channels: ChannelPorts) -> None:
        self._channels = channels
        self._last: Place | None = None

    def open(self, storage_path: str) -> ChannelFiles:
        """The place itself. Raises InvalidInput for an address that is none."""
        return self._channels.open_files(storage_path)

    def listed(self, storage_path: str) -> Place:
        """What lies at a place; never raises for one that cannot be reached."""
        if self._last is None or self._last.storage_path != storage_path:
            self._last = None  # two listings are never held at once
            self._last = self._list(storage_path)
        return self._last

    def looked_up(self, storage_path: str, paths: Sequence[str]) -> Place:
        """The same of a few files of a place that holds much else, asked for one by one."""
        try:
            files = self.open(storage_path)
            found = list(in_parallel(files.stat, paths))
        except OpenDataError as error:
            return Place(storage_path, {}, error.message)
        return Place(storage_path, {file.path: file for file in found if file is not None})

    def _list(self, storage_path: str) -> Place:
        try:
            listing = self.open(storage_path).listing()
        except OpenDataError as error:
            return Place(storage_path, {}, error.message)
        return Place(storage_path, {file.path: file for file in listing})
