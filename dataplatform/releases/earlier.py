"""Earlier: what is frozen already under the number that a candidate would get.

Here belongs telling an interrupted attempt, which is resumed, from another candidate's release,
whose number is taken, and from one that was rolled back, which does not come back by itself. And
what was released beside a part that was under way stays.
"""

from __future__ import annotations

from dataplatform.releases.candidate import Candidate
from dataplatform.releases.pending import generation_of
from dataplatform.releases.ports import ReleasePorts
from opendata.reading.history import publishing_commit
from opendata.reading.resolve import Release, read_release
from opendata.reading.signature import verify_release
from opendata.wire.errors import Conflict, Corrupt, Denied, Rejected
from opendata.wire.ids import DatasetId
from opendata.wire.manifest import Manifest
from opendata.wire.version import Version


def require_standing_base(
    candidate: Candidate, current: Release | None, built_on: int | None
) -> None:
    """A part of a data set may only follow the release whose other parts it took over.

    Args:
        built_on: The pointer's generation that it was built upon; None where nobody knows.

    Raises:
        Conflict: if the pointer has moved since; what moved it would be undone unseen.
    """
    if built_on is None or not candidate.asked or built_on == generation_of(current):
        return
    now = f"{current.reference}" if current else "nothing"
    raise Conflict(
        f"this part of {candidate.id} was built beside rows that are no longer current: "
        f"the pointer has moved since, to {now}",
        code="base_moved",
        hint="run it again: it is built beside the rows that are current now",
        details={"built_on": built_on, "generation": generation_of(current)},
    )


def readable_release(ports: ReleasePorts, dataset: DatasetId, version: Version) -> Release | None:
    """What is frozen under a number; None if it is damaged, or signed by another key than
    publishing will ask for: then it stays as it lies and its number is taken."""
    try:
        frozen = read_release(ports.store, dataset, version)
        trust = ports.signer.trust() if ports.signer else None
        # Others may still have to sign before it is published, but it is ours to go on with.
        verify_release(frozen.manifest, trust, ports.store, threshold=1)
    except (Corrupt, Denied):
        return None
    return frozen


def is_resumable(
    ports: ReleasePorts, frozen: Release, draft: Manifest, current: Release | None
) -> bool:
    """Whether it is this very candidate on the same predecessor, and was never published."""
    same_base = frozen.manifest.versioning.prev_release == draft.versioning.prev_release
    same_candidate = frozen.manifest.candidate == draft.candidate
    return same_base and same_candidate and not _was_published(ports, frozen, current)


def _was_published(ports: ReleasePorts, frozen: Release, current: Release | None) -> bool:
    head = current.pointer if current else None
    return head is not None and publishing_commit(ports.store, frozen, head) is not None


def refuse_what_was_rolled_back(
    ports: ReleasePorts, frozen: Release, draft: Manifest, current: Release | None
) -> None:
    """A schedule must not undo a rollback: the same rows come back only when a person says so.

    Raises:
        Rejected: naming the release that was rolled back.
    """
    same_rows = frozen.manifest.integrity.content_hash == draft.integrity.content_hash
    if not same_rows or current is None or not _was_published(ports, frozen, current):
        return
    raise Rejected(
        f"these are the rows of {frozen.reference}, which was rolled back to {current.version}",
        code="rolled_back",
        hint=f"correct the data; if it is meant after all: od run {frozen.id} --publish --force",
        details={"rolled_back": str(frozen.version), "current": str(current.version)},
    )
