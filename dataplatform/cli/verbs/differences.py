"""Differences: what lies between two states of a table (S4-86)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dataplatform.cli.comparing import compare_states
from dataplatform.cli.place import find_settings


def diff_datasets(a: Any, b: Any, keys: Sequence[str] | None = None) -> dict[str, Any]:
    """How `b` differs from `a`: rows, columns, and the step that the version would take (S4-86).

    Args:
        a, b: Arrow tables, pandas or polars frames, paths of files, or references such as
            `ns/name@1.2.0`.
        keys: The columns that identify a row; by default the primary key of `b`'s release. With
            none, rows are compared as a multiset.

    Returns:
        `{"diff_R": …, "diff_S": …, "diff_I": …, "breaking": bool, "bump": str}`.

    Raises:
        NotFound, InvalidInput: if a side cannot be read, or lacks a key.
        Rejected: if keys are null or repeated, with counts and examples in `details`.
    """
    found = compare_states(find_settings(), a, b, keys).to_json()
    return {name: found[name] for name in ("diff_R", "diff_S", "diff_I", "breaking", "bump")}
