"""An index leaves out what cannot hold an asked key, and changes no answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplatform_tests.reading.remote import Remote
from dataplatform_tests.releases.building import Bench, make_bench
from opendata.reading.cache import Cache
from opendata.reading.shard import Access
from opendata.reading.stats import ReadStats
from opendata.reading.table import read_batches, read_table
from opendata.stores.memory import MemoryStore
from opendata.stores.port import ObjectReader
from opendata.wire.codec import replace
from opendata.wire.manifest import Manifest

pytestmark = pytest.mark.requirement("S4-18", "S4-47")

MONTHS, PER_MONTH = 12, 200
FIRST_DAY = 20_454  # 2026-01-01
INDEXES = ["country", ["city", "country"], ["place"], ["size", "country"]]


def towns() -> pa.Table:
    """A country is in one or two months, among others that lie on both sides of it."""
    rows = []
    for month in range(MONTHS):
        for at in range(PER_MONTH):
            country = None if at == 7 else f"{(month * 7 + at % 4 * 13) % 40:02}"
            rows.append(
                {
                    "day": FIRST_DAY + month * 30 + at % 28,
                    "place": month * PER_MONTH + at,
                    "country": country,
                    "city": f"city {(month * 7 + at) % 90}",
                    "size": at % 5,
                    "note": f"{month}-{at}" * 200,
                }
            )
    table = pa.Table.from_pylist(rows)
    day = table.column("day").cast(pa.int32()).cast(pa.date32())
    return table.set_column(0, "day", day)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = make_bench(
        MemoryStore(),
        tmp_path_factory.mktemp("towns"),
        group_rows=50,
        time="day",
        contract={"primary_key": ["place"]},
        release={"shard": "month", "indexes": INDEXES},
    )
    made.publish(towns())
    return made


@pytest.fixture(scope="module")
def indexed(bench: Bench) -> Manifest:
    return bench.current.manifest


def read(reader: ObjectReader, manifest: Manifest, **asked: Any) -> tuple[pa.Table, ReadStats]:
    access = Access(reader, Cache(None), ReadStats())
    return read_table(access, manifest, **asked), access.stats


def plain(manifest: Manifest) -> Manifest:
    """The same release as if it had no index."""
    return replace(manifest, indexes=())


def test_only_shards_and_row_groups_with_the_key_are_read(bench: Bench, indexed: Manifest) -> None:
    asked = {"filters": [("country", "==", "08")]}
    found, stats = read(bench.store, indexed, **asked)
    expected, without = read(bench.store, plain(indexed), **asked)
    assert found.equals(expected) and found.num_rows > 0
    assert (stats.indexes_read, without.indexes_read) == (1, 0)
    assert stats.shards_read < without.shards_read
    assert stats.shards_read + stats.shards_skipped == len(indexed.files)
    assert stats.bytes_read < without.bytes_read


def test_a_key_that_is_nowhere_costs_the_index_alone(bench: Bench, indexed: Manifest) -> None:
    found, stats = read(bench.store, indexed, filters=[("country", "==", "99")])
    assert (found.num_rows, stats.shards_read, stats.bytes_read) == (0, 0, 0)


@pytest.mark.parametrize(
    ("filters", "used"),
    [
        ([("country", "in", ["08", "09"])], 1),
        ([("country", "in", [None, "08"])], 1),
        ([("city", "==", "city 7"), ("country", "==", "08")], 1),
        ([("city", "==", "city 7"), ("country", ">", "08")], 1),
        ([("city", "==", "city 7"), ("day", ">=", "2026-06-01")], 1),
        ([[("country", "==", "08")], [("city", "==", "city 7")]], 2),
        ([[("country", "==", "08")], [("country", "==", "20")]], 1),
        ([("size", "==", 3)], 1),
        ([("country", ">", "08")], 0),
        ([("country", "is null")], 0),
        ([("note", "==", "nothing")], 0),
        ([[("country", "==", "08")], [("note", "==", "nothing")]], 0),
    ],
)
def test_an_index_serves_look_ups_by_its_leading_keys(
    bench: Bench, indexed: Manifest, filters: list[Any], used: int
) -> None:
    found, stats = read(bench.store, indexed, filters=filters)
    assert stats.indexes_read == used
    assert found.equals(read(bench.store, plain(indexed), filters=filters)[0])


def test_where_statistics_have_left_few_shards_no_index_is_read(
    bench: Bench, indexed: Manifest
) -> None:
    asked = {"filters": [("country", "==", "08")], "start": "2026-01-01", "end": "2026-02-10"}
    assert read(bench.store, indexed, **asked)[1].indexes_read == 0


def test_an_index_that_is_no_smaller_than_the_shards_is_not_worth_it(
    bench: Bench, indexed: Manifest
) -> None:
    heavy = tuple(replace(index, size_bytes=1 << 30) for index in indexed.indexes)
    found, stats = read(
        bench.store, replace(indexed, indexes=heavy), filters=[("country", "==", "08")]
    )
    assert stats.indexes_read == 0
    assert found.num_rows > 0


def test_batches_are_left_out_too(bench: Bench, indexed: Manifest) -> None:
    access = Access(bench.store, Cache(None), ReadStats())
    batches = list(read_batches(access, indexed, filters=[("country", "==", "08")]))
    expected, _ = read(bench.store, plain(indexed), filters=[("country", "==", "08")])
    assert pa.Table.from_batches(batches).equals(expected)
    assert access.stats.indexes_read == 1


@pytest.mark.requirement("B1")
@pytest.mark.parametrize("damage", ["gone", "altered"])
def test_a_damaged_index_slows_a_read_down_and_changes_nothing(
    bench: Bench, indexed: Manifest, damage: str
) -> None:
    [index] = [one for one in indexed.indexes if one.keys == ("country",)]
    whole = bench.store.get(index.path).data
    try:
        if damage == "gone":
            bench.store.delete(index.path)
        else:
            bench.store.put(index.path, whole[:-9] + b"?" + whole[-8:])
        alone = replace(indexed, indexes=(index,))
        found, stats = read(bench.store, alone, filters=[("country", "==", "08")])
    finally:
        bench.store.put(index.path, whole)
    assert stats.indexes_read == 0
    assert found.equals(read(bench.store, plain(indexed), filters=[("country", "==", "08")])[0])


def test_from_afar_an_index_is_fetched_once_and_spares_requests(
    bench: Bench, indexed: Manifest, tmp_path: Path
) -> None:
    asked = {"filters": [("country", "==", "08")]}
    far, cache = Remote(bench.store), Cache(str(tmp_path / "cache"))
    first = Access(far, cache, ReadStats())
    read_table(first, indexed, **asked)
    again = Access(far, cache, ReadStats())
    read_table(again, indexed, **asked)
    assert again.stats.requests == 0
    without = Access(far, Cache(str(tmp_path / "other")), ReadStats())
    read_table(without, plain(indexed), **asked)
    assert first.stats.requests < without.stats.requests


COUNTRIES = st.one_of(st.none(), st.integers(0, 41).map(lambda n: f"{n:02}"))
VALUES = {
    "country": COUNTRIES.filter(lambda value: value is not None),
    "city": st.integers(0, 95).map(lambda n: f"city {n}"),
    "place": st.integers(-2, MONTHS * PER_MONTH + 2),
    "size": st.sampled_from([0, 1, 2, 3, 4, 5, 1.5]),
}


@st.composite
def comparisons(draw: st.DrawFn) -> tuple[str, str, Any]:
    column = draw(st.sampled_from(list(VALUES)))
    operator = draw(st.sampled_from(["==", "==", "in", "in", "!=", "<", ">=", "not in"]))
    if operator in ("in", "not in"):
        with_null = st.one_of(st.none(), VALUES[column])
        return column, operator, draw(st.lists(with_null, max_size=4))
    return column, operator, draw(VALUES[column])


FILTERS = st.lists(st.lists(comparisons(), min_size=1, max_size=3), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(FILTERS)
def test_whatever_is_asked_the_answer_is_the_one_without_an_index(
    bench: Bench, indexed: Manifest, filters: list[list[Any]]
) -> None:
    found, _ = read(bench.store, indexed, filters=filters, columns=["place", "country", "size"])
    expected, _ = read(
        bench.store, plain(indexed), filters=filters, columns=["place", "country", "size"]
    )
    assert found.equals(expected)


@pytest.mark.requirement("S4-64")
def test_who_looks_up_by_the_old_index_finds_it_until_its_window_ends(tmp_path: Path) -> None:
    bench = make_bench(MemoryStore(), tmp_path, time="day", contract={"primary_key": ["place"]})
    by_country = {"shard": "month", "indexes": ["country"]}
    by_city = {"shard": "month", "indexes": ["city"], "index_window": 1}
    sections = {"time": "day", "contract": {"primary_key": ["place"]}}
    asked = {"filters": [("country", "==", "08")], "columns": ["place"]}
    seen = []
    for settings_of, columns in (
        (by_country, towns()),
        (by_city, towns()),  # both are written: schema 1.1.0
        (by_city, towns().slice(1)),  # still
        (by_city | {"index_window": 0}, towns().slice(1)),  # 1.2.0
    ):
        manifest = bench.declared(**sections, release=settings_of).publish(columns).release.manifest
        found, stats = read(bench.store, manifest, **asked)
        assert found.equals(read(bench.store, plain(manifest), **asked)[0])
        seen.append((manifest.versioning.schema_version, stats.indexes_read))
    assert seen == [("1.0.0", 1), ("1.1.0", 1), ("1.1.0", 1), ("1.2.0", 0)]
