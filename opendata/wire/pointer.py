"""The pointer: the one small object whose swap publishes a release.

No two pointer states have equal bytes: `generation` rises by one and `commit_id` is random, so a
stale writer's compare-and-set cannot succeed after a rollback to an older release. The same bytes
are stored beforehand as a commit record; a record counts only if it is reachable from the pointer.
"""

from __future__ import annotations

from typing import Literal

from opendata.wire.codec import Wire, read_wire

POINTER_MAX_BYTES = 4096
PointerKind = Literal["publish", "hotfix", "rollback"]


class Pointer(Wire):
    """Which release is current. `generation` counts from 1; times are ISO 8601 in UTC."""

    generation: int
    commit_id: str
    parent_commit_id: str | None
    release: str
    manifest_sha256: str
    kind: PointerKind
    updated_at: str


def read_pointer(data: bytes, what: str) -> Pointer:
    """Read a pointer or a commit record.

    Raises:
        Corrupt: if the bytes are no pointer.
    """
    return read_wire(Pointer, data, what)
