"""Looking at a channel before it is indexed: what is there, and what would have to be read.

Here belongs all that a preview and an indexing do alike; nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dataplatform.channels.choose import choose_engine
from dataplatform.channels.current import CurrentIndex, read_current_index
from dataplatform.channels.known import NOTHING_KNOWN, Comparison, Known, compare, read_known
from dataplatform.channels.listing import Arrangement, arrange, describing_digest, listing_digest
from dataplatform.channels.ports import ChannelFiles, ChannelPorts, StoredFile
from dataplatform.channels.spec import ChannelSpec


@dataclass(frozen=True)
class Look:
    """What a channel's place and its current index say together.

    `comparison` is None where the listing is that of the current index: nothing has to be done.
    """

    spec: ChannelSpec
    current: CurrentIndex | None
    files: ChannelFiles
    arrangement: Arrangement
    described_by: str
    listing_sha256: str
    known: Known = NOTHING_KNOWN
    comparison: Comparison | None = None


@dataclass(frozen=True)
class ChannelPlan:
    """What indexing a channel would do: counts of files, sizes in bytes.

    `new` and `changed` would be read, `described_anew` get a row without being read whole. `engine`
    says which would do it, `engine_reason` why that one (B45).
    """

    channel: str
    version: str
    storage_path: str
    files: int
    unchanged: int
    new: int
    changed: int
    described_anew: int
    removed: int
    read_bytes: int
    engine: str
    engine_reason: str

    def to_json(self) -> dict[str, Any]:
        """The plan by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def look(ports: ChannelPorts, spec: ChannelSpec, *, force: bool = False) -> Look:
    """List a channel's place and compare it with what is known; `force` knows nothing.

    Raises:
        NotFound, Denied, Unavailable: as the place or the store says.
        InvalidInput: for a `storage_path` that is none, a pattern that is none, or code
            `unsafe_path` for a path that no file of a channel may have.
    """
    current = read_current_index(ports.store, spec.channel, spec.version)
    files = ports.open_files(spec.storage_path)
    listed = files.listing()
    described_by, digest = describing_digest(spec), listing_digest(spec, listed)
    if not force and current is not None and current.index.listing_sha256 == digest:
        return Look(spec, current, files, Arrangement(listed), described_by, digest)
    arrangement = arrange(spec.pattern, listed)
    known = read_known(ports, spec.channel, spec.version, current)
    comparison = compare(NOTHING_KNOWN if force else known, arrangement, spec, described_by)
    return Look(spec, current, files, arrangement, described_by, digest, known, comparison)


def plan_index(ports: ChannelPorts, spec: ChannelSpec, *, force: bool = False) -> ChannelPlan:
    """What `index_channel` would do; nothing is written.

    Raises:
        As `look`.
    """
    looked = look(ports, spec, force=force)
    found = looked.comparison
    if found is None:
        total = looked.current.index.total_files if looked.current else 0
        return _plan(ports, spec, total, total, (), (), 0, 0)
    total = len(looked.arrangement.files)
    return _plan(
        ports, spec, total, len(found.kept), found.unread, found.rederived, found.new, found.removed
    )


def _plan(
    ports: ChannelPorts,
    spec: ChannelSpec,
    files: int,
    unchanged: int,
    unread: Sequence[StoredFile],
    rederived: Sequence[StoredFile],
    new: int,
    removed: int,
) -> ChannelPlan:
    choice = choose_engine(spec.engine, len(unread), ports.spark_files)
    return ChannelPlan(
        channel=spec.channel,
        version=str(spec.version),
        storage_path=spec.storage_path,
        files=files,
        unchanged=unchanged,
        new=new,
        changed=len(unread) - new,
        described_anew=len(rederived),
        removed=removed,
        read_bytes=sum(file.size for file in unread),
        engine=choice.engine,
        engine_reason=choice.reason,
    )
