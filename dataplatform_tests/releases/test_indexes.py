"""Indexes of a release: what they hold, what is made anew, and how they come, stay and go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from dataplatform.releases.index_change import diff_indexes
from dataplatform.releases.ports import ReleasePorts
from dataplatform.releases.publish import move_back
from dataplatform_tests.releases.building import Bench, make_bench
from opendata.reading.key_index import ROW_GROUP, SHARD
from opendata.reading.type_names import type_name
from opendata.reading.verify import verify_dataset
from opendata.stores.memory import MemoryStore
from opendata.wire.digest import digest_of
from opendata.wire.errors import InvalidInput
from opendata.wire.ids import Reference
from opendata.wire.manifest import IndexEntry, Manifest

pytestmark = pytest.mark.requirement("S4-18", "S4-47")

FIRST_DAY = 20_454  # 2026-01-01


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(MemoryStore(), tmp_path, group_rows=10)


def towns(months: int = 4, moved: int = 0) -> pa.Table:
    """Twenty towns a month; `moved` of the last month's are in country ZZ."""
    rows = [
        {
            "day": FIRST_DAY + month * 31 + at,
            "country": "ZZ" if month == months - 1 and at < moved else "ABCDE"[(month + at) % 5],
            "size": at % 3,
        }
        for month in range(months)
        for at in range(20)
    ]
    table = pa.Table.from_pylist(rows)
    return table.set_column(0, "day", table.column("day").cast(pa.int32()).cast(pa.date32()))


def held(bench: Bench, indexes: list[Any] | None, **settings: Any) -> Bench:
    chosen = {"shard": "month", **settings, **({} if indexes is None else {"indexes": indexes})}
    return bench.declared(time="day", contract={"primary_key": ["day"]}, release=chosen)


def index_of(manifest: Manifest, *keys: str) -> IndexEntry:
    [found] = [index for index in manifest.indexes if index.keys == keys]
    return found


def rows_of(bench: Bench, index: IndexEntry) -> pa.Table:
    return pq.read_table(pa.BufferReader(bench.store.get(index.path).data))


def test_an_index_says_for_each_key_which_row_groups_hold_it(bench: Bench) -> None:
    manifest = held(bench, ["country", ["country", "size"]]).publish(towns()).release.manifest
    for keys in (("country",), ("country", "size")):
        index = index_of(manifest, *keys)
        rows = rows_of(bench, index)
        assert rows.schema.names == [*keys, SHARD, ROW_GROUP]
        assert rows.num_rows == index.row_count
        assert rows.equals(rows.sort_by([(name, "ascending") for name in rows.schema.names]))
        assert held_by(bench, index) == expected(bench, keys)


def held_by(bench: Bench, index: IndexEntry) -> set[tuple[Any, ...]]:
    return {tuple(row.values()) for row in rows_of(bench, index).to_pylist()}


def expected(bench: Bench, keys: tuple[str, ...]) -> set[tuple[Any, ...]]:
    """What the index must hold, read off the shards themselves."""
    found = set()
    for entry in bench.current.manifest.files:
        file = pq.ParquetFile(pa.BufferReader(bench.store.get(entry.path).data))
        for group in range(file.num_row_groups):
            for row in file.read_row_group(group, columns=list(keys)).to_pylist():
                found.add((*(row[key] for key in keys), entry.name, group))
    return found


def test_its_objects_are_named_by_their_digests_and_verified(bench: Bench) -> None:
    index = index_of(held(bench, ["country"]).publish(towns()).release.manifest, "country")
    data = bench.store.get(index.path).data
    assert (digest_of(data), len(data)) == (index.sha256, index.size_bytes)
    assert verify_dataset(bench.store, Reference(bench.dataset), None).passed
    bench.store.put(index.path, data[:-1] + b"?")
    damaged = verify_dataset(bench.store, Reference(bench.dataset), None).damaged
    assert [one.object for one in damaged] == [index.path]


def test_the_same_rows_give_the_same_index(bench: Bench, tmp_path: Path) -> None:
    other = make_bench(MemoryStore(), tmp_path / "other", group_rows=10)
    table = towns()
    shuffled = table.take(pc.sort_indices(table, [("size", "descending")]))
    one = held(bench, ["country"]).build(table)
    assert held(other, ["country"]).build(shuffled).candidate.indexes == one.candidate.indexes


class Watching:
    """Segments as they are; says of which files keys were read."""

    def __init__(self, ports: ReleasePorts) -> None:
        self._segments = ports.segments
        self.read: list[str] = []

    def index(self, files: Any, keys: Any) -> Any:
        return self._segments.index(files, keys)

    def keys_by_group(self, path: str, keys: Any) -> Iterator[tuple[int, pa.Table]]:
        self.read.append(path)
        return self._segments.keys_by_group(path, keys)

    def rows_naming(self, path: str, column: str, values: Any) -> Iterator[pa.RecordBatch]:
        return self._segments.rows_naming(path, column, values)


def watched(bench: Bench) -> tuple[Bench, Watching]:
    watching = Watching(bench.ports)
    return replace(bench, ports=replace(bench.ports, segments=watching)), watching


def test_only_shards_that_changed_are_read_for_it(bench: Bench) -> None:
    held(bench, ["country"]).publish(towns())
    seen, watching = watched(held(bench, ["country"]))
    manifest = seen.publish(towns(moved=5)).release.manifest
    assert len(watching.read) == 1
    found = {
        tuple(row.values()) for row in rows_of(bench, index_of(manifest, "country")).to_pylist()
    }
    assert found == expected(bench, ("country",))
    assert ("ZZ", "2026-04", 0) in found


def test_where_no_shard_changed_the_index_is_the_one_before(bench: Bench) -> None:
    first = held(bench, ["country"]).publish(towns()).release.manifest
    seen, watching = watched(held(bench, ["country"]).declared(
        title="Towns", time="day", contract={"primary_key": ["day"]},
        release={"shard": "month", "indexes": ["country"]},
    ))  # fmt: skip
    second = seen.publish(towns()).release.manifest
    assert (second.release, second.indexes, watching.read) == ("1.0.1", first.indexes, [])


def test_an_index_that_was_lost_is_made_from_the_shards(bench: Bench) -> None:
    first = held(bench, ["country"]).publish(towns()).release.manifest
    bench.store.delete(index_of(first, "country").path)
    away = bench.on(bench.store)  # without the files that the bench had at hand
    manifest = held(away, ["country"]).publish(towns(moved=5)).release.manifest
    assert held_by(bench, index_of(manifest, "country")) == expected(bench, ("country",))


@pytest.mark.requirement("S4-55")
def test_a_damaged_index_keeps_nobody_from_going_back(bench: Bench) -> None:
    first = held(bench, ["country"]).publish(towns()).release
    held(bench, ["country"]).publish(towns(moved=5))
    bench.store.put(index_of(first.manifest, "country").path, b"damaged")
    assert move_back(bench.ports, bench.dataset, first.version).pointer.release == "1.0.0"


@pytest.mark.parametrize(
    ("indexes", "problem"),
    [
        (["land"], "names 'land', which is no column"),
        (["share"], "nobody looks up by float64"),
    ],
)
def test_columns_that_turn_out_not_to_be_there_are_refused(
    bench: Bench, indexes: list[Any], problem: str
) -> None:
    table = towns().append_column("share", pa.array([0.5] * 80))
    with pytest.raises(InvalidInput, match=problem):
        held(bench, indexes).build(table)


# --- how they come, stay and go ------------------------------------------------------


@pytest.mark.requirement("S4-15", "S4-30", "S4-31")
def test_an_index_that_comes_or_goes_is_a_minor_step(bench: Bench) -> None:
    held(bench, None).publish(towns())
    added = held(bench, ["country"]).publish(towns()).release.manifest
    assert (added.release, added.versioning.schema_version) == ("1.1.0", "1.1.0")
    assert added.changelog.diff_I == {
        "Index_add": [{"keys": ["country"], "bump": "minor"}],
        "Index_drop": [],
        "Index_rebuild": [],
    }
    dropped = held(bench, None).publish(towns()).release.manifest
    assert (dropped.release, dropped.indexes) == ("1.2.0", ())
    assert dropped.changelog.diff_I["Index_drop"] == [{"keys": ["country"], "bump": "minor"}]
    assert not dropped.changelog.breaking


@pytest.mark.requirement("S4-30")
def test_an_index_made_anew_is_told_and_moves_nothing(bench: Bench) -> None:
    held(bench, ["country"]).publish(towns())
    manifest = held(bench, ["country"]).publish(towns(moved=3)).release.manifest
    assert (manifest.release, manifest.versioning.schema_version) == ("1.0.1", "1.0.0")
    assert manifest.changelog.diff_I["Index_rebuild"] == [{"keys": ["country"], "bump": "none"}]


@pytest.mark.requirement("S4-64")
def test_for_a_window_the_old_index_is_written_beside_the_new_one(bench: Bench) -> None:
    """Two minor schema versions have both; readers written for the old one find it in them."""
    held(bench, ["country"]).publish(towns())
    replaced = held(bench, [["country", "size"]], index_window=2)
    manifest = replaced.publish(towns()).release.manifest
    assert manifest.versioning.schema_version == "1.1.0"
    assert index_of(manifest, "country").until == "1.3.0"
    assert index_of(manifest, "country", "size").until is None
    assert manifest.changelog.diff_I["Index_drop"] == []

    manifest = replaced.publish(towns(moved=4)).release.manifest  # in mid-window, other rows
    assert manifest.versioning.schema_version == "1.1.0"
    old = index_of(manifest, "country")
    assert old.until == "1.3.0"
    assert held_by(bench, old) == expected(bench, ("country",))

    wider = towns(moved=4).append_column("note", pa.array(["-"] * 80))
    manifest = with_columns(replaced, wider, index_window=2)
    assert manifest.versioning.schema_version == "1.2.0"
    assert index_of(manifest, "country").until == "1.3.0"

    manifest = with_columns(replaced, wider.append_column("more", wider["note"]), index_window=2)
    assert manifest.versioning.schema_version == "1.3.0"
    assert [index.keys for index in manifest.indexes] == [("country", "size")]
    assert manifest.changelog.diff_I["Index_drop"] == [{"keys": ["country"], "bump": "minor"}]


def with_columns(bench: Bench, table: pa.Table, **settings: Any) -> Manifest:
    fields = [{"name": field.name, "type": type_name(field.type)} for field in table.schema]
    return (
        bench.declared(
            time="day",
            contract={"primary_key": ["day"], "fields": fields},
            release={"shard": "month", "indexes": [["country", "size"]], **settings},
        )
        .publish(table)
        .release.manifest
    )


@pytest.mark.requirement("S4-64")
def test_a_window_can_be_closed_early_and_an_index_taken_up_again(bench: Bench) -> None:
    held(bench, ["country"]).publish(towns())
    held(bench, ["size"], index_window=5).publish(towns())
    again = held(bench, ["size", "country"], index_window=5).publish(towns(moved=1))
    assert index_of(again.release.manifest, "country").until is None
    closed = held(bench, ["size"], index_window=0).publish(towns(moved=2)).release.manifest
    assert [index.keys for index in closed.indexes] == [("size",)]
    assert closed.versioning.schema_version == "1.2.0"


@pytest.mark.requirement("S4-30", "B39")
def test_the_index_of_a_renamed_field_is_the_same_index(bench: Bench) -> None:
    first = held(bench, ["country"]).publish(towns()).release.manifest
    table = towns().rename_columns(["day", "land", "size"])
    fields = [
        {"name": "day", "type": "date32"},
        {"name": "land", "type": "string", "aliases": ["country"]},
        {"name": "size", "type": "int64"},
    ]
    renamed = bench.declared(
        time="day",
        contract={"primary_key": ["day"], "fields": fields},
        release={"shard": "month", "indexes": ["land"]},
    )
    manifest = renamed.publish(table).release.manifest
    assert manifest.changelog.diff_I["Index_add"] == manifest.changelog.diff_I["Index_drop"] == []
    assert manifest.changelog.diff_I["Index_rebuild"] == [{"keys": ["land"], "bump": "none"}]
    assert diff_indexes(first.indexes, manifest.indexes).drop == (("country",),)
