"""From a reference to a manifest whose bytes were checked.

The pointer's `manifest_sha256` vouches for the current release; a pinned release is vouched for by
its own body hash (and by its signature, see `signature.py`). Nothing here decides what offline
means: see `offline.py` for the reader that answers from the cache.
"""

from __future__ import annotations

from dataclasses import dataclass

from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.digest import check_digest, digest_of
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.ids import DatasetId, Reference
from opendata.wire.limits import CATALOGUE_MAX_BYTES, DOCUMENT_MAX_BYTES, POINTER_MAX_BYTES
from opendata.wire.manifest import Manifest, read_manifest
from opendata.wire.pointer import Pointer, read_pointer
from opendata.wire.version import Version, parse_version


@dataclass(frozen=True)
class Route:
    """A pointer as it was read, with the token that a compare-and-set needs."""

    pointer: Pointer
    token: str


@dataclass(frozen=True)
class Release:
    """A release that was found and checked; `stored_sha256` is over its stored manifest."""

    id: DatasetId
    version: Version
    manifest: Manifest
    stored_bytes: bytes
    stored_sha256: str
    pointer: Pointer | None = None

    @property
    def reference(self) -> Reference:
        """`ns/name@version`."""
        return Reference(self.id, self.version)


def read_route(reader: ObjectReader, dataset: DatasetId) -> Route | None:
    """The data set's pointer, or None where nothing was ever published.

    Raises:
        Corrupt: if the pointer cannot be read as one.
    """
    key = keys.pointer_key(dataset)
    try:
        blob = reader.get(key, max_bytes=POINTER_MAX_BYTES)
    except NotFound:
        return None
    return Route(read_pointer(blob.data, key), blob.token)


def read_release(
    reader: ObjectReader,
    dataset: DatasetId,
    version: Version,
    *,
    expected_sha256: str | None = None,
    pointer: Pointer | None = None,
    check_body: bool = True,
) -> Release:
    """One frozen release, checked against `expected_sha256` where that is known.

    Without `check_body` that digest is enough; where there is none, the body's hash is compared.

    Raises:
        NotFound: if no such release was frozen.
        Corrupt: if its bytes were altered, or it is another data set's or version's manifest.
    """
    key = keys.release_key(dataset, version)
    data = reader.get(key, max_bytes=DOCUMENT_MAX_BYTES).data
    if expected_sha256 is not None:
        check_digest(data, expected_sha256, key)
    manifest = read_manifest(data, key, check_body=check_body or expected_sha256 is None)
    if manifest.id != str(dataset) or manifest.release != str(version):
        raise Corrupt(
            f"{key} is the manifest of {manifest.id}@{manifest.release}",
            code="wrong_manifest",
            details={"object": key},
        )
    return Release(dataset, version, manifest, data, expected_sha256 or digest_of(data), pointer)


def read_current(
    reader: ObjectReader, dataset: DatasetId, *, check_body: bool = True
) -> Release | None:
    """The release that the pointer names, or None where nothing was published.

    Raises:
        Corrupt: if pointer or manifest are damaged, or the manifest that it names is gone.
    """
    route = read_route(reader, dataset)
    if route is None:
        return None
    version = parse_version(route.pointer.release)
    try:
        return read_release(
            reader,
            dataset,
            version,
            expected_sha256=route.pointer.manifest_sha256,
            pointer=route.pointer,
            check_body=check_body,
        )
    except NotFound as error:
        raise Corrupt(
            f"the pointer of {dataset} names {version}, but that manifest is gone",
            code="missing_manifest",
            hint=f"od verify {dataset}",
            details={"object": keys.release_key(dataset, version)},
        ) from error


def resolve(reader: ObjectReader, reference: Reference, *, check_body: bool = True) -> Release:
    """The release that a reference means: the pinned one, or the current one.

    A pinned one needs no pointer, so a damaged one does not hide it. Without `check_body` the
    current one is vouched for by its pointer alone, which is enough where no signature is checked.

    Raises:
        NotFound: if the store, the data set or the version does not exist.
        Corrupt: if bytes differ from their digests.
    """
    if reference.version is not None:
        try:
            return read_release(reader, reference.id, reference.version)
        except NotFound as error:
            raise _unknown_release(reader, reference) from error
    current = read_current(reader, reference.id, check_body=check_body)
    if current is None:
        raise _unknown_dataset(reader, reference.id)
    return current


def _unknown_release(reader: ObjectReader, reference: Reference) -> NotFound:
    current = read_current(reader, reference.id)
    if current is None:
        return _unknown_dataset(reader, reference.id)
    return NotFound(
        f"{reference} does not exist in {reader.url}; the current release is {current.version}",
        code="unknown_release",
        hint=f"od releases {reference.id}",
    )


def _unknown_dataset(reader: ObjectReader, dataset: DatasetId) -> NotFound:
    """Why there is no such data set: perhaps there is not even a store."""
    try:
        reader.get(keys.INDEX, max_bytes=CATALOGUE_MAX_BYTES)
    except NotFound as error:
        if error.code != "no_object":
            return error
    return NotFound(
        f"{dataset} is not published in {reader.url}",
        code="unknown_dataset",
        hint="od search lists what is published here",
    )
