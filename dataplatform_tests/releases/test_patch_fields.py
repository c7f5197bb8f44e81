"""What the field operations of a patch do to rows, contract and version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform.errors import BreakingChange
from dataplatform_tests.releases.building import Bench, make_bench, rates
from dataplatform_tests.releases.patching import delete, patch, patchable, upsert
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import InvalidInput

pytestmark = [pytest.mark.platform]

FIELDS = [
    {"name": "day", "type": "date32"},
    {"name": "rate", "type": "float64", "unit": "percent"},
]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Forty rates in percent, in two monthly shards."""
    sections: dict[str, Any] = {
        "time": "day",
        "release": {"shard": "month"},
        "contract": {"primary_key": ["day"], "fields": FIELDS},
    }
    made = patchable(make_bench(MemoryStore(), tmp_path, **sections))
    made.release(rates(*range(40)))
    return made


def _column(bench: Bench, name: str) -> list[Any]:
    values: list[Any] = bench.read().column(name).to_pylist()
    return values


@pytest.mark.requirement("S4-32")
def test_an_added_field_has_its_default_or_null_in_older_rows(bench: Bench) -> None:
    added = {"op": "ADD_FIELD", "name": "note", "type": "string", "default": "as published"}
    empty = {"op": "ADD_FIELD", "name": "seen", "type": "timestamp[us]", "nullable": True}
    patch(bench, [added, empty, upsert("2026-01-01", note="revised"), upsert("2026-05-05")])
    assert _column(bench, "note") == ["revised"] + ["as published"] * 40
    assert _column(bench, "seen") == [None] * 41
    assert str(bench.current.version) == "1.1.0"
    assert bench.current.manifest.versioning.schema_version == "1.1.0"


@pytest.mark.requirement("S4-33")
def test_a_dropped_field_is_breaking_and_needs_the_next_major(bench: Bench) -> None:
    drop = {"op": "DROP_FIELD", "name": "rate"}
    with pytest.raises(BreakingChange) as refused:
        patch(bench, [drop])
    assert refused.value.hint == 'if it is meant, write in the patch: version: "2.0.0"'
    assert str(bench.current.version) == "1.0.0"
    patch(bench, [drop], version="2.0.0")
    assert bench.read().column_names == ["day"]
    assert str(bench.current.version) == "2.0.0"


@pytest.mark.requirement("S4-34")
def test_another_unit_converts_the_values_and_those_that_were_patched_before(bench: Bench) -> None:
    ops = [
        upsert("2026-01-01", rate=50.0),
        {"op": "ALTER_FIELD", "name": "rate", "unit": "1", "dim": "[]"},
        upsert("2026-01-02", rate=0.25),
    ]
    result = patch(bench, ops)
    assert _column(bench, "rate")[:4] == [0.5, 0.25, 0.02, 0.03]
    (change,) = result.change.schema.unit_change
    assert (change.old, change.new) == ("percent", "1")
    assert str(bench.current.version) == "1.1.0"
    kept = bench.store.get(str(bench.current.manifest.patch)).data.decode()
    assert '"was":{' in kept
    assert '"unit":"percent"' in kept


@pytest.mark.requirement("S4-34")
def test_a_unit_that_was_written_down_wrong_leaves_the_values(bench: Bench) -> None:
    patch(bench, [{"op": "ALTER_FIELD", "name": "rate", "unit": "1", "convert": False}])
    assert _column(bench, "rate")[:3] == [0.0, 1.0, 2.0]


@pytest.mark.requirement("S4-34")
def test_a_wider_type_is_minor_and_a_narrower_one_breaks(bench: Bench) -> None:
    narrow = {"op": "ALTER_FIELD", "name": "rate", "type": "int32", "description": "Whole"}
    with pytest.raises(BreakingChange):
        patch(bench, [narrow])
    patch(bench, [narrow], version="2.0.0")
    assert bench.read().schema.field("rate").type == pa.int32()
    patch(bench, [{"op": "ALTER_FIELD", "name": "rate", "type": "float64"}])
    assert str(bench.current.version) == "2.1.0"
    assert _column(bench, "rate") == [float(value) for value in range(40)]


@pytest.mark.requirement("S4-34")
def test_a_type_that_would_lose_a_value_is_refused(bench: Bench) -> None:
    ops = [upsert("2026-01-02", rate=1.5), {"op": "ALTER_FIELD", "name": "rate", "type": "int32"}]
    with pytest.raises(InvalidInput, match=r"op 2, name: 'rate' cannot become int32"):
        patch(bench, ops, version="2.0.0")


@pytest.mark.requirement("S4-34")
def test_the_type_of_a_key_can_widen_and_records_are_found_by_it(bench: Bench) -> None:
    alter = {"op": "ALTER_FIELD", "name": "day", "type": "date64"}
    patch(bench, [upsert("2026-01-01", rate=9.0), alter, delete("2026-01-02")])
    assert _column(bench, "rate")[:2] == [9.0, 2.0]
    assert bench.read().schema.field("day").type == pa.date64()


@pytest.mark.requirement("S4-32", "S4-33")
def test_a_field_that_is_dropped_and_added_is_another_one(bench: Bench) -> None:
    ops = [
        upsert("2026-01-01", rate=5.0),
        {"op": "DROP_FIELD", "name": "rate"},
        {"op": "ADD_FIELD", "name": "rate", "type": "int64", "default": 3},
        upsert("2026-01-02", rate=4),
    ]
    patch(bench, ops, version="2.0.0")
    assert _column(bench, "rate")[:3] == [3, 4, 3]


@pytest.mark.requirement("S4-32", "S4-33", "S4-34")
@pytest.mark.parametrize(
    ("op", "said"),
    [
        ({"op": "ADD_FIELD", "name": "rate", "type": "int8", "default": 1}, "'rate' already"),
        ({"op": "ADD_FIELD", "name": "x", "type": "int8"}, "older rows need a value"),
        ({"op": "ADD_FIELD", "name": "x", "type": "int9", "default": 1}, "int9"),
        ({"op": "ADD_FIELD", "name": "x", "type": "int8", "default": "a"}, "is no value of type"),
        ({"op": "DROP_FIELD", "name": "day"}, "part of the primary key"),
        ({"op": "DROP_FIELD", "name": "rat"}, "did you mean 'rate'?"),
        ({"op": "ALTER_FIELD", "name": "rate"}, "this changes nothing"),
        ({"op": "ALTER_FIELD", "name": "rate", "unit": "meter"}, "nothing converts percent"),
        ({"op": "ALTER_FIELD", "name": "rate", "dim": "[length]"}, "does not measure [length]"),
        ({"op": "ALTER_FIELD", "name": "day", "type": "string"}, "time column is a date"),
        ({"op": "RENAME", "name": "rate"}, "'RENAME' is no operation"),
        ({"op": "REINDEX", "keys": ["rat"]}, "op 1, keys.0: 'rat' is none of"),
    ],
)
def test_what_the_fields_do_not_allow_is_refused(
    bench: Bench, op: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        patch(bench, [op])
    assert said in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.requirement("S4-37")
def test_indexes_are_set_stay_true_and_are_dropped(bench: Bench) -> None:
    def indexed() -> list[tuple[str, ...]]:
        return [index.keys for index in bench.current.manifest.indexes]

    before = bench.current.manifest.files
    patch(bench, [{"op": "REINDEX", "keys": ["day"]}])
    assert indexed() == [("day",)]
    assert bench.current.manifest.files == before, "no row was written anew"
    assert str(bench.current.version) == "1.1.0"
    (old,) = bench.current.manifest.indexes
    patch(bench, [upsert("2026-05-05", rate=0.75)])
    (new,) = bench.current.manifest.indexes
    assert (new.keys, new.path == old.path) == (("day",), False), "it tells of the new record"
    patch(bench, [{"op": "REINDEX", "keys": []}])
    assert indexed() == []


@pytest.mark.requirement("S4-33")
def test_a_time_column_that_is_no_key_stays_too(tmp_path: Path) -> None:
    bench = patchable(
        make_bench(MemoryStore(), tmp_path, time="day", contract={"primary_key": ["id"]})
    )
    bench.release(rates(1.0, 2.0).append_column("id", pa.array([1, 2])))
    with pytest.raises(InvalidInput, match="is the time column"):
        patch(bench, [{"op": "DROP_FIELD", "name": "day"}], version="2.0.0")
