"""Derive: the document, the catalogue and the index repository, made from a bundle's pointer.

They may be behind for a moment and can be lost without losing anything: each is made again from
the frozen lock. Whoever derives an old revision while a new one appears sees the pointer differ
afterwards and derives again. What goes to git is small: the document and the descriptions of the
indexes (B20); indexes stay in the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dataplatform.bundles.catalogue import entry_of, join_catalogue
from dataplatform.bundles.document import YAML, render_document
from dataplatform.bundles.ports import BundlePorts
from dataplatform.channels.description import index_description
from opendata.reading.file_index.bundles import read_bundle, read_bundle_pointer
from opendata.reading.file_index.channels import read_channel_pointer
from opendata.wire import keys
from opendata.wire.bundle import BundleLock, BundleRef, LockedChannel
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.limits import DOCUMENT_MAX_BYTES
from opendata.wire.version import parse_version

DERIVE_TRIES: Final = 8
MAIN_BRANCH: Final = "main"


def derive_bundle(ports: BundlePorts, ref: BundleRef) -> BundleLock:
    """Bring the document and the catalogue to the pointer's state; returns the lock they show.

    Where the pointer keeps moving, whoever moved it last derives as well.

    Raises:
        NotFound: if the bundle was never published.
    """
    for _ in range(DERIVE_TRIES):
        found = read_bundle(ports.store, ref)
        document = render_document(found.lock, ports.base_url)
        _put_if_other(ports, keys.bundle_document_key(ref), document)
        join_catalogue(ports, [entry_of(found.lock, found.lock_sha256)])
        pointer = read_bundle_pointer(ports.store, ref)
        if pointer is not None and pointer.lock_sha256 == found.lock_sha256:
            break
    return found.lock


def show_bundle(ports: BundlePorts, ref: BundleRef) -> tuple[BundleLock, Mapping[str, str]]:
    """Derive everything, the index repository too; returns the lock that is shown, and the commit
    of each branch. A pointer that moves meanwhile is followed, or an older document would be
    committed after a newer one.

    Raises:
        NotFound: if the bundle was never published.
        Conflict, Denied, Unavailable: as the repository does; doing it again finishes it.
    """
    for _ in range(DERIVE_TRIES):
        lock = derive_bundle(ports, ref)
        commits = push_bundle(ports, lock)
        pointer = read_bundle_pointer(ports.store, ref)
        if pointer is None or pointer.revision == lock.revision:
            break
    return lock, commits


def push_bundle(ports: BundlePorts, lock: BundleLock) -> Mapping[str, str]:
    """Commit a bundle's document, and its channels' descriptions, to the index repository.

    Returns the commit of each branch: the bundle's own, `data/<name>-<version>` (B18), and the main
    one; nothing where no index repository is set. What is there already is not committed again.

    Raises:
        Conflict, Denied, Unavailable: as the repository does; publishing again finishes it.
    """
    repo = ports.open_index_repo()
    if repo is None:
        return {}
    files = {keys.bundle_document_key(lock.ref): render_document(lock, ports.base_url)}
    for one in lock.channels:
        files |= _description(ports, one)
    return repo.publish(
        files,
        branches=[data_branch(lock.ref), MAIN_BRANCH],
        message=f"generate data index: {lock.ref.stem}",
    )


def data_branch(ref: BundleRef) -> str:
    """The branch that carries one bundle (S0-13, B18)."""
    return f"data/{ref.stem}"


def _description(ports: BundlePorts, one: LockedChannel) -> dict[str, bytes]:
    """The description of the index that is current; the document names the locked one."""
    version = parse_version(one.version)
    index = read_channel_pointer(ports.store, one.channel, version)
    if index is None:
        return {}
    key = keys.channel_description_key(one.channel, version)
    return {key: index_description(index).encode()}


def _put_if_other(ports: BundlePorts, key: str, data: bytes) -> None:
    try:
        present = ports.store.get(key, max_bytes=DOCUMENT_MAX_BYTES).data
    except (NotFound, Corrupt):
        present = None
    if present != data:
        ports.store.put(key, data, content_type=YAML)
