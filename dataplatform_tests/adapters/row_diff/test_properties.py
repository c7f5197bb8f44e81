"""The row diff against a plain one in Python, over random tables of every kind of column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplatform.adapters.duckdb.session import Limits
from dataplatform.adapters.row_diff.duckdb import DuckDBRowDiffer
from dataplatform.releases.differ import NO_OPTIONS, DiffOptions, RowDiff
from dataplatform_tests.adapters.parquet import written
from dataplatform_tests.adapters.row_diff.kinds import PAIRS

pytestmark = pytest.mark.requirement("S4-28")
OLD, NEW = 0, 1
Rows = Mapping[int, Sequence[Any]]
DIFFER = DuckDBRowDiffer(Limits(threads=1))


def rows_of(side: int) -> st.SearchStrategy[dict[int, tuple[Any, ...]]]:
    cells = [st.sampled_from((None, *pair[side].values)) for pair in PAIRS.values()]
    return st.dictionaries(st.integers(0, 6), st.tuples(*cells), max_size=5)


def table(rows: Rows, side: int) -> pa.Table:
    columns = {
        name: pair[side].column([row[at] for row in rows.values()])
        for at, (name, pair) in enumerate(PAIRS.items())
    }
    names = list(columns)
    # In another order on the other side.
    return pa.table({"k": list(rows), **{name: columns[name] for name in names[:: 1 - 2 * side]}})


def meanings(rows: Rows, side: int) -> dict[int, list[Any]]:
    pairs = list(PAIRS.values())
    return {
        key: [pair[side].meaning(value) for pair, value in zip(pairs, row, strict=True)]
        for key, row in rows.items()
    }


def diff(old: str, new: str, keys: Sequence[str] = ("k",), **options: Any) -> RowDiff:
    columns = ["k", *PAIRS]
    return DIFFER.diff([old], [new], keys=keys, columns=columns, options=DiffOptions(**options))


@settings(max_examples=25)
@given(old=rows_of(OLD), new=rows_of(NEW))
def test_every_kind_of_value_is_compared_by_value(
    tmp_path_factory: pytest.TempPathFactory, old: Rows, new: Rows
) -> None:
    folder = tmp_path_factory.mktemp("sides")
    files = (
        written(folder, table(old, OLD), "old.parquet"),
        written(folder, table(new, NEW), "new.parquet"),
    )
    before, after = meanings(old, OLD), meanings(new, NEW)
    both = before.keys() & after.keys()
    changed = Counter(
        name for key in both for at, name in enumerate(PAIRS) if before[key][at] != after[key][at]
    )
    found = diff(*files)
    assert dict(found.columns) == dict(changed)
    assert not found.columns_not_compared
    assert found.added == len(after.keys() - both)
    assert found.removed == len(before.keys() - both)
    assert found.changed == sum(before[key] != after[key] for key in both)
    assert len(found.samples) == found.added + found.removed + found.changed

    mirrored = diff(*reversed(files))
    assert (mirrored.added, mirrored.removed) == (found.removed, found.added)
    assert (mirrored.changed, mirrored.columns) == (found.changed, found.columns)
    assert all(diff(file, file).is_empty for file in files)
    assert diff(files[0], files[0], keys=()).is_empty

    rows = [Counter((k, *map(_hashed, row)) for k, row in side.items()) for side in (before, after)]
    multiset = diff(*files, keys=())
    assert multiset.added == (rows[NEW] - rows[OLD]).total()
    assert multiset.removed == (rows[OLD] - rows[NEW]).total()


def _hashed(value: Any) -> Any:
    return ("list", *value) if isinstance(value, tuple) else value


FIGURES = st.decimals(-3, 3, places=2) | st.none()
FIGURE_ROWS = st.dictionaries(st.integers(0, 8), st.tuples(FIGURES, FIGURES, FIGURES), max_size=8)
FIGURE_TYPES = {"float": pa.float64(), "decimal": pa.decimal128(38, 2), "integer": pa.int64()}
GRANTED = st.sampled_from([0.0, 0.01, 0.05, 0.1, 1.0, 1.5])


def figures(rows: Mapping[int, tuple[Decimal | None, ...]]) -> dict[int, dict[str, Any]]:
    return {
        key: {
            "float": row[0],
            "decimal": row[1],
            "integer": None if row[2] is None else Decimal(int(row[2] * 100)),
        }
        for key, row in rows.items()
    }


def figure_table(rows: Mapping[int, Mapping[str, Any]]) -> pa.Table:
    casts: dict[str, Any] = {"float": float, "decimal": Decimal, "integer": int}
    return pa.table(
        {"k": pa.array(list(rows), pa.int64())}
        | {
            name: pa.array([_cast(r[name], casts[name]) for r in rows.values()], kind)
            for name, kind in FIGURE_TYPES.items()
        }
    )


def _cast(value: Decimal | None, kind: Any) -> Any:
    return None if value is None else kind(value)


@settings(max_examples=40)
@given(old=FIGURE_ROWS, new=FIGURE_ROWS, granted=GRANTED)
def test_a_tolerance_separates_noise_from_change(
    tmp_path_factory: pytest.TempPathFactory,
    old: dict[int, tuple[Decimal | None, ...]],
    new: dict[int, tuple[Decimal | None, ...]],
    granted: float,
) -> None:
    before, after = figures(old), figures(new)
    folder = tmp_path_factory.mktemp("sides")
    found = DIFFER.diff(
        [written(folder, figure_table(before), "old.parquet")],
        [written(folder, figure_table(after), "new.parquet")],
        keys=("k",),
        columns=["k", *FIGURE_TYPES],
        options=DiffOptions(tolerances=dict.fromkeys(FIGURE_TYPES, granted)),
    )
    changed: Counter[str] = Counter()
    near: Counter[str] = Counter()
    changed_rows = near_rows = 0
    for key in before.keys() & after.keys():
        unlike = [n for n in FIGURE_TYPES if before[key][n] != after[key][n]]
        noise = [n for n in unlike if _within(before[key][n], after[key][n], granted)]
        near.update(noise)
        changed.update(n for n in unlike if n not in noise)
        changed_rows += len(noise) < len(unlike)
        near_rows += bool(unlike) and len(noise) == len(unlike)
    assert (found.changed, found.within_tolerance) == (changed_rows, near_rows)
    assert dict(found.columns) == dict(changed)
    assert dict(found.columns_within_tolerance) == dict(near)


def _within(old: Decimal | None, new: Decimal | None, granted: float) -> bool:
    if old is None or new is None:
        return False
    return abs(old - new) <= Decimal(repr(granted))


KEYED = st.dictionaries(st.integers(0, 400), st.integers(0, 2), max_size=300)


@settings(max_examples=15)
@given(old=KEYED, new=KEYED, rows_at_once=st.integers(1, 200), data=st.data())
def test_passes_and_their_order_change_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    old: dict[int, int],
    new: dict[int, int],
    rows_at_once: int,
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("sides")
    sides = []
    for name, rows in (("old", old), ("new", new)):
        ordered = dict(sorted(rows.items())) if data.draw(st.booleans()) else rows
        columns = pa.table({
            "k": pa.array([key // 20 for key in ordered], pa.int64()),
            "at": pa.array([key % 20 for key in ordered], pa.timestamp("us", "UTC")),
            "v": pa.array(list(ordered.values()), pa.int64()),
        })  # fmt: skip
        sides.append(_in_small_groups(folder / f"{name}.parquet", columns))
    for keys in (("k", "at"), ()):
        options = replace(NO_OPTIONS, samples=30)
        found = [
            differ.diff(sides[:1], sides[1:], keys=keys, columns=["k", "at", "v"], options=options)
            for differ in (DIFFER, DuckDBRowDiffer(Limits(threads=1), rows_at_once=rows_at_once))
        ]
        assert found[0] == found[1]


def _in_small_groups(path: Path, rows: pa.Table) -> str:
    import pyarrow.parquet as pq

    pq.write_table(rows, path, row_group_size=16)
    return str(path)
