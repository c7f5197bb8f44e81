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
from dataplatform.adapters.duckdb.table import open_table
from dataplatform.adapters.row_diff.duckdb import DuckDBRowDiffer
from dataplatform.adapters.row_diff.identity import are_distinct_numbers, rise_strictly
from dataplatform.releases.differ import DiffOptions, RowDiff
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
    **options: Any,
) -> RowDiff:
    sides = [
        [] if rows is None else [written(folder, rows, f"{side}.parquet")]
        for side, rows in (("old", old), ("new", new))
    ]
    return DuckDBRowDiffer(Limits(threads=1)).diff(
        *sides, keys=keys, columns=columns, options=DiffOptions(**options)
    )


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


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (["1"], [1], "string and int64 have no value in common"),
        ([b"a"], ["a"], "binary and string have no value in common"),
        ([True], [1], "bool and int64 have no value in common"),
        (pa.array([0], pa.timestamp("us")), pa.array([0], pa.timestamp("us", "UTC")), "a zone"),
        ([{"a": 1}], [{"a": 1, "b": 2}], "have other members"),
        ([[1]], [{"a": 1}], "no value in common"),
        (
            pa.array([[Decimal(10**40)]], pa.list_(pa.decimal256(50, 0))),
            pa.array([[Decimal(10**40)]], pa.list_(pa.decimal256(50, 0))),
            "is not read exactly",
        ),
    ],
)
def test_what_cannot_be_compared_is_left_out_and_named(
    tmp_path: Path, old: Any, new: Any, why: str
) -> None:
    sides = {"k": [1], "v": old, "w": [1]}, {"k": [1], "v": new, "w": [2]}
    found = diff(tmp_path, *sides, columns=("k", "v", "w"))
    assert why in found.columns_not_compared["v"]
    assert dict(found.columns) == {"w": 1}
    with pytest.raises(InvalidInput, match=r"the key 'v' cannot be compared"):
        diff(tmp_path, *sides, keys=("v",))


def test_maps_are_no_keys_and_structs_are(tmp_path: Path) -> None:
    maps = pa.array([[("a", 1), ("b", 2)]], pa.map_(pa.string(), pa.int64()))
    with pytest.raises(InvalidInput, match="the key 'k' cannot be compared"):
        diff(tmp_path, {"k": maps, "v": [1]}, {"k": maps, "v": [2]})
    structs = [{"a": 1}, {"a": 2}]
    found = diff(tmp_path, {"k": structs, "v": [1, 2]}, {"k": structs, "v": [1, 3]})
    assert counts(found) == (0, 0, 1)
    assert found.samples[0]["key"] == {"k": {"a": 2}}


def test_changed_columns_are_counted_each(tmp_path: Path) -> None:
    old = {"k": [1, 2, 3], "v": [1, 2, 3], "w": ["a", "b", None]}
    new = {"k": [1, 2, 3], "v": [1, 9, 9], "w": ["x", "y", None]}
    found = diff(tmp_path, old, new, columns=("k", "v", "w"))
    assert found.to_json()["columns"] == {"v": 2, "w": 2}
    assert found.samples[0]["values"] == {"w": {"old": "a", "new": "x"}}


def test_renamed_columns_compare_under_their_new_name(tmp_path: Path) -> None:
    old, new = {"id": [1, 2], "was": [1, 2]}, {"k": [1, 2], "v": [1, 3]}
    found = diff(tmp_path, old, new, former={"k": "id", "v": "was"})
    assert dict(found.columns) == {"v": 1}
    assert found.samples[0]["key"] == {"k": 2}
    assert counts(diff(tmp_path, old, None, former={"k": "id", "v": "was"})) == (0, 2, 0)


def test_a_changed_row_shows_only_cells_beyond_their_tolerance(tmp_path: Path) -> None:
    old = {"k": [1, 2], "v": [1.0, 1.0], "w": [1, 1]}
    new = {"k": [1, 2], "v": [1.1, 1.1], "w": [2, 1]}
    found = diff(tmp_path, old, new, columns=("k", "v", "w"), tolerances={"v": 0.1})
    assert (found.changed, found.within_tolerance) == (1, 1)
    assert dict(found.columns_within_tolerance) == {"v": 2}
    assert found.samples[0]["values"] == {"w": {"old": 1, "new": 2}}


@pytest.mark.parametrize("value", [NAN, float("inf"), None])
def test_nothing_is_near_to_what_is_no_figure(tmp_path: Path, value: float | None) -> None:
    sides = {"k": [1], "v": [1.0]}, {"k": [1], "v": pa.array([value], pa.float64())}
    for pair in (sides, sides[::-1]):
        assert diff(tmp_path, *pair, tolerances={"v": 1e308}).changed == 1


def test_decimals_of_38_digits_are_subtracted_exactly(tmp_path: Path) -> None:
    values = [Decimal(10**37), Decimal(-(10**37))]
    old = {"k": [1, 2], "v": pa.array(values, pa.decimal128(38, 0))}
    new = {"k": [1, 2], "v": pa.array([Decimal(10**37 + 1), Decimal(10**37)], pa.decimal128(38, 0))}
    assert diff(tmp_path, old, new, tolerances={"v": 0.9}).within_tolerance == 0
    assert diff(tmp_path, old, new, tolerances={"v": 1.0}).within_tolerance == 1


def test_a_tolerance_may_be_larger_than_any_decimal(tmp_path: Path) -> None:
    sides = [{"k": [1], "v": pa.array([Decimal(n)], pa.decimal128(38, 0))} for n in (1, 10**37)]
    assert diff(tmp_path, *sides, tolerances={"v": 1e300}).within_tolerance == 1


@pytest.mark.parametrize("keys", [("k",), ()])
def test_one_side_alone_is_shown_as_far_as_was_asked(tmp_path: Path, keys: Any) -> None:
    rows = {"k": list(range(30)), "v": [0.5] * 30}
    for sides in ((rows, None), (None, rows)):
        for samples in (0, 1, 25):
            found = diff(tmp_path, *sides, keys=keys, samples=samples)
            assert (found.added + found.removed, len(found.samples)) == (30, samples)


def test_one_side_alone_names_what_is_left_out_and_follows_renames(tmp_path: Path) -> None:
    nested = pa.array([[Decimal(10**40)]], pa.list_(pa.decimal256(50, 0)))
    rows = {"k": [1], "was": [0.5], "v": nested}
    told: list[float] = []
    found = diff(
        tmp_path, rows, None, columns=("k", "now", "v"), former={"now": "was"},
        tolerances={"now": 0.1}, progress=told.append,
    )  # fmt: skip
    assert "is not read exactly" in found.columns_not_compared["v"]
    assert (counts(found), told) == ((0, 1, 0), [1.0])


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


@pytest.mark.requirement("B40")
@pytest.mark.parametrize("side", ["old", "new"])
def test_partly_null_compound_keys_are_refused(tmp_path: Path, side: str) -> None:
    good = {"a": ["x", "y"], "b": [1, 2], "v": [1, 2]}
    partly = {"a": ["x", None, "z"], "b": [1, 2, None], "v": [1, 2, 3]}
    sides = (partly, good) if side == "old" else (good, partly)
    with pytest.raises(Rejected, match=f"the {side} rows cannot be told apart by a, b") as refused:
        diff(tmp_path, *sides, keys=("a", "b"), columns=("a", "b", "v"))
    assert refused.value.details["null_keys"] == 2


@pytest.mark.parametrize(
    ("rows", "rise"),
    [
        ({"a": [1, 1, 2], "b": [1, 2, 0]}, True),
        ({"a": [1, 1, 1], "b": [1, 2, 2]}, False),
        ({"a": [2, 1, 3], "b": [1, 2, 3]}, False),
        ({"a": [1, 2, None], "b": [1, 2, 3]}, False),
        ({"a": ["b", "a", "a"], "b": pa.array([1, 2, 3], pa.timestamp("us"))}, True),
        ({"a": [], "b": []}, True),
    ],
)
def test_keys_that_rise_need_no_further_look(tmp_path: Path, rows: Any, rise: bool) -> None:
    assert rise_strictly(open_table([written(tmp_path, rows)]), ("a", "b")) is rise


def test_keys_rise_over_many_files_and_batches_or_do_not(tmp_path: Path) -> None:
    rows = pa.table({"a": range(600_000)})
    files = [written(tmp_path, rows.slice(at), f"{at}.parquet") for at in (0, 300_000)]
    assert rise_strictly(open_table(files[:1]), ("a",))
    assert not rise_strictly(open_table(files), ("a",))


@pytest.mark.parametrize(
    ("keys", "distinct"),
    [
        ([3, -1, 2], True),
        ([3, -1, 3], False),
        ([3, None, 2], False),
        ([2**62, 1], False),  # too far apart to tell this way
        (["b", "a"], False),
        (pa.array([2**64 - 1, 2**64 - 2], pa.uint64()), False),
        (pa.array([200, 3], pa.uint8()), True),
    ],
)
def test_numbers_in_no_order_are_ticked_off(tmp_path: Path, keys: Any, distinct: bool) -> None:
    assert are_distinct_numbers(open_table([written(tmp_path, {"k": keys})]), ("k",)) is distinct
    if not distinct and None not in keys and len(set(keys)) == len(keys):
        rows = {"k": keys, "v": keys}
        assert diff(tmp_path, rows, rows).is_empty


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
