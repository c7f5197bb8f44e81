"""Steps: the way of one candidate where its verbs lie minutes and processes apart.

`chain` goes the same way in one breath. Here belongs what only matters to whoever keeps the state
between two verbs (Dagster): which release may be published for which candidate, what a closed gate
is called, whether what was frozen or published still stands, and the outcome of a run in pieces.
"""

from __future__ import annotations

from datetime import datetime

from dataplatform.contracts.report import Report
from dataplatform.errors import GateClosed
from dataplatform.releases.chain import require_passed
from dataplatform.releases.derive import derive_copies, show_outcome
from dataplatform.releases.health import (
    failed_outcome,
    read_recorded_health,
    succeeded_outcome,
)
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.publish import Published, publish_release, require_frozen
from dataplatform.releases.trace import RunReference
from opendata.reading.resolve import Release, read_current, read_release
from opendata.reading.signature import verify_release
from opendata.wire.digest import parse_digest
from opendata.wire.errors import NotFound, OpenDataError, Rejected
from opendata.wire.ids import DatasetId
from opendata.wire.version import Version, parse_version


def gate_problem(dataset: DatasetId, report: Report) -> GateClosed | None:
    """The error that a report means, or None where it passed."""
    try:
        require_passed(dataset, report)
    except GateClosed as closed:
        return closed
    return None


def require_candidate(dataset: DatasetId, digest: str | None) -> str:
    """The digest of the newest candidate.

    Raises:
        Rejected: if nothing was built yet.
    """
    if digest is None:
        raise Rejected(
            f"{dataset} has no candidate yet, so there is nothing to judge or to freeze",
            code="no_candidate",
            hint=f"materialize {dataset}/candidate first, or: od run {dataset} --publish",
        )
    return digest


def publish_newest(
    ports: ReleasePorts, dataset: DatasetId, digest: str | None, version: str | None
) -> Published:
    """Publish the newest frozen release if it was frozen from exactly the newest candidate.

    An older release beside a newer candidate is refused, although it once passed: who asks for a
    publish now means what was built last, and that was not let through.

    Raises:
        Rejected: naming what to run, where candidate and release do not belong together.
        Conflict, Unavailable: as `publish_release`.
    """
    release = _frozen_from(ports, dataset, digest, version)
    published = publish_release(ports, dataset, release.version)
    derive_copies(ports, dataset)
    return published


def _frozen_from(
    ports: ReleasePorts, dataset: DatasetId, digest: str | None, version: str | None
) -> Release:
    hint = f"materialize {dataset}/release first, or: od run {dataset} --publish"
    newest = require_candidate(dataset, digest)
    if version is None:
        what = f"{dataset} has no release yet, so there is nothing to publish"
        raise Rejected(what, code="no_release", hint=hint)
    release = read_release(ports.store, dataset, parse_version(version))
    if parse_digest(release.manifest.candidate) != newest:
        raise Rejected(
            f"{release.reference} was frozen from another candidate than the newest one "
            f"({newest[:12]}…), which has not been let through",
            code="not_from_candidate",
            hint=hint,
        )
    return release


def frozen_problem(
    ports: ReleasePorts, dataset: DatasetId, version: Version
) -> OpenDataError | None:
    """Why a frozen release cannot be relied on, or None: manifest, signature and objects stand."""
    try:
        require_frozen(ports, dataset, version)
    except OpenDataError as problem:
        return problem
    return None


def published_problem(ports: ReleasePorts, dataset: DatasetId) -> OpenDataError | None:
    """Why the published release cannot be relied on, or None: pointer and manifest are valid."""
    try:
        current = read_current(ports.store, dataset)
        if current is None:
            hint = f"od run {dataset} --publish"
            return NotFound(f"{dataset} was never published", code="unpublished", hint=hint)
        trust = ports.signer.trust() if ports.signer else None
        verify_release(current.manifest, trust, ports.store)
    except OpenDataError as problem:
        return problem
    return None


def record_success(
    ports: ReleasePorts, dataset: DatasetId, run: RunReference, version: str, *, published: bool
) -> None:
    """Write down that a run published a release, or found nothing new since one."""
    outcome = succeeded_outcome(run, ports.now(), version, published=published)
    show_outcome(ports, dataset, outcome)


def record_loss(
    ports: ReleasePorts,
    dataset: DatasetId,
    run: RunReference,
    ended: datetime,
    error: OpenDataError,
) -> bool:
    """Write down a run that ended without a word, unless it did say how; whether it was needed.

    It is noticed only some time after it `ended`, and may have been begun anew and published since.
    """
    told = read_recorded_health(ports.store, dataset).runs
    if any(outcome.run_id == run.run_id for outcome in told):
        return False
    show_outcome(ports, dataset, failed_outcome(run, ended, error), late=True)
    return True
