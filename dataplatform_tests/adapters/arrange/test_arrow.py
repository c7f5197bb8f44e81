"""Rows in their canonical order, cut into shards, whatever their types and however they came."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataplatform.adapters.arrange.arrow import ArrowArranger
from opendata.reading.canonical_rows import content_hash
from opendata.wire.errors import Corrupt, InvalidInput, NotFound

NAN = float("nan")
# So little that a few hundred rows become several runs, merged in several passes.
TINY_BYTES = 2_000


def spooled(folder: Path, table: pa.Table, batch_rows: int = 100) -> str:
    """An Arrow spool; it keeps every type."""
    path = folder / "spool.arrow"
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=batch_rows)
    return str(path)


def arranged(
    spool: str,
    order_by: tuple[str, ...] = (),
    shard: str = "none",
    time: str | None = None,
    memory_bytes: int = 64 << 20,
    schema: pa.Schema | None = None,
) -> dict[str, pa.Table]:
    shards = ArrowArranger(memory_bytes).arrange(
        [spool], order_by=order_by, shard=shard, time=time, schema=schema
    )
    return {name: pa.Table.from_batches(list(batches)) for name, batches in shards}


def in_order(
    folder: Path, table: pa.Table, *order_by: str, memory_bytes: int = 64 << 20
) -> pa.Table:
    """All rows; with hardly any memory every row is a run of its own."""
    spool = spooled(folder, table, 100 if memory_bytes > 1 else 1)
    return arranged(spool, order_by, memory_bytes=memory_bytes)["all"]


def test_rows_are_ordered_by_the_leading_columns_then_by_all_others(tmp_path: Path) -> None:
    table = pa.table({"v": [3, 1, 2, None], "k": ["b", "b", None, "a"]})
    assert in_order(tmp_path, table, "k").to_pydict() == {
        "v": [None, 1, 3, 2],
        "k": ["a", "b", "b", None],
    }


def test_numbers_come_before_nan_before_null_and_keep_their_sign(tmp_path: Path) -> None:
    values = [NAN, 0.0, None, -0.0, float("inf"), -1.5, float("-inf"), 2.5]
    shown = str(in_order(tmp_path, pa.table({"v": values}))["v"].to_pylist())
    assert shown == "[-inf, -1.5, -0.0, 0.0, 2.5, inf, nan, None]"


def test_both_zeros_are_one_place_in_the_order(tmp_path: Path) -> None:
    """Equal content has one content hash, so its order may not hang on the sign of zero."""
    one = pa.table({"v": [0.0, -0.0], "w": ["b", "a"]})
    other = pa.table({"v": [-0.0, 0.0], "w": ["b", "a"]})
    hashes = {
        content_hash(in_order(tmp_path, table).to_batches(), table.schema) for table in (one, other)
    }
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("shard", "names"),
    [
        ("none", ["all"]),
        ("year", ["2023", "2024", "undated"]),
        ("month", ["2023-12", "2024-01", "2024-02", "undated"]),
        ("day", ["2023-12-31", "2024-01-01", "2024-01-31", "2024-02-01", "undated"]),
    ],
)
def test_shards_are_named_by_time_and_come_in_its_order(
    tmp_path: Path, shard: str, names: list[str]
) -> None:
    days = ["2024-02-01", "2023-12-31", None, "2024-01-31", "2024-01-01"]
    dates = [date.fromisoformat(day) if day else None for day in days]
    found = arranged(spooled(tmp_path, pa.table({"day": dates})), ("day",), shard, "day")
    assert list(found) == names
    assert sum(table.num_rows for table in found.values()) == 5


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "UTC"])
def test_a_shard_is_a_span_of_utc_whatever_the_zone(tmp_path: Path, zone: str) -> None:
    moments = [datetime(2024, 1, 31, 23, 59, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)]
    table = pa.table({"at": pa.array(moments, pa.timestamp("us", zone))})
    assert list(arranged(spooled(tmp_path, table), ("at",), "month", "at")) == [
        "2024-01",
        "2024-02",
    ]


def test_times_before_the_epoch_and_far_from_it_have_shards_too(tmp_path: Path) -> None:
    table = pa.table({"day": [date(1969, 12, 31), date(1, 1, 1), date(9999, 12, 31)]})
    assert list(arranged(spooled(tmp_path, table), ("day",), "month", "day")) == [
        "0001-01",
        "1969-12",
        "9999-12",
    ]


def test_batches_have_exactly_65536_rows_but_for_the_last_of_a_shard(tmp_path: Path) -> None:
    count = 150_000
    table = pa.table({"y": pa.array([0, 40_000_000] * (count // 2), pa.timestamp("s"))})
    shards = ArrowArranger().arrange(
        [spooled(tmp_path, table, 7_777)], order_by=["y"], shard="year", time="y"
    )
    sizes = {name: [batch.num_rows for batch in batches] for name, batches in shards}
    assert sizes == {"1970": [65_536, 9_464], "1971": [65_536, 9_464]}


def test_a_shard_that_is_not_read_does_not_disturb_the_next(tmp_path: Path) -> None:
    days = [date(2024, month, day) for month in (1, 2, 3) for day in range(1, 29)]
    spool = spooled(tmp_path, pa.table({"day": days}))
    names, last = [], []
    for name, batches in ArrowArranger().arrange(
        [spool], order_by=["day"], shard="month", time="day"
    ):
        names.append(name)
        if name == "2024-03":
            last = [day for batch in batches for day in batch["day"].to_pylist()]
    assert names == ["2024-01", "2024-02", "2024-03"]
    assert last == days[-28:]


TYPED: dict[str, pa.Array] = {
    "float16": pa.array([1.5, -0.0, None, NAN], pa.float16()),
    "float32": pa.array([1.5, -0.0, None, NAN], pa.float32()),
    "bool": pa.array([True, None, False, True]),
    "uint64": pa.array([2**64 - 1, 0, None, 5], pa.uint64()),
    "large_string": pa.array(["b", "", None, "ä"], pa.large_string()),
    "string_view": pa.array(["b", "", None, "ä"], pa.string_view()),
    "binary": pa.array([b"\xff", b"", None, b"\x00"]),
    "binary_view": pa.array([b"\xff", b"", None, b"\x00"], pa.binary_view()),
    "fixed_binary": pa.array([b"ab", None, b"aa", b"ab"], pa.binary(2)),
    "date32": pa.array([3, None, 1, 2], pa.date32()),
    "date64": pa.array([86_400_000, None, 0, 0], pa.date64()),
    "time32": pa.array([3, None, 1, 2], pa.time32("s")),
    "time64": pa.array([3, None, 1, 2], pa.time64("ns")),
    "duration": pa.array([3, None, -1, 2], pa.duration("ms")),
    "timestamp": pa.array([3, None, -1, 2], pa.timestamp("s")),
    "zoned": pa.array([3, None, 1, 2], pa.timestamp("ns", "Asia/Tokyo")),
    "decimal32": pa.array([Decimal("1.10"), None, Decimal("-2"), None], pa.decimal32(5, 2)),
    "decimal128": pa.array([Decimal("1.10"), None, Decimal("-2"), None], pa.decimal128(38, 2)),
    "decimal256": pa.array([Decimal(10**50), None, Decimal(-(10**50)), None], pa.decimal256(60, 2)),
    "null": pa.nulls(4),
    "dictionary": pa.array(["b", None, "a", "b"], pa.dictionary(pa.int8(), pa.string())),
    "list": pa.array([[1, None], None, [], [1]], pa.list_(pa.int8())),
    "list_of_floats": pa.array([[NAN], [-0.0], [0.0], None], pa.list_(pa.float64())),
    "list_of_words": pa.array([["a"], None, [], ["b"]], pa.large_list(pa.string_view())),
    "not_null_items": pa.array(
        [[1], None, [], [2]], pa.list_(pa.field("item", pa.timestamp("us", "UTC"), False))
    ),
    "fixed_list": pa.array([[1, 2], None, [0, 3], [1, 1]], pa.list_(pa.int32(), 2)),
    "list_view": pa.array([[1], None, [], [2]], pa.list_view(pa.int8())),
    "map": pa.array([[("a", 1), ("a", 2)], None, [], [("a", 0)]], pa.map_(pa.string(), pa.int32())),
    "struct": pa.array(
        [{"a": 1, "A": ["x"]}, None, {"a": None, "A": None}, {"a": 1, "A": []}],
        pa.struct([("a", pa.int32()), ("A", pa.list_(pa.string()))]),
    ),
    "nested": pa.array(
        [[{"m": [("k", [1.5])]}], None, [], [{"m": None}]],
        pa.list_(pa.struct([("m", pa.map_(pa.string(), pa.list_(pa.float32())))])),
    ),
    "uuid": pa.ExtensionArray.from_storage(
        pa.uuid(), pa.array([b"b" * 16, None, b"a" * 16, None], pa.binary(16))
    ),
}


@pytest.mark.parametrize("name", TYPED)
@pytest.mark.parametrize("memory_bytes", [1, 64 << 20])
def test_every_type_comes_out_as_it_went_in(tmp_path: Path, name: str, memory_bytes: int) -> None:
    values = TYPED[name]
    table = pa.table({"v": values, "at": [1, 2, 3, 4]})
    found = in_order(tmp_path, table, "at", memory_bytes=memory_bytes)
    found.validate(full=True)
    assert found.schema == table.schema
    assert str(found["v"].to_pylist()) == str(values.to_pylist())
    by_value = in_order(tmp_path, table.select(["v"]), "v", memory_bytes=memory_bytes)
    assert by_value.schema == table.select(["v"]).schema
    assert sorted(map(str, by_value["v"].to_pylist())) == sorted(map(str, values.to_pylist()))


@pytest.mark.parametrize("name", TYPED)
def test_any_order_of_arrival_gives_one_order(tmp_path: Path, name: str) -> None:
    table = pa.table(
        {"v": pa.concat_arrays([TYPED[name], TYPED[name]]) if name != "list_view" else TYPED[name]}
    )
    orders = {
        str(in_order(tmp_path, taken(table, seed), memory_bytes=1)["v"].to_pylist())
        for seed in range(4)
    }
    assert len(orders) == 1


def taken(table: pa.Table, seed: int) -> pa.Table:
    """The rows in another order, without asking Arrow to take what it cannot."""
    order = list(range(table.num_rows))
    random.Random(seed).shuffle(order)
    return pa.concat_tables([table.slice(at, 1) for at in order])


FLOATS = st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.0, NAN, float("inf"), -2.5]))
ROW = st.tuples(
    st.one_of(st.none(), st.integers(-2, 2)),
    FLOATS,
    st.one_of(st.none(), st.sampled_from(["", "a", "b", "a\x00"])),
    st.one_of(st.none(), st.lists(FLOATS, max_size=2)),
    st.one_of(st.none(), st.dates(date(2023, 12, 30), date(2024, 1, 2))),
)
SCHEMA = pa.schema(
    [
        ("n", pa.int16()),
        ("f", pa.float64()),
        ("s", pa.string()),
        ("l", pa.list_(pa.float32())),
        ("d", pa.date32()),
    ]
)


def of_rows(rows: list[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [() for _ in SCHEMA]
    arrays = [pa.array(list(c), f.type) for c, f in zip(columns, SCHEMA, strict=True)]
    return pa.table(arrays, schema=SCHEMA)


@pytest.mark.requirement("S4-9")
@given(
    rows=st.lists(ROW, max_size=40),
    seed=st.integers(0, 9),
    order_by=st.sampled_from([(), ("n",), ("d", "s"), ("f",), ("s", "n", "f", "d")]),
    shard=st.sampled_from(["none", "year", "day"]),
    memory_bytes=st.sampled_from([1, TINY_BYTES, 1 << 30]),
)
def test_any_permutation_of_the_rows_gives_identical_shards(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[Any, ...]],
    seed: int,
    order_by: tuple[str, ...],
    shard: str,
    memory_bytes: int,
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    shuffled = random.Random(seed).sample(rows, len(rows))
    one = arranged(spooled(folder, of_rows(rows)), order_by, shard, "d")
    other = arranged(spooled(folder, of_rows(shuffled), 3), order_by, shard, "d", memory_bytes)
    assert {name: str(table.to_pydict()) for name, table in one.items()} == {
        name: str(table.to_pydict()) for name, table in other.items()
    }
    assert sum(table.num_rows for table in one.values()) == len(rows)


@given(
    values=st.lists(st.one_of(st.none(), st.integers(-5, 5)), max_size=200),
    memory_bytes=st.sampled_from([1, 500, TINY_BYTES]),
)
def test_the_merge_is_a_sort(
    tmp_path_factory: pytest.TempPathFactory, values: list[int | None], memory_bytes: int
) -> None:
    table = pa.table({"v": pa.array(values, pa.int64()), "at": list(range(len(values)))})
    spool = spooled(tmp_path_factory.mktemp("spool"), table, 2)
    found = arranged(spool, ("v", "at"), memory_bytes=memory_bytes).get("all", table)
    expected = sorted(zip(values, range(len(values)), strict=True), key=_nulls_last)
    assert list(zip(found["v"].to_pylist(), found["at"].to_pylist(), strict=True)) == expected


def _nulls_last(row: tuple[int | None, int]) -> tuple[bool, int, int]:
    return row[0] is None, row[0] or 0, row[1]


def test_a_parquet_spool_gives_the_asked_types_back(tmp_path: Path) -> None:
    schema = pa.schema([("at", pa.timestamp("s")), ("day", pa.date64())])
    table = pa.table({"at": [2, 1], "day": [0, 86_400_000]}, schema=schema)
    pq.write_table(table, tmp_path / "spool.parquet")
    found = arranged(str(tmp_path / "spool.parquet"), ("at",), schema=schema)["all"]
    assert found.schema == schema
    assert found["at"].cast(pa.int64()).to_pylist() == [1, 2]


def test_what_is_spilled_lies_beside_the_spool_and_goes(tmp_path: Path) -> None:
    spool = spooled(tmp_path, pa.table({"v": list(range(500))}), 10)
    before = list(tmp_path.iterdir())
    arranger = ArrowArranger(TINY_BYTES)
    started = arranger.arrange([spool], order_by=["v"], shard="none", time=None)
    next(started)
    assert len(list(tmp_path.glob("sort-*/*.run"))) > 1
    started.close()
    assert list(tmp_path.iterdir()) == before


def drain(shards: Iterator[tuple[str, Any]]) -> None:
    for _, batches in shards:
        list(batches)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"shard": "week"}, "'week' is no way to shard"),
        ({"shard": "year"}, "need a time column"),
        ({"shard": "year", "time": "v"}, "need a time column"),
        ({"shard": "none", "order_by": ["w"]}, "no column 'w'"),
        ({"shard": "year", "time": "w"}, "no column 'w'"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    spool = spooled(tmp_path, pa.table({"v": [1]}))
    asked = {"order_by": [], "time": None, **more}
    with pytest.raises(InvalidInput, match=message):
        drain(ArrowArranger().arrange([spool], **asked))


@pytest.mark.parametrize(
    "values",
    [
        pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
        pa.array([1], pa.run_end_encoded(pa.int32(), pa.int64())),
        pa.array([{}], pa.struct([])),
    ],
    ids=["interval", "run_end_encoded", "empty_struct"],
)
def test_types_that_parquet_cannot_hold_are_refused(tmp_path: Path, values: pa.Array) -> None:
    spool = spooled(tmp_path, pa.table({"v": values}))
    with pytest.raises(InvalidInput, match="which Parquet cannot hold"):
        drain(ArrowArranger().arrange([spool], order_by=[], shard="none", time=None))


def test_a_spool_that_cannot_be_read_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "spool").write_bytes(b"neither")
    with pytest.raises(Corrupt):
        arranged(str(tmp_path / "spool"))
    with pytest.raises(NotFound):
        arranged(str(tmp_path / "nowhere"))
