"""Revisions: the frozen locks of one bundle, as they are stored.

Here belongs finding and reading them by the listing, which knows of one that was frozen and never
pointed at. Which one readers get, the pointer says (`publish`); making one is `freeze`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

from opendata.stores.port import ObjectStore
from opendata.wire import keys
from opendata.wire.bundle import BundleLock, BundleRef, read_lock
from opendata.wire.digest import digest_of
from opendata.wire.errors import Corrupt
from opendata.wire.limits import DOCUMENT_MAX_BYTES


@dataclass(frozen=True)
class Revision:
    """A frozen lock, its stored bytes and their digest."""

    lock: BundleLock
    stored_bytes: bytes
    stored_sha256: str

    @classmethod
    def of(cls, lock: BundleLock) -> Revision:
        """A lock as it is stored."""
        data = lock.to_bytes()
        return cls(lock, data, digest_of(data))

    @property
    def number(self) -> int:
        """Its number; the first is 1."""
        return self.lock.revision


def newest_revision(store: ObjectStore, ref: BundleRef) -> Revision | None:
    """The last lock that was frozen under this version, or None where there is none.

    Raises:
        Corrupt: if it was altered, or is another bundle's.
    """
    newest = None
    for stat in store.list(keys.bundle_revision_prefix(ref)):
        newest = stat.key  # numbers are padded: the last key is the highest
    return None if newest is None else read_revision(store, ref, newest)


def read_revision(store: ObjectStore, ref: BundleRef, key: str) -> Revision:
    """One frozen lock by its key.

    Raises:
        NotFound: if there is none.
        Corrupt: if it was altered, or is another bundle's or revision's.
    """
    data = store.get(key, max_bytes=DOCUMENT_MAX_BYTES).data
    lock = read_lock(data, key)
    if lock.ref != ref or keys.bundle_revision_key(ref, lock.revision) != key:
        raise Corrupt(
            f"{key} is revision {lock.revision} of {lock.type}/{lock.name}-{lock.version}",
            code="wrong_lock",
            details={"object": key},
        )
    return Revision(lock, data, digest_of(data))
