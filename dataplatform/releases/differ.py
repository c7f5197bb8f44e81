"""The port of the row diff: which rows two sets of files add, remove and change.

Here belong the interface and its values. What a difference means for a version is decided in
`compare`; engines are adapters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

SAMPLES_DEFAULT: Final = 20


@dataclass(frozen=True)
class DiffOptions:
    """How two sides are compared, beyond which columns.

    `former` maps columns of the new side to their names on the old one, where those differ.
    `tolerances` says per column (named as on the new side) how far two numbers may lie apart,
    absolutely and inclusively, and still count as the same; without a key there is none.
    `low_memory` takes longer and stays within half the memory. `progress` is told the share that
    is done, from 0 to 1.
    """

    former: Mapping[str, str] = field(default_factory=dict)
    tolerances: Mapping[str, float] = field(default_factory=dict)
    samples: int = SAMPLES_DEFAULT
    low_memory: bool = False
    progress: Callable[[float], None] = lambda done: None


NO_OPTIONS: Final = DiffOptions()


@dataclass(frozen=True)
class RowDiff:
    """Exact counts, and a few sample rows (at most as many as were asked for).

    A sample says its `change` (added, removed, changed), the row's `key`, and for a change
    `values` as `{column: {"old": …, "new": …}}`. Without a key (`keyed` false) rows are compared
    as a multiset: a changed row then counts as one removed and one added.

    `columns` says of every column in how many of the changed rows it changed. `within_tolerance`
    counts the rows that differ by no more than their columns' tolerances, which are not `changed`;
    `columns_within_tolerance` counts such cells by column, those of changed rows as well.
    `columns_not_compared` says why a column that both sides have was left out.
    """

    added: int
    removed: int
    changed: int
    samples: tuple[dict[str, Any], ...] = ()
    keyed: bool = True
    columns: Mapping[str, int] = field(default_factory=dict)
    within_tolerance: int = 0
    columns_within_tolerance: Mapping[str, int] = field(default_factory=dict)
    columns_not_compared: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether both sides hold the same rows, tolerances granted."""
        return not (self.added or self.removed or self.changed)

    def to_json(self) -> dict[str, Any]:
        """The pinned form of `diff_R`; what was added to it later only where it says something."""
        later = {
            "columns": dict(self.columns),
            "within_tolerance": self.within_tolerance,
            "columns_within_tolerance": dict(self.columns_within_tolerance),
            "columns_not_compared": dict(self.columns_not_compared),
        }
        return {
            "added": self.added,
            "removed": self.removed,
            "changed": self.changed,
            "keyed": self.keyed,
            "samples": list(self.samples),
            **{name: found for name, found in later.items() if found},
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
        options: DiffOptions = NO_OPTIONS,
    ) -> RowDiff:
        """How the new rows differ from the old ones.

        Args:
            old_files: Parquet files of the earlier state; none stand for no rows.
            new_files: Parquet files of the later state; none stand for no rows.
            keys: The fields that identify a row; none compare whole rows as a multiset.
            columns: The fields to compare, as the new side names them; those that both sides
                have count.
            options: Renamed columns, tolerances, and how much to show and to use.

        Raises:
            Rejected: where keys are null or repeated on a side (code `ambiguous_keys`, with counts
                and samples in `details`), or a limit does not suffice.
            InvalidInput: where keys cannot be compared, or nothing can; where a tolerance is asked
                of what is no number.
            NotFound: where a side lacks a key, or a file does not exist.
            Corrupt: where a file cannot be read.
        """
        ...
