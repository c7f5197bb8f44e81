"""History: the chain of commits that the pointer stands on.

A commit record counts only if it is reachable from the pointer; the others are left over from
races that were lost and from writers that died.
"""

from __future__ import annotations

from collections.abc import Iterator

from opendata.reading.resolve import Release, read_route
from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.ids import DatasetId
from opendata.wire.limits import POINTER_MAX_BYTES
from opendata.wire.pointer import Pointer, read_pointer


def read_commit(
    reader: ObjectReader, dataset: DatasetId, generation: int, commit_id: str
) -> Pointer:
    """One commit record.

    Raises:
        Corrupt: if the chain names it and it is gone or is another commit's.
    """
    key = keys.commit_key(dataset, generation, commit_id)
    try:
        commit = read_pointer(reader.get(key, max_bytes=POINTER_MAX_BYTES).data, key)
    except NotFound as error:
        raise Corrupt(
            f"the history of {dataset} is broken: {key} is gone",
            code="broken_history",
            details={"object": key},
        ) from error
    if (commit.generation, commit.commit_id) != (generation, commit_id):
        raise Corrupt(
            f"{key} is the record of another commit", code="wrong_commit", details={"object": key}
        )
    return commit


def walk_history(
    reader: ObjectReader, dataset: DatasetId, head: Pointer | None = None
) -> Iterator[Pointer]:
    """The commits from the newest to the first.

    Raises:
        Corrupt: if a record is missing or the generations have a gap.
    """
    if head is None:
        route = read_route(reader, dataset)
        head = route.pointer if route else None
    while head is not None:
        yield head
        if head.parent_commit_id is None:
            if head.generation != 1:
                raise Corrupt(f"the history of {dataset} begins at generation {head.generation}")
            return
        head = read_commit(reader, dataset, head.generation - 1, head.parent_commit_id)


def commit_at(
    reader: ObjectReader, dataset: DatasetId, generation: int, head: Pointer
) -> Pointer | None:
    """The commit that won `generation`, walking back from `head`; None if it is not reached."""
    for commit in walk_history(reader, dataset, head):
        if commit.generation == generation:
            return commit
        if commit.generation < generation:
            return None
    return None


def publishing_commit(reader: ObjectReader, release: Release, head: Pointer) -> Pointer | None:
    """The commit that published a frozen release, walking back from `head`; None if none did.

    A release is published at most once, after the one that it follows: so the walk ends there,
    and costs nothing as long as nobody published or rolled back in between.
    """
    base = release.manifest.versioning.prev_release
    for commit in walk_history(reader, release.id, head):
        if commit.manifest_sha256 == release.stored_sha256:
            return commit
        if commit.release == base and commit.kind != "rollback":
            return None
    return None
