"""Derived copies: what the registry convention asks for, rebuilt from what cannot change."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dataplatform.releases.derive import derive_copies, refresh_health
from dataplatform.releases.health import record_outcome, succeeded_outcome
from dataplatform.releases.index import published_ids, rebuild_index
from dataplatform.releases.publish import move_back
from dataplatform.releases.repair import inspect, repair
from dataplatform_tests.fakes.stores import Fault, FaultyStore, Pause
from dataplatform_tests.releases.building import README, RUN, Bench, make_bench, rates
from dataplatform_tests.releases.waiting import in_background
from opendata.reading.catalogue import load_catalogue
from opendata.stores import FolderStore, ObjectStore
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.digest import digest_of
from opendata.wire.errors import Corrupt, NotFound
from opendata.wire.version import parse_version

V1 = parse_version("1.0.0")


@pytest.fixture(params=["memory", "folder"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "memory":
        return MemoryStore()
    return FolderStore(str(tmp_path / "store"))


@pytest.fixture
def bench(store: ObjectStore, tmp_path: Path) -> Bench:
    return make_bench(store, tmp_path, **SECTIONS)


SECTIONS: dict[str, Any] = {
    "time": "day",
    "topics": ["rates"],
    "contract": {"primary_key": ["day"]},
    "release": {"shard": "month"},
}
TWO_MONTHS = rates(*range(40))


def metadata(bench: Bench) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bench.store.get(keys.metadata_key(bench.dataset)).data)
    return found


def broken(bench: Bench) -> list[str]:
    return sorted(one.object for one in inspect(bench.ports, bench.dataset) if one.repairable)


# --- what they hold ------------------------------------------------------------------


@pytest.mark.requirement("S1-8", "S1-23", "S1-24", "S1-25", "S1-26", "B1", "S4-91")
def test_the_stable_keys_show_the_current_release(bench: Bench) -> None:
    release = bench.release(TWO_MONTHS).release
    copy = bench.store.get(keys.stable_copy_key(bench.dataset)).data
    assert pq.read_table(io.BytesIO(copy)).equals(TWO_MONTHS)
    assert bench.store.get(keys.readme_key(bench.dataset)).data == README
    assert bench.store.get(keys.manifest_copy_key(bench.dataset)).data == release.stored_bytes
    found = metadata(bench)
    assert found["checksum_sha256"] == digest_of(copy)
    assert found["data"] == keys.stable_copy_key(bench.dataset)
    assert found["manifest"] == keys.release_key(bench.dataset, V1)


@pytest.mark.requirement("S1-82", "S1-83", "S1-84", "S1-85", "S1-76", "S1-78", "B9")
def test_metadata_tells_rows_schema_coverage_and_checksum(bench: Bench) -> None:
    bench.release(rates(*range(120)))
    found = metadata(bench)
    assert (found["row_count"], found["min_date"], found["max_date"]) == (
        120, "2026-01-01", "2026-04-30",
    )  # fmt: skip
    assert found["schema_hash"].startswith("sha256:")
    assert found["preview"]["columns"] == ["day", "rate"]
    assert len(found["preview"]["rows"]) == 100
    assert found["preview"]["rows"][99] == ["2026-04-10", 99]
    assert found["definition_sha256"] == "d" * 64
    assert found["definition"]["release"]["shard"] == "month"
    assert [column["name"] for column in found["columns"]] == ["day", "rate"]


@pytest.mark.requirement("S1-83")
def test_the_schema_s_hash_changes_with_the_schema_and_not_with_the_rows(bench: Bench) -> None:
    hashes = []
    for table, unit in ((rates(1), "percent"), (rates(2), "percent"), (rates(2), None)):
        fields = [{"name": "day", "type": "date32"}, {"name": "rate", "type": "float64"}]
        if unit:
            fields[1]["unit"] = unit
        contract = {"primary_key": ["day"], "fields": fields}
        release = {} if unit else {"version": "2.0.0"}
        bench.declared(**SECTIONS | {"contract": contract, "release": release}).release(table)
        hashes.append(metadata(bench)["schema_hash"])
    assert hashes[0] == hashes[1] != hashes[2]


COPY = [("always", True), ("auto", True), ("never", False)]


@pytest.mark.parametrize(("choice", "written"), COPY)
def test_the_stable_copy_is_written_as_asked(bench: Bench, choice: str, written: bool) -> None:
    bench.declared(**SECTIONS | {"release": {"stable_copy": "always"}}).release(rates(1))
    asked = bench.declared(**SECTIONS | {"release": {"stable_copy": choice}})
    asked.release(rates(2))
    found = bench.store.stat(keys.stable_copy_key(bench.dataset))
    assert (found is not None) == written
    manifest = bench.current.manifest
    expected = manifest.files[0].sha256 if written else manifest.integrity.hash_sha256
    assert metadata(bench)["checksum_sha256"] == expected
    assert (metadata(bench)["data"] is not None) == written
    assert broken(bench) == []


def test_a_readme_that_is_gone_is_gone_from_the_copies_too(bench: Bench) -> None:
    bench.release(rates(1))
    replace(bench, readme=None).release(rates(2))
    assert bench.store.stat(keys.readme_key(bench.dataset)) is None
    bench.store.put(keys.readme_key(bench.dataset), README)
    assert broken(bench) == [keys.readme_key(bench.dataset)]
    repair(bench.ports, bench.dataset)
    assert bench.store.stat(keys.readme_key(bench.dataset)) is None


@pytest.mark.requirement("S4-55")
def test_after_a_rollback_the_copies_show_the_old_release(bench: Bench) -> None:
    bench.release(rates(1))
    bench.release(rates(2))
    move_back(bench.ports, bench.dataset, V1)
    derive_copies(bench.ports, bench.dataset)
    found = metadata(bench)
    assert (found["release"], found["generation"]) == ("1.0.0", 3)
    copy = bench.store.get(keys.stable_copy_key(bench.dataset)).data
    assert pq.read_table(io.BytesIO(copy)).equals(rates(1))
    assert load_catalogue(bench.store).datasets[0].release == "1.0.0"


def test_nothing_is_derived_of_what_was_never_published(bench: Bench) -> None:
    bench.freeze(bench.stage(rates(1)))
    with pytest.raises(NotFound, match="never published"):
        derive_copies(bench.ports, bench.dataset)
    refresh_health(bench.ports, bench.dataset)
    assert list(bench.store.list("datasets/tests/rates/metadata")) == []


# --- repairing -----------------------------------------------------------------------

DERIVED: dict[str, Callable[[Bench], str]] = {
    "data.parquet": lambda bench: keys.stable_copy_key(bench.dataset),
    "README.md": lambda bench: keys.readme_key(bench.dataset),
    "manifest.json": lambda bench: keys.manifest_copy_key(bench.dataset),
    "metadata.json": lambda bench: keys.metadata_key(bench.dataset),
    "index.json": lambda bench: keys.INDEX,
}


@pytest.mark.requirement("B1", "B8", "S1-62")
@pytest.mark.parametrize("name", DERIVED)
@pytest.mark.parametrize("table", [rates(1), TWO_MONTHS], ids=["one shard", "two shards"])
@pytest.mark.parametrize("damage", ["lost", "flipped", "cut short", "empty", "another's"])
def test_a_damaged_copy_is_named_and_rebuilt(
    bench: Bench, name: str, table: Any, damage: str
) -> None:
    bench.release(table)
    key, store = DERIVED[name](bench), bench.store
    sound = store.get(key).data
    at = len(sound) // 2
    damaged = {
        "flipped": sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :],
        "cut short": sound[:at],
        "empty": b"",
        "another's": b'{"generation": 1, "datasets": [], "generated_at": ""}',
    }
    store.delete(key) if damage == "lost" else store.put(key, damaged[damage])
    found = [one.object for one in repair(bench.ports, bench.dataset)]
    # What a copy of several shards should hash to stands in the metadata alone.
    assert {key} <= set(found) <= {key, keys.stable_copy_key(bench.dataset)}
    assert broken(bench) == []
    if name != "index.json":
        assert store.get(key).data == sound


def test_every_flipped_bit_of_the_metadata_is_found(bench: Bench) -> None:
    bench.release(rates(1))
    key = keys.metadata_key(bench.dataset)
    sound = bench.store.get(key).data
    for at in range(0, len(sound), 37):
        bench.store.put(key, sound[:at] + bytes([sound[at] ^ 1 << at % 8]) + sound[at + 1 :])
        assert key in broken(bench)
    repair(bench.ports, bench.dataset)
    assert bench.store.get(key).data == sound


def test_all_copies_at_once_are_rebuilt(bench: Bench) -> None:
    bench.release(TWO_MONTHS)
    wanted = sorted(find(bench) for find in DERIVED.values())
    for key in wanted:
        bench.store.delete(key)
    assert broken(bench) == wanted
    repair(bench.ports, bench.dataset)
    assert broken(bench) == []


@pytest.mark.parametrize("source", ["readme", "preview"])
def test_what_copies_are_made_of_cannot_be_made_anew(bench: Bench, source: str) -> None:
    key = getattr(bench.release(rates(1)).release.manifest, source)
    bench.store.put(key, b"damaged")
    found = repair(bench.ports, bench.dataset)
    assert [(one.object, one.repairable) for one in found] == [(key, False)]
    with pytest.raises(Corrupt) as refused:
        derive_copies(bench.ports, bench.dataset)
    assert refused.value.details["object"] == key


def test_a_damaged_pointer_is_reported_and_left_alone(bench: Bench) -> None:
    bench.release(rates(1))
    key = keys.pointer_key(bench.dataset)
    damaged = bench.store.get(key).data.replace(b"publish", b"hotfix")
    bench.store.put(key, damaged)
    found = repair(bench.ports, bench.dataset)
    assert [(one.object, one.repairable) for one in found] == [(key, False)]
    assert bench.store.get(key).data == damaged


def test_copies_of_a_release_that_came_in_between_are_not_overwritten(bench: Bench) -> None:
    """A slow deriver wakes up after the next release and its copies."""
    pause = Pause("put", key="*/metadata.json")
    slow = bench.on(FaultyStore(bench.store, [pause]))
    slow.publish(rates(1))
    with in_background(lambda: derive_copies(slow.ports, bench.dataset)):
        pause.await_call()
        bench.release(rates(2))
        pause.release()
    assert metadata(bench)["generation"] == 2
    assert broken(bench) == []


@pytest.mark.requirement("S1-86", "S1-87")
def test_a_run_s_outcome_is_shown_without_touching_a_newer_release(bench: Bench) -> None:
    pause = Pause("put_if_match", key="*/metadata.json")
    slow = bench.on(FaultyStore(bench.store, [pause]))
    bench.release(rates(1))
    run = succeeded_outcome(RUN, bench.ports.now(), "1.0.0", published=False)
    record_outcome(bench.store, bench.dataset, run)
    assert broken(bench) == [keys.metadata_key(bench.dataset), keys.INDEX]
    with in_background(lambda: refresh_health(slow.ports, bench.dataset)):
        pause.await_call()
        bench.release(rates(2))
        pause.release()
    found = metadata(bench)
    assert found["generation"] == 2
    assert found["health"]["last_runs"][0]["run_id"] == RUN.run_id
    assert broken(bench) == []


def test_an_outcome_on_a_damaged_record_begins_a_new_one(bench: Bench) -> None:
    bench.release(rates(1))
    bench.store.put(keys.health_key(bench.dataset), b"{")
    run = succeeded_outcome(RUN, bench.ports.now(), "1.0.0", published=True)
    assert record_outcome(bench.store, bench.dataset, run).status == "healthy"


# --- the catalogue -------------------------------------------------------------------


def second(bench: Bench, tmp_path: Path) -> Bench:
    return make_bench(bench.store, tmp_path / "second", id="tests/other", **SECTIONS)


def listed(bench: Bench) -> dict[str, str]:
    return {entry.id: entry.release for entry in load_catalogue(bench.store).datasets}


@pytest.mark.requirement("S1-19", "S1-22", "S1-63", "B8")
def test_two_builders_cannot_lose_each_other_s_entry(bench: Bench, tmp_path: Path) -> None:
    pause = Pause("put_if_match", key=keys.INDEX)
    other = second(bench, tmp_path)
    bench.release(rates(1))
    slow = bench.on(FaultyStore(bench.store, [pause]))
    slow.publish(rates(2))
    with in_background(lambda: derive_copies(slow.ports, bench.dataset)):
        pause.await_call()
        other.release(rates(1))
        pause.release()
    assert listed(bench) == {"tests/other": "1.0.0", "tests/rates": "1.0.1"}


@pytest.mark.requirement("S1-62", "S1-63", "B8")
def test_a_rebuild_keeps_what_is_published_while_it_looks(bench: Bench, tmp_path: Path) -> None:
    bench.release(rates(1))
    bench.store.put(keys.INDEX, b'{"datasets": [], "generated_at": ""}')
    pause = Pause("put*", key=keys.INDEX)
    slow = bench.on(FaultyStore(bench.store, [pause]))
    with in_background(lambda: rebuild_index(slow.ports)):
        pause.await_call()
        second(bench, tmp_path).release(rates(1))
        bench.release(rates(2))
        pause.release()
    assert listed(bench) == {"tests/other": "1.0.0", "tests/rates": "1.0.1"}


@pytest.mark.requirement("S1-62")
def test_a_rebuild_drops_what_has_no_pointer_and_names_what_cannot_be_read(
    bench: Bench, tmp_path: Path
) -> None:
    other = second(bench, tmp_path)
    for each in (bench, other):
        each.release(rates(1))
    bench.store.delete(keys.pointer_key(other.dataset))
    bench.store.put("datasets/Not/An-Id/latest.json", b"{}")
    bench.store.put(keys.pointer_key(bench.dataset), b"damaged")
    catalogue, problems = rebuild_index(bench.ports)
    assert [entry.id for entry in catalogue.datasets] == ["tests/rates"]
    assert [problem.dataset for problem in problems] == ["tests/rates"]
    assert published_ids(bench.ports) == [bench.dataset]


@pytest.mark.parametrize("damage", [None, b"", b"{", b"[]", b'{"datasets": [{"id": "../x"}]}'])
def test_a_damaged_catalogue_stops_no_publish_and_loses_nobody(
    bench: Bench, tmp_path: Path, damage: bytes | None
) -> None:
    second(bench, tmp_path).release(rates(1))
    if damage is None:
        bench.store.delete(keys.INDEX)
    else:
        bench.store.put(keys.INDEX, damage)
    bench.release(rates(1))
    assert listed(bench) == {"tests/other": "1.0.0", "tests/rates": "1.0.0"}


def test_a_store_that_refuses_the_catalogue_leaves_the_release_out(bench: Bench) -> None:
    faulty = bench.on(FaultyStore(bench.store, [Fault("put*", key=keys.INDEX, times=99)]))
    faulty.publish(rates(1))
    with pytest.raises(Exception, match="scripted"):
        derive_copies(faulty.ports, bench.dataset)
    assert broken(bench) == [keys.INDEX]
    repair(bench.ports, bench.dataset)
    assert listed(bench) == {"tests/rates": "1.0.0"}
