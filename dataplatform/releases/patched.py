"""What a patch was made of, and what keeps it from being lost or from losing others' work.

A patch is right for the release that it was made of and for no other. And a producer knows nothing
of patches: a run that would bring back exactly what was corrected is refused. One that has other
news as well is not; whoever patches is told so, since only the source can keep a correction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from dataplatform.releases.candidate import Candidate
from dataplatform.releases.ports import ReleasePorts
from opendata.reading.resolve import Release, read_release
from opendata.wire.errors import Conflict, NotFound, Rejected
from opendata.wire.manifest import Manifest
from opendata.wire.version import Version, parse_version

# A patch upon a patch upon a patch …: each asks for one manifest.
_PATCHES_MAX: Final = 50


def require_base(current: Release, base: str | None) -> None:
    """Refuse a patch that names another release than the current one.

    Raises:
        Conflict: naming both.
    """
    if base is None or parse_version(base) == current.version:
        return
    raise Conflict(
        f"the patch is made for {current.id}@{base}, and the current release is {current.version}",
        code="base_moved",
        hint=f"od diff {current.id}@{base} {current.id}@{current.version} shows what changed since",
        details={"base": base, "current": str(current.version)},
    )


def require_patched_base(candidate: Candidate, current: Release | None) -> None:
    """Refuse a patched candidate whose release is not the current one any more.

    Raises:
        Conflict: somebody published or rolled back since it was built.
    """
    if candidate.patch is None:
        return
    base = candidate.code["patch"]
    if current is not None and current.stored_sha256 == base["manifest_sha256"]:
        return
    now = str(current.version) if current else "none"
    raise Conflict(
        f"{candidate.id}@{base['base']} was patched, but the current release is {now} by now",
        code="base_moved",
        hint="run the same od patch again: it starts from the current release",
        details={"base": base["base"], "current": now},
    )


def refuse_to_undo_patch(
    ports: ReleasePorts, candidate: Candidate, current: Release | None
) -> None:
    """A run must not bring back rows exactly as they were before somebody corrected them.

    Raises:
        Rejected: naming the patched release.
    """
    if candidate.patch is not None or current is None:
        return
    for version, content_hash in _states_before_patches(ports, current):
        if content_hash == candidate.content_hash:
            raise Rejected(
                f"these are the rows of {current.id}@{version}, which were corrected by a patch "
                f"({current.version}): publishing them would undo it",
                code="undoes_patch",
                hint="correct the source or main.py; if it is meant after all, say --force: "
                f"od run {current.id} --publish --force",
                details={"before_patch": str(version), "current": str(current.version)},
            )


def _states_before_patches(ports: ReleasePorts, current: Release) -> Iterator[tuple[Version, str]]:
    """The releases that the current one was patched from, and their content."""
    manifest: Manifest | None = current.manifest
    for _ in range(_PATCHES_MAX):
        patch = manifest.trace.get("patch") if manifest else None
        if not patch:
            return
        version = parse_version(patch["base"])
        yield version, patch["content_hash"]
        try:
            manifest = read_release(ports.store, current.id, version).manifest
        except NotFound:
            return  # retention took it: what was before it is not known any more
