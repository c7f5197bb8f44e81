"""Publish: the pointer of a bundle moves to a frozen revision, and what is derived follows.

Order: indexes and the lock are there already; then the pointer, by compare-and-set; then the
document, the catalogue and the index repository. Revisions only rise, so of two publishers the
higher one stays, and whoever is killed in between leaves readers at one whole revision. Publishing
again finishes the rest.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.revisions import Revision
from dataplatform.releases.collecting.condemned import require_not_condemned
from dataplatform.releases.update import update_object
from opendata.stores.parallel import in_parallel
from opendata.wire import keys
from opendata.wire.bundle import BundleLock, BundlePointer
from opendata.wire.codec import read_wire
from opendata.wire.errors import Corrupt
from opendata.wire.times import format_instant

STATS_AT_ONCE: Final = 8
_ID_BYTES: Final = 16


def publish_revision(
    ports: BundlePorts,
    revision: Revision,
    *,
    asked_at: str | None,
    is_newer: Callable[[str, str], bool],
) -> BundlePointer:
    """Make a frozen revision the current one, unless a higher one is, or a newer commit of the spec
    has asked for what readers have already.

    Args:
        asked_at: The commit at which the spec asked for what this revision says; the pointer
            remembers the newest such commit, so that a commit which changes nothing counts as seen.
        is_newer: Whether its second commit counts, and not its first one (`precedence`).

    Raises:
        Corrupt: if one of the indexes that the lock pins is missing.
        Unavailable: if a collection is removing one, or the outcome is unknown; again settles it.
    """
    what = f"{revision.lock.ref}, revision {revision.number}"
    require_not_condemned(ports, lambda: revision.stored_bytes, what)
    _require_indexes(ports, revision.lock)
    key = keys.bundle_pointer_key(revision.lock.ref)
    move = partial(_moved, revision, asked_at, is_newer, ports.now())
    data = update_object(ports.store, key, lambda present: move(_pointer(present, key)).to_bytes())
    return read_wire(BundlePointer, data, key)


def _pointer(data: bytes | None, key: str) -> BundlePointer | None:
    return None if data is None else read_wire(BundlePointer, data, key)


def _moved(
    revision: Revision,
    asked_at: str | None,
    is_newer: Callable[[str, str], bool],
    now: datetime,
    present: BundlePointer | None,
) -> BundlePointer:
    """What the pointer has to say after this publish; the present one where that says it all."""
    seen = present.spec_commit if present is not None else None
    is_older = bool(asked_at and seen and asked_at != seen and is_newer(asked_at, seen))
    if present is not None and (present.revision > revision.number or is_older):
        return present
    fresh = BundlePointer(
        revision=revision.number,
        lock_sha256=revision.stored_sha256,
        commit_id=secrets.token_hex(_ID_BYTES),
        updated_at=format_instant(now),
        spec_commit=asked_at,
    )
    if present is None or present.revision < revision.number:
        return fresh
    return present if asked_at in (None, seen) else fresh


def _require_indexes(ports: BundlePorts, lock: BundleLock) -> None:
    """See that readers will find what the lock pins."""
    stats = in_parallel(ports.store.stat, [one.index for one in lock.channels], STATS_AT_ONCE)
    for one, stat in zip(lock.channels, stats, strict=True):
        if stat is None or stat.size != one.index_bytes:
            raise Corrupt(
                f"{lock.ref} cannot be published: the index of {one.channel} {one.version} "
                f"({one.index}) is missing or has another size",
                code="missing_object",
                hint=f"od bundle index {lock.spec.file} --force makes it anew",
                details={"object": one.index},
            )
