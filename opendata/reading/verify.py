"""Verify: hash everything that a data set stands on and name whatever is damaged.

Nothing recorded is trusted here: every object is read and hashed again. Findings are values, so
one damaged object does not hide the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from opendata.reading.history import read_commit, walk_history
from opendata.reading.resolve import Release, read_release, read_route, resolve
from opendata.reading.signature import Trusted, TrustRoot, verify_release
from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.chunks import read_chunk_list
from opendata.wire.codec import read_json
from opendata.wire.digest import check_digest, digest_mismatch
from opendata.wire.errors import Corrupt, NotFound, OpenDataError, Unavailable
from opendata.wire.ids import DatasetId, Reference
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.manifest import named_objects
from opendata.wire.pointer import Pointer
from opendata.wire.version import Version, parse_version


@dataclass(frozen=True)
class Damage:
    """One thing that is not what it should be."""

    object: str
    problem: str


@dataclass(frozen=True)
class Verification:
    """The outcome of verifying one release and, for the latest, its history."""

    reference: str
    objects: int
    bytes: int
    trusted: str
    damaged: tuple[Damage, ...]

    @property
    def passed(self) -> bool:
        """Whether everything was as it should be."""
        return not self.damaged

    def to_json(self) -> dict[str, Any]:
        """The outcome by name."""
        return {**asdict(self), "passed": self.passed}


def verify_dataset(
    reader: ObjectReader,
    reference: Reference,
    trust: TrustRoot | None,
    progress: Callable[[str], None] = lambda key: None,
) -> Verification:
    """Hash every object of a release; without a pin also the history and the stable copies.

    Stable copies that do not show the current release yet are no damage but work for `od repair`.

    Raises:
        NotFound: if the release does not exist.
        Corrupt: if pointer or manifest cannot even be read.
        Unavailable: if the store stops answering: what was not read is not damaged.
    """
    release = resolve(reader, reference)
    checker = _Checker(reader, progress)
    checker.check_all(release)
    if reference.version is None:
        checker.check_history(release)
        checker.check_copies(release)
    else:
        checker.check_commit(release)
    trusted = Trusted.DIGESTS_ONLY
    try:
        trusted = verify_release(release.manifest, trust)
    except OpenDataError as error:
        checker.damaged.append(Damage(keys.release_key(release.id, release.version), str(error)))
    return Verification(
        reference=str(release.reference),
        objects=checker.objects,
        bytes=checker.bytes,
        trusted=str(trusted),
        damaged=tuple(checker.damaged),
    )


class _Checker:
    def __init__(self, reader: ObjectReader, progress: Callable[[str], None]) -> None:
        self._reader = reader
        self._progress = progress
        self.objects = 0
        self.bytes = 0
        self.damaged: list[Damage] = []

    def check_all(self, release: Release) -> None:
        """Every object that the manifest names, and what the registry convention copies."""
        manifest = release.manifest
        for entry in manifest.files:
            self._guard(entry.path, partial(self._stream, entry.path, entry.sha256))
            self._guard(entry.chunks, partial(self._chunks, entry.chunks, entry.sha256))
        for key in named_objects(manifest):
            self._guard(key, partial(self._stream, key, keys.digest_of_object_key(key)))

    def check_history(self, release: Release) -> None:
        """Every commit that the pointer stands on, and that its manifest is the one it names."""
        for commit in self._commits(release):
            version = parse_version(commit.release)
            key = keys.release_key(release.id, version)
            expected = commit.manifest_sha256
            self._guard(key, partial(self._manifest, release.id, version, expected))

    def check_commit(self, release: Release) -> None:
        """That a pinned release is the one that was published under its number."""
        for commit in self._commits(release):
            if commit.release == str(release.version):
                key = keys.release_key(release.id, release.version)
                expected = commit.manifest_sha256
                self._guard(key, partial(self._manifest, release.id, release.version, expected))
                return

    def check_copies(self, release: Release) -> None:
        """The stable keys of the registry convention, where they show this release."""
        key = keys.metadata_key(release.id)
        metadata: dict[str, Any] = {}
        self._guard(key, lambda: metadata.update(self._metadata(key)))
        pointer = release.pointer
        if pointer is None or metadata.get("generation") != pointer.generation:
            return
        expected = {keys.manifest_copy_key(release.id): release.stored_sha256}
        if release.manifest.readme is not None:
            readme = keys.digest_of_object_key(release.manifest.readme)
            expected[keys.readme_key(release.id)] = readme
        if metadata.get("data") is not None:
            copy = str(metadata.get("checksum_sha256"))
            expected[keys.stable_copy_key(release.id)] = copy
        for copy_key, digest in expected.items():
            self._guard(copy_key, partial(self._stream, copy_key, digest))

    def _commits(self, release: Release) -> list[Pointer]:
        """The history as far as it can be walked, newest first; its end or break is noted."""
        commits: list[Pointer] = []

        def walk() -> None:
            route = read_route(self._reader, release.id)
            if route is None:
                return
            head = route.pointer
            read_commit(self._reader, release.id, head.generation, head.commit_id)
            for commit in walk_history(self._reader, release.id, head):
                commits.append(commit)

        self._guard(f"the history of {release.id}", walk)
        return commits

    def _manifest(self, dataset: DatasetId, version: Version, expected: str) -> None:
        read_release(self._reader, dataset, version, expected_sha256=expected)

    def _metadata(self, key: str) -> dict[str, Any]:
        try:
            return read_json(self._reader.get(key, max_bytes=DOCUMENT_MAX_BYTES).data, key)
        except NotFound:
            return {}

    def _guard(self, what: str, check: Callable[[], None]) -> None:
        self._progress(what)
        self.objects += 1
        try:
            check()
        except Unavailable:
            raise
        except OpenDataError as error:
            self.damaged.append(Damage(error.details.get("object", what), error.message))

    def _stream(self, key: str, expected: str) -> None:
        sha = hashlib.sha256()
        for piece in self._reader.stream(key):
            sha.update(piece)
            self.bytes += len(piece)
        if sha.hexdigest() != expected:
            raise digest_mismatch(key, expected, sha.hexdigest())

    def _chunks(self, key: str, file_sha256: str) -> None:
        data = check_digest(
            self._reader.get(key, max_bytes=DOCUMENT_MAX_BYTES).data,
            keys.digest_of_object_key(key),
            key,
        )
        self.bytes += len(data)
        if read_chunk_list(data, key).file_sha256 != file_sha256:
            raise Corrupt(f"{key} is the chunk list of another file")
