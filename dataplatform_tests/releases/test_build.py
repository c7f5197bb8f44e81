"""Building: the same rows are the same candidate, however and whenever they arrive."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from dataplatform.datasets.producing import FetchedSource, ProduceRequest
from dataplatform.errors import FailureClass, ProducerFailed
from dataplatform.releases.build import Built, build_candidate
from dataplatform.releases.candidate import read_candidate
from dataplatform.releases.describe import Ingredients
from dataplatform_tests.fakes.runner import FakeRunner
from dataplatform_tests.releases.building import Bench, make_bench, rates
from opendata.reading.resolve import read_current
from opendata.stores.memory import MemoryStore
from opendata.wire import keys
from opendata.wire.errors import Corrupt, Unavailable

SECTIONS = {"time": "day", "release": {"shard": "month"}, "contract": {"primary_key": ["day"]}}
FETCHED = FetchedSource(
    "https://example.org/x", "f" * 64, 3, datetime(2026, 1, 1, tzinfo=UTC), False
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(MemoryStore(), tmp_path, **SECTIONS)


def shuffled(table: pa.Table, seed: int) -> pa.Table:
    order = list(range(table.num_rows))
    random.Random(seed).shuffle(order)
    return pa.Table.from_batches(table.take(order).to_batches(max_chunksize=7))


def run(bench: Bench, runner: FakeRunner, **asked: datetime) -> Built:
    """Build from a producer, for all of time or an interval."""
    ports = replace(bench.ports, runner=runner)
    ingredients = Ingredients(
        definition=bench.definition,
        code={"main_sha256": "1"},
        readme=None,
        current=read_current(bench.store, bench.dataset),
        preview_rows=3,
    )
    request = ProduceRequest(bench.dataset, "main.py", 60, **asked)  # type: ignore[arg-type]
    return build_candidate(ports, ingredients, request, lambda level, line: None)


@pytest.mark.requirement("S4-9", "S4-41", "B41")
@pytest.mark.parametrize("seed", range(5))
def test_the_order_and_the_batches_of_arrival_make_no_difference(bench: Bench, seed: int) -> None:
    expected = bench.build(rates(*range(60)))
    again = bench.build(shuffled(rates(*range(60)), seed))
    assert again.digest == expected.digest
    assert bench.build(rates(*range(59))).digest != expected.digest


@pytest.mark.requirement("S4-9")
def test_another_machine_at_another_time_builds_the_same_candidate(
    bench: Bench, tmp_path: Path
) -> None:
    other = make_bench(MemoryStore(), tmp_path / "other", **SECTIONS)
    for _ in range(100):
        other.ports.now()
    table = rates(*range(60))
    assert other.build(table).digest == bench.build(table).digest


@pytest.mark.requirement("S4-40", "S4-90")
def test_a_candidate_names_the_bytes_it_was_made_of(bench: Bench) -> None:
    built = run(bench, FakeRunner(rates(1), sources=[FETCHED, FETCHED]))
    candidate = read_candidate(bench.store, bench.dataset, built.digest)
    assert [source.url for source in candidate.sources] == ["https://example.org/x"] * 2
    assert candidate.tools == {"pyarrow": pa.__version__}
    later = replace(FETCHED, fetched_at=datetime(2027, 1, 1, tzinfo=UTC), mirrored=True)
    assert run(bench, FakeRunner(rates(1), sources=[later, later])).digest == built.digest


@pytest.mark.requirement("S1-86")
@pytest.mark.parametrize("table", [rates(), None])
def test_a_producer_without_rows_stages_nothing(bench: Bench, table: pa.Table | None) -> None:
    runner = FakeRunner(table if table is not None else pa.table({}))
    with pytest.raises(ProducerFailed, match="yielded no rows") as failed:
        run(bench, runner)
    assert failed.value.failure_class is FailureClass.PARSE
    assert list(bench.store.list("")) == []


JANUARY = {
    "start_at": datetime(2026, 1, 1, tzinfo=UTC),
    "end_at": datetime(2026, 1, 31, tzinfo=UTC),
}
MARCH = {"start_at": datetime(2026, 3, 1, tzinfo=UTC), "end_at": datetime(2026, 3, 31, tzinfo=UTC)}
NOTHING = pa.table({"rate": pa.array([], pa.null()), "day": pa.array([], pa.string())})


def test_an_interval_without_rows_leaves_everything_else_as_it_is(bench: Bench) -> None:
    bench.release(rates(*range(40)))
    built = run(bench, FakeRunner(NOTHING), **MARCH)
    assert built.candidate.files == bench.current.manifest.files
    assert (built.written, built.candidate.time_column) == (0, "day")


def test_an_interval_within_a_shard_may_be_without_rows(bench: Bench) -> None:
    bench.release(pa.concat_tables([rates(*range(10)), rates(1, first_day=20_454 + 20)]))
    gap = {
        "start_at": datetime(2026, 1, 12, tzinfo=UTC),
        "end_at": datetime(2026, 1, 20, tzinfo=UTC),
    }
    assert run(bench, FakeRunner(NOTHING), **gap).candidate.files == bench.current.manifest.files


def test_an_answer_without_rows_takes_none_away(bench: Bench) -> None:
    bench.release(rates(*range(40)))
    with pytest.raises(ProducerFailed, match="where 31 are now") as refused:
        run(bench, FakeRunner(NOTHING), **JANUARY)
    assert refused.value.hint is not None and "ask it for everything" in refused.value.hint


def test_an_interval_without_rows_has_to_be_put_beside_something(bench: Bench) -> None:
    with pytest.raises(ProducerFailed, match="nothing yet that it could be put beside"):
        run(bench, FakeRunner(NOTHING), **MARCH)
    bench.release(rates(*range(40)))
    with pytest.raises(ProducerFailed, match="has the columns rate, all others have day, rate"):
        run(bench, FakeRunner(NOTHING.select(["rate"])), **MARCH)


def test_rows_that_are_all_outside_of_the_interval_are_not_nothing(bench: Bench) -> None:
    bench.release(rates(*range(40)))
    with pytest.raises(ProducerFailed, match="yielded 40 rows, and none of the asked interval"):
        run(bench, FakeRunner(rates(*range(40))), **MARCH)


def test_a_producer_that_fails_stages_nothing(bench: Bench) -> None:
    with pytest.raises(Unavailable):
        run(bench, FakeRunner(failure=Unavailable("no answer")))
    assert list(bench.store.list("")) == []


@pytest.mark.requirement("S1-76", "S1-78")
def test_the_preview_is_the_first_rows_of_all_shards_in_order(bench: Bench) -> None:
    built = run(bench, FakeRunner(rates(*range(60))))
    preview = json.loads(bench.store.get(built.candidate.preview).data)
    assert preview == {
        "columns": ["day", "rate"],
        "rows": [["2026-01-01", 0], ["2026-01-02", 1], ["2026-01-03", 2]],
    }


@pytest.mark.requirement("S1-27", "S1-59")
def test_only_changed_shards_are_written(bench: Bench) -> None:
    bench.release(rates(*range(60)))
    assert bench.build(rates(*range(59), 100)).written == 1
    assert bench.build(rates(*range(61))).written == 1
    assert bench.build(rates(*range(60))).written == 0


@pytest.mark.requirement("S1-27", "S1-59")
@pytest.mark.parametrize("shard", ["year", "month", "day", "none"])
def test_rows_are_cut_by_their_time(bench: Bench, shard: str) -> None:
    table = pa.concat_tables([rates(*range(40)), rates(1, first_day=20_819)])
    built = bench.declared(**SECTIONS | {"release": {"shard": shard}}).build(table)
    names = {
        "year": ["2026", "2027"],
        "month": ["2026-01", "2026-02", "2027-01"],
        "none": ["all"],
    }
    found = [entry.name for entry in built.candidate.files]
    assert found == names.get(shard, found)
    assert shard != "day" or (len(found), found[0], found[-1]) == (41, "2026-01-01", "2027-01-01")
    entries = built.candidate.files
    assert [entry.min for entry in entries] == sorted(str(entry.min) for entry in entries)
    assert sum(entry.row_count for entry in entries) == 41


def test_rows_without_a_time_have_a_shard_of_their_own(bench: Bench) -> None:
    days = pa.array([20_454, None], pa.int32()).cast(pa.date32())
    optional = {"fields": [{"name": "day", "type": "date32"}, {"name": "rate", "type": "float64"}]}
    undated = bench.declared(**SECTIONS | {"contract": optional})
    built = undated.build(pa.table({"day": days, "rate": [1.0, 2.0]}))
    assert [entry.name for entry in built.candidate.files] == ["2026-01", "undated"]
    assert (built.candidate.files[1].min, built.candidate.files[1].max) == (None, None)


@pytest.mark.requirement("S1-12", "S1-58")
def test_an_asked_interval_is_replaced_and_nothing_else(bench: Bench) -> None:
    bench.release(rates(*[1.0] * 60))
    asked = {
        "start_at": datetime(2026, 1, 30, tzinfo=UTC),
        "end_at": datetime(2026, 2, 2, tzinfo=UTC),
    }
    built = run(bench, FakeRunner(rates(*[2.0] * 60)), **asked)
    values = [1.0] * 29 + [2.0] * 4 + [1.0] * 27
    assert built.candidate.content_hash == bench.build(rates(*values)).candidate.content_hash
    march = run(
        bench, FakeRunner(rates(5, first_day=20_513)), start_at=datetime(2026, 3, 1, tzinfo=UTC)
    )
    assert march.written == 1


def test_without_a_contract_the_first_release_is_the_contract(tmp_path: Path) -> None:
    bench = make_bench(MemoryStore(), tmp_path)
    bench.release(pa.table({"n": pa.array([1], pa.int32()), "t": ["x"]}))
    assert [f["name"] for f in bench.current.manifest.contract["fields"]] == ["n", "t"]
    later = bench.build(pa.table({"n": pa.array([2], pa.int64()), "t": ["y"]}))
    assert [field.type for field in later.candidate.schema] == ["int32", "string"]


def test_a_damaged_candidate_is_refused_when_it_is_staged_again(bench: Bench) -> None:
    digest = bench.build(rates(1)).digest
    bench.store.put(keys.candidate_key(bench.dataset, digest), b"{}")
    with pytest.raises(Corrupt, match=r"candidate\.json"):
        bench.build(rates(1))
