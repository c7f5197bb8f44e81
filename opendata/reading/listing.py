"""What there is to know of a data set: its releases and its metadata."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from opendata.reading.history import walk_history
from opendata.reading.marks import is_hard, standing_yank, yank_facts, yank_marks
from opendata.reading.resolve import Release, read_release
from opendata.stores.parallel import in_parallel
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
    freeze: str = "hard"
    """`soft` while its observation window is open, `hard` afterwards, or from the beginning."""
    observation_until: str | None = None
    yanked: dict[str, Any] | None = None
    """When it was withdrawn, by whom, why, and where readers were sent."""

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def list_releases(
    reader: ObjectReader, dataset: DatasetId, now: datetime | None = None
) -> list[ReleaseInfo]:
    """All releases, newest first, as they stand `now`; with those that were frozen and never
    published where the store can be listed.

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
    asked_at = now or datetime.now(UTC)
    ordered = sorted(versions, reverse=True)
    found = in_parallel(lambda version: _info(reader, dataset, version, asked_at), ordered)
    return [
        replace(
            info,
            state=_state(info, published_at, current),
            published_at=published_at,
            rolled_back_at=tuple(returned.get(version, ())),
        )
        for version, info in zip(ordered, found, strict=True)
        for published_at in (published.get(version),)
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


def _state(info: ReleaseInfo, published_at: str | None, current: str | None) -> str:
    """What is current is that, even if a killed rollback has not lifted its withdrawal yet."""
    if info.release == current:
        return "current"
    if info.yanked is not None:
        return "yanked"
    return "published" if published_at else "frozen"


def _info(reader: ObjectReader, dataset: DatasetId, version: Version, now: datetime) -> ReleaseInfo:
    """What manifest and marks tell of a release."""
    manifest = read_release(reader, dataset, version).manifest
    yanked = standing_yank(yank_marks(reader, dataset, version))
    return ReleaseInfo(
        release=str(version),
        state="frozen",
        published_at=None,
        frozen_at=manifest.freeze.frozen_at,
        row_count=manifest.row_count,
        size_bytes=manifest.size_bytes,
        breaking=manifest.changelog.breaking,
        changes={k: v for k, v in manifest.changelog.diff_R.items() if k != "samples"},
        content_hash=manifest.integrity.content_hash,
        signed_by=manifest.integrity.signed_by,
        freeze="hard" if is_hard(reader, manifest, now) else "soft",
        observation_until=manifest.freeze.observation_until,
        yanked=yank_facts(yanked),
    )
