"""A reader of an earlier schema gets the names, types and units that it was written for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from dataplatform_tests.reading.histories import (
    COUNT,
    PERCENT,
    RENAMED,
    WIDE_COUNT,
    History,
    as_share,
    moved_on,
    yields,
)
from opendata.reading.resolve import read_release
from opendata.reading.table import read_table
from opendata.wire.errors import InvalidInput, NotFound, Rejected
from opendata.wire.version import Version


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Only read from: whoever publishes more makes one of its own."""
    return moved_on(tmp_path_factory.mktemp("history"))


def assert_close(got: pa.ChunkedArray, expected: pa.Array) -> None:
    assert got.is_null().to_pylist() == expected.is_null().to_pylist()
    assert got.drop_null().to_pylist() == pytest.approx(expected.drop_null().to_pylist())


@pytest.mark.requirement("S4-13", "S4-58", "S4-61", "S4-80", "B38", "B39")
def test_names_units_types_and_order_are_the_readers(history: History) -> None:
    table = history.read("1.0")
    assert table.schema.names == ["day", "10Y", "trades"]
    assert table.schema.field("trades").type == pa.int32()
    assert_close(table.column("10Y"), yields())
    assert history.stats.compatibility == "compatible_with_adapter"
    assert history.stats.adapters == ("fields_alias", "unit_converters", "projection")


@pytest.mark.requirement("S4-56")
def test_each_reader_gets_its_own_schema(history: History) -> None:
    assert history.read("1.1").schema.names == ["day", "y10", "trades"]
    assert_close(history.read("1.1.0").column("y10"), yields())
    assert_close(history.read("1.2").column("y10"), as_share(yields()))
    assert history.read("1.3").equals(history.read(None))


def test_new_columns_are_there_when_they_are_asked_for(history: History) -> None:
    table = history.read("1.0", columns=["note", "10Y", "day"])
    assert table.schema.names == ["note", "10Y", "day"]
    assert table.column("note")[0].as_py() == "n"


@pytest.mark.parametrize("operator", ["==", "<", "<=", ">", ">=", "!="])
def test_filters_are_in_the_readers_words_and_agree_with_what_it_sees(
    history: History, operator: str
) -> None:
    whole = history.read("1.0")
    compare = {
        "==": pc.equal, "!=": pc.not_equal, "<": pc.less, "<=": pc.less_equal,
        ">": pc.greater, ">=": pc.greater_equal,
    }[operator]  # fmt: skip
    for value in (whole.column("10Y")[40].as_py(), whole.column("10Y")[63].as_py(), 5.0):
        expected = whole.filter(compare(whole.column("10Y"), value))
        assert history.read("1.0", filters=[("10Y", operator, value)]).equals(expected)


def test_converted_filters_still_leave_shards_and_row_groups_out(history: History) -> None:
    table = history.read("1.0", columns=["day"], filters=[("10Y", ">", 12.0)])
    assert table.num_rows == sum(1 for one in yields().to_pylist() if one and one > 12)
    assert (history.stats.shards_read, history.stats.shards_skipped) == (1, 2)


def test_null_tests_and_lists_are_converted_too(history: History) -> None:
    nulls = history.read("1.0", filters=[("10Y", "is null")])
    assert nulls.num_rows == yields().null_count
    one = history.read("1.0").column("10Y")[40].as_py()
    assert history.read("1.0", filters=[("10Y", "in", [one, None])]).num_rows == 1 + nulls.num_rows


def test_either_of_several_conditions_in_either_words(history: History) -> None:
    either = [[("10Y", ">", 12.0)], [("trades", "<", 2), ("note", "==", "n")]]
    assert set(history.read("1.0", filters=either).column("trades").to_pylist()) >= {0, 1, 88}


def test_intervals_and_streams_are_adapted_as_they_come(history: History) -> None:
    batches = history.stream("1.0", batch_size=20, start="2026-02-01", end="2026-02-28")
    assert [batch.num_rows for batch in batches] == [20, 8]
    joined = pa.Table.from_batches(batches)
    assert joined.equals(history.read("1.0", start="2026-02-01", end="2026-02-28"))


def test_a_column_may_be_asked_for_by_any_of_its_names_but_not_by_none(history: History) -> None:
    assert history.read("1.1", columns=["10Y"]).schema.names == ["y10"]
    with pytest.raises(NotFound, match=r"schema 1.0.0 of tests/rates has no column '10y'") as none:
        history.read("1.0", columns=["10y"])
    assert none.value.hint == "did you mean '10Y'?"
    with pytest.raises(NotFound) as present:
        history.read("1.0", filters=[("y10", ">", 1.0)])
    assert present.value.hint == "it calls that '10Y'"


@pytest.mark.requirement("S4-57")
def test_widened_values_come_back_as_they_were_and_one_that_does_not_fit_is_named(
    tmp_path: Path,
) -> None:
    history = History(tmp_path)
    history.release({"10Y": yields(), "trades": pa.array([7] * 90, pa.int32())}, PERCENT, COUNT)
    history.release({"10Y": yields(), "trades": pa.array([7] * 90)}, PERCENT, WIDE_COUNT)
    assert history.read("1.0").column("trades").to_pylist() == [7] * 90
    assert history.stats.compatibility == "compatible"
    history.release({"10Y": yields(), "trades": pa.array([2**32] * 90)}, PERCENT, WIDE_COUNT)
    with pytest.raises(Rejected, match="trades holds values that the reader's int32 does not"):
        history.read("1.0")
    assert history.read("1.0", columns=["10Y"]).num_rows == 90


@pytest.mark.requirement("S4-14")
def test_a_reader_below_reader_min_is_told_so(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.release({"10Y": yields()}, PERCENT)
    history.release({"y10": yields()}, RENAMED, reader_min="1.1.0")
    with pytest.raises(Rejected) as refused:
        history.read("1.0")
    assert refused.value.code == "incompatible_reader"
    assert "need schema 1.1.0 at least (reader_min)" in refused.value.message
    assert "tests/rates@1.0.0" in str(refused.value.hint)


@pytest.mark.parametrize(
    ("reader", "message"),
    [
        ("2.0", "schema 2.0 is newer than tests/rates, whose newest is 1.3.0"),
        ("1.2.7", "tests/rates has no schema version 1.2.7"),
    ],
)
def test_a_schema_that_never_was_is_refused(history: History, reader: str, message: str) -> None:
    with pytest.raises(Rejected, match=message) as refused:
        history.read(reader)
    assert "1.0.0, 1.1.0, 1.2.0, 1.3.0" in str(refused.value.hint)


@pytest.mark.parametrize("reader", ["1", "latest", "1.x", "", 1.3])
def test_what_is_no_version_is_bad_input(history: History, reader: Any) -> None:
    with pytest.raises(InvalidInput, match="is no schema version of a reader"):
        history.read(reader)


@pytest.mark.requirement("S4-61")
def test_a_newer_reader_reads_an_older_release_too(history: History) -> None:
    bench = history.bench
    old = read_release(bench.store, bench.dataset, Version(1, 0, 0)).manifest
    access = history.library.access(bench.store)
    table = read_table(access, old, reader=history.known_to("1.3"))
    assert table.schema.names == ["day", "y10", "trades", "note", "region"]
    assert_close(table.column("y10"), as_share(yields()))
    assert table.column("note").null_count == 90
    assert table.column("region").to_pylist() == ["EU"] * 90
