"""The catalogue of bundles: `bundles/index.json`, what all pointers together say.

It is a projection: it can be joined into and made anew from the pointers. Entries merge by the
highest revision, so two publishers cannot lose one another's, and nothing is written where it says
so already.
"""

from __future__ import annotations

from collections.abc import Iterable

from dataplatform.bundles.ports import BundlePorts
from dataplatform.releases.update import update_object
from opendata.reading.file_index.bundles import read_bundle
from opendata.wire import keys
from opendata.wire.bundle import (
    BundleCatalogue,
    BundleEntry,
    BundleLock,
    BundleRef,
    parse_bundle_ref,
)
from opendata.wire.codec import read_wire
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.times import format_instant

Entries = tuple[BundleEntry, ...]


def entry_of(lock: BundleLock, lock_sha256: str) -> BundleEntry:
    """What the catalogue says of a bundle at a revision."""
    return BundleEntry(
        type=lock.type,
        name=lock.name,
        version=lock.version,
        revision=lock.revision,
        lock_sha256=lock_sha256,
        created_at=lock.created_at,
        total_files=lock.total_files,
        total_bytes=lock.total_bytes,
        channels=tuple(one.channel for one in lock.channels),
    )


def join_catalogue(ports: BundlePorts, entries: Iterable[BundleEntry]) -> None:
    """Merge entries in; of each bundle the highest revision stays."""
    ours = tuple(entries)
    _update(ports, ours)


def published_bundles(ports: BundlePorts) -> list[BundleRef]:
    """Every bundle that has a pointer, by a listing."""
    named = (keys.bundle_of_pointer_key(stat.key) for stat in ports.store.list(keys.BUNDLES))
    return [parse_bundle_ref(name) for name in named if name is not None]


def rebuild_catalogue(ports: BundlePorts) -> BundleCatalogue:
    """Make the catalogue anew from the pointers; a bundle without one loses its entry.

    Raises:
        Corrupt: naming a bundle that cannot be read.
    """
    refs = published_bundles(ports)
    entries = _entries_of_pointers(ports, refs)
    known = {str(ref) for ref in refs}
    data = _update(ports, entries, keep=known)
    return read_wire(BundleCatalogue, data, keys.BUNDLE_CATALOGUE)


def _update(ports: BundlePorts, ours: Entries, keep: set[str] | None = None) -> bytes:
    def changed(data: bytes | None) -> bytes:
        present = _read(data)
        if present is None:
            # Joining into nothing would lose the entries of all other bundles.
            data, present = None, _entries_of_pointers(ports, published_bundles(ports))
        others = [one for one in present if keep is None or _stays(ports, one, keep)]
        bundles = _merged(ours, others)
        if data is not None and bundles == present:
            return data
        now = format_instant(ports.now())
        return BundleCatalogue(generated_at=now, bundles=bundles).to_bytes()

    return update_object(ports.store, keys.BUNDLE_CATALOGUE, changed)


def _stays(ports: BundlePorts, entry: BundleEntry, listed: set[str]) -> bool:
    """Listed, or published since the listing was made."""
    ref = ref_of(entry)
    return str(ref) in listed or ports.store.stat(keys.bundle_pointer_key(ref)) is not None


def _merged(*groups: Iterable[BundleEntry]) -> Entries:
    best: dict[BundleRef, BundleEntry] = {}
    for entry in (entry for group in groups for entry in group):
        ref = ref_of(entry)
        if ref not in best or entry.revision > best[ref].revision:
            best[ref] = entry
    return tuple(best[ref] for ref in sorted(best))


def ref_of(entry: BundleEntry) -> BundleRef:
    """Which bundle an entry is about."""
    return parse_bundle_ref(f"{entry.type}/{entry.name}-{entry.version}")


def _read(data: bytes | None) -> Entries | None:
    """The entries of a catalogue; None where it is lost or damaged."""
    try:
        if data is None:
            return None
        return read_wire(BundleCatalogue, data, keys.BUNDLE_CATALOGUE).bundles
    except Corrupt:
        return None


def _entries_of_pointers(ports: BundlePorts, refs: Iterable[BundleRef]) -> Entries:
    entries = []
    for ref in refs:
        try:
            found = read_bundle(ports.store, ref)
        except NotFound:
            continue  # removed since it was listed
        entries.append(entry_of(found.lock, found.lock_sha256))
    return tuple(entries)
