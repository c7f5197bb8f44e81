"""Verify: hash everything that a data set stands on and name whatever is damaged.

Nothing recorded is trusted here: every object is read and hashed again, several at once, because
hashing lets go of the interpreter and keeps every core busy. Findings are values, so one damaged
object does not hide the next, and they come in the manifest's order whatever was hashed first.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final

from opendata.reading.history import read_commit, walk_history
from opendata.reading.provenance import require_sound_trace
from opendata.reading.resolve import Release, read_release, read_route, resolve
from opendata.reading.signature import Trusted, verify_release
from opendata.reading.trust import TrustRoot
from opendata.stores.parallel import REQUESTS_MAX, in_parallel
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

_PIECE_BYTES: Final = 1 << 20
"""What is read and hashed at a time, per object in the making: memory is bounded by these."""


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
    beside = (
        (checker.manifests_of_history, checker.copies_of)
        if reference.version is None
        else (checker.commit_of,)
    )
    # In one go: what is small is looked at while the large shards are hashed.
    checks = [*checker.objects_of(release), *(c for part in beside for c in part(release))]
    checker.run(checks)
    trusted = Trusted.DIGESTS_ONLY
    try:
        require_sound_trace(release.manifest.trace, str(release.reference))
        trusted = verify_release(release.manifest, trust, reader)
    except OpenDataError as error:
        checker.damaged.append(Damage(keys.release_key(release.id, release.version), str(error)))
    return Verification(
        reference=str(release.reference),
        objects=checker.objects,
        bytes=checker.bytes,
        trusted=str(trusted),
        damaged=tuple(checker.damaged),
    )


@dataclass(frozen=True)
class _Check:
    """One thing to look at: `look` reads it and returns how many bytes that were.

    `size` is what is known of its size beforehand, and only says which is begun first.
    """

    what: str
    look: Callable[[], int]
    size: int = 0


class _Checker:
    def __init__(self, reader: ObjectReader, progress: Callable[[str], None]) -> None:
        self._reader = reader
        self._progress = progress
        self.objects = 0
        self.bytes = 0
        self.damaged: list[Damage] = []

    def run(self, checks: Iterable[_Check]) -> None:
        """Look at all of them, the largest first, so that no core is left with one at the end."""
        numbered = sorted(enumerate(checks), key=lambda pair: -pair[1].size)
        found: dict[int, Damage] = {}
        outcomes = in_parallel(lambda pair: _outcome(pair[1]), numbered, _at_once())
        for (number, check), outcome in zip(numbered, outcomes, strict=True):
            self._progress(check.what)
            if isinstance(outcome, Damage):
                found[number] = outcome
            else:
                self.bytes += outcome
        self.objects += len(numbered)
        self.damaged += [found[number] for number in sorted(found)]

    def objects_of(self, release: Release) -> Iterator[_Check]:
        """Every object that the manifest names."""
        manifest = release.manifest
        for entry in manifest.files:
            look = partial(self._hash, entry.path, entry.sha256)
            yield _Check(entry.path, look, entry.size_bytes)
            yield _Check(entry.chunks, partial(self._chunks, entry.chunks, entry.sha256))
        for key in named_objects(manifest):
            yield _Check(key, partial(self._hash, key, keys.digest_of_object_key(key)))

    def manifests_of_history(self, release: Release) -> Iterator[_Check]:
        """Every manifest that a commit of the pointer's history names."""
        for commit in self._commits(release):
            yield self._manifest_of(release.id, parse_version(commit.release), commit)

    def commit_of(self, release: Release) -> Iterator[_Check]:
        """That a pinned release is the one that was published under its number."""
        for commit in self._commits(release):
            if commit.release == str(release.version):
                yield self._manifest_of(release.id, release.version, commit)
                return

    def copies_of(self, release: Release) -> Iterator[_Check]:
        """The stable keys of the registry convention, where they show this release."""
        key = keys.metadata_key(release.id)
        metadata: dict[str, Any] = {}

        def look() -> int:
            metadata.update(self._metadata(key))
            return 0

        self.run([_Check(key, look)])
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
            yield _Check(copy_key, partial(self._hash, copy_key, digest))

    def _commits(self, release: Release) -> list[Pointer]:
        """The history as far as it can be walked, newest first; its end or break is noted."""
        commits: list[Pointer] = []

        def walk() -> int:
            route = read_route(self._reader, release.id)
            if route is None:
                return 0
            head = route.pointer
            read_commit(self._reader, release.id, head.generation, head.commit_id)
            for commit in walk_history(self._reader, release.id, head):
                commits.append(commit)
            return 0

        self.run([_Check(f"the history of {release.id}", walk)])
        return commits

    def _manifest_of(self, dataset: DatasetId, version: Version, commit: Pointer) -> _Check:
        def look() -> int:
            read_release(self._reader, dataset, version, expected_sha256=commit.manifest_sha256)
            return 0

        return _Check(keys.release_key(dataset, version), look)

    def _metadata(self, key: str) -> dict[str, Any]:
        try:
            return read_json(self._reader.get(key, max_bytes=DOCUMENT_MAX_BYTES).data, key)
        except NotFound:
            return {}

    def _hash(self, key: str, expected: str) -> int:
        sha, size = hashlib.sha256(), 0
        for piece in self._reader.stream(key, _PIECE_BYTES):
            sha.update(piece)
            size += len(piece)
        if sha.hexdigest() != expected:
            raise digest_mismatch(key, expected, sha.hexdigest())
        return size

    def _chunks(self, key: str, file_sha256: str) -> int:
        data = check_digest(
            self._reader.get(key, max_bytes=DOCUMENT_MAX_BYTES).data,
            keys.digest_of_object_key(key),
            key,
        )
        if read_chunk_list(data, key).file_sha256 != file_sha256:
            raise Corrupt(f"{key} is the chunk list of another file")
        return len(data)


def _outcome(check: _Check) -> int | Damage:
    try:
        return check.look()
    except Unavailable:
        raise  # what was not read is not damaged
    except OpenDataError as error:
        return Damage(error.details.get("object", check.what), error.message)


def _at_once() -> int:
    return max(REQUESTS_MAX, os.cpu_count() or 1)
