"""The row diff: exact counts, named rows, and keys that do not tell rows apart."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.adapters.duckdb.session import Limits
from dataplatform.adapters.row_diff.duckdb import DuckDBRowDiffer
from dataplatform.releases.differ import RowDiff
from dataplatform_tests.adapters.parquet import written
from opendata.wire.digest import canonical_json
from opendata.wire.errors import InvalidInput, NotFound, Rejected

pytestmark = pytest.mark.requirement("S4-28")
NAN = float("nan")


def diff(
    folder: Path,
    old: pa.Table | dict[str, Any] | None,
    new: pa.Table | dict[str, Any] | None,
    *,
    keys: tuple[str, ...] = ("k",),
    columns: tuple[str, ...] = ("k", "v"),
) -> RowDiff:
    sides = [
        [] if rows is None else [written(folder, rows, f"{side}.parquet")]
        for side, rows in (("old", old), ("new", new))
    ]
    return DuckDBRowDiffer(Limits(threads=1)).diff(*sides, keys=keys, columns=columns)


def counts(found: RowDiff) -> tuple[int, int, int]:
    return found.added, found.removed, found.changed


def test_rows_are_added_removed_and_changed_by_key(tmp_path: Path) -> None:
    found = diff(
        tmp_path, {"k": [1, 2, 3], "v": [1.0, 2.0, 3.0]}, {"k": [4, 3, 2], "v": [4.0, 3.5, 2.0]}
    )
    assert counts(found) == (1, 1, 1)
    assert found.samples == (
        {"change": "changed", "key": {"k": 3}, "values": {"v": {"old": 3.0, "new": 3.5}}},
        {"change": "added", "key": {"k": 4}},
        {"change": "removed", "key": {"k": 1}},
    )
    assert found.to_json()["changed"] == 1
    canonical_json(found.to_json())


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ([None], [None], 0),
        ([NAN], [NAN], 0),
        ([NAN], [None], 1),
        ([0.0], [-0.0], 0),
        ([None], [0.0], 1),
        (["a"], ["A"], 1),
        ([[1, None]], [[1, None]], 0),
        ([[NAN]], [[NAN]], 0),
        ([{"a": 1}], [{"a": 2}], 1),
        ([date(2024, 1, 1)], [date(2024, 1, 2)], 1),
        ([Decimal("1.10")], [Decimal("1.10")], 0),
        (pa.array([1], pa.int32()), pa.array([1], pa.int64()), 0),
        (pa.array([1], pa.int64()), pa.array([1.0]), 0),
        (pa.array(["a"]), pa.array(["a"], pa.large_string()), 0),
        (pa.array([1], pa.timestamp("ns", "UTC")), pa.array([2], pa.timestamp("ns", "UTC")), 1),
        (pa.array([1], pa.time64("ns")), pa.array([2], pa.time64("ns")), 1),
        (
            pa.array([Decimal(f"{10**40}.1")], pa.decimal256(60, 1)),
            pa.array([Decimal(f"{10**40}.2")], pa.decimal256(60, 1)),
            1,
        ),
    ],
)
def test_what_counts_as_the_same_value(tmp_path: Path, old: Any, new: Any, changed: int) -> None:
    found = diff(tmp_path, {"k": [1], "v": old}, {"k": [1], "v": new})
    assert counts(found) == (0, 0, changed)


def test_keys_finer_than_microseconds_are_told_apart(tmp_path: Path) -> None:
    ticks = [pa.array(values, pa.timestamp("ns", "UTC")) for values in ([1, 2], [2, 3])]
    found = diff(tmp_path, {"k": ticks[0], "v": [1, 2]}, {"k": ticks[1], "v": [2, 3]})
    assert counts(found) == (1, 1, 0)
    assert found.samples[0]["key"] == {"k": "1970-01-01T00:00:00.000000003Z"}


def test_only_columns_that_both_sides_have_are_compared(tmp_path: Path) -> None:
    found = diff(
        tmp_path,
        {"k": [1], "v": [1], "gone": [1]},
        {"k": [1], "v": [1], "fresh": [2]},
        columns=("k", "v", "gone", "fresh"),
    )
    assert found.is_empty


def test_compound_keys(tmp_path: Path) -> None:
    old = {"a": ["x", "x", "y"], "b": [1, 2, 1], "v": [1, 2, 3]}
    new = {"a": ["x", "y", "y"], "b": [1, 1, 2], "v": [1, 9, 4]}
    found = diff(tmp_path, old, new, keys=("a", "b"), columns=("a", "b", "v"))
    assert counts(found) == (1, 1, 1)


@pytest.mark.parametrize(
    ("old", "new", "side", "nulls", "repeated", "rows"),
    [
        ([1, 1, 2], [1, 2], "old", 0, 1, 2),
        ([1, 2], [None, 1, None], "new", 2, 0, 0),
        ([3, 3, None, 3, 4, 4], [1], "old", 1, 2, 5),
    ],
)
def test_null_and_repeated_keys_are_refused_counted_and_named(
    tmp_path: Path, old: list[Any], new: list[Any], side: str, nulls: int, repeated: int, rows: int
) -> None:
    with pytest.raises(Rejected) as refused:
        diff(tmp_path, {"k": old, "v": old}, {"k": new, "v": new})
    details = refused.value.details
    assert refused.value.code == "ambiguous_keys"
    assert details["side"] == side
    assert (details["null_keys"], details["repeated_keys"]) == (nulls, repeated)
    assert details["rows_with_repeated_keys"] == rows
    assert len(details["null_samples"]) == nulls
    assert len(details["repeated_samples"]) == repeated
    canonical_json(refused.value.to_json())


@pytest.mark.requirement("B40", "S4-28")
def test_without_a_key_rows_are_a_multiset(tmp_path: Path) -> None:
    old = {"k": [1, 1, 2, None], "v": [NAN, NAN, 2.0, None]}
    new = {"k": [1, 2, 2, None], "v": [NAN, 2.0, 2.5, None]}
    found = diff(tmp_path, old, new, keys=())
    assert counts(found) == (1, 1, 0)
    assert not found.keyed
    assert found.samples == (
        {"change": "removed", "row": {"k": 1, "v": "NaN"}, "count": 1},
        {"change": "added", "row": {"k": 2, "v": 2.5}, "count": 1},
    )


@pytest.mark.parametrize("keys", [("k",), ()])
def test_one_side_without_files(tmp_path: Path, keys: tuple[str, ...]) -> None:
    rows = {"k": [1, 2], "v": [1, 2]}
    assert counts(diff(tmp_path, None, rows, keys=keys)) == (2, 0, 0)
    assert counts(diff(tmp_path, rows, None, keys=keys)) == (0, 2, 0)
    assert diff(tmp_path, None, None, keys=keys).is_empty


def test_samples_are_at_most_twenty_and_show_every_kind_of_change(tmp_path: Path) -> None:
    old = {"k": list(range(1_000)), "v": [0] * 1_000}
    new = {"k": [*range(999), 2_000, 2_001], "v": [1] * 1_001}
    found = diff(tmp_path, old, new)
    assert counts(found) == (2, 1, 999)
    kinds = [sample["change"] for sample in found.samples]
    assert (len(kinds), kinds.count("changed"), kinds.count("added")) == (20, 17, 2)


def test_a_side_without_the_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="the new rows have no key 'k'"):
        diff(tmp_path, {"k": [1], "v": [1]}, {"v": [1]})


def test_sides_with_nothing_in_common_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no column in common"):
        diff(tmp_path, {"a": [1]}, {"b": [1]}, keys=(), columns=("a", "b"))


VALUES = st.one_of(st.none(), st.integers(-2, 2).map(float), st.just(NAN), st.just(-0.0))
ROWS = st.dictionaries(st.integers(0, 12), VALUES, max_size=10)


def table(rows: dict[int, Any]) -> pa.Table:
    keys = pa.array(list(rows), pa.int64())
    return pa.table({"k": keys, "v": pa.array(list(rows.values()), pa.float64())})


def same(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return left is right
    return left == right or (left != left and right != right)


@given(old=ROWS, new=ROWS)
def test_counts_agree_with_a_plain_comparison(
    tmp_path_factory: pytest.TempPathFactory, old: dict[int, Any], new: dict[int, Any]
) -> None:
    found = diff(tmp_path_factory.mktemp("sides"), table(old), table(new))
    both = old.keys() & new.keys()
    changed = [key for key in both if not same(old[key], new[key])]
    assert counts(found) == (len(new) - len(both), len(old) - len(both), len(changed))
