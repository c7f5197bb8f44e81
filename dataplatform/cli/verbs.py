"""The release engine's verbs for Python, as far as they exist (S4-12, S4-86 and rolling back)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dataplatform.cli.comparing import compare_states
from dataplatform.cli.moving import move
from dataplatform.cli.place import find_settings
from dataplatform.wiring import from_settings
from opendata.wire.ids import parse_dataset_id
from opendata.wire.version import parse_version


def semver_compare(a: str, b: str) -> int:
    """-1, 0 or 1: whether release `a` comes before `b`, is it, or comes after it (S4-12).

    Raises:
        InvalidInput: if one is no version.
    """
    first, second = parse_version(a), parse_version(b)
    return (first > second) - (first < second)


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


def rollback(dataset: str, to: str) -> dict[str, Any]:
    """Make an earlier release the current one again; nothing is deleted.

    Returns:
        `{"id", "before", "release", "generation", "moved", "by"}`.

    Raises:
        NotFound, Rejected: if data set or release do not exist, or its objects are gone.
        Conflict: if somebody published meanwhile.
    """
    ports = from_settings(find_settings()).ports
    return move(ports, parse_dataset_id(dataset), parse_version(to)).to_json()
