"""What users of NumPy, pandas and polars have at hand: as columns, as filter values, as zones."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dataplatform_tests.releases.building import Bench, make_bench
from opendata.reading.cache import Cache
from opendata.reading.frames import Format, read_frame
from opendata.reading.shard import Access
from opendata.reading.stats import ReadStats
from opendata.stores import FolderStore
from opendata.wire.errors import InvalidInput, NotFound

LARGE = 2**53 + 1  # the first whole number that no float has
TABLE = pa.table(
    {
        "id": pa.array([0, 1, LARGE], pa.int64()),
        "code": pa.array(["a", "b", "c"]),
        "price": pa.array([Decimal("1.10"), Decimal("1.11"), Decimal("-3")], pa.decimal128(5, 2)),
        "at": pa.array([0, 1, 2], pa.int64()).cast(pa.timestamp("us", "+05:30")),
    }
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = tmp_path_factory.mktemp("foreign")
    bench = make_bench(FolderStore(str(folder / "store")), folder)
    bench.release(TABLE)
    return bench


def read(bench: Bench, format: Format = "arrow", **asked: Any) -> Any:
    access = Access(bench.store, Cache(None), ReadStats())
    return read_frame(access, bench.current.manifest, format, **asked)


@pytest.mark.parametrize(
    ("filter", "rows"),
    [
        (("id", "==", np.int64(LARGE)), 1),
        (("id", "<", np.int64(LARGE)), 2),
        (("id", "==", np.int64(LARGE - 1)), 0),
        (("id", ">", np.float32(0.5)), 2),
        (("id", "in", np.array([0, LARGE])), 2),
        (("id", "in", pd.Index([1, 2])), 1),
        (("code", "==", np.str_("a")), 1),
        (("code", "in", np.array(["a", "x"])), 1),
    ],
)
def test_filters_take_numpy_s_values(bench: Bench, filter: tuple[str, str, Any], rows: int) -> None:
    assert read(bench, filters=[filter]).num_rows == rows


@pytest.mark.parametrize(
    ("operator", "value", "rows"),
    [
        ("==", Decimal("1.1"), 1),
        ("==", Decimal("1.105"), 0),
        ("!=", Decimal("1.105"), 3),
        (">", Decimal("1.105"), 1),
        ("<", Decimal("1.105"), 2),
        ("<", Decimal("123456789"), 3),
        (">=", -3, 3),
        ("in", [Decimal("1.11"), Decimal("1.105"), Decimal("1e9")], 1),
        ("not in", [Decimal("1.11"), Decimal("1.105")], 2),
    ],
)
def test_decimals_are_compared_with_decimals_they_cannot_hold(
    bench: Bench, operator: str, value: Any, rows: int
) -> None:
    assert read(bench, filters=[("price", operator, value)]).num_rows == rows


@pytest.mark.parametrize("value", [1.1, "1.1", Decimal("NaN"), Decimal("1e90")])
def test_what_is_no_decimal_is_not_compared_with_one(bench: Bench, value: Any) -> None:
    with pytest.raises(InvalidInput):
        read(bench, filters=[("price", "==", value)])


@pytest.mark.parametrize("value", [np.float64("nan"), np.bool_(True), "1", np.datetime64("2026")])
def test_what_is_no_number_is_still_none(bench: Bench, value: Any) -> None:
    with pytest.raises(InvalidInput, match="cannot be compared"):
        read(bench, filters=[("id", "==", value)])


@pytest.mark.parametrize(
    "columns",
    [
        np.array(["code", "id"]),
        pd.Index(["code", "id"]),
        pl.Series(["code", "id"]),
        (name for name in ("code", "id")),
        {"code": 1, "id": 2}.keys(),
    ],
)
def test_columns_are_whatever_can_be_gone_through(bench: Bench, columns: Iterable[str]) -> None:
    assert read(bench, columns=columns).column_names == ["code", "id"]


@pytest.mark.parametrize("columns", [np.array([]), iter(()), []])
def test_no_column_at_all_is_a_mistake(bench: Bench, columns: Iterable[str]) -> None:
    with pytest.raises(InvalidInput, match="without any column"):
        read(bench, columns=columns)


def test_what_is_no_list_of_columns_is_said_so(bench: Bench) -> None:
    with pytest.raises(InvalidInput, match="no list of columns"):
        read(bench, columns=7)
    for columns in ([None], [7], [["id"]]):
        with pytest.raises(NotFound, match="has no column"):
            read(bench, columns=columns)


def test_polars_has_each_column_once(bench: Bench) -> None:
    assert read(bench, columns=["id", "id"]).column_names == ["id", "id"]
    assert list(read(bench, "pandas", columns=["id", "id"]).columns) == ["id", "id"]
    with pytest.raises(InvalidInput, match="asked for twice: id"):
        read(bench, "polars", columns=["id", "code", "id"])


@pytest.mark.parametrize("filters", [None, [("id", ">=", 0)]])
def test_a_zone_without_a_name_is_utc_in_polars(bench: Bench, filters: Any) -> None:
    frame = read(bench, "polars", filters=filters)
    assert frame.schema["at"] == pl.Datetime("us", "UTC")
    assert frame["at"].to_physical().to_list() == [0, 1, 2]
    assert read(bench).schema.field("at").type == pa.timestamp("us", "+05:30")
    assert read(bench, "polars", filters=[("id", "==", 5)]).schema == frame.schema
