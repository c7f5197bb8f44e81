"""Roots: which documents name objects, and so keep them.

Every document below `keys.NAMING` keeps whatever digest stands in it: pointers, all frozen
manifests (published or not), candidates and verdicts, marks, pins, bundles, and what later versions
store there. Nothing is worked out from what a document means, so a field that this version does not
know keeps its object too. Others that know of objects from outside of the store (a data base of
runs) join as a `RootSource`. What goes is the business of `sweep`.

A root that cannot be read ends the work: what it names cannot be told to be needed by nobody.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from dataplatform.releases.collecting.digest_set import DIGEST_BYTES, DigestSet
from opendata.reading.resolve import read_release
from opendata.stores.parallel import in_parallel
from opendata.stores.port import ObjectStat, ObjectStore
from opendata.wire import keys
from opendata.wire.bundle import BundlePointer, parse_bundle_ref, read_lock
from opendata.wire.catalogue import read_catalogue
from opendata.wire.codec import read_json, read_wire
from opendata.wire.digest import check_digest
from opendata.wire.errors import Corrupt, InvalidInput, NotFound, Rejected
from opendata.wire.ids import parse_dataset_id
from opendata.wire.limits import CATALOGUE_MAX_BYTES, DOCUMENT_MAX_BYTES
from opendata.wire.pointer import read_pointer
from opendata.wire.version import parse_version

READS_AT_ONCE: Final = 8
_DIGEST: Final = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_DOCUMENTS: Final = (".json", ".yaml", ".yml")
# Made from what is read anyway, and made anew where they are damaged.
_DERIVED: Final = frozenset({"manifest.json", "metadata.json", "health.json", "compatibility.json"})


@dataclass(frozen=True)
class RootDocument:
    """A document by its key (or whatever its source calls it) and the digests in it, raw.

    One that `lasts` is never removed. `requires` are keys of lasting documents that must be there
    because this one says so: what a listing has to hold if it is whole.
    """

    key: str
    digests: bytes = b""
    lasts: bool = False
    requires: tuple[str, ...] = ()

    def each_digest(self) -> Iterator[bytes]:
        """The raw digests, one by one."""
        for at in range(0, len(self.digests), DIGEST_BYTES):
            yield self.digests[at : at + DIGEST_BYTES]


class RootSource(Protocol):
    """Somebody who knows of objects that are needed."""

    def documents(self) -> Iterator[RootDocument]:
        """All that is known now.

        Asked again, it may leave the digests out of what it told before, and may leave out what
        has not changed and does not last.
        """
        ...


def digests_in(data: bytes) -> bytes:
    """All digests that stand in a document's bytes, raw, one after the other."""
    return bytes.fromhex(b"".join(_DIGEST.findall(data)).decode())


class Roots:
    """All that is needed, as far as it was read. Reading again adds what has come since."""

    def __init__(self, sources: Sequence[RootSource]) -> None:
        self._sources = sources
        self._digests = DigestSet()
        self._listed: set[str] = set()
        self._required: dict[str, str] = {}
        self.documents = 0

    def read(self) -> None:
        """Read all sources.

        What a listing lacks may have come after it was made; so it is made once more.

        Raises:
            Corrupt: naming a root that is damaged or gone.
            Rejected: if what was listed is not all there is.
        """
        lacking = self._read_once()
        if lacking and (still := lacking & self._read_once()):
            key = min(still)
            raise _incomplete(f"{self._required[key]} needs {key}, which was not listed")

    def hold(self, digests: Sequence[str]) -> list[bool]:
        """Of each digest (bare hex) whether a root names it."""
        return self._digests.holds(digests)

    @property
    def has_frozen(self) -> bool:
        """Whether anything was listed that is never removed: a release's manifest, a bundle."""
        return bool(self._listed)

    @property
    def manifests(self) -> dict[str, int]:
        """How many frozen manifests each data set has."""
        found = (keys.dataset_of_release_key(key) for key in self._listed)
        return dict(sorted(Counter(name for name in found if name is not None).items()))

    def _read_once(self) -> set[str]:
        listed: set[str] = set()
        for source in self._sources:
            for document in source.documents():
                self.documents += bool(document.digests)
                self._digests.add(document.digests)
                for key in document.requires:
                    self._required.setdefault(key, document.key)
                if document.lasts:
                    listed.add(document.key)
        if gone := self._listed - listed:
            raise _incomplete(f"{min(gone)} was listed a moment ago and is not any more")
        self._listed = listed
        return self._required.keys() - listed


class StoreDocuments:
    """The documents of a store below some prefixes; each version of one is read once."""

    def __init__(self, store: ObjectStore, prefixes: Sequence[str] = keys.NAMING) -> None:
        self._store = store
        self._prefixes = prefixes
        self._known: set[int] = set()

    def documents(self) -> Iterator[RootDocument]:
        """What is there and, where all data sets are asked for, what the catalogue says is there.

        Raises: as `Roots.read`.
        """
        stats = (stat for prefix in self._prefixes for stat in self._store.list(prefix))
        wanted = (stat for stat in stats if _may_name_objects(stat.key))
        for document in in_parallel(self._document, wanted, READS_AT_ONCE):
            if document is not None:
                yield document
        if keys.DATASETS in self._prefixes:
            yield _catalogue(self._store)

    def _document(self, stat: ObjectStat) -> RootDocument | None:
        version = hash((stat.key, stat.token))
        if version in self._known:
            return RootDocument(stat.key, lasts=_lasts(stat.key))
        document = read_document(self._store, stat.key)
        if document is not None:
            self._known.add(version)
        return document


def read_document(store: ObjectStore, key: str) -> RootDocument | None:
    """One document, looked at as closely as its kind allows; None if it has gone since.

    Raises:
        Corrupt: naming it, if it is damaged, or gone although nobody removes such.
    """
    try:
        return _reader_of(key)(store, key)
    except NotFound as error:
        if not _lasts(key):
            return None
        raise Corrupt(
            f"{key} was listed and is gone", code="lost_root", details={"object": key}
        ) from error
    except (Corrupt, InvalidInput) as error:
        raise Corrupt(
            f"{key} cannot be read, so nobody can tell which objects it needs: {error.message}",
            code="unreadable_root",
            hint="restore it from a copy of the store; od verify names what is damaged",
            details={"object": key},
        ) from error


def _may_name_objects(key: str) -> bool:
    """Commit records name manifests only, and there is one of each publish: they are left out."""
    return key.endswith(_DOCUMENTS) and "/commits/" not in key


def _lasts(key: str) -> bool:
    named = (
        keys.dataset_of_pointer_key,
        keys.dataset_of_release_key,
        keys.bundle_of_pointer_key,
        keys.bundle_of_revision_key,
    )
    return any(of(key) is not None for of in named)


def _reader_of(key: str) -> Callable[[ObjectStore, str], RootDocument]:
    parts = key.split("/")
    if keys.dataset_of_pointer_key(key) is not None:
        return _read_pointer
    if keys.dataset_of_release_key(key) is not None:
        return _read_manifest
    if keys.bundle_of_pointer_key(key) is not None:
        return _read_bundle_pointer
    if keys.bundle_of_revision_key(key) is not None:
        return _read_lock
    if len(parts) == 5 and parts[0] == "staging" and parts[4] == "candidate.json":
        return _read_candidate
    if parts[-1] in _DERIVED or not key.endswith(".json"):
        return _read_any
    return _read_json_document


def _read_pointer(store: ObjectStore, key: str) -> RootDocument:
    data = _bytes_of(store, key)
    release = parse_version(read_pointer(data, key).release)
    dataset = parse_dataset_id(str(keys.dataset_of_pointer_key(key)))
    requires = (keys.release_key(dataset, release),)
    return RootDocument(key, digests_in(data), lasts=True, requires=requires)


def _read_manifest(store: ObjectStore, key: str) -> RootDocument:
    dataset = parse_dataset_id(str(keys.dataset_of_release_key(key)))
    version = parse_version(key.rpartition("/")[2].removesuffix(".json"))
    release = read_release(store, dataset, version)
    base = release.manifest.versioning.prev_release
    requires = (keys.release_key(dataset, parse_version(base)),) if base else ()
    return RootDocument(key, digests_in(release.stored_bytes), lasts=True, requires=requires)


def _read_bundle_pointer(store: ObjectStore, key: str) -> RootDocument:
    data = _bytes_of(store, key)
    current = read_wire(BundlePointer, data, key).revision
    ref = parse_bundle_ref(str(keys.bundle_of_pointer_key(key)))
    requires = (keys.bundle_revision_key(ref, current),)
    return RootDocument(key, digests_in(data), lasts=True, requires=requires)


def _read_lock(store: ObjectStore, key: str) -> RootDocument:
    data = _bytes_of(store, key)
    lock = read_lock(data, key)  # its body is what was hashed: no digest in it was altered
    before = lock.revision - 1
    requires = (keys.bundle_revision_key(lock.ref, before),) if before else ()
    return RootDocument(key, digests_in(data), lasts=True, requires=requires)


def _read_candidate(store: ObjectStore, key: str) -> RootDocument:
    data = check_digest(_bytes_of(store, key), key.split("/")[3], key)
    return RootDocument(key, digests_in(data))


def _read_json_document(store: ObjectStore, key: str) -> RootDocument:
    data = _bytes_of(store, key)
    read_json(data, key)
    return RootDocument(key, digests_in(data))


def _read_any(store: ObjectStore, key: str) -> RootDocument:
    return RootDocument(key, digests_in(_bytes_of(store, key)))


def _bytes_of(store: ObjectStore, key: str) -> bytes:
    return store.get(key, max_bytes=DOCUMENT_MAX_BYTES).data


def _catalogue(store: ObjectStore) -> RootDocument:
    """What is published, known without a listing."""
    try:
        data = store.get(keys.INDEX, max_bytes=CATALOGUE_MAX_BYTES).data
        known = [parse_dataset_id(entry.id) for entry in read_catalogue(data, keys.INDEX).datasets]
    except (NotFound, Corrupt, InvalidInput):
        known = []  # lost or damaged, it says nothing; what documents say of each other remains
    return RootDocument(keys.INDEX, requires=tuple(keys.pointer_key(dataset) for dataset in known))


def _incomplete(what: str) -> Rejected:
    return Rejected(
        f"{what}: the listing is not complete, or somebody removed files by hand",
        code="incomplete_listing",
        hint="od repair and od registry rebuild tell which; nothing is removed until then",
    )
