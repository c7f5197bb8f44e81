"""What is known of a channel's files from before: the state of its index, and what an interrupted
indexing has described since.

Here belongs reading both, and the rule by which a file needs no reading: it has the size and the
version that it had. Whose rows are kept as they are and whose are derived anew is told apart by
the digest of what they were described by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pyarrow as pa

from dataplatform.channels.columns import array_of, listed_texts
from dataplatform.channels.current import CurrentIndex
from dataplatform.channels.describe import UNMATCHED, path_pattern
from dataplatform.channels.listing import Arrangement
from dataplatform.channels.ports import ChannelPorts, StoredFile, Unread
from dataplatform.channels.rows import DESCRIBED_BY, STATE_SCHEMA
from dataplatform.channels.spec import ChannelSpec, Pattern
from opendata.wire import keys
from opendata.wire.digest import check_digest, parse_digest
from opendata.wire.errors import Corrupt, InvalidInput, NotFound
from opendata.wire.version import Version


@dataclass(frozen=True)
class Known:
    """Rows from before: the state of the current index, and by their keys the segments of what was
    not finished. What is lost or damaged is missing; its files are read again."""

    state: pa.Table | None = None
    segments: Mapping[str, pa.Table | None] = field(default_factory=dict)

    @property
    def segment_keys(self) -> list[str]:
        """The keys of all segments, those that cannot be read as well."""
        return list(self.segments)

    @property
    def tables(self) -> list[pa.Table]:
        """All rows; of two about one file the later one counts."""
        return [table for table in (self.state, *self.segments.values()) if table is not None]


NOTHING_KNOWN: Final = Known()


@dataclass(frozen=True)
class Comparison:
    """What is to be done with each file of a channel.

    `kept` are rows that stay, as places in `earlier`. `digests` are those of files whose bytes are
    known, but whose row has to be derived anew. `unread` has to be read. Of these, `new` were not
    there before; `removed` were and are gone.
    """

    earlier: pa.Table
    kept: Sequence[int]
    unread: Sequence[StoredFile]
    rederived: Sequence[StoredFile] = ()
    digests: Mapping[str, str] = field(default_factory=dict)
    misfits: Sequence[Unread] = ()
    new: int = 0
    removed: int = 0


def read_known(
    ports: ChannelPorts, channel: str, version: Version, current: CurrentIndex | None
) -> Known:
    """What is known of a channel's files; what is lost or damaged is read anew instead."""
    state = None
    if current is not None and current.index.state is not None:
        key = current.index.state
        state = stored_rows(ports, key, keys.digest_of_object_key(key))
    prefix = keys.channel_progress_prefix(channel, version)
    segments = {stat.key: stored_rows(ports, stat.key, None) for stat in ports.store.list(prefix)}
    return Known(state, segments)


def compare(
    known: Known, arrangement: Arrangement, spec: ChannelSpec, described_by: str
) -> Comparison:
    """Which files have to be read; `described_by` is `listing.describing_digest` of the spec.

    Raises:
        InvalidInput: if the spec's pattern is none.
    """
    places = _places(known, described_by)
    versions = arrangement.sidecar_versions
    kept: list[int] = []
    unread: list[StoredFile] = []
    rederived: list[StoredFile] = []
    places_anew: dict[str, int] = {}
    for file in arrangement.files:
        place = places.get((file.path, file.size, file.version))
        if place is None:
            unread.append(file)
        elif place.fits and place.sidecar == versions.get(file.path, ""):
            kept.append(place.row)
        else:
            rederived.append(file)
            places_anew[file.path] = place.row
    unread, misfits = fitting(spec.pattern, unread)
    earlier = _joined(known.tables)
    checksums = listed_texts(earlier["checksum"]) if rederived else []
    digests = {path: parse_digest(checksums[row]) for path, row in places_anew.items()}
    before = set(listed_texts(known.state["relative_path"])) if known.state is not None else set()
    new = sum(file.path not in before for file in unread)
    removed = len(before.difference(file.path for file in arrangement.files))
    return Comparison(earlier, kept, unread, rederived, digests, misfits, new, removed)


def fitting(pattern: Pattern, files: Sequence[StoredFile]) -> tuple[list[StoredFile], list[Unread]]:
    """Files whose paths match the pattern, and those that need not be read to be refused."""
    paths = path_pattern(pattern)
    if paths is None:
        return list(files), []
    fitting: list[StoredFile] = []
    misfits: list[Unread] = []
    for file in files:
        try:
            if paths.match(file.path) is None:
                misfits.append(Unread(file, UNMATCHED, "its path does not match the pattern"))
            else:
                fitting.append(file)
        except InvalidInput as error:
            misfits.append(Unread(file, error.code, error.message))
    return fitting, misfits


@dataclass(frozen=True, slots=True)
class _Place:
    row: int
    sidecar: str
    fits: bool


def _places(known: Known, described_by: str) -> dict[tuple[str, int, str], _Place]:
    """Where each known version of a file stands; of two, the later one."""
    found: dict[tuple[str, int, str], _Place] = {}
    at = 0
    for table in known.tables:
        fits = (table.schema.metadata or {}).get(DESCRIBED_BY) == described_by.encode()
        names = zip(
            listed_texts(table["relative_path"]),
            array_of(table["size_bytes"]).tolist(),
            listed_texts(table["version"]),
            listed_texts(table["sidecar"]),
            strict=True,
        )
        for row, (path, size, version, sidecar) in enumerate(names, at):
            found[path, size, version] = _Place(row, sidecar, fits)
        at += table.num_rows
    return found


def _joined(tables: Sequence[pa.Table]) -> pa.Table:
    plain = [table.replace_schema_metadata(None) for table in tables]
    return pa.concat_tables(plain) if plain else pa.Table.from_batches([], STATE_SCHEMA)


def stored_rows(ports: ChannelPorts, key: str, digest: str | None) -> pa.Table | None:
    """The rows at a key; None where they are lost or damaged: they only save work."""
    try:
        data = ports.store.get(key).data
        if digest is not None:
            check_digest(data, digest, key)
        return ports.writer.read_state(data, key)
    except (NotFound, Corrupt):
        return None
