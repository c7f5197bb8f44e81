"""What the record operations of a patch do to a release: rows, shards and nothing beside them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dataplatform.contracts.infer import infer_contract
from dataplatform.contracts.units import NO_UNITS
from dataplatform.releases.patching.parse import stored_patch
from dataplatform.releases.patching.plan import plan_patch
from dataplatform.releases.patching.table import patched_table
from dataplatform_tests.releases.building import Bench, make_bench, rates
from dataplatform_tests.releases.patching import (
    delete,
    no_files,
    patch,
    patchable,
    prepared,
    release,
    upsert,
)
from opendata.stores.memory import MemoryStore
from opendata.wire.errors import Conflict, Corrupt, InvalidInput
from opendata.wire.manifest import named_objects

pytestmark = [pytest.mark.platform, pytest.mark.requirement("S4-27", "S4-35", "S4-36")]

MONTHLY: dict[str, Any] = {
    "time": "day",
    "release": {"shard": "month"},
    "contract": {"primary_key": ["day"]},
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Ninety days from 2026-01-01 on: three monthly shards."""
    made = patchable(make_bench(MemoryStore(), tmp_path, **MONTHLY))
    made.release(rates(*range(90)))
    return made


def _rates(bench: Bench) -> dict[str, float | None]:
    rows = bench.read().to_pylist()
    return {row["day"].isoformat(): row["rate"] for row in rows}


def _shards(bench: Bench) -> dict[str, str]:
    return {entry.name: entry.path for entry in bench.current.manifest.files}


def test_a_correction_rewrites_the_shard_that_holds_the_record_and_no_other(bench: Bench) -> None:
    before = _shards(bench)
    result = patch(bench, [upsert("2026-02-03", rate=-1.5)])
    assert _rates(bench)["2026-02-03"] == -1.5
    assert [name for name, path in _shards(bench).items() if before[name] != path] == ["2026-02"]
    assert result.change.rows is not None
    assert (result.change.rows.added, result.change.rows.changed) == (0, 1)
    assert str(bench.current.version) == "1.0.1"


def test_a_new_record_goes_to_the_shard_of_its_time_or_makes_one(bench: Bench) -> None:
    patch(bench, [delete("2026-01-10")])
    before = _shards(bench)
    patch(bench, [upsert("2026-01-10", rate=7.0), upsert("2026-07-01", rate=8.0)])
    assert (_rates(bench)["2026-01-10"], _rates(bench)["2026-07-01"]) == (7.0, 8.0)
    after = _shards(bench)
    assert list(after) == ["2026-01", "2026-02", "2026-03", "2026-07"]
    assert after["2026-02"] == before["2026-02"]
    assert bench.read().column("day").to_pylist() == sorted(bench.read().column("day").to_pylist())


def test_a_deleted_record_is_gone_and_a_shard_without_rows_too(bench: Bench) -> None:
    march = [date(2026, 3, day + 1).isoformat() for day in range(31)]
    patch(bench, [delete("2026-01-01"), *(delete(day) for day in march)])
    assert list(_shards(bench)) == ["2026-01", "2026-02"]
    assert len(_rates(bench)) == 58


def test_later_operations_count_over_earlier_ones(bench: Bench) -> None:
    patch(
        bench,
        [
            upsert("2026-01-02", rate=1.0),
            upsert("2026-01-02", rate=2.0),
            upsert("2026-01-03", rate=3.0),
            delete("2026-01-03"),
            delete("2026-01-04"),
            upsert("2026-01-04"),
            upsert("2026-06-01", rate=1.0),
            delete("2026-06-01"),
        ],
    )
    found = _rates(bench)
    assert found["2026-01-02"] == 2.0
    assert "2026-01-03" not in found
    assert found["2026-01-04"] is None, "deleted and put again, a record starts afresh"
    assert "2026-06-01" not in found


def test_a_record_that_changes_its_time_moves_to_the_shard_of_the_new_one(tmp_path: Path) -> None:
    contract = {"primary_key": ["id"]}
    bench = patchable(make_bench(MemoryStore(), tmp_path, **{**MONTHLY, "contract": contract}))
    rows = rates(*range(90)).append_column("id", pa.array(range(90), pa.int64()))
    bench.release(rows)
    result = patch(bench, [upsert(40, day="2026-01-05"), upsert(1, day=None), upsert(89, rate=0.5)])
    found = {row["id"]: row for row in bench.read().to_pylist()}
    assert found[40] == {"day": date(2026, 1, 5), "rate": 40.0, "id": 40}
    assert found[1] == {"day": None, "rate": 1.0, "id": 1}
    assert found[89]["rate"] == 0.5
    assert len(found) == 90
    assert list(_shards(bench)) == ["2026-01", "2026-02", "2026-03", "undated"]
    assert result.change.rows is not None
    assert (result.change.rows.added, result.change.rows.changed) == (0, 3)


@pytest.mark.parametrize("shard", ["none", "month"])
def test_records_are_found_by_a_key_of_several_fields(tmp_path: Path, shard: str) -> None:
    sections = {"contract": {"primary_key": ["day", "place"]}, "time": "day"}
    store = MemoryStore()
    bench = patchable(make_bench(store, tmp_path, **sections, release={"shard": shard}))
    days = rates(*range(60))
    rows = pa.concat_tables(
        days.append_column("place", pa.array([place] * 60)) for place in ("bern", "ulm")
    )
    bench.release(rows)
    patch(
        bench,
        [
            upsert({"day": "2026-02-01", "place": "ulm"}, rate=-1.0),
            delete({"day": "2026-02-02", "place": "bern"}),
        ],
    )
    found = {
        (row["day"].isoformat(), row["place"]): row["rate"] for row in bench.read().to_pylist()
    }
    assert found["2026-02-01", "ulm"] == -1.0
    assert found["2026-02-01", "bern"] == 31.0
    assert ("2026-02-02", "bern") not in found
    assert ("2026-02-02", "ulm") in found


@pytest.mark.parametrize(
    ("ops", "said"),
    [
        ([upsert("2026-01-01", rat=1.0)], "op 1, values.rat: 'rat' is none of the contract's"),
        ([upsert("2026-01-01", rate="much")], "op 1, values.rate: 'much' is no float64"),
        ([upsert("soon", rate=1.0)], "op 1, pk.day: 'soon' is no date32:"),
        ([upsert({"rate": 1.0})], "op 1, pk: the key is day: day is missing"),
        ([upsert(None, rate=1.0)], "no record is named"),
        ([upsert({"day": None}, rate=1.0)], "op 1, pk.day: 'day' may not be null"),
        ([delete("2027-01-01")], "op 1: there is no record day=2027-01-01"),
        ([delete("2026-01-01"), delete("2026-01-01")], "op 2: an earlier operation has deleted"),
        (
            [{"op": "UPSERT_RECORD", "records": [{"day": "2026-01-01"}, {"day": "2026-01-01"}]}],
            "stands twice in this operation",
        ),
        (
            [upsert({"day": "2026-01-01"}, day="2026-01-02")],
            "op 1, values.day: 'day' is part of the key",
        ),
        ([{"op": "DELETE_RECORD", "records": [{"day": "2026-01-01", "rate": 1}]}], "not part of"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_operation(
    bench: Bench, ops: list[dict[str, Any]], said: str
) -> None:
    before = _listing(bench)
    with pytest.raises(InvalidInput) as refused:
        patch(bench, ops)
    assert said in refused.value.message
    assert _listing(bench) == before


def test_a_new_record_needs_the_fields_that_may_not_be_null(tmp_path: Path) -> None:
    fields = [
        {"name": "day", "type": "date32"},
        {"name": "rate", "type": "float64", "nullable": False},
    ]
    sections = {**MONTHLY, "contract": {"primary_key": ["day"], "fields": fields}}
    bench = patchable(make_bench(MemoryStore(), tmp_path, **sections))
    bench.release(rates(1.0, 2.0))
    with pytest.raises(InvalidInput, match=r"no record day=2026-05-05 yet.*'rate'"):
        patch(bench, [upsert("2026-05-05")])
    with pytest.raises(InvalidInput, match="'rate' may not be null"):
        patch(bench, [upsert("2026-01-01", rate=None)])


def test_a_missing_record_may_be_fine(bench: Bench) -> None:
    patch(bench, [delete("2027-01-01", missing="ignore"), delete("2026-01-01", missing="ignore")])
    assert len(_rates(bench)) == 89


def test_a_patch_that_leaves_nothing_is_refused(tmp_path: Path) -> None:
    bench = patchable(make_bench(MemoryStore(), tmp_path, **MONTHLY))
    bench.release(rates(1.0))
    with pytest.raises(InvalidInput, match="would leave no row"):
        patch(bench, [delete("2026-01-01")])


def test_the_same_patch_twice_is_nothing_new(bench: Bench) -> None:
    patch(bench, [upsert("2026-02-03", rate=-1.5)])
    again = release(bench, prepared(bench, [upsert("2026-02-03", rate=-1.5)]))
    assert str(bench.current.version) == "1.0.1"
    assert type(again).__name__ == "NothingNew"


@pytest.mark.requirement("S4-8")
def test_a_patch_never_overwrites_what_was_published_meanwhile(bench: Bench) -> None:
    patching = prepared(bench, [upsert("2026-02-03", rate=-1.5)])
    bench.release(rates(*range(1, 91)))
    with pytest.raises(Conflict) as moved:
        release(bench, patching)
    assert moved.value.code == "base_moved"
    assert _rates(bench)["2026-02-03"] == 34.0
    with pytest.raises(Conflict, match=r"made for tests/rates@1\.0\.0.*is 1\.0\.1"):
        prepared(bench, [upsert("2026-02-03", rate=-1.5)], base="1.0.0")


@pytest.mark.requirement("S4-9")
def test_the_patch_is_kept_and_the_trace_says_of_what_it_made_what(bench: Bench) -> None:
    base = bench.current
    patch(bench, [upsert("2026-02-03", rate=-1.5)], notes="Revised by the source")
    manifest = bench.current.manifest
    told = manifest.trace["patch"]
    assert told["object"] == manifest.patch
    assert manifest.patch in named_objects(manifest)
    assert (told["base"], told["manifest_sha256"]) == ("1.0.0", base.stored_sha256)
    assert told["ops"] == 1
    assert manifest.versioning.notes == "Revised by the source"
    kept = bench.store.get(manifest.patch).data.decode()
    assert '"records":[{"day":"2026-02-03","rate":-1.5}]' in kept


@pytest.mark.requirement("S4-9")
def test_the_kept_patch_applied_to_its_base_gives_the_same_content_again(bench: Bench) -> None:
    base = bench.read()
    add = {"op": "ADD_FIELD", "name": "seen", "type": "timestamp[ns]", "nullable": True}
    alter = {"op": "ALTER_FIELD", "name": "rate", "description": "Per day"}
    ops = [upsert("2026-02-03", rate=float("nan")), delete("2026-01-01"), add, alter]
    patch(bench, [*ops, upsert("2026-04-01", seen="2026-04-01T00:00:00.000000001")])
    manifest = bench.current.manifest
    kept = stored_patch(bench.store.get(str(manifest.patch)).data, str(manifest.patch))
    contract = infer_contract(base.schema, primary_key=["day"])
    plan = plan_patch(kept, contract, "day", NO_UNITS, no_files)
    rebuilt = patched_table(base, plan, kept.source.problem)
    assert rebuilt.drop_columns("rate").equals(bench.read().drop_columns("rate"))
    assert repr(rebuilt["rate"].to_pylist()) == repr(bench.read()["rate"].to_pylist())
    with pytest.raises(Corrupt, match="cannot be read as a patch"):
        stored_patch(b'{"ops": [{"op": "NONE"}]}', "objects/x")


def test_without_a_key_no_record_can_be_named(tmp_path: Path) -> None:
    bench = patchable(make_bench(MemoryStore(), tmp_path))
    bench.release(rates(1.0, 2.0))
    with pytest.raises(InvalidInput, match="has no primary key"):
        patch(bench, [upsert("2026-01-01", rate=1.0)])


def _listing(bench: Bench) -> list[str]:
    return [stat.key for stat in bench.store.list("datasets/")]
