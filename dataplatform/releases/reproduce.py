"""Reproduce: make a release again from what it was made of, and compare the content (P67-3, B41).

What is compared is the content hash, shard by shard: it does not change with the Parquet writer, so
another version of a library shows as a note and not as a difference. Nothing is frozen here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from dataplatform.datasets.producer import Producer
from dataplatform.releases.build import Log
from dataplatform.releases.objects import read_object
from dataplatform.releases.patching.build import patched_build
from dataplatform.releases.patching.parse import stored_patch
from dataplatform.releases.patching.release import prepare_patch_on
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.recipe import Recipe, Way, read_standing
from dataplatform.releases.run import RunOptions, build_on
from opendata.reading.cache import Cache
from opendata.reading.canonical_rows import combined_hash, content_hash
from opendata.reading.release_schema import release_schema
from opendata.reading.resolve import Release, read_release
from opendata.reading.shard import Access
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_batches
from opendata.wire.codec import replace
from opendata.wire.errors import Corrupt
from opendata.wire.manifest import FileEntry, Manifest
from opendata.wire.version import parse_version

NOTHING = "nothing"


@dataclass(frozen=True)
class Difference:
    """One thing that came out otherwise than it is recorded."""

    what: str
    recorded: str
    now: str


@dataclass(frozen=True)
class Reproduction:
    """What came of making a release again.

    `notes` tell what was otherwise and made no difference; `identical_files` counts the shards
    whose very Parquet bytes came out the same.
    """

    reference: str
    way: Way
    recorded: str
    now: str
    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()
    shards: int = 0
    identical_files: int = 0

    @property
    def reproduced(self) -> bool:
        """Whether the content came out the same."""
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        """The outcome by name."""
        return {**asdict(self), "reproduced": self.reproduced}


@dataclass(frozen=True)
class Content:
    """The shards of a build or of a release, and the columns in them."""

    files: tuple[FileEntry, ...]
    columns: tuple[tuple[str, str, str | None], ...]
    content_hash: str


def rebuild(
    ports: ReleasePorts,
    release: Release,
    recipe: Recipe,
    producer: Producer,
    options: RunOptions,
    log: Log,
) -> Reproduction:
    """Run the recorded producer on what it stood on, and compare what it makes.

    `ports.store` should be an overlay, and the runner answer with the recorded sources.

    Raises:
        ProducerFailed, SourceUnavailable: classified, if it makes nothing.
        NotFound, Corrupt: if a release that it stood on is gone or another.
    """
    standing = read_standing(ports.store, release.manifest)
    candidate = build_on(ports, producer, options, standing, log).candidate
    columns = tuple((f.name, f.type, f.unit) for f in candidate.schema)
    now = Content(candidate.files, columns, candidate.content_hash)
    notes = list(_tool_notes(recipe.tools, candidate.tools))
    return _compared(release, Way.REBUILT, now, notes)


def repatch(ports: ReleasePorts, release: Release, log: Log) -> Reproduction:
    """Apply the kept patch to the release that it was made for, and compare what it makes.

    `ports.store` should be an overlay.

    Raises:
        NotFound, Corrupt: if patch or base are gone, or another.
    """
    told = release.manifest.trace["patch"]
    version, expected = parse_version(told["base"]), told["manifest_sha256"]
    base = read_release(ports.store, release.id, version, expected_sha256=expected)
    patch = stored_patch(read_object(ports.store, told["object"]), told["object"])
    patching = prepare_patch_on(ports, base, patch, _unfolded, 0)
    with patched_build(ports, patching, log) as build:
        candidate = build.built.candidate
        columns = tuple((f.name, f.type, f.unit) for f in candidate.schema)
        now = Content(candidate.files, columns, candidate.content_hash)
        return _compared(release, Way.PATCHED, now, [f"the patch was applied to {base.reference}"])


def _unfolded(file: str, schema: pa.Schema) -> pa.Table:
    raise Corrupt(f"a kept patch names the file {file}, but its rows should stand in it")


def rehash(ports: ReleasePorts, release: Release) -> Reproduction:
    """Read the rows of a release again and hash them as they are ordered; nothing is run.

    Raises:
        Corrupt, NotFound: naming the shard that cannot be read.
    """
    manifest = release.manifest
    files = tuple(
        replace(entry, content_hash=_shard_hash(ports, manifest, entry)) for entry in manifest.files
    )
    total = combined_hash((each.name, each.row_count, each.content_hash) for each in files)
    now = Content(files, _columns(manifest), total)
    note = "its rows were handed over and no producer makes them: they were read and hashed again"
    return _compared(release, Way.REHASHED, now, [note])


def _shard_hash(ports: ReleasePorts, manifest: Manifest, entry: FileEntry) -> str:
    access = Access(ports.store, Cache(None), ReadStats())
    units = {field.name: field.unit for field in manifest.schema if field.unit}
    batches = read_batches(access, replace(manifest, files=(entry,)))
    return content_hash(batches, release_schema(manifest), units)


def _compared(release: Release, way: Way, now: Content, notes: Sequence[str]) -> Reproduction:
    manifest = release.manifest
    recorded = Content(manifest.files, _columns(manifest), manifest.integrity.content_hash)
    identical = {entry.sha256 for entry in recorded.files} & {entry.sha256 for entry in now.files}
    return Reproduction(
        reference=f"{release.id}@{release.version}",
        way=way,
        recorded=recorded.content_hash,
        now=now.content_hash,
        differences=tuple(_differences(recorded, now)),
        notes=tuple(notes),
        shards=len(recorded.files),
        identical_files=len(identical) if way is Way.REBUILT else 0,
    )


def _differences(recorded: Content, now: Content) -> Iterator[Difference]:
    if recorded.columns != now.columns:
        yield Difference("columns", _spelled(recorded.columns), _spelled(now.columns))
    before = {entry.name: entry for entry in recorded.files}
    after = {entry.name: entry for entry in now.files}
    for name in sorted({*before, *after}):
        ours, theirs = _told(before.get(name)), _told(after.get(name))
        if ours != theirs:
            yield Difference(f"shard {name}", ours, theirs)
    if recorded.content_hash != now.content_hash:
        yield Difference("content hash", recorded.content_hash, now.content_hash)


def _columns(manifest: Manifest) -> tuple[tuple[str, str, str | None], ...]:
    return tuple((field.name, field.type, field.unit) for field in manifest.schema)


def _spelled(columns: Sequence[tuple[str, str, str | None]]) -> str:
    return ", ".join(f"{name} {kind}{f' {unit}' if unit else ''}" for name, kind, unit in columns)


def _told(entry: FileEntry | None) -> str:
    return f"{entry.row_count:,} rows, {entry.content_hash}" if entry else NOTHING


def _tool_notes(recorded: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*recorded, *now}):
        before, after = recorded.get(name, NOTHING), now.get(name, NOTHING)
        if before != after:
            yield f"{name} was {before} and is {after}"
