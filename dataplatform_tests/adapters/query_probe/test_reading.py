"""Look-ups as readers make them, over releases laid out well and badly."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform.adapters.query_probe import reading
from dataplatform.adapters.query_probe.reading import ReadingProbe
from dataplatform.releases.candidate import as_manifest
from dataplatform_tests.releases.building import Bench, make_bench
from opendata.reading.cache import Cache
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import InvalidInput
from opendata.wire.manifest import Manifest

pytestmark = pytest.mark.requirement("S4-46")
ROWS, GROUP_ROWS = 400, 50


class GroupsRead:
    """A clock by which every row group takes as long, however fast the machine is."""

    each = 1 / 64

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        read_table = reading.read_table

        def counted(access: Any, *rest: Any, **more: Any) -> pa.Table:
            rows = read_table(access, *rest, **more)
            self.seconds += self.each * access.stats.row_groups_read
            return rows

        monkeypatch.setattr(reading, "read_table", counted)

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def groups_read(monkeypatch: pytest.MonkeyPatch) -> Iterator[GroupsRead]:
    return GroupsRead(monkeypatch)  # type: ignore[return-value]


def table(seed: int = 1) -> pa.Table:
    """One row a minute, in an order that is neither that of the codes nor of the names."""
    codes = random.Random(seed).sample(range(ROWS), ROWS)
    minutes = pa.array([at * 60 for at in range(ROWS)], pa.timestamp("s", "UTC"))
    return pa.table({"at": minutes, "code": codes, "name": [f"n{code:03}" for code in codes]})


def released(folder: Path, rows: pa.Table, key: str, **sections: Any) -> tuple[Bench, Manifest]:
    bench = make_bench(
        MemoryStore(), folder, group_rows=GROUP_ROWS, contract={"primary_key": [key]}, **sections
    )
    return bench, bench.publish(rows).release.manifest


def probe(bench: Bench, folder: Path, **more: Any) -> ReadingProbe:
    return ReadingProbe(bench.store, Cache(str(folder / "probe")), **more)


@pytest.mark.parametrize("field", ["code", "name"])
def test_look_ups_by_what_rows_are_sorted_by_read_one_group_each(
    tmp_path: Path, field: str
) -> None:
    bench, manifest = released(tmp_path, table(), field)
    found = probe(bench, tmp_path).pruning(manifest, field)
    assert (found.queries, found.groups, found.groups_read) == (5, 8, 5)
    assert found.rate == 1


def test_look_ups_by_what_rows_are_not_sorted_by_leave_little_unread(tmp_path: Path) -> None:
    bench, manifest = released(tmp_path, table(), "at")
    assert probe(bench, tmp_path).pruning(manifest, "at").rate == 1
    rate = probe(bench, tmp_path).pruning(manifest, "code").rate
    assert rate is not None
    assert rate < 0.5


def test_pruning_counts_what_a_reader_then_reads(tmp_path: Path) -> None:
    bench, manifest = released(tmp_path, table(), "at", time="at", release={"shard": "day"})
    counted = probe(bench, tmp_path).pruning(manifest, "code")
    read = 0
    for key in reading.keys_of(
        [(e.row_count, lambda e=e: bench.ports.shard_path(e)) for e in manifest.files], ["code"]
    ):
        access = reading.Access(bench.store, Cache(None), reading.ReadStats())
        reading.read_table(access, manifest, filters=[("code", "==", key["code"])])
        read += access.stats.row_groups_read
    assert counted.groups_read == read


def test_one_row_group_has_nothing_to_leave_unread(tmp_path: Path) -> None:
    bench, manifest = released(tmp_path, table().slice(0, 10), "code")
    assert probe(bench, tmp_path).pruning(manifest, "code").rate is None


def test_a_release_that_is_laid_out_worse_takes_as_much_longer(
    tmp_path: Path, groups_read: GroupsRead
) -> None:
    bench, sorted_by_code = released(tmp_path, table(), "code")
    built = bench.declared(contract={"primary_key": ["at"]}).build(table())
    unsorted = as_manifest(built.candidate, built.digest)
    asked = probe(bench, tmp_path, clock=groups_read, rounds=4)
    found = asked.look_ups(unsorted, sorted_by_code, ["code"])
    assert (found.queries, found.rounds, found.previous_seconds) == (5, 4, 5 / 64)
    assert found.ratio == found.seconds / (5 / 64)
    assert found.ratio > 3
    back = asked.look_ups(sorted_by_code, unsorted, ["code"])
    assert back.ratio == pytest.approx(1 / found.ratio)


def test_a_first_release_is_timed_alone(tmp_path: Path, groups_read: GroupsRead) -> None:
    bench, manifest = released(tmp_path, table(), "code")
    found = probe(bench, tmp_path, clock=groups_read).look_ups(manifest, None, ["code", "name"])
    assert (found.seconds, found.previous_seconds, found.ratio) == (5 / 64, None, None)


def test_quick_look_ups_get_as_many_rounds_as_two_seconds_hold(
    tmp_path: Path, groups_read: GroupsRead
) -> None:
    """A busy machine spoils some rounds; among many it does not move the middle one."""
    bench, manifest = released(tmp_path, table(), "code")
    asked = probe(bench, tmp_path, clock=groups_read)
    assert asked.look_ups(manifest, None, ["code"]).rounds == 26  # each takes 5/64 s
    groups_read.each = 1 / 1024
    assert asked.look_ups(manifest, None, ["code"]).rounds == reading.ROUNDS


def test_slow_look_ups_get_fewer_rounds(tmp_path: Path, groups_read: GroupsRead) -> None:
    bench, manifest = released(tmp_path, table(), "code")
    groups_read.each = 1
    asked = probe(bench, tmp_path, clock=groups_read, rounds=100)
    assert asked.look_ups(manifest, None, ["code"]).rounds == 5  # a round takes 5 of 20 seconds


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1.5, None, float("nan"), 2.5, 1.5]),
        pa.array([None, b"x", b"y", b"z", b"w"]),
        pa.array([1, 2, 3, 4, 5], pa.timestamp("ns")),
        pa.array([1, 2, 3, 4, 5], pa.date32()),
        pa.array([True, False, None, True, True]),
        pa.array(["a" * 100, "b", "c", None, "d"]),
        pa.array([1, 2, 3, 4, None], pa.decimal128(10, 2)),
    ],
    ids=lambda values: str(values.type),
)
def test_every_type_that_can_be_filtered_by_can_be_looked_up_by(
    tmp_path: Path, values: pa.Array
) -> None:
    rows = pa.table({"at": pa.array(range(5), pa.timestamp("us", "UTC")), "value": values})
    bench, manifest = released(tmp_path, rows, "at")
    found = probe(bench, tmp_path, rounds=1).look_ups(manifest, manifest, ["value"])
    assert found.queries > 1
    assert found.ratio is not None


def test_a_column_without_values_cannot_be_looked_up_by(tmp_path: Path) -> None:
    at = pa.array(range(3), pa.timestamp("us", "UTC"))
    rows = pa.table({"at": at, "value": pa.nulls(3, pa.int64())})
    bench, manifest = released(tmp_path, rows, "at")
    with pytest.raises(InvalidInput, match="has a value of value"):
        probe(bench, tmp_path).pruning(manifest, "value")


def test_what_arrow_cannot_filter_by_is_said_in_words(tmp_path: Path) -> None:
    at = pa.array(range(3), pa.timestamp("us", "UTC"))
    rows = pa.table({"at": at, "value": pa.array([[1], [2], [3]])})
    bench, manifest = released(tmp_path, rows, "at")
    with pytest.raises(InvalidInput):
        probe(bench, tmp_path).pruning(manifest, "value")
