"""Differences: what lies between two states of a table (S4-86)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dataplatform.cli.comparing import Wanted, compare_states
from dataplatform.cli.place import find_settings
from dataplatform.releases.differ import SAMPLES_DEFAULT, DiffOptions


def diff_datasets(
    a: Any,
    b: Any,
    keys: Sequence[str] | str | None = None,
    *,
    tolerances: Mapping[str, float] | None = None,
    samples: int = SAMPLES_DEFAULT,
    low_memory: bool = False,
) -> dict[str, Any]:
    """How `b` differs from `a`: rows, columns, and the step that the version would take (S4-86).

    Args:
        a, b: Arrow tables, pandas or polars frames, paths of files (Parquet is read where it
            lies), of folders or patterns of Parquet files, or references such as `ns/name@1.2.0`.
        keys: The columns that identify a row, or the one; by default the primary key of `b`'s
            release, or of `a`'s. With none, rows are a multiset, and `keyed` is false.
        tolerances: How far two numbers of a column may lie apart, absolutely and inclusively, and
            count as the same; beside those of `b`'s contract, and before them.
        samples: How many rows are shown at most; below a million.
        low_memory: Take longer, and stay within 256 MiB of working memory.

    Returns:
        `{"diff_R": …, "diff_S": …, "diff_I": …, "breaking": bool, "bump": str}`. Beside its
        counts and samples `diff_R` tells, where there is something to tell, `columns` (in how
        many rows each changed), `within_tolerance`, `columns_within_tolerance` and
        `columns_not_compared` (with the reason).

    Raises:
        NotFound, InvalidInput: if a side cannot be read, or lacks a key; if a tolerance or that
            number of samples cannot be granted.
        Rejected: if keys are null or repeated, with counts and examples in `details`.
    """
    options = DiffOptions(tolerances=tolerances or {}, samples=samples, low_memory=low_memory)
    named = (keys,) if isinstance(keys, str) else keys
    found = compare_states(find_settings(), a, b, Wanted(named, options)).to_json()
    return {name: found[name] for name in ("diff_R", "diff_S", "diff_I", "breaking", "bump")}
