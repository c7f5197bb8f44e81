"""A bundle in the hand: what it locks, and its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from opendata.reading.file_index.bundles import FoundBundle
from opendata.wire.bundle import BundleLock, LockedChannel
from opendata.wire.errors import InvalidInput
from opendata.wire.times import parse_instant
from opendata.wire.words import counted, human_bytes

if TYPE_CHECKING:
    from opendata._index_client.records import FileList


def read_name(name: str, version: str | None) -> tuple[str, str | None]:
    """A bundle's name and version, which may stand in one text as on the command line.

    Raises:
        InvalidInput: for what can be no name, or for two versions.
    """
    bare, at, told = name.partition("@")
    if at and version is not None and version != told:
        raise InvalidInput(
            f"{name} names a version, and {version} was asked for", code="invalid_version"
        )
    if not bare or "/" in bare:
        raise InvalidInput(
            f"{name!r} is no bundle's name",
            code="invalid_name",
            hint="its name alone, such as foundational_model; the type is `type=`, the version "
            "`bundle_version=`",
        )
    return bare, (told or None) if at else version


class Bundle:
    """One locked version of a bundle (S0-62): what is read through it never changes.

    `lock` has all that was published of it; the properties here are the parts that are asked for
    most.
    """

    def __init__(
        self,
        found: FoundBundle,
        list_files: Callable[..., FileList],
        stream_data: Callable[..., Iterator[FileList]],
    ) -> None:
        self.found = found
        self._list_files = list_files
        self._stream_data = stream_data

    @property
    def lock(self) -> BundleLock:
        """The lock, as it was published."""
        return self.found.lock

    @property
    def name(self) -> str:
        """Such as `foundational_model` (S0-17)."""
        return self.lock.name

    @property
    def version(self) -> str:
        """Such as `v1.0.0-2025.25` (S0-18)."""
        return self.lock.version

    @property
    def type(self) -> str:
        """`weekly`, `snapshot` or `release` (S0-19)."""
        return self.lock.type

    @property
    def revision(self) -> int:
        """1, or more if it was corrected inside its observation window."""
        return self.lock.revision

    @property
    def created_at(self) -> datetime:
        """When it was locked (S0-23)."""
        return parse_instant(self.lock.created_at)

    @property
    def channels(self) -> dict[str, LockedChannel]:
        """What is locked, by the channels' names (S0-26…S0-34)."""
        return {one.channel: one for one in self.lock.channels}

    @property
    def total_files(self) -> int:
        """Over all channels (S0-25)."""
        return self.lock.total_files

    @property
    def total_bytes(self) -> int:
        """Over all channels (S0-24)."""
        return self.lock.total_bytes

    def files(self, channel: str | None = None, **asked: Any) -> FileList:
        """Its files; takes what :meth:`DataIndexClient.list_files` takes, from the channel on."""
        return self._list_files(self, channel=channel, **asked)

    def stream(self, channel: str | None = None, **asked: Any) -> Iterator[FileList]:
        """Its files in batches; takes what :meth:`DataIndexClient.stream_data` takes."""
        return self._stream_data(self, channel=channel, **asked)

    def to_dict(self) -> dict[str, Any]:
        """The lock as plain JSON types, and the digest of its stored bytes."""
        return {**self.lock.to_json(), "lock_sha256": self.found.lock_sha256}

    def __repr__(self) -> str:
        lines = [
            f"  {one.channel} {one.version}: {counted(one.file_count, 'file')}, "
            f"{human_bytes(one.total_bytes)}"
            for one in self.lock.channels
        ]
        head = f"<{self.type} bundle {self.name} {self.version}, revision {self.revision}>"
        return "\n".join([head, *lines])

    def _repr_html_(self) -> str:
        from opendata._index_client.cards import bundle_card

        return bundle_card(self.lock)
