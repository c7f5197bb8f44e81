"""What the steps of bundles and channels have in common: which request a run is of, whether its
commit is at hand, and where progress goes.
"""

from __future__ import annotations

import time
from typing import Final

import dagster as dg

from dataplatform.bundles.changes import canonical_request
from dataplatform.bundles.outcomes import record_outcome
from dataplatform.bundles.ports import BundlePorts
from dataplatform.bundles.precedence import Precedence
from dataplatform.bundles.requests import BundleRequest, printable
from dataplatform.bundles.run_names import COMMIT_TAG, PATH_TAG, path_of_partition
from dataplatform.ports import SpecRepo
from opendata.wire.errors import OpenDataError
from opendata.wire.words import counted, human_bytes

GROUP: Final = "bundles"
SECONDS_BETWEEN_LINES: Final = 15.0


def request_of(context: dg.AssetExecutionContext, repo: SpecRepo) -> BundleRequest | None:
    """The request that a run is of: by its tags, else its partition's file as it is at the head.

    None for a run without a partition.

    Raises:
        NotFound: if there is no such file, or no such commit any more.
        Unavailable, Denied: as the repository does.
    """
    if not context.has_partition_key:
        return None
    path, tags = path_of_partition(context.partition_key), context.run.tags
    commit = tags.get(COMMIT_TAG)
    if commit is None or tags.get(PATH_TAG) != printable(path):
        return canonical_request(repo, path, repo.head())
    known = repo.known_head()
    if known is None or not repo.is_ancestor(commit, known):
        repo.head()  # this process may be on another machine than the one that asked
    return BundleRequest(path, commit)


def record_end(
    ports: BundlePorts,
    request: BundleRequest | None,
    context: dg.AssetExecutionContext,
    *,
    changed: bool = False,
    error: BaseException | None = None,
) -> None:
    """Record how a request ended, for whoever watches; a store that does not take it must not hide
    how it did."""
    if request is None:
        return
    try:
        record_outcome(
            ports.store,
            printable(request.path),
            request.commit,
            ports.now(),
            changed=changed,
            error=error,
            is_newer=Precedence(ports.open_spec_repo()).is_newer,
        )
    except OpenDataError as second:
        context.log.warning("how the request ended could not be recorded: %s", second.message)


class StepProgress:
    """How far indexing is, as lines of a step's log; not too many of them."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._log, self._said_at = context.log, time.monotonic()
        self._files = self._bytes = self._of_files = self._of_bytes = 0

    def begin(self, files: int, size_bytes: int) -> None:
        """So much has to be read."""
        self._files, self._bytes, self._of_files, self._of_bytes = 0, 0, files, size_bytes
        self._log.info("%s to read, %s", counted(files, "file"), human_bytes(size_bytes))

    def advance(self, files: int, size_bytes: int) -> None:
        """So much more has been read."""
        self._files += files
        self._bytes += size_bytes
        if time.monotonic() - self._said_at >= SECONDS_BETWEEN_LINES:
            self._said_at = time.monotonic()
            self._log.info(
                "%s of %s read, %s of %s",
                f"{self._files:,}",
                counted(self._of_files, "file"),
                human_bytes(self._bytes),
                human_bytes(self._of_bytes),
            )
