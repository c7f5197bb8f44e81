"""From a bundle's name to its lock: which versions there are, the newest, and what was meant.

The catalogue of bundles says what exists; which revision is current, each bundle's own pointer
says, and the pointer's digest vouches for the lock. Whether a lock is signed by somebody who is
trusted belongs in `opendata.reading.bundle_signature`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opendata.reading.suggest import did_you_mean
from opendata.stores.port import ObjectReader, ObjectStore
from opendata.wire import keys
from opendata.wire.bundle import (
    BUNDLE_TYPES,
    BundleCatalogue,
    BundleEntry,
    BundleLock,
    BundlePointer,
    BundleRef,
    is_bundle_name,
    parse_bundle_ref,
    parse_bundle_version,
    read_lock,
)
from opendata.wire.codec import read_wire
from opendata.wire.digest import check_digest, digest_of
from opendata.wire.errors import Corrupt, InvalidInput, NotFound, OpenDataError
from opendata.wire.limits import CATALOGUE_MAX_BYTES, DOCUMENT_MAX_BYTES, POINTER_MAX_BYTES

UNKNOWN_BUNDLE = "unknown_bundle"
LIST_HINT = "od bundle list shows what is published here"
_POINTER_NAME = "latest.json"


@dataclass(frozen=True)
class FoundBundle:
    """A lock whose bytes were checked; `lock_sha256` is over its stored bytes."""

    lock: BundleLock
    lock_sha256: str


def read_bundle_catalogue(reader: ObjectReader) -> BundleCatalogue:
    """Every published bundle; an empty catalogue where nothing was published.

    Raises:
        NotFound: if there is no store.
        Corrupt: if the stored catalogue cannot be read as one; it can be made again.
        Denied, Unavailable: as the store answers.
    """
    try:
        data = reader.get(keys.BUNDLE_CATALOGUE, max_bytes=CATALOGUE_MAX_BYTES).data
    except NotFound as error:
        if error.code == "no_store":
            raise
        return BundleCatalogue(generated_at="")
    return read_wire(BundleCatalogue, data, keys.BUNDLE_CATALOGUE)


def find_bundle(
    reader: ObjectReader,
    name: str,
    version: str | None = None,
    *,
    type: str | None = None,
    revision: int | None = None,
) -> FoundBundle:
    """The lock of a bundle: a version of it or the newest, its current revision or an earlier one.

    Args:
        name: Such as `foundational_model`.
        version: Such as `v1.0.0-2025.25`, the `v` may be left out; None is the newest.
        type: `weekly`, `snapshot` or `release`; needed only where two types share a name and
            version.
        revision: One that was corrected since; None is the current one.

    Raises:
        NotFound: if there is no such bundle, version or revision, with did-you-mean.
        InvalidInput: for what is no version or type, or where the type has to be told.
        Corrupt: naming the object whose bytes are not what was published.
    """
    _check_type(type)
    if not is_bundle_name(name):
        raise _unknown(reader, name, version, type)
    if version is None:
        return read_bundle(reader, _newest(reader, name, type), revision)
    parsed = parse_bundle_version(version)
    kinds = [type] if type else list(BUNDLE_TYPES)
    found = [
        (ref, pointer)
        for ref in (BundleRef(kind, name, parsed) for kind in kinds)
        if (pointer := read_bundle_pointer(reader, ref)) is not None
    ]
    if not found:
        raise _unknown(reader, name, str(parsed), type)
    if len(found) > 1:
        raise _ambiguous(f"{name} {parsed}", [ref.type for ref, _ in found])
    return _read_named(reader, *found[0], revision)


def read_bundle(reader: ObjectReader, ref: BundleRef, revision: int | None = None) -> FoundBundle:
    """The lock of exactly this bundle.

    Raises:
        NotFound, Corrupt: as :func:`find_bundle`.
    """
    pointer = read_bundle_pointer(reader, ref)
    if pointer is None:
        raise _unknown(reader, ref.name, str(ref.version), ref.type)
    return _read_named(reader, ref, pointer, revision)


def read_bundle_pointer(reader: ObjectReader, ref: BundleRef) -> BundlePointer | None:
    """Which revision of a bundle is current, or None where it was never published.

    Raises:
        Corrupt: if it cannot be read as a pointer.
    """
    key = keys.bundle_pointer_key(ref)
    try:
        data = reader.get(key, max_bytes=POINTER_MAX_BYTES).data
    except NotFound:
        return None
    return read_wire(BundlePointer, data, key)


def _read_named(
    reader: ObjectReader, ref: BundleRef, pointer: BundlePointer, revision: int | None
) -> FoundBundle:
    wanted = pointer.revision if revision is None else revision
    if not 1 <= wanted <= pointer.revision:
        raise NotFound(
            f"{ref} has no revision {wanted}; the current one is {pointer.revision}",
            code="unknown_revision",
            hint=f"od bundle show {ref.name}@{ref.version}",
        )
    key = keys.bundle_revision_key(ref, wanted)
    try:
        data = reader.get(key, max_bytes=DOCUMENT_MAX_BYTES).data
    except NotFound as error:
        raise Corrupt(
            f"the pointer of {ref} names revision {wanted}, but that lock is gone",
            code="missing_lock",
            hint=f"od bundle status {ref.name}@{ref.version}",
            details={"object": key},
        ) from error
    if wanted == pointer.revision:
        check_digest(data, pointer.lock_sha256, key)
    lock = read_lock(data, key)
    if (str(lock.ref), lock.revision) != (str(ref), wanted):
        raise Corrupt(
            f"{key} is revision {lock.revision} of {lock.type}/{lock.name}-{lock.version}",
            code="wrong_lock",
            details={"object": key},
        )
    return FoundBundle(lock, digest_of(data))


def _newest(reader: ObjectReader, name: str, kind: str | None) -> BundleRef:
    refs = [
        ref for ref in _published(reader) if ref.name == name and (kind is None or ref.type == kind)
    ]
    if not refs:
        raise _unknown(reader, name, None, kind)
    newest = max(ref.version for ref in refs)
    found = [ref for ref in refs if ref.version == newest]
    if len(found) > 1:
        raise _ambiguous(f"{name} {newest}", [ref.type for ref in found])
    return found[0]


def _published(reader: ObjectReader) -> list[BundleRef]:
    """Every bundle that the catalogue names; where it is gone, those that a listing finds."""
    catalogue = read_bundle_catalogue(reader)
    if catalogue.generated_at or not isinstance(reader, ObjectStore):
        return [entry_ref(entry) for entry in catalogue.bundles]
    ending = f"/{_POINTER_NAME}"
    listed = (stat.key for stat in reader.list(keys.BUNDLES))
    named = (key.removeprefix(keys.BUNDLES).removesuffix(ending) for key in listed
             if key.endswith(ending))  # fmt: skip
    return [parse_bundle_ref(text) for text in named if text.count("/") == 1]


def entry_ref(entry: BundleEntry) -> BundleRef:
    """Which bundle an entry of the catalogue is about."""
    return BundleRef(entry.type, entry.name, parse_bundle_version(entry.version))


def _check_type(kind: str | None) -> None:
    if kind is not None and kind not in BUNDLE_TYPES:
        raise InvalidInput(
            f"{kind!r} is no type of a bundle; there are {', '.join(BUNDLE_TYPES)}",
            code="invalid_bundle",
            hint=did_you_mean(kind, BUNDLE_TYPES),
        )


def _ambiguous(what: str, kinds: Sequence[str]) -> InvalidInput:
    return InvalidInput(
        f"{what} is there as {' and as '.join(kinds)}",
        code="ambiguous_bundle",
        hint=f"say which: type={kinds[0]!r}, or --type {kinds[0]}",
        details={"types": list(kinds)},
    )


def _unknown(reader: ObjectReader, name: str, version: str | None, kind: str | None) -> NotFound:
    """Why there is no such bundle, and which was probably meant."""
    what = f"{kind} bundle {name}" if kind else f"bundle {name}"
    told = f"{what} {version}" if version else what
    try:
        known = _published(reader)
    except NotFound as error:
        return error
    except OpenDataError:
        known = []  # the missing bundle is the error to show; this was only help
    same_name = [ref for ref in known if ref.name == name]
    if version is not None and same_name:
        versions = [str(ref.version) for ref in sorted(same_name)]
        meant = did_you_mean(version, versions)
        return NotFound(
            f"there is no {told} in {reader.url}; the newest version is {versions[-1]}",
            code="unknown_version",
            hint=meant or LIST_HINT,
            details={"versions": versions},
        )
    return NotFound(
        f"there is no {told} in {reader.url}",
        code=UNKNOWN_BUNDLE,
        hint=did_you_mean(name, {ref.name for ref in known}) or LIST_HINT,
    )
