"""What there is to do for a channel, whether it is compared in memory or on disk.

Here belongs what indexing and its plan ask of a comparison. `held` is the one in memory; `spilled`
the one of channels that are larger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from dataplatform.channels.ports import Described, StoredFile
from dataplatform.channels.unread import UnreadFiles


@dataclass(frozen=True)
class Counts:
    """How many files a channel has, and what is to be done with them; sizes in bytes.

    The rows of `kept` stay. `unread` have to be read, `new` of them were not there before.
    `rederived` get a row without being read whole; `removed` were there and are gone.
    """

    files: int
    kept: int
    unread: int
    unread_bytes: int
    rederived: int
    new: int
    removed: int


@dataclass(frozen=True)
class Part:
    """Some of the files that have to be described.

    `digests` are those of the `rederived`, `sidecars` size and version of the sidecar of each file
    that has one, both by the file's path.
    """

    unread: Sequence[StoredFile]
    rederived: Sequence[StoredFile] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    sidecars: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Rows:
    """The rows of an index and of its state, each in its order; both are taken once."""

    count: int
    index: Iterable[pa.RecordBatch]
    state: Iterable[pa.RecordBatch]


class Work(Protocol):
    """What was found by comparing a channel with what is known of it."""

    @property
    def counts(self) -> Counts:
        """How much there is to do."""
        ...

    @property
    def misfits(self) -> UnreadFiles:
        """Files that need not be read to be refused."""
        ...

    @property
    def segment_keys(self) -> Sequence[str]:
        """The keys of what interrupted indexings put aside; superfluous once this one is done."""
        ...

    def parts(self) -> Iterator[Part]:
        """All files that have to be described."""
        ...

    def add(self, described: Sequence[Described], part: Part) -> None:
        """Some files of a part were described."""
        ...

    def rows(self) -> Rows:
        """The rows that stay and those that were added.

        Raises:
            Rejected: code `duplicate_file_id`, naming both paths.
        """
        ...
