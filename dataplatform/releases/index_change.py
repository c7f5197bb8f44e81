"""Index changes: what two releases differ in by their indexes, and which indexes stay for a while.

Pure. An index changes no answer, only what it costs; so one that comes or goes is a minor step of
the schema (S4-15, S4-18), and one that was made anew is told and moves nothing. One that its
producer no longer lists is written beside its successor for a window of minor schema versions
(S4-64): readers that were written for it find it there, and `until` tells them how long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dataplatform.contracts.model import ReleaseSettings
from dataplatform.releases.candidate import Candidate
from opendata.wire.codec import replace
from opendata.wire.manifest import IndexEntry, Manifest
from opendata.wire.version import Bump, Version, parse_version

Keys = tuple[str, ...]


@dataclass(frozen=True)
class IndexChange:
    """diff_I of requirement S4-30: the keys of indexes that came, went or were made anew.

    `entries` are the indexes that the later release has.
    """

    add: tuple[Keys, ...] = ()
    drop: tuple[Keys, ...] = ()
    rebuild: tuple[Keys, ...] = ()
    entries: tuple[IndexEntry, ...] = ()

    @property
    def bump(self) -> Bump:
        """How far the schema's version has to move."""
        return Bump.MINOR if self.add or self.drop else Bump.NONE

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """The pinned form: three lists of changes."""
        return {
            "Index_add": [_told(keys, Bump.MINOR) for keys in self.add],
            "Index_drop": [_told(keys, Bump.MINOR) for keys in self.drop],
            "Index_rebuild": [_told(keys, Bump.NONE) for keys in self.rebuild],
        }


def diff_indexes(
    old: Iterable[IndexEntry], new: Sequence[IndexEntry], renames: Mapping[str, str] | None = None
) -> IndexChange:
    """How the indexes of one release differ from those of another.

    Args:
        renames: Former names of fields and what they are called now.
    """
    before = {_renamed(index.keys, renames or {}): index for index in old}
    after = {index.keys: index for index in new}
    return IndexChange(
        add=tuple(keys for keys in after if keys not in before),
        drop=tuple(keys for keys in before if keys not in after),
        rebuild=tuple(
            keys
            for keys, index in after.items()
            if keys in before and before[keys].sha256 != index.sha256
        ),
        entries=tuple(new),
    )


def change_of_indexes(
    current: Manifest,
    candidate: Candidate,
    settings: ReleaseSettings,
    *,
    renames: Mapping[str, str],
    schema_bump: Bump,
) -> IndexChange:
    """What releasing a candidate would change of the indexes, windows that end now included.

    Args:
        schema_bump: How far the fields and rules alone move the schema's version.
    """
    before = {_renamed(index.keys, renames): index for index in current.indexes}
    listed = set(settings.indexes or ())
    change = diff_indexes(current.indexes, candidate.indexes, renames)
    version = parse_version(current.versioning.schema_version)
    version = version.bumped(max(schema_bump, change.bump))
    kept = []
    for index in candidate.indexes:
        if index.keys in listed:
            kept.append(replace(index, until=None))
            continue
        earlier = before.get(index.keys)
        until = earlier.until if earlier and earlier.until else _end(version, settings)
        if version < parse_version(until):
            kept.append(replace(index, until=until))
    return diff_indexes(current.indexes, kept, renames)


def _end(version: Version, settings: ReleaseSettings) -> str:
    """The first schema version without an index that is given up in `version`."""
    return str(Version(version.major, version.minor + (settings.index_window or 0), 0))


def _renamed(keys: Keys, renames: Mapping[str, str]) -> Keys:
    return tuple(renames.get(key, key) for key in keys)


def _told(keys: Keys, bump: Bump) -> dict[str, Any]:
    return {"keys": list(keys), "bump": str(bump)}
