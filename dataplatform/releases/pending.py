"""Pending: a candidate that was built part by part and is not released yet.

Parts of one data set are built by several runs (a back-fill of months that do not touch, a month
that is run again), and one release is to hold them all. So a part is built upon the last candidate
as long as that stands on what readers have now. Whoever starts the runs remembers the digest; a
candidate itself knows nothing of when or upon what it was built.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dataplatform.releases.candidate import Candidate, read_candidate
from dataplatform.releases.ports import ReleasePorts
from opendata.reading.resolve import Release
from opendata.wire.digest import parse_digest
from opendata.wire.errors import NotFound
from opendata.wire.ids import DatasetId


@dataclass(frozen=True)
class LastBuild:
    """The digest of the last candidate, and the pointer's generation that it was built upon."""

    digest: str
    generation: int


def generation_of(current: Release | None) -> int:
    """Which move of the pointer made a release current; 0 before the first."""
    pointer = current.pointer if current else None
    return pointer.generation if pointer else 0


def pending_candidate(
    ports: ReleasePorts,
    dataset: DatasetId,
    current: Release | None,
    last: LastBuild | None,
    log: Callable[[str, str], None],
) -> Candidate | None:
    """The candidate that the next part is built upon, or None: upon the current release.

    A candidate is let go when the pointer has moved since: it was released itself, or somebody
    published or rolled back in the meantime, and what they published is newer than its parts.

    Raises:
        Corrupt: if its bytes are not what the digest says.
    """
    if last is None:
        return None
    if current is not None and parse_digest(current.manifest.candidate) == last.digest:
        return None
    if last.generation != generation_of(current):
        log("warning", _LET_GO.format(digest=last.digest[:12], dataset=dataset))
        return None
    try:
        found = read_candidate(ports.store, dataset, last.digest)
    except NotFound as gone:
        log("warning", f"{gone.message}: this part is built upon the current release instead")
        return None
    return None if _holds_nothing_new(found, current) else found


def _holds_nothing_new(candidate: Candidate, current: Release | None) -> bool:
    """Whether the release has all that the candidate has; then nothing of it is pending."""
    content = candidate.content_hash
    return current is not None and current.manifest.integrity.content_hash == content


_LET_GO = (
    "the candidate {digest}… was never released, and {dataset} was published otherwise since: "
    "what only it held has to be built again"
)
