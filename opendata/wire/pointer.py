"""The pointer: the one small object whose swap publishes a release.

No two pointer states have equal bytes: `generation` rises by one and `commit_id` begins with random
digits, so a stale writer's compare-and-set cannot succeed after a rollback to an older release. The
same bytes are stored beforehand as a commit record; a record counts only if it is reachable from
the pointer.

The rest of `commit_id` is a digest over everything else in the pointer. So a damaged pointer is
seen by whoever reads it, and since each commit names its parent by that id, the history below a
pointer cannot be changed either.
"""

from __future__ import annotations

from typing import Any, Literal

from opendata.wire.codec import (
    Wire,
    decoder_of,
    read_json,
    read_wire,
    replace,
    stored_canonical,
)
from opendata.wire.digest import digest_of
from opendata.wire.errors import Corrupt

POINTER_MAX_BYTES = 4096
NONCE_CHARS = 16
SEAL_CHARS = 32
CURE = "commits/ beside it holds its bytes: copy the newest record over it, then od repair"
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


decoder_of(Pointer)


def next_pointer(
    parent: Pointer | None,
    *,
    nonce: str,
    release: str,
    manifest_sha256: str,
    kind: PointerKind,
    updated_at: str,
) -> Pointer:
    """The pointer that follows `parent`; `nonce` is 16 random hex digits."""
    pointer = Pointer(
        generation=parent.generation + 1 if parent else 1,
        commit_id="",
        parent_commit_id=parent.commit_id if parent else None,
        release=release,
        manifest_sha256=manifest_sha256,
        kind=kind,
        updated_at=updated_at,
    )
    seal = _seal(pointer.to_json(), nonce, "the new pointer")
    return replace(pointer, commit_id=nonce + seal)


def read_pointer(data: bytes, what: str) -> Pointer:
    """Read a pointer or a commit record.

    Raises:
        Corrupt: if the bytes are no pointer, or not the one that was written.
    """
    try:
        pointer = read_wire(Pointer, data, what)
    except Corrupt as error:
        raise Corrupt(error.message, code=error.code, hint=CURE, details=error.details) from error
    nonce, seal = pointer.commit_id[:NONCE_CHARS], pointer.commit_id[NONCE_CHARS:]
    if seal != _seal(read_json(data, what), nonce, what):
        raise Corrupt(
            f"{what} is corrupt: its contents are not those of commit {pointer.commit_id}",
            code="pointer_altered",
            hint=CURE,
            details={"object": what},
        )
    return pointer


def _seal(pointer: dict[str, Any], nonce: str, what: str) -> str:
    return digest_of(stored_canonical({**pointer, "commit_id": nonce}, what))[:SEAL_CHARS]
