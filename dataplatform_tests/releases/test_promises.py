"""Readers of every schema version from `reader_min` on are kept, not only those of the last one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplatform.contracts.evolve import diff_schema
from dataplatform.contracts.model import Contract
from dataplatform.errors import BreakingChange
from dataplatform.releases.freeze import Unchanged, freeze_candidate, preview_freeze
from dataplatform.releases.promises import earlier_promises
from dataplatform.releases.publish import move_back, publish_release
from dataplatform_tests.releases.building import RUN, Bench, make_bench
from opendata.reading.resolve import Release, read_release
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.codec import replace as with_changes
from opendata.wire.errors import Rejected
from opendata.wire.manifest import named_objects
from opendata.wire.version import Version, is_version, parse_version

pytestmark = pytest.mark.requirement("S4-13", "S4-14", "S4-68")

ID = {"name": "id", "type": "int32", "nullable": False}
HEIGHT = {"name": "height", "type": "float64"}
REQUIRED = HEIGHT | {"nullable": False}
PLAIN, OPTIONAL = [ID], [ID, HEIGHT]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(MemoryStore(), tmp_path)


def release(bench: Bench, fields: list[dict[str, Any]], value: int = 1, **settings: Any) -> Release:
    """Release a row under a contract with these fields; every column holds `value`."""
    return declared(bench, fields, **settings).publish(table(fields, value)).release


def declared(bench: Bench, fields: list[dict[str, Any]], **settings: Any) -> Bench:
    contract = {"primary_key": ["id"], "fields": fields}
    return bench.declared(contract=contract, release=settings)


def table(fields: list[dict[str, Any]], value: int) -> pa.Table:
    schema = Contract.model_validate({"fields": fields}).arrow_schema()
    return pa.table({f.name: pa.array([value]).cast(f.type) for f in schema}, schema=schema)


def refused(bench: Bench, fields: list[dict[str, Any]], **settings: Any) -> BreakingChange:
    with pytest.raises(BreakingChange) as breaking:
        release(bench, fields, **settings)
    return breaking.value


def test_two_harmless_steps_may_break_who_skipped_one(bench: Bench) -> None:
    release(bench, PLAIN)
    release(bench, OPTIONAL)
    with_height = Contract.model_validate({"fields": OPTIONAL})
    assert not diff_schema(
        with_height, Contract.model_validate({"fields": [ID, REQUIRED]})
    ).breaking
    error = refused(bench, [ID, REQUIRED])
    assert error.details["reasons"] == [
        "readers of schema 1.0.0 (release 1.0.0) are still served: to them 'height' is new and "
        "required, and has no default for older data"
    ]
    assert "breaks readers of earlier schemas" in error.message
    assert "raising release.reader_min lets them go" in error.message
    assert '"2.0.0"' in (error.hint or "")


def test_a_default_that_is_taken_back_breaks_who_came_before_it(bench: Bench) -> None:
    release(bench, PLAIN)
    release(bench, [ID, REQUIRED | {"default": 0}])
    assert "schema 1.0.0" in refused(bench, [ID, REQUIRED]).message


def test_raising_reader_min_lets_it_pass_and_is_told(bench: Bench) -> None:
    release(bench, PLAIN)
    release(bench, OPTIONAL)
    later = release(bench, [ID, REQUIRED], reader_min="1.1.0").manifest
    assert later.versioning.schema_version == "1.2.0"
    assert later.versioning.reader_min == "1.1.0"
    [told] = [
        change
        for change in later.changelog.diff_S["Constraint_change"]
        if change["constraint"] == "reader_min"
    ]
    assert (told["old"], told["new"], told["bump"]) == ("1.0.0", "1.1.0", "minor")


def test_lowering_reader_min_again_asks_the_older_promises_again(bench: Bench) -> None:
    release(bench, PLAIN)
    release(bench, OPTIONAL)
    release(bench, [ID, REQUIRED], reader_min="1.1.0")
    assert "schema 1.0.0" in refused(bench, [ID, REQUIRED], reader_min="1.0.0").message


def test_without_reader_min_the_major_is_served_from_its_first_schema(bench: Bench) -> None:
    assert release(bench, PLAIN).manifest.versioning.reader_min == "1.0.0"
    assert release(bench, OPTIONAL).manifest.versioning.reader_min == "1.0.0"
    later = release(bench, [HEIGHT | {"name": "id", "nullable": False}], version="2.0.0").manifest
    assert later.versioning.reader_min == "2.0.0"
    assert later.promises == ()


@pytest.mark.requirement("S4-25")
def test_a_major_that_adapters_lead_over_keeps_the_readers_before_it(bench: Bench) -> None:
    days = pa.table({"day": pa.array([20_454, 20_500], pa.int32()).cast(pa.date32())})
    for shard, version in (("month", None), ("year", "2.0.0"), ("month", "3.0.0")):
        chosen = {"shard": shard} | ({"version": version} if version else {})
        manifest = bench.declared(time="day", release=chosen).publish(days).release.manifest
        assert manifest.versioning.reader_min == "1.0.0"
    assert manifest.versioning.schema_version == "3.0.0"


def test_a_break_for_older_readers_alone_is_no_bridge(bench: Bench) -> None:
    release(bench, PLAIN)
    release(bench, OPTIONAL)
    manifest = release(bench, [ID, REQUIRED], version="2.0.0").manifest
    [broken] = manifest.breaks
    assert "readers of schema 1.0.0" in broken.reasons[0]
    assert broken.bridged == {}
    assert manifest.versioning.reader_min == "2.0.0"


def test_a_reader_that_nobody_has_cannot_be_asked_for(bench: Bench) -> None:
    with pytest.raises(Rejected, match=r"reader_min says 1\.1\.0, .* has schema 1\.0\.0") as error:
        release(bench, PLAIN, reader_min="1.1.0")
    assert error.value.code == "wrong_reader_min"


def test_a_manifest_names_one_contract_for_each_earlier_schema(bench: Bench) -> None:
    release(bench, PLAIN)
    release(bench, PLAIN, value=2)
    release(bench, OPTIONAL)
    manifest = release(bench, OPTIONAL, value=2).manifest
    assert [(p.schema_version, p.release) for p in manifest.promises] == [("1.0.0", "1.0.1")]
    assert manifest.promises[0].contract in named_objects(manifest)


def test_releases_from_before_promises_were_kept_are_asked_once(bench: Bench) -> None:
    release(bench, PLAIN)
    release(bench, OPTIONAL)
    release(bench, OPTIONAL, value=2)
    forgetful = with_changes(bench.current.manifest, promises=())
    found = earlier_promises(bench.ports, forgetful, Version(1, 0, 0))
    assert [(str(p.schema_version), p.release) for p in found] == [("1.0.0", "1.0.0")]
    assert found[0].contract.field_names == ("id",)
    assert earlier_promises(bench.ports, forgetful, Version(1, 1, 0)) == []


def test_whose_release_retention_took_away_is_served_no_more(bench: Bench) -> None:
    release(bench, PLAIN)
    release(bench, OPTIONAL)
    forgetful = with_changes(bench.current.manifest, promises=())
    bench.store.delete(keys.release_key(bench.dataset, Version(1, 0, 0)))
    assert earlier_promises(bench.ports, forgetful, Version(1, 0, 0)) == []


@pytest.mark.requirement("S4-4", "S4-7")
def test_a_schema_that_was_rolled_back_keeps_its_number(bench: Bench) -> None:
    release(bench, PLAIN)
    release(bench, OPTIONAL)
    move_back(bench.ports, bench.dataset, Version(1, 0, 0))
    other = [ID, {"name": "name", "type": "string"}]
    assert release(bench, other).manifest.versioning.schema_version == "1.1.1"


def test_a_dry_run_refuses_what_freezing_would(bench: Bench) -> None:
    release(bench, PLAIN)
    release(bench, OPTIONAL)
    rehearsing = declared(bench, [ID, REQUIRED])
    change, _ = preview_freeze(
        bench.ports, bench.dataset, declared(bench, OPTIONAL).stage(table(OPTIONAL, 3))
    )
    assert not change.breaking
    digest = rehearsing.stage(table([ID, REQUIRED], 3))
    with pytest.raises(BreakingChange):
        preview_freeze(bench.ports, bench.dataset, digest)


LENGTH = {"name": "length", "type": "float64"}
STATES = st.sampled_from(
    [
        PLAIN,
        OPTIONAL,
        [ID, REQUIRED],
        [ID, REQUIRED | {"default": 0.0}],
        [ID, HEIGHT | {"type": "float32"}],
        [ID, HEIGHT | {"unit": "metre"}],
        [ID, HEIGHT | {"unit": "foot"}],
        [ID, LENGTH | {"aliases": ["height"]}],
        [ID, LENGTH],
        [ID, HEIGHT, LENGTH],
        [ID | {"type": "int64"}, HEIGHT],
    ]
)
FLOORS = st.sampled_from([None, None, None, "1.0.0", "1.1.0", "1.2.0"])
STEPS = st.lists(st.tuples(STATES, FLOORS, st.booleans()), min_size=2, max_size=7)


@settings(max_examples=30, deadline=None)
@given(STEPS)
def test_no_row_of_accepted_steps_breaks_a_reader_that_is_served(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Any]
) -> None:
    bench = make_bench(MemoryStore(), tmp_path_factory.mktemp("steps"))
    release(bench, PLAIN, value=100)
    for at, (fields, floor, goes_back) in enumerate(steps):
        attempt(bench, fields, at, {"reader_min": floor} if floor else {})
        if goes_back:
            previous = bench.current.manifest.versioning.prev_release
            if previous is not None:
                move_back(bench.ports, bench.dataset, parse_version(previous))
    assert_all_are_served(bench)
    assert_each_number_names_one_schema(bench)


def attempt(bench: Bench, fields: list[dict[str, Any]], value: int, chosen: dict[str, Any]) -> None:
    """Release what may follow; what may not, leaves everything as it is."""
    holder = declared(bench, fields, **chosen)
    digest = holder.stage(table(fields, value))
    try:
        frozen = freeze_candidate(holder.ports, holder.dataset, digest, RUN)
    except Rejected:
        return
    if not isinstance(frozen, Unchanged):
        publish_release(holder.ports, holder.dataset, frozen.release.version)


def assert_all_are_served(bench: Bench) -> None:
    current = bench.current.manifest
    floor = parse_version(current.versioning.reader_min or "1.0.0")
    manifest, contract = current, Contract.model_validate(current.contract)
    while (previous := manifest.versioning.prev_release) is not None:
        manifest = read_release(bench.store, bench.dataset, parse_version(previous)).manifest
        if parse_version(manifest.versioning.schema_version) >= floor:
            known = Contract.model_validate(manifest.contract)
            found = diff_schema(known, contract, same_dimension=bench.ports.units.same_dimension)
            assert not found.breaking, (manifest.release, found.reasons)


def assert_each_number_names_one_schema(bench: Bench) -> None:
    contracts: dict[str, Any] = {}
    prefix = keys.release_prefix(bench.dataset)
    for stat in bench.store.list(prefix):
        name = stat.key.removeprefix(prefix).removesuffix(".json")
        assert is_version(name)
        manifest = read_release(bench.store, bench.dataset, parse_version(name)).manifest
        schema = manifest.versioning.schema_version
        assert contracts.setdefault(schema, manifest.contract) == manifest.contract
