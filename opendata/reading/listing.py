"""What there is to know of a data set: its releases and its metadata."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from opendata.reading.history import walk_history
from opendata.reading.resolve import Release, read_release
from opendata.stores.port import ObjectReader, ObjectStore
from opendata.wire import keys
from opendata.wire.codec import read_json
from opendata.wire.digest import check_digest
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.ids import DatasetId
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.version import Version, is_version, parse_version


@dataclass(frozen=True)
class ReleaseInfo:
    """One release in a list. `state` is current, published, frozen (never published) or yanked."""

    release: str
    state: str
    published_at: str | None
    frozen_at: str
    row_count: int
    size_bytes: int
    breaking: bool
    changes: dict[str, Any]
    content_hash: str
    signed_by: str | None
    rolled_back_at: tuple[str, ...] = ()
    """When a rollback made it the current one again, newest first."""

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def list_releases(reader: ObjectReader, dataset: DatasetId) -> list[ReleaseInfo]:
    """All releases, newest first; with those that were frozen and never published where the
    store can be listed.

    Raises:
        NotFound: if the data set was never published.
    """
    published: dict[Version, str] = {}
    returned: dict[Version, list[str]] = {}
    current = None
    for commit in walk_history(reader, dataset):
        current = current or commit.release
        version = parse_version(commit.release)
        if commit.kind == "rollback":
            returned.setdefault(version, []).append(commit.updated_at)
        published[version] = commit.updated_at  # the walk ends with the first time
    versions = set(published) | set(_frozen_versions(reader, dataset))
    if not versions:
        raise NotFound(f"{dataset} was never published in {reader.url}", code="unknown_dataset")
    return [
        replace(
            _info(reader, dataset, version, current, published.get(version)),
            rolled_back_at=tuple(returned.get(version, ())),
        )
        for version in sorted(versions, reverse=True)
    ]


def read_info(reader: ObjectReader, release: Release) -> dict[str, Any]:
    """`metadata.json`, if it shows this very release; else what the manifest alone tells."""
    key = keys.metadata_key(release.id)
    try:
        metadata = read_json(reader.get(key, max_bytes=DOCUMENT_MAX_BYTES).data, key)
    except (NotFound, Corrupt):
        metadata = {}
    if metadata.get("release") == str(release.version):
        return metadata
    manifest = release.manifest
    return {
        **manifest.dataset,
        "id": manifest.id,
        "release": manifest.release,
        "schema_version": manifest.versioning.schema_version,
        "row_count": manifest.row_count,
        "size_bytes": manifest.size_bytes,
        "content_hash": manifest.integrity.content_hash,
        "columns": [column.to_json() for column in manifest.schema],
        "time_column": manifest.time_column,
        "updated_at": manifest.freeze.frozen_at,
        "signature": {
            "hash_sha256": manifest.integrity.hash_sha256,
            "signed_by": manifest.integrity.signed_by,
            "signed_at": manifest.integrity.signed_at,
        },
    }


def read_preview(reader: ObjectReader, release: Release) -> dict[str, Any]:
    """The first rows as they were stored with the release: `{"columns": […], "rows": [[…], …]}`.

    Raises:
        Corrupt: if the stored bytes are not what the manifest names.
    """
    key = release.manifest.preview
    if key is None:
        return {"columns": [], "rows": []}
    return read_json(_named_object(reader, key), key)


def read_readme(reader: ObjectReader, release: Release) -> str | None:
    """The release's README, if it has one. Raises Corrupt as :func:`read_preview`."""
    key = release.manifest.readme
    return None if key is None else _named_object(reader, key).decode("utf-8", "replace")


def _named_object(reader: ObjectReader, key: str) -> bytes:
    return check_digest(
        reader.get(key, max_bytes=DOCUMENT_MAX_BYTES).data, keys.digest_of_object_key(key), key
    )


def _frozen_versions(reader: ObjectReader, dataset: DatasetId) -> list[Version]:
    if not isinstance(reader, ObjectStore):
        return []
    prefix = keys.release_prefix(dataset)
    names = (stat.key.removeprefix(prefix).removesuffix(".json") for stat in reader.list(prefix))
    return [parse_version(name) for name in names if is_version(name)]


def _info(
    reader: ObjectReader,
    dataset: DatasetId,
    version: Version,
    current: str | None,
    published_at: str | None,
) -> ReleaseInfo:
    manifest = read_release(reader, dataset, version).manifest
    state = "published" if published_at else "frozen"
    if str(version) == current:
        state = "current"
    elif reader.stat(keys.mark_key(dataset, version, "yank")) is not None:
        state = "yanked"
    return ReleaseInfo(
        release=str(version),
        state=state,
        published_at=published_at,
        frozen_at=manifest.freeze.frozen_at,
        row_count=manifest.row_count,
        size_bytes=manifest.size_bytes,
        breaking=manifest.changelog.breaking,
        changes={k: v for k, v in manifest.changelog.diff_R.items() if k != "samples"},
        content_hash=manifest.integrity.content_hash,
        signed_by=manifest.integrity.signed_by,
    )
