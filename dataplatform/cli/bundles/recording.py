"""Remembering how indexing by hand ended, as runs in Dagster do, for whoever watches.

Here belongs which of what a person indexes counts as the end of a request: the newest commit of a
bundle's file in the repository that is watched. Old commits, files that nobody committed, and other
repositories say nothing of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opendata.wire.errors import NotFound, OpenDataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dataplatform.bundles.asked import AskedBundle
    from dataplatform.bundles.ports import BundlePorts


def record_by_hand(
    ports: BundlePorts,
    asked: AskedBundle,
    warn: Callable[[str], object],
    *,
    changed: bool = False,
    error: BaseException | None = None,
) -> None:
    """Record how it ended. What cannot be recorded is warned of: it must not hide how it did."""
    from dataplatform.bundles.outcomes import record_outcome
    from dataplatform.bundles.requests import printable

    try:
        commit = _newest(ports, asked)
        if commit is not None:
            path = printable(asked.source.file)
            record_outcome(ports.store, path, commit, ports.now(), changed=changed, error=error)
    except OpenDataError as second:
        warn(f"how it ended could not be recorded: {second.message}")


def _newest(ports: BundlePorts, asked: AskedBundle) -> str | None:
    """The commit that made the file what it is at the head, if that is what was indexed."""
    path, commit = asked.source.file, asked.source.commit
    if commit is None:
        return None
    try:
        watched = ports.open_spec_repo()
    except NotFound:
        return None  # none is set, so nobody watches
    if watched.url != asked.repo.url:
        return None
    head = watched.known_head() or watched.head()
    newest = watched.touched(path, head)
    return newest if newest == watched.touched(path, commit) else None
