"""Marks of a release as readers see them: whether it is hard, whether it was withdrawn.

Here belong looking marks up and checking their signatures. An absent mark is the usual answer and
costs one request; only pinned reads and lists ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from opendata.reading.resolve import Release
from opendata.reading.signature import STATEMENT_TYPE, require_accepted, verify_envelope
from opendata.reading.trust import TrustRoot
from opendata.stores.port import ObjectReader
from opendata.wire import keys
from opendata.wire.codec import replace
from opendata.wire.digest import canonical_json
from opendata.wire.errors import Corrupt, Denied, NotFound
from opendata.wire.ids import DatasetId, parse_dataset_id
from opendata.wire.limits import MARK_MAX_BYTES
from opendata.wire.manifest import Manifest
from opendata.wire.marks import (
    FreezeState,
    Mark,
    freeze_state,
    read_mark_bytes,
    yank_mark_name,
)
from opendata.wire.version import Version, parse_version

MARK_PREDICATE = "https://opendata.dev/predicates/mark/v1"
_FLIPS_READ = 1000


@dataclass(frozen=True)
class Standing:
    """How a release stands now: its freeze, and the withdrawal that holds, if one does."""

    freeze: FreezeState
    yanked: Mark | None

    def to_json(self) -> dict[str, Any]:
        """The freeze's state by name, and who withdrew the release, when and why."""
        return {**self.freeze.to_json(), "yanked": yank_facts(self.yanked)}


def standing_of(reader: ObjectReader, manifest: Manifest, now: datetime) -> Standing:
    """The standing of a release; two requests.

    Raises:
        Corrupt: if a mark is damaged.
    """
    dataset, version = parse_dataset_id(manifest.id), parse_version(manifest.release)
    state = freeze_state_of(reader, manifest, now)
    return Standing(state, standing_yank(yank_marks(reader, dataset, version)))


def freeze_state_of(reader: ObjectReader, manifest: Manifest, now: datetime) -> FreezeState:
    """How a release is frozen now; one request, unless it was hard from the beginning.

    Raises:
        Corrupt: if the mark is damaged.
    """
    mark = None
    if manifest.freeze.mode != "hard":
        dataset, version = parse_dataset_id(manifest.id), parse_version(manifest.release)
        mark = find_mark(reader, dataset, version, "hard")
    return freeze_state(manifest.freeze, mark, now)


def is_hard(reader: ObjectReader, manifest: Manifest, now: datetime) -> bool:
    """Whether a release is hard, for whoever need not know why: once its window is over, no mark is
    asked for.

    Raises:
        Corrupt: if the mark is damaged.
    """
    if freeze_state(manifest.freeze, None, now).mode == "hard":
        return True
    return freeze_state_of(reader, manifest, now).mode == "hard"


def find_mark(reader: ObjectReader, dataset: DatasetId, version: Version, name: str) -> Mark | None:
    """One mark by its name, or None where there is none.

    Raises:
        Corrupt: if it is damaged, or says something of another release.
    """
    key = keys.mark_key(dataset, version, name)
    try:
        mark = read_mark_bytes(reader.get(key, max_bytes=MARK_MAX_BYTES).data, key)
    except NotFound:
        return None
    said = (mark.id, mark.release, mark.mark)
    if said != (str(dataset), str(version), name.partition("-")[0]):
        raise Corrupt(
            f"{key} is the mark {mark.mark} of {mark.id}@{mark.release}",
            code="wrong_mark",
            details={"object": key},
        )
    return mark


def yank_marks(reader: ObjectReader, dataset: DatasetId, version: Version) -> list[Mark]:
    """All withdrawals of a release and their liftings, in order; one request where there is none.

    Raises:
        Corrupt: if one of them is damaged.
    """
    found: list[Mark] = []
    while len(found) < _FLIPS_READ:
        mark = find_mark(reader, dataset, version, next_yank_name(found))
        if mark is None:
            break
        found.append(mark)
    return found


def next_yank_name(marks: Sequence[Mark]) -> str:
    """Under which name the next change of a release's withdrawal is written."""
    return yank_mark_name(len(marks) // 2, "unyank" if len(marks) % 2 else "yank")


def standing_yank(marks: Sequence[Mark]) -> Mark | None:
    """The withdrawal that holds: the last mark, unless that lifted it."""
    return marks[-1] if marks and marks[-1].mark == "yank" else None


def yank_facts(mark: Mark | None) -> dict[str, Any] | None:
    """What lists and pages tell of a withdrawal."""
    if mark is None:
        return None
    return {"at": mark.at, "by": mark.by, "reason": mark.reason, "moved_to": mark.moved_to}


def yank_warning(release: Release, mark: Mark, trust: TrustRoot | None) -> str:
    """What whoever reads a withdrawn release by pin is told."""
    text = f"{release.reference} was withdrawn on {mark.at[:10]} by {mark.by}"
    if mark.reason:
        text += f": {mark.reason}"
    if mark.moved_to:
        text += f"; readers were sent to {mark.moved_to}"
    try:
        verify_mark(mark, trust)
    except Denied as error:
        text += f" (but {error.message})"
    return f"{text}. Its data can still be read; load {release.id} for what is current"


def mark_statement(mark: Mark) -> bytes:
    """The in-toto statement of a mark: its subject is the manifest that it is about."""
    said = replace(mark, signature=None, signed_by=None).to_json()
    del said["signature"], said["signed_by"]
    subject = {"name": f"{mark.id}@{mark.release}", "digest": {"sha256": mark.manifest_sha256}}
    return canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [subject],
            "predicateType": MARK_PREDICATE,
            "predicate": said,
        }
    )


def verify_mark(mark: Mark, trust: TrustRoot | None) -> None:
    """Check a mark's signature where a trust root is configured.

    Raises:
        Denied: if a trust root is configured and the signature does not hold, or its key may not
            sign this.
    """
    if trust is None:
        return
    what = f"the mark {mark.mark} of {mark.id}@{mark.release}"
    signed_by = verify_envelope(mark.signature, mark_statement(mark), trust, what)
    if signed_by != mark.signed_by:
        raise Denied(f"{what} is signed by another key than it says", code="signature_mismatch")
    require_accepted(trust, signed_by, mark.id, mark.at, what)
