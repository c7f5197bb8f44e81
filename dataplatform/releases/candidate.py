"""A candidate: a build that is not yet frozen, named by the digest of its own description.

Nothing in it depends on when or by which run it was built, so building the same data twice gives
the same candidate, and what a gate decided about it stays bound to these bytes.
"""

from __future__ import annotations

from typing import Any

from dataplatform.releases.objects import JSON
from opendata.stores.ages import is_due_for_refresh
from opendata.stores.port import AlreadyExists, ObjectStore
from opendata.wire import keys
from opendata.wire.codec import Wire, read_wire
from opendata.wire.digest import check_digest, digest_of, prefixed
from opendata.wire.errors import NotFound
from opendata.wire.ids import DatasetId
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.manifest import (
    Adapters,
    Changelog,
    FieldEntry,
    FileEntry,
    Freeze,
    IndexEntry,
    Integrity,
    Manifest,
    Quarantined,
    Versioning,
)

CANDIDATE_FORMAT = "opendata-candidate/1"


class InputRelease(Wire):
    """A release of another data set that this candidate was derived from."""

    id: str
    release: str
    manifest_sha256: str


class SourceBytes(Wire):
    """One fetched source: where from, and which bytes came."""

    url: str
    sha256: str
    size_bytes: int


class Candidate(Wire):
    """What freezing turns into a manifest; see `Manifest` for the fields that both share.

    `patch` is the object of the patch that made it out of the release before it, if one did.
    `asked` tells the interval that its run was asked for (`start`, `end`) and whether it is one of
    several parts (`in_parts`); `kept` are the objects that hold what it was made of.
    """

    ADDED_LATER = ("indexes", "quarantine", "patch", "quarantined", "asked", "kept")

    id: str
    files: tuple[FileEntry, ...]
    schema: tuple[FieldEntry, ...]
    contract: dict[str, Any]
    dataset: dict[str, Any]
    definition: dict[str, Any]
    content_hash: str
    row_count: int
    size_bytes: int
    preview: str
    code: dict[str, Any]
    tools: dict[str, str]
    sources: tuple[SourceBytes, ...] = ()
    inputs: tuple[InputRelease, ...] = ()
    time_column: str | None = None
    shard: str = "none"
    readme: str | None = None
    indexes: tuple[IndexEntry, ...] = ()
    quarantine: str | None = None
    patch: str | None = None
    quarantined: Quarantined | None = None
    asked: dict[str, Any] = {}
    kept: tuple[str, ...] = ()
    format: str = CANDIDATE_FORMAT


def stage_candidate(store: ObjectStore, candidate: Candidate) -> str:
    """Store a candidate under its own digest (returned bare); the same one twice is one.

    One that has lain for long is written anew, since retention removes what nobody staged lately.
    """
    data = candidate.to_bytes()
    digest = digest_of(data)
    key = keys.candidate_key(_id(candidate), digest)
    try:
        store.put_new(key, data, content_type=JSON)
    except AlreadyExists:
        stat = store.stat(key)
        if stat is None or is_due_for_refresh(stat):
            store.put(key, data, content_type=JSON)
        else:
            check_digest(store.get(key, max_bytes=DOCUMENT_MAX_BYTES).data, digest, key)
    return digest


def read_candidate(store: ObjectStore, dataset: DatasetId, digest: str) -> Candidate:
    """The staged candidate of that digest.

    Raises:
        NotFound: if it was never staged, or staging was cleaned.
        Corrupt: if its bytes are not what the digest says.
    """
    key = keys.candidate_key(dataset, digest)
    try:
        data = store.get(key, max_bytes=DOCUMENT_MAX_BYTES).data
    except NotFound as error:
        raise NotFound(
            f"{dataset} has no candidate {digest[:12]}…",
            code="unknown_candidate",
            hint=f"od run {dataset}",
        ) from error
    check_digest(data, digest, key)
    return read_wire(Candidate, data, key)


def as_manifest(candidate: Candidate, digest: str) -> Manifest:
    """A staged candidate as readers would see it, to be read before it is frozen.

    It has no number, hash or signature, and is never stored.
    """
    return Manifest(
        id=candidate.id,
        files=candidate.files,
        schema=candidate.schema,
        contract=candidate.contract,
        trace={"artifact": {"content_hash": candidate.content_hash}},
        reports={},
        versioning=Versioning(schema_version="0.0.0", data_release="0.0.0"),
        changelog=Changelog(diff_S={}, diff_R={}, diff_I={}),
        integrity=Integrity(hash_sha256="", content_hash=candidate.content_hash),
        freeze=Freeze(tag="", mode="", frozen_at="", immutable=False),
        adapters=Adapters(),
        candidate=prefixed(digest),
        dataset=candidate.dataset,
        definition=candidate.definition,
        row_count=candidate.row_count,
        size_bytes=candidate.size_bytes,
        time_column=candidate.time_column,
        shard=candidate.shard,
        readme=candidate.readme,
        preview=candidate.preview,
        indexes=candidate.indexes,
        quarantine=candidate.quarantine,
        quarantined=candidate.quarantined,
        kept=candidate.kept,
        patch=candidate.patch,
    )


def _id(candidate: Candidate) -> DatasetId:
    namespace, _, name = candidate.id.partition("/")
    return DatasetId(namespace, name)
