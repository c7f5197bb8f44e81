"""The manifest of a release: which bytes it is, what they mean, how they came to be.

Fields follow requirement rows S4-65…S4-81 and the registry convention. The frozen bytes of
`releases/<semver>.json` are written once and read for ever, so this module changes by addition.

What is hashed and signed is the manifest *without* its `integrity` and `freeze` blocks
(see `signed_body`), because those two hold the hash, the signature and the freeze.
"""

from __future__ import annotations

from typing import Any

from opendata.wire.chunks import ColumnStats
from opendata.wire.codec import Wire, decoder_of, read_wire
from opendata.wire.errors import Corrupt
from opendata.wire.signed_body import check_body_hash

MANIFEST_FORMAT = "opendata-manifest/1"


class FileEntry(Wire):
    """One shard: a Parquet object and what a reader must know before fetching it.

    `name` is the logical shard (`2024-03`, `all`, `undated`); `min` and `max` bound the time
    column; `chunks` is the key of the chunk list; `content_hash` is over the shard's canonical
    rows, so an unchanged shard is recognised whatever wrote it. Sizes are bytes.
    """

    name: str
    path: str
    sha256: str
    size_bytes: int
    row_count: int
    chunks: str
    content_hash: str
    min: str | None = None
    max: str | None = None
    stats: dict[str, ColumnStats] = {}


class FieldEntry(Wire):
    """One column: its Arrow type and what its values mean."""

    name: str
    type: str
    nullable: bool = True
    unit: str | None = None
    description: str | None = None
    aliases: tuple[str, ...] = ()


class IndexEntry(Wire):
    """A secondary index of a release: which row groups of which shards hold which values of `keys`
    (S4-18, S4-47).

    `path` is the key of its object, a Parquet file sorted by `keys`, and `chunks` that of its chunk
    list, as a shard has one. `until` is set where it is written beside its successor for
    readers that know only this one (S4-64): the first schema version that will be without it.
    """

    keys: tuple[str, ...]
    path: str
    sha256: str
    size_bytes: int
    row_count: int
    chunks: str
    until: str | None = None


class Quarantined(Wire):
    """The rows that rules took out of a release: their file, and how many each rule took.

    A row that breaks two rules is counted by both, so `file.row_count` may be less than their sum.
    """

    file: FileEntry
    rules: dict[str, int]


class PromiseEntry(Wire):
    """What an earlier schema version of the same major promised (S4-13, S4-14): its contract.

    `release` is the last release that had this schema version when it was superseded; `contract` is
    the key of the contract's canonical JSON.
    """

    schema_version: str
    release: str
    contract: str


class Versioning(Wire):
    """S4-65…S4-69. `prev_release` is the release that was current when this one was frozen."""

    schema_version: str
    data_release: str
    prev_release: str | None = None
    reader_min: str | None = None
    notes: str | None = None


class Changelog(Wire):
    """S4-70, S4-71: the difference to `prev_release`, by scope."""

    diff_S: dict[str, Any]  # noqa: N815 - the document's own spelling, pinned
    diff_R: dict[str, Any]  # noqa: N815
    diff_I: dict[str, Any]  # noqa: N815
    breaking: bool = False


class Integrity(Wire):
    """S4-72…S4-75. `signature` is a DSSE envelope, or null where no key was configured."""

    hash_sha256: str
    content_hash: str
    signature: dict[str, Any] | None = None
    signed_by: str | None = None
    signed_at: str | None = None


class Freeze(Wire):
    """S4-76…S4-78, and the window in which a soft-frozen release may get a hot fix."""

    tag: str
    mode: str
    frozen_at: str
    observation_until: str | None = None
    immutable: bool = True


class Adapters(Wire):
    """S4-79…S4-81: what lets an older reader read this release."""

    fields_alias: dict[str, str] = {}
    unit_converters: dict[str, Any] = {}
    routing_rules: tuple[Any, ...] = ()


class Break(Wire):
    """What the release of a new major broke (S4-57, S4-59): one sentence per breaking change.

    `bridged` are those that an adapter leads over, with the adapter's name; `reasons` the others,
    because of which readers of an earlier major are refused from here on.
    """

    schema_version: str
    reasons: tuple[str, ...] = ()
    bridged: dict[str, str] = {}


class Manifest(Wire):
    """One frozen release. See the module's charter for what its hash covers.

    `dataset` holds the producer's own fields (title, licence, source, …), `definition` the
    platform sections of its `opendata.yaml`; `reports`, `readme`, `preview`, `quarantine` (rows
    that a rule took out, as Parquet) and `patch` (the operations that made it out of the release
    before it, as JSON) are object keys. `transforms` are the corrections that lead from a former
    unit or reference to the present one (S4-62). `quarantined` tells what a reader of the
    quarantine needs. `promises` are the earlier schema versions whose readers it keeps. `kept` are
    the objects that hold what the release was made of, for `od reproduce`: the producer's files and
    fetched sources, whose digests stand in the trace. `breaks` tell of every major that the
    schema went through, oldest first.
    """

    ADDED_LATER = (
        "indexes", "transforms", "quarantine", "quarantined", "promises", "kept", "patch",
        "breaks",
    )  # fmt: skip

    id: str
    files: tuple[FileEntry, ...]
    schema: tuple[FieldEntry, ...]
    contract: dict[str, Any]
    trace: dict[str, Any]
    reports: dict[str, Any]
    versioning: Versioning
    changelog: Changelog
    integrity: Integrity
    freeze: Freeze
    adapters: Adapters
    candidate: str
    dataset: dict[str, Any]
    definition: dict[str, Any]
    row_count: int
    size_bytes: int
    time_column: str | None = None
    shard: str = "none"
    readme: str | None = None
    preview: str | None = None
    indexes: tuple[IndexEntry, ...] = ()
    transforms: tuple[dict[str, Any], ...] = ()
    quarantine: str | None = None
    quarantined: Quarantined | None = None
    promises: tuple[PromiseEntry, ...] = ()
    kept: tuple[str, ...] = ()
    patch: str | None = None
    breaks: tuple[Break, ...] = ()
    format: str = MANIFEST_FORMAT

    @property
    def release(self) -> str:
        """The release's number, `versioning.data_release`."""
        return self.versioning.data_release

    def field(self, name: str) -> FieldEntry | None:
        """The column of that name, or None."""
        return next((entry for entry in self.schema if entry.name == name), None)


class _Head(Wire):
    """What is looked at before the rest is read."""

    format: Any = None


decoder_of(_Head)
decoder_of(Manifest)


def named_objects(manifest: Manifest) -> list[str]:
    """The keys of all objects that a manifest names beside its files and their chunk lists."""
    indexes = [key for index in manifest.indexes for key in (index.path, index.chunks)]
    promises = [promise.contract for promise in manifest.promises]
    return [*read_objects(manifest), *indexes, *promises, *manifest.kept]


def read_objects(manifest: Manifest) -> list[str]:
    """Those of them that readers of the release are shown; the others make reading faster, or are
    for the next release and for reproducing this one."""
    reports = [value for value in manifest.reports.values() if isinstance(value, str)]
    aside = manifest.quarantined.file.chunks if manifest.quarantined else None
    single = (manifest.readme, manifest.preview, manifest.quarantine, aside, manifest.patch)
    return [*reports, *(key for key in single if key is not None)]


def read_manifest(data: bytes, what: str, *, check_body: bool = True) -> Manifest:
    """Read a stored manifest and check that its body is the one that was hashed.

    The content hash stands outside of the body too, where people look for it; both must agree.
    Without `check_body` the body's hash is not compared: that is for bytes whose own digest a
    pointer names, which says more, as long as no signature over the body's hash is relied upon.

    Raises:
        Corrupt: if it is malformed, of an unknown format, or its body hash differs.
    """
    head = read_wire(_Head, data, what)
    if head.format != MANIFEST_FORMAT:
        raise Corrupt(
            f"{what} has the format {head.format!r}; this version reads {MANIFEST_FORMAT}",
            code="unknown_format",
            hint="a newer version of opendata may be needed",
            details={"object": what},
        )
    manifest = read_wire(Manifest, data, what)
    if check_body:
        check_body_hash(data, manifest.integrity.hash_sha256, what)
    if manifest.trace.get("artifact", {}).get("content_hash") != manifest.integrity.content_hash:
        raise Corrupt(
            f"{what} was altered: its trace names another content than integrity.content_hash",
            code="manifest_altered",
            hint="od verify lists every damaged object of a data set",
            details={"object": what},
        )
    return manifest
