"""Settle what a bundle's publishing left unfinished: document, catalogue entry, push to git.

Here belongs comparing these copies with the pointer, and making them again where they differ; the
lock itself is never touched. The address of the API in a document is not compared: whoever looks
may know it by another name than whoever published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from dataplatform.bundles.catalogue import (
    entry_of,
    join_catalogue,
    published_bundles,
    rebuild_catalogue,
    ref_of,
)
from dataplatform.bundles.derive import derive_bundle, show_bundle
from dataplatform.bundles.document import render_document
from dataplatform.bundles.outcomes import note_shown
from dataplatform.bundles.ports import BundlePorts
from dataplatform.ports import IndexRepo
from dataplatform.releases.findings import Finding
from opendata.reading.file_index.bundles import (
    FoundBundle,
    read_bundle,
    read_bundle_catalogue,
    read_bundle_pointer,
)
from opendata.wire import keys
from opendata.wire.bundle import BundleEntry, BundleLock, BundleRef, parse_bundle_ref
from opendata.wire.errors import Corrupt, NotFound, OpenDataError
from opendata.wire.limits import DOCUMENT_MAX_BYTES

_ADDRESS: Final = b"\naccess_config:"
_MISSING: Final = "is missing"
_OTHER: Final = "does not show the current revision"
Entries = Mapping[BundleRef, BundleEntry] | None


def find_unsettled(
    ports: BundlePorts,
    only: BundleRef | None = None,
    tell: Callable[[str], object] = lambda bundle: None,
) -> list[Finding]:
    """What does not show the pointers' state; of one bundle, or of all that have a pointer.

    A bundle that cannot be read is told as not repairable, and stops no other.

    Raises:
        Denied, Unavailable: as the store does. That the index repository does not answer is a
            finding.
    """
    repo = ports.open_index_repo()
    found: list[Finding] = []
    entries = _entries(ports)
    refs = published_bundles(ports) if only is None else [only]
    if refs and entries is None:
        found.append(Finding("bundles", keys.BUNDLE_CATALOGUE, "is missing or damaged", True))
    for ref in refs:
        lock, problems = _in_store(ports, ref, entries)
        found += problems
        if lock is not None and repo is not None:
            try:
                found += _in_git(ports, lock, repo)
            except OpenDataError as error:
                found.append(Finding("bundles", repo.url, error.message, False))
                repo = None  # it is asked no more, and told of once
        tell(str(ref))
    if only is None and entries is not None:
        found += _without_pointer(ports, entries, refs)
    return found


def settle(ports: BundlePorts, findings: Sequence[Finding]) -> list[Finding]:
    """Make again what `find_unsettled` found, of frozen locks alone; returns what could not be.

    Raises:
        Conflict, Denied, Unavailable: as store and index repository do; doing it again finishes it.
    """
    wrong = [one for one in findings if one.repairable]
    copies = [one for one in wrong if one.object != keys.BUNDLE_CATALOGUE]
    pushed = {one.dataset for one in copies if one.object != f"{keys.BUNDLES}{one.dataset}.yaml"}
    left: list[Finding] = []
    if any(one.object == keys.BUNDLE_CATALOGUE for one in wrong):
        left += _settle_catalogue(ports)
    for name in dict.fromkeys(one.dataset for one in copies) if not left else ():
        ref = parse_bundle_ref(name)
        if name in pushed:
            lock, _ = show_bundle(ports, ref)
            note_shown(ports.store, lock.spec.file, ports.now())
        else:
            derive_bundle(ports, ref)
    return left


def _settle_catalogue(ports: BundlePorts) -> list[Finding]:
    try:
        rebuild_catalogue(ports)
    except Corrupt as error:
        if _entries(ports) is None:
            # Made without the bundle that cannot be read, it would say that there is none.
            problem = f"is lost, and not made again before this is mended: {error.message}"
            return [Finding("bundles", keys.BUNDLE_CATALOGUE, problem, False)]
        found = (_read(ports, ref) for ref in published_bundles(ports))
        join_catalogue(ports, [entry_of(one.lock, one.lock_sha256) for one in found if one])
    return []


def _read(ports: BundlePorts, ref: BundleRef) -> FoundBundle | None:
    try:
        return read_bundle(ports.store, ref)
    except (Corrupt, NotFound):
        return None


def _entries(ports: BundlePorts) -> Entries:
    """The catalogue's entries; None where it is lost or damaged."""
    try:
        if ports.store.stat(keys.BUNDLE_CATALOGUE) is None:
            return None
        return {ref_of(one): one for one in read_bundle_catalogue(ports.store).bundles}
    except (Corrupt, NotFound):
        return None


def _in_store(
    ports: BundlePorts, ref: BundleRef, entries: Entries
) -> tuple[BundleLock | None, list[Finding]]:
    try:
        found = read_bundle(ports.store, ref)
    except NotFound:
        return None, []  # removed since it was listed
    except Corrupt as error:
        damaged = str(error.details.get("object", keys.bundle_pointer_key(ref)))
        return None, [Finding(str(ref), damaged, error.message, False)]
    findings = []
    key = keys.bundle_document_key(ref)
    problem = _problem(_stored(ports, key), render_document(found.lock, ports.base_url))
    if problem is not None:
        findings.append(Finding(str(ref), key, problem, True))
    if entries is not None and entries.get(ref) != entry_of(found.lock, found.lock_sha256):
        problem = _MISSING if ref not in entries else _OTHER
        findings.append(Finding(str(ref), keys.BUNDLE_CATALOGUE, f"its entry {problem}", True))
    return found.lock, findings


def _in_git(ports: BundlePorts, lock: BundleLock, repo: IndexRepo) -> Iterator[Finding]:
    key = keys.bundle_document_key(lock.ref)
    problem = _problem(repo.read(key), render_document(lock, ports.base_url))
    if problem is not None:
        yield Finding(str(lock.ref), f"{key} in {repo.url}", problem, True)


def _without_pointer(
    ports: BundlePorts, entries: Mapping[BundleRef, BundleEntry], refs: Sequence[BundleRef]
) -> Iterator[Finding]:
    for ref in entries.keys() - set(refs):
        if read_bundle_pointer(ports.store, ref) is None:
            yield Finding(str(ref), keys.BUNDLE_CATALOGUE, "has an entry and no pointer", True)


def _stored(ports: BundlePorts, key: str) -> bytes | None:
    try:
        return ports.store.get(key, max_bytes=DOCUMENT_MAX_BYTES).data
    except NotFound:
        return None
    except Corrupt:
        return b""


def _problem(present: bytes | None, wanted: bytes) -> str | None:
    if present is None:
        return _MISSING
    return None if present.partition(_ADDRESS)[0] == wanted.partition(_ADDRESS)[0] else _OTHER
