"""The port of the row diff: which rows two sets of files add, remove and change.

Here belong the interface and its value. What a difference means for a version is decided in
`compare`; engines are adapters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class RowDiff:
    """Exact counts, and at most twenty sample rows.

    A sample says its `change` (added, removed, changed), the row's `key`, and for a change
    `values` as `{column: {"old": …, "new": …}}`. Without a key (`keyed` false) rows are compared
    as a multiset: a changed row then counts as one removed and one added.
    """

    added: int
    removed: int
    changed: int
    samples: tuple[dict[str, Any], ...] = ()
    keyed: bool = True

    @property
    def is_empty(self) -> bool:
        """Whether both sides hold the same rows."""
        return not (self.added or self.removed or self.changed)

    def to_json(self) -> dict[str, Any]:
        """The pinned form of `diff_R`."""
        return {
            "added": self.added,
            "removed": self.removed,
            "changed": self.changed,
            "keyed": self.keyed,
            "samples": list(self.samples),
        }


class RowDiffer(Protocol):
    """Compares rows by key, in bounded memory; null equals null, NaN equals NaN."""

    def diff(
        self,
        old_files: Sequence[str],
        new_files: Sequence[str],
        *,
        keys: Sequence[str],
        columns: Sequence[str],
    ) -> RowDiff:
        """How the new rows differ from the old ones.

        Args:
            old_files: Parquet files of the earlier state; none stand for no rows.
            new_files: Parquet files of the later state; none stand for no rows.
            keys: The fields that identify a row; none compare whole rows as a multiset.
            columns: The fields to compare; those that both sides have count.

        Raises:
            Rejected: where keys are null or repeated on a side (code `ambiguous_keys`, with counts
                and samples in `details`), or a limit does not suffice.
            InvalidInput: where a side lacks a key.
            NotFound, Corrupt: where a file cannot be read.
        """
        ...
